// quarry/early/config.hpp: what memblock is told about the machine and the kernel it works for.
#pragma once

#include <cstddef>

#include "quarry/early/region.hpp"

namespace quarry::early {

enum class Direction : std::uint8_t { top_down, bottom_up };
enum class Numa : std::uint8_t { absent, present };
// movable_node on the command line: keep hotpluggable memory free of allocations.
enum class MovableNode : std::uint8_t { off, on };
// kernelcore=mirror on the command line: without it mirrored memory is not even marked.
enum class KernelcoreMirror : std::uint8_t { off, on };

// Makes memory of a physical range. Without a function there is no memory behind the addresses: nothing
// is zeroed, and tables grow into the spare storage only.
struct DirectMap {
  void* self = nullptr;
  // Null: this range is not mapped.
  std::byte* (*map)(void* self, PhysRange range) noexcept = nullptr;

  std::byte* at(PhysRange range) const noexcept { return map == nullptr ? nullptr : map(self, range); }
};

// Storage for grown tables that cannot lie where the kernel's would: because nothing is mapped there, or
// because the kernel's region is smaller (32-bit physical addresses: 12 bytes instead of 24). The place
// in physical memory is chosen and reserved all the same.
struct SpareStorage {
  void* self = nullptr;
  // `bytes` bytes aligned for a Region that stay for as long as the Memblock; null: there are none.
  std::byte* (*take)(void* self, std::size_t bytes) noexcept = nullptr;

  std::byte* of(std::size_t bytes) const noexcept { return take == nullptr ? nullptr : take(self, bytes); }
};

// Values of `max` that are no addresses, as in Linux.
inline constexpr PhysAddr kAccessible{0};         // up to the current limit
inline constexpr PhysAddr kNoLeakTrace{1};        // the same, and no leak detector is told
inline constexpr PhysAddr kAnywhere{UINT64_MAX};  // as far as addresses go

// What free memory holds: anything, or zeros from the beginning, which are to stay so: what comes back is cleared.
enum class FreeMemory : std::uint8_t { anything, stays_zero };

struct Config {
  PageSize page{12};
  // Width of phys_addr_t, 32 or 64, and not how many bits the processor has: ranges end at its largest
  // value, so that a 2 GiB bank at 0x80000000 of a 32-bit kernel ends one byte early, at 0xffffffff.
  unsigned phys_addr_bits = 64;
  Bytes region_bytes{24};              // sizeof(struct memblock_region), which sizes grown tables
  Bytes cache_line{64};                // SMP_CACHE_BYTES: the alignment of who asks for none
  PhysAddr low_limit{0xffffffff};      // ARCH_LOW_ADDRESS_LIMIT, for alloc_low()
  PhysAddr current_limit = kAnywhere;  // how far the direct map reaches
  Direction direction = Direction::top_down;
  Numa numa = Numa::present;  // absent: all memory is of node 0 and dumps show no nodes
  MovableNode movable_node = MovableNode::off;
  KernelcoreMirror kernelcore_mirror = KernelcoreMirror::off;
  FreeMemory free_memory = FreeMemory::anything;
  SpareStorage spare{};
};

// The tables' first storage, the caller's for as long as the Memblock lives. Linux: 128 regions each,
// 4 of physmem; arm64 has 1,024 of memory (with UEFI) and 128 + NR_CPUS + 1 reserved (with an ITS).
struct Storage {
  std::span<Region> memory{};
  std::span<Region> reserved{};
  std::span<Region> physmem{};  // empty: this machine keeps no such table
};

// What to allocate. `alignment` is a power of two, or 0 for a cache line.
struct Request {
  Bytes size{};
  Bytes alignment{};
  PhysAddr min{0};
  PhysAddr max = kAccessible;
  NodeId node = kAnyNode;
};

// What a node in a request means: go there first, or nowhere else.
enum class NodePolicy : std::uint8_t { preferred, exact };

}  // namespace quarry::early
