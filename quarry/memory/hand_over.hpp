// quarry/memory/hand_over.hpp: memblock's free memory becomes the page allocator's, once, and in order.
//
//   memblock    |####......####|......##..#|           bytes: # reserved
//   pages       |    |--|      |----|  ||  |           whole free pages, inside each free range
//   later       |....|  |      |    |##|   |           init memory and the initrd come back; areas: cma_areas.hpp
#pragma once

#include "quarry/boot/bootmem.hpp"
#include "quarry/buddy/page_allocator.hpp"
#include "quarry/memory/bootmem_hand_over.hpp"
#include "quarry/memory/early_system.hpp"

namespace quarry::memory {

// What each step of the hand-over gave, in pages.
struct HandOverCounts {
  PageCount from_memblock;      // memblock_free_all; with bootmem what it leaves out: high memory
  PageCount from_highmem;       // of those, free_highpages
  BootmemRelease from_bootmem;  // free_all_bootmem
  PageCount from_cma;           // cma_init_reserved_areas, activated or not
  PageCount from_initrd;        // free_initrd_mem
  PageCount from_init;          // free_initmem
  PageCount from_used;          // gather_bootmem_prealloc: in use from the start
  PageCount from_others;        // what else State::given_back has
  PageCount lost_to_rounding;   // pages that only a part of was free
};

inline constexpr PfnRange kAllPages{Pfn{0}, Pfn{UINT64_MAX}};

// Where high memory begins; there is none: after everything.
constexpr Pfn high_memory_of(const zones::Layout& layout) noexcept {
  const PfnRange high = layout.ranges[static_cast<unsigned>(zones::ZoneType::highmem)].span;
  return high.empty() ? Pfn{UINT64_MAX} : high.begin();
}

// Releases every whole page of memblock's free ranges inside `window`, ascending. Hotpluggable memory as well: from here
// on it is like any other.
//
// Errors    those of PageAllocator::release, which only a broken layout provokes.
// Source    Linux 6.1, "memblock_free_all", "free_low_memory_core_early".
template <class Allocator>
Result<PageCount> release_free_memory(EarlySystem& early, Allocator& allocator,
                                      PfnRange window = kAllPages) noexcept {
  if (auto cleared = early.memblock().clear_hotplug({PhysAddr{0}, PhysAddr{UINT64_MAX}}); !cleared)
    return cleared.error();
  const PageSize page = early.machine().geometry.page_size();
  PageCount total;
  for (const early::MemoryRange& free : early.memblock().free_ranges()) {
    const PfnRange pages = intersection(PfnRange::inside(free.range, page), window);
    if (pages.empty()) continue;
    if (auto released = allocator.release(pages); !released) return released.error();
    total = PageCount{total.raw + pages.size().raw};
  }
  return total;
}

// Low memory: all that bootmem knows, or memblock's.
//
// Errors    those of release_all() and release_free_memory().
// Source    Linux 6.1, "memblock_free_all"; Linux 4.19, "free_all_bootmem" (behaviour).
template <class Allocator>
Result<Done> release_low_memory(EarlySystem& early, Allocator& allocator, HandOverCounts& counts) noexcept {
  if (early.bootmem() == nullptr) {
    const Pfn end = high_memory_of(early.layout());
    const auto pages = release_free_memory(early, allocator, {Pfn{0}, end});
    if (!pages) return pages.error();
    counts.from_memblock = pages.value();
    return Done{};
  }
  const auto low = release_all(*early.bootmem(), allocator);
  if (!low) return low.error();
  counts.from_bootmem = low.value();
  return Done{};
}

// High memory, which bootmem does not know, from memblock.
//
// Errors    those of release_free_memory().
// Source    Linux 6.1, arch/arm/mm/init.c, "free_highpages" (behaviour).
template <class Allocator>
Result<Done> release_high_memory(EarlySystem& early, Allocator& allocator, HandOverCounts& counts) noexcept {
  const Pfn begin =
      early.bootmem() != nullptr ? boot::bootmem_end(early.state()) : high_memory_of(early.layout());
  const auto pages = release_free_memory(early, allocator, {begin, kAllPages.end()});
  if (!pages) return pages.error();
  counts.from_highmem = pages.value();
  counts.from_memblock.raw += pages.value().raw;
  return Done{};
}

// The zone of a frame: spans of nodes may interleave, so the frame's node counts as well.
//
// Errors    not_found: it lies in no zone, or is no frame at all.
// Cost      O(node ranges + zones).
template <class Allocator>
Result<std::uint32_t> zone_of(const zones::Layout& layout, Allocator& allocator, Pfn page) noexcept {
  if (allocator.map().find(page) == nullptr) return Error::not_found;
  const NodeId node = allocator.map().node_of(page);
  const PfnRange one{page, page + PageCount{1}};
  for (const zones::NodeRange& range : layout.node_ranges)
    for (std::uint32_t i = 0; range.span.contains(page) && i < layout.zones.size(); ++i)
      if (layout.zones[i].node == range.node && !zones::part_of(layout, layout.zones[i], range, one).empty())
        return i;
  for (std::uint32_t i = 0; i < layout.zones.size(); ++i)
    if (layout.zones[i].node == node && layout.zones[i].span().contains(page)) return i;
  return Error::not_found;
}

// Gives back a range that was reserved until now and that nobody needs any more.
//
// Returns   the pages given; 0 for an empty range.
template <class Allocator>
Result<PageCount> release_reserved(EarlySystem& early, Allocator& allocator, PhysRange range,
                                   TextView owner) noexcept {
  const PfnRange pages = PfnRange::inside(range, early.machine().geometry.page_size());
  if (pages.empty()) return PageCount{0};
  if (auto released = allocator.release(pages); !released) return released.error();
  early.memblock().free_late(range, owner);
  return pages.size();
}

// Whole blocks that somebody has used since before there was an allocator, zone by zone.
//
// Returns   the pages given.
// Errors    those of PageAllocator::release_used; not_found: they lie in no zone.
template <class Allocator>
Result<PageCount> release_used(EarlySystem& early, Allocator& allocator, PfnRange pages) noexcept {
  for (Pfn at = pages.begin(); at < pages.end();) {
    const auto zone = zone_of(early.layout(), allocator, at);
    if (!zone) return zone.error();
    const Pfn end_of_zone = early.layout().zones[zone.value()].span().end();
    const Pfn end = end_of_zone < pages.end() ? end_of_zone : pages.end();
    if (const auto done = allocator.release_used(zone.value(), {at, end}); !done) return done.error();
    at = end;
  }
  return pages.size();
}

// What else the flow says that comes back as free pages at that moment.
//
// Returns   the pages given.
// Errors    those of PageAllocator::release.
template <class Allocator>
Result<PageCount> release_given_back(EarlySystem& early, Allocator& allocator,
                                     boot::GivenBack::When when) noexcept {
  PageCount total;
  for (const boot::GivenBack& part : early.state().given_back) {
    if (part.as != boot::GivenBack::As::free || part.when != when) continue;
    const auto pages = release_reserved(early, allocator, part.range, part.owner);
    if (!pages) return pages.error();
    total = PageCount{total.raw + pages.value().raw};
  }
  return total;
}

// What the flow says that is in use from the start, and counts as managed.
//
// Returns   the pages given.
// Errors    those of PageAllocator::release_used; bad_argument: they are no whole blocks.
// Source    Linux 6.1, mm/hugetlb.c, "gather_bootmem_prealloc" (behaviour).
template <class Allocator>
Result<PageCount> release_all_used(EarlySystem& early, Allocator& allocator) noexcept {
  const PageSize page = early.machine().geometry.page_size();
  PageCount total;
  for (const boot::GivenBack& part : early.state().given_back) {
    if (part.as != boot::GivenBack::As::used) continue;
    const auto pages = release_used(early, allocator, PfnRange::inside(part.range, page));
    if (!pages) return pages.error();
    total = PageCount{total.raw + pages.value().raw};
  }
  return total;
}

}  // namespace quarry::memory
