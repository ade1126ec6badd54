// quarry/early/bootmem.hpp: the allocator of kernels before memblock: one bit a page, one bitmap a node.
//
// A node begins with all its pages taken; what is memory is freed, what is in the way is reserved, the rest
// is allocated first fit. Small allocations share pages: the next one goes on where the last one ended.
//
//   pages      |####|####|##..|....|####|....|     # taken, bit 1     . free
//   bytes                  ^ last_end_off
//   hint_idx                  ^ the next search begins here
//
// Names, semantics and ladders are those of Linux 4.19, its last version, without the `bootmem`. Where Linux
// panics, and so has a twin with _nopanic, here is one function that returns no_memory; where it stops at an
// assertion or warns, here is an error, and nothing changed:
//   free_node, reserve_node     the range is not inside the node                 out_of_range
//   free, reserve               no node holds the range's begin, or a hole or
//                               the end of memory comes before its own           out_of_range
//   free, free_node             a page of the range is free already              wrong_owner
//   all four                    a part belongs to the page allocator already     not_found (a warning only in
//                               Linux, where reserve claims success then)
//   allocations                 size 0, alignment no power of two, goal + size
//                               above the limit, and a node is really tried      bad_argument
// What Linux takes without a word is refused as well: a node that is registered twice (bad_argument), one
// that was never registered (not_found), and a reservation past 2^64 (overflow).
#pragma once

#include <optional>

#include "quarry/early/bootmem_allocator.hpp"
#include "quarry/early/bootmem_audit.hpp"
#include "quarry/early/bootmem_node.hpp"
#include "quarry/early/config.hpp"

namespace quarry::early {

struct BootmemConfig {
  PageSize page{12};
  LongBits long_bits = LongBits::bits64;
  PhysAddr low_limit{0xffffffff};      // ARCH_LOW_ADDRESS_LIMIT, for alloc_low()
  PhysAddr low_goal{0};                // BOOTMEM_LOW_LIMIT, the short forms' goal: the end of DMA memory
  Bytes cache_line{64};                // SMP_CACHE_BYTES, the short forms' alignment
  std::optional<Pfn> max_dma32_pfn{};  // MAX_DMA32_PFN, where the architecture has one
  BootmemContents contents = BootmemContents::zeroed;
};

// In numbers, for whoever shows them.
struct BootmemStats {
  Bytes managed{};       // of nodes that are not handed over
  Bytes free{};          // of them: whole pages
  Bytes largest_free{};  // the longest run of free pages on one node
  Bytes asked{};         // by all allocations that succeeded
  std::uint64_t allocations = 0;
  std::uint64_t failures = 0;
};

class Bootmem {
 public:
  // Law: `storage` outlives this and has room for a record a node. Without a function in `direct_map` bitmaps
  // are the caller's and nothing is zeroed.
  Bootmem(const BootmemConfig& config, std::span<BootmemData> storage, DirectMap direct_map = {},
          Observer observer = {}) noexcept;
  Bootmem(const Bootmem&) = delete;
  Bootmem& operator=(const Bootmem&) = delete;

  // --- Nodes (bootmem.cpp) -----------------------------------------------------------------------------

  // How many pages a bitmap for `pages` takes: bootmem_bootmap_pages.
  PageCount bootmap_pages(PageCount pages) const noexcept;

  // Registers a node whose pages are all taken. Its bitmap lies at frame `map_at`, which is not reserved by
  // this: the caller does not free those frames, and free_all gives them away at last. Nodes may overlap.
  //
  // Returns   the bitmap's size.
  // Errors    bad_argument: the node is registered. no_room: the storage is full. out_of_range: the direct
  //           map does not reach the bitmap, or the node ends above the address space. Nothing changed.
  // Cost      O(nodes + pages).
  Result<Bytes> init_node(NodeId node, Pfn map_at, PfnRange pages) noexcept;
  // The same with a bitmap of the caller's, for as long as this lives. It is no memory of the machine, and
  // free_all has nothing to give away for it.
  //
  // Errors    no_room: or `map` is smaller than BootmemMap::bytes_for().
  Result<Bytes> init_node(NodeId node, std::span<BootmemMap::Word> map, PfnRange pages) noexcept;
  // The one node of a machine that has but one, from frame 0 on: init_bootmem. Sets the two numbers below.
  Result<Bytes> init(Pfn map_at, PageCount pages) noexcept;

  Pfn min_low_pfn() const noexcept { return min_low_pfn_; }  // the bitmap's place, whatever its name says
  Pfn max_low_pfn() const noexcept { return max_low_pfn_; }

  // --- Freeing and reserving (bootmem.cpp) -------------------------------------------------------------
  //
  // A free shrinks to whole pages, a reservation grows; both move hint_idx as Linux's do. A range without
  // _node may go on from one node to the next where they touch.

  // A free that frees no page lowers the hint as well. A size past 2^64 wraps around and frees nothing.
  Result<Done> free_node(NodeId node, PhysAddr at, Bytes size, TextView owner) noexcept;
  Result<Done> free(PhysAddr at, Bytes size, TextView owner) noexcept;
  // Errors    busy: exclusive, and a page is taken. No bit changed, but the hint of each node up to that page
  //           is lowered to the range's begin, as by Linux's undoing.
  Result<Done> reserve_node(NodeId node, PhysAddr at, Bytes size, BootmemReserve how,
                            TextView owner) noexcept;
  Result<Done> reserve(PhysAddr at, Bytes size, BootmemReserve how, TextView owner) noexcept;

