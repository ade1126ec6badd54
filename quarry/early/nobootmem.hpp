// quarry/early/nobootmem.hpp: bootmem's calls on memblock, for a flow that was written for bootmem.
//
// Semantics are those of Linux 4.19's CONFIG_NO_BOOTMEM, on this room's memblock. They differ from Bootmem's:
//   - allocations go by memblock's direction (top down), never touch the first page, and pack nothing;
//   - free and reserve are memblock's: bytes, any range, as often as one likes; a node is not looked at;
//   - alloc_node_high is alloc_node, alloc_low_node keeps the low limit, alloc_node_limit never drops one;
//   - what is given to the page allocator is in blocks as large as they are aligned, and none is lost.
#pragma once

#include "quarry/early/bootmem_allocator.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::early {

struct NobootmemConfig {
  Order max_order{10};          // the largest block of the page allocator, inclusive
  Pfn max_low_pfn{UINT64_MAX};  // free_all gives nothing away from here on: it is high memory
  PhysAddr low_goal{0};         // BOOTMEM_LOW_LIMIT: 0 here, because top down keeps away from DMA memory
};

// Holds no state of its own but a count. Page size, low limit and cache line are memblock's.
class Nobootmem {
 public:
  // Law: `memblock` outlives this. Without a function in `direct_map` nothing is zeroed.
  Nobootmem(const NobootmemConfig& config, Memblock& memblock, DirectMap direct_map = {}) noexcept;
  Nobootmem(const Nobootmem&) = delete;
  Nobootmem& operator=(const Nobootmem&) = delete;

  // Errors    those of Memblock::reserve; busy: exclusive, and a byte is reserved (4.19 has memblock_reserve
  //           only, which asks nobody). overflow: the range ends past 2^64.
  Result<Done> reserve(PhysAddr at, Bytes size, BootmemReserve how, TextView owner) noexcept;
  Result<Done> reserve_node(NodeId node, PhysAddr at, Bytes size, BootmemReserve how,
                            TextView owner) noexcept;
  // Errors    those of Memblock::free.
  Result<Done> free(PhysAddr at, Bytes size, TextView owner) noexcept;
  Result<Done> free_node(NodeId node, PhysAddr at, Bytes size, TextView owner) noexcept;

  // Each rung is tried with mirrored memory first, where there is some. An alignment of 0 is a cache line.
  //
  // Returns   the address; it is reserved and zeroed.
  // Errors    no_memory, bad_argument, and those of Memblock::alloc_range_nid. out_of_range: the direct map
  //           does not reach the place. Nothing changed.

  // Any node from the goal on; any node.
  Result<PhysAddr> alloc(const BootmemRequest& request, TextView owner) noexcept;
  // The same below memblock's low limit.
  Result<PhysAddr> alloc_low(const BootmemRequest& request, TextView owner) noexcept;
  // The node from the goal on; any node from the goal on; the node; any node.
  Result<PhysAddr> alloc_node(NodeId node, const BootmemRequest& request, TextView owner) noexcept;
  Result<PhysAddr> alloc_node_high(NodeId node, const BootmemRequest& request, TextView owner) noexcept;
  Result<PhysAddr> alloc_low_node(NodeId node, const BootmemRequest& request, TextView owner) noexcept;
  // 0 is memblock's current limit.
  Result<PhysAddr> alloc_node_limit(NodeId node, const BootmemRequest& request, PhysAddr limit,
                                    TextView owner) noexcept;

  // Hotpluggable memory is ordinary from here on; then all free whole pages go, upwards, as blocks.
  //
  // Errors    those of Memblock::clear_hotplug. Nothing was given away.
  Result<Handover> free_all(PageReceiver receiver) noexcept;
  // Returns   how many; they are added to totalram_pages().
  PageCount free_late(PhysAddr at, Bytes size, PageReceiver receiver, TextView owner) noexcept;

  PageCount totalram_pages() const noexcept { return totalram_pages_; }
  PhysAddr low_goal() const noexcept { return config_.low_goal; }
  Bytes cache_line() const noexcept { return memblock_.config().cache_line; }
  PageSize page() const noexcept { return memblock_.config().page; }
  const Memblock& memblock() const noexcept { return memblock_; }

 private:
  Result<PhysAddr> try_core(const BootmemRequest& request, NodeId node, PhysAddr limit,
                            TextView owner) noexcept;
  Result<PhysAddr> find(const Request& rung) const noexcept;
  Result<PhysAddr> climb(const BootmemRequest& request, NodeId node, PhysAddr limit, TextView owner) noexcept;
  PageCount release(PfnRange pages, PageReceiver receiver) const noexcept;

  NobootmemConfig config_;
  Memblock& memblock_;
  DirectMap direct_map_;
  PageCount totalram_pages_{};
};

}  // namespace quarry::early
