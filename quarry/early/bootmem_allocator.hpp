// quarry/early/bootmem_allocator.hpp: what a flow may ask of either boot-time allocator with bootmem's names.
//
// Two stand behind it, as in Linux 4.19: Bootmem, a bit a page, and Nobootmem, the same calls on memblock. A
// flow is a template on EarlyAllocator and takes either; registering memory is each one's own.
#pragma once

#include <concepts>

#include "quarry/early/observer.hpp"

namespace quarry::early {

// What to allocate. `alignment` is a power of two, or 0 for none in particular. `goal` is where to look first,
// 0 for nowhere in particular: when nothing fits from there on, it is dropped.
struct BootmemRequest {
  Bytes size{};
  Bytes alignment{};
  PhysAddr goal{};
};

// BOOTMEM_DEFAULT: what is reserved already may be reserved again. BOOTMEM_EXCLUSIVE: it may not.
enum class BootmemReserve : std::uint8_t { shared, exclusive };

// What an allocation holds: zeros that were written through the direct map, or what was there before: where RAM reads
// as zero already, or whoever asks writes all of it.
enum class BootmemContents : std::uint8_t { zeroed, as_it_was };

// A block that the page allocator gets.
struct ReleasedBlock {
  enum class Kind : std::uint8_t { memory, bitmap };
  Pfn first{};
  Order order{0};
  NodeId node = kAnyNode;  // whose bitmap said so, or was it; kAnyNode: memblock, which knows by address
  Kind kind = Kind::memory;
};

// The page allocator, as the hand-over sees it. Without a function the blocks are only counted.
struct PageReceiver {
  void* self = nullptr;
  void (*take)(void* self, const ReleasedBlock& block) noexcept = nullptr;

  void operator()(const ReleasedBlock& block) const noexcept {
    if (take != nullptr) take(self, block);
  }
};

// What a hand-over came to.
struct Handover {
  PageCount pages{};         // released, those of the bitmaps included
  PageCount bitmap_pages{};  // of them: where bitmaps lay
  PageCount lost{};          // free, and yet released to nobody: see Bootmem::free_all_node
};

// The calls that both have, with one meaning but for what each header says.
template <class A>
concept EarlyAllocator = requires(A a, const A& c, NodeId node, PhysAddr at, Bytes size, BootmemReserve how,
                                  BootmemRequest request, PageReceiver receiver, TextView owner) {
  { a.reserve(at, size, how, owner) } noexcept -> std::same_as<Result<Done>>;
  { a.reserve_node(node, at, size, how, owner) } noexcept -> std::same_as<Result<Done>>;
  { a.free(at, size, owner) } noexcept -> std::same_as<Result<Done>>;
  { a.free_node(node, at, size, owner) } noexcept -> std::same_as<Result<Done>>;
  { a.alloc(request, owner) } noexcept -> std::same_as<Result<PhysAddr>>;
  { a.alloc_low(request, owner) } noexcept -> std::same_as<Result<PhysAddr>>;
  { a.alloc_node(node, request, owner) } noexcept -> std::same_as<Result<PhysAddr>>;
  { a.alloc_node_high(node, request, owner) } noexcept -> std::same_as<Result<PhysAddr>>;
  { a.alloc_low_node(node, request, owner) } noexcept -> std::same_as<Result<PhysAddr>>;
  { a.alloc_node_limit(node, request, at, owner) } noexcept -> std::same_as<Result<PhysAddr>>;
  { a.free_all(receiver) } noexcept -> std::same_as<Result<Handover>>;
  { a.free_late(at, size, receiver, owner) } noexcept -> std::same_as<PageCount>;
  { c.totalram_pages() } noexcept -> std::same_as<PageCount>;
  { c.low_goal() } noexcept -> std::same_as<PhysAddr>;
  { c.cache_line() } noexcept -> std::same_as<Bytes>;
  { c.page() } noexcept -> std::same_as<PageSize>;
};

// --- Short forms: a cache line or a page, from BOOTMEM_LOW_LIMIT on, or low -----------------------------

template <EarlyAllocator A>
Result<PhysAddr> alloc_bootmem_align(A& from, Bytes size, Bytes alignment, TextView owner) noexcept {
  return from.alloc({size, alignment, from.low_goal()}, owner);
}
template <EarlyAllocator A>
Result<PhysAddr> alloc_bootmem(A& from, Bytes size, TextView owner) noexcept {
  return alloc_bootmem_align(from, size, from.cache_line(), owner);
}
template <EarlyAllocator A>
Result<PhysAddr> alloc_bootmem_pages(A& from, Bytes size, TextView owner) noexcept {
  return alloc_bootmem_align(from, size, from.page().bytes(), owner);
}
template <EarlyAllocator A>
Result<PhysAddr> alloc_bootmem_node(A& from, NodeId node, Bytes size, TextView owner) noexcept {
  return from.alloc_node(node, {size, from.cache_line(), from.low_goal()}, owner);
}
template <EarlyAllocator A>
Result<PhysAddr> alloc_bootmem_pages_node(A& from, NodeId node, Bytes size, TextView owner) noexcept {
  return from.alloc_node(node, {size, from.page().bytes(), from.low_goal()}, owner);
}
template <EarlyAllocator A>
Result<PhysAddr> alloc_bootmem_low(A& from, Bytes size, TextView owner) noexcept {
  return from.alloc_low({size, from.cache_line(), PhysAddr{0}}, owner);
}
template <EarlyAllocator A>
Result<PhysAddr> alloc_bootmem_low_pages(A& from, Bytes size, TextView owner) noexcept {
  return from.alloc_low({size, from.page().bytes(), PhysAddr{0}}, owner);
}
template <EarlyAllocator A>
Result<PhysAddr> alloc_bootmem_low_pages_node(A& from, NodeId node, Bytes size, TextView owner) noexcept {
  return from.alloc_low_node(node, {size, from.page().bytes(), PhysAddr{0}}, owner);
}

}  // namespace quarry::early