  // --- Allocating (bootmem_alloc.cpp) ------------------------------------------------------------------
  //
  // How a node is searched is written at find_place(). The nodes, in order of address, that lie wholly below
  // the goal are left out while there is one.
  //
  // Returns   the address; it is taken and zeroed. Address 0 is an address.
  // Errors    no_memory: no rung has room. bad_argument: see above. out_of_range: the direct map does not
  //           reach the place. Nothing changed.
  // Cost      O(words of bitmap passed) a rung.

  // Any node from the goal on; any node.
  Result<PhysAddr> alloc(const BootmemRequest& request, TextView owner) noexcept;
  // The same below low_limit, rounded down: the page of 0xfffff000 is never given.
  Result<PhysAddr> alloc_low(const BootmemRequest& request, TextView owner) noexcept;
  // The node from the goal on; any node from the goal on; the node; any node.
  Result<PhysAddr> alloc_node(NodeId node, const BootmemRequest& request, TextView owner) noexcept;
  // The same below `limit`: ___alloc_bootmem_node_nopanic. 0 is no limit, and a limit below goal + size is
  // dropped before anything is tried.
  Result<PhysAddr> alloc_node_limit(NodeId node, const BootmemRequest& request, PhysAddr limit,
                                    TextView owner) noexcept;
  // First the node from max_dma32_pfn on, if it reaches so far and the goal is below; then alloc_node.
  Result<PhysAddr> alloc_node_high(NodeId node, const BootmemRequest& request, TextView owner) noexcept;
  // The same as alloc_node: 4.19 drops the low limit on the way, so the answer may lie above it.
  Result<PhysAddr> alloc_low_node(NodeId node, const BootmemRequest& request, TextView owner) noexcept;

  // --- The hand-over (bootmem_hand_over.cpp) -----------------------------------------------------------

  // Gives a node's free pages away, upwards: a whole long of them as one block where it is aligned and full,
  // all others one by one; then the bitmap's own pages, one by one. The node has no bitmap then.
  //
  // On a node that does not begin at a multiple of a long's bits, Linux looks at too few bits of the last
  // piece; the free pages beyond them are lost, and counted as such.
  //
  //   longs      |----------------|----------------|----------------|    of page numbers
  //   node             [=============================================)
  //   bits             |----------------|----------------|----------.....
  //   the last piece                                  [==========)ooo    o: in the next long of bits: lost
  //
  // Returns   counts of 0 for a node that is gone already.
  // Errors    not_found: no such node.
  // Cost      O(words of bitmap + blocks).
  Result<Handover> free_all_node(NodeId node, PageReceiver receiver) noexcept;
  // All nodes in order of address; adds to totalram_pages(), which free_all_node does not. Never fails.
  Result<Handover> free_all(PageReceiver receiver) noexcept;
  // Those pages of a node that are never looked at, free or not; known before and after the hand-over.
  PfnRange never_seen(const BootmemData& data) const noexcept;
  // After the hand-over: the whole pages inside go to the page allocator, whatever a bitmap says.
  //
  // Returns   how many; they are added to totalram_pages().
  PageCount free_late(PhysAddr at, Bytes size, PageReceiver receiver, TextView owner) noexcept;

  // --- Questions ---------------------------------------------------------------------------------------

  PageCount totalram_pages() const noexcept { return totalram_pages_; }
  // By address, and among those that begin together in order of registration.
  std::span<const BootmemData> nodes() const noexcept { return nodes_.view(); }
  // Null: no such node.
  const BootmemData* find(NodeId node) const noexcept;
  // Cost      O(words of bitmap).
  BootmemStats stats() const noexcept;
  const BootmemConfig& config() const noexcept { return config_; }
  PhysAddr low_goal() const noexcept { return config_.low_goal; }
  Bytes cache_line() const noexcept { return config_.cache_line; }
  PageSize page() const noexcept { return config_.page; }
  // The first law that is broken; none when all is well.
  std::optional<BootmemLaw> audit() const noexcept;

 private:
  struct Asker {
    BootmemRequest request;
    NodeId node = kAnyNode;
    TextView owner{};
  };

  // The record of a node, and where one that begins at `begin` is to stand.
  BootmemData* record(NodeId node) noexcept;
  std::size_t slot_for(Pfn begin) const noexcept;
  Result<Done> check_new(NodeId node, PfnRange pages) const noexcept;
  Bytes put(const BootmemData& data) noexcept;
  Result<Done> change(BootmemPages pages, BootmemChange how) noexcept;
  Result<Done> change_on(NodeId node, BootmemPages pages, BootmemChange how) noexcept;
  Result<Done> told(const Result<Done>& done, BootmemPages pages, BootmemChange how, NodeId node,
                    TextView owner) const noexcept;

  Result<PhysAddr> try_node(BootmemData& data, const Asker& asker, PhysAddr goal, PhysAddr limit) noexcept;
  Result<PhysAddr> try_any(const Asker& asker, PhysAddr goal, PhysAddr limit) noexcept;
  Result<PhysAddr> climb_any(const Asker& asker, PhysAddr limit) noexcept;
  Result<PhysAddr> climb_node(const Asker& asker, PhysAddr limit) noexcept;
  Result<PhysAddr> take(BootmemData& data, const BootmemPlace& place, const Asker& asker) noexcept;
  Result<PhysAddr> counted(const Result<PhysAddr>& got, const Asker& asker) noexcept;
  void tell_fallback(const Asker& asker, TextView reason) const noexcept;

  Handover hand_over(BootmemData& data, PageReceiver receiver) noexcept;

  BootmemConfig config_;
  Table<BootmemData> nodes_;  // law: ascending by begin, one record a node
  DirectMap direct_map_;
  Observer observer_;
  Pfn min_low_pfn_{}, max_low_pfn_{};
  PageCount totalram_pages_{};
  Bytes asked_{};
  std::uint64_t allocations_ = 0, failures_ = 0;
};

}  // namespace quarry::early
