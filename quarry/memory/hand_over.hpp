// quarry/memory/hand_over.hpp: memblock's free memory becomes the page allocator's, once, and in order.
//
//   memblock    |####......####|......##..#|           bytes: # reserved
//   pages       |    |--|      |----|  ||  |           whole free pages, inside each free range
//   later       |....|  |      |    |##|   |           init memory and the initrd come back; areas are activated
#pragma once

#include "quarry/buddy/page_allocator.hpp"
#include "quarry/memory/early_system.hpp"

namespace quarry::memory {

// What each step of the hand-over gave, in pages.
struct HandOverCounts {
  PageCount from_memblock;     // memblock_free_all
  PageCount from_cma;          // cma_init_reserved_areas, activated or not
  PageCount from_initrd;       // free_initrd_mem
  PageCount from_init;         // free_initmem
  PageCount lost_to_rounding;  // pages that only a part of was free
};

// Releases every whole page of memblock's free ranges, ascending. Hotpluggable memory as well: from here on
// it is like any other.
//
// Errors    those of PageAllocator::release, which only a broken layout provokes.
// Source    Linux 6.1, "memblock_free_all", "free_low_memory_core_early".
template <class Allocator>
Result<PageCount> release_free_memory(EarlySystem& early, Allocator& allocator) noexcept {
  if (auto cleared = early.memblock().clear_hotplug({PhysAddr{0}, PhysAddr{UINT64_MAX}}); !cleared)
    return cleared.error();
  const PageSize page = early.machine().geometry.page_size();
  PageCount total;
  for (const early::MemoryRange& free : early.memblock().free_ranges()) {
    const PfnRange pages = PfnRange::inside(free.range, page);
    if (pages.empty()) continue;
    if (auto released = allocator.release(pages); !released) return released.error();
    total = PageCount{total.raw + pages.size().raw};
  }
  return total;
}

// The zone of a frame: spans of nodes may interleave, so the frame's node counts as well.
//
// Errors    not_found: it lies in no zone.
// Cost      O(zones).
template <class Allocator>
Result<std::uint32_t> zone_of(const zones::Layout& layout, Allocator& allocator, Pfn page) noexcept {
  const NodeId node = allocator.map().node_of(page);
  for (std::uint32_t i = 0; i < layout.zones.size(); ++i)
    if (layout.zones[i].node == node && layout.zones[i].span().contains(page)) return i;
  return Error::not_found;
}

// Activates the contiguous areas. One that cannot be (it spans two zones) becomes ordinary memory, as in Linux.
//
// Returns   the pages given.
// Source    Linux 6.1, "cma_init_reserved_areas", "cma_activate_area".
template <class Allocator>
Result<PageCount> activate_areas(EarlySystem& early, Allocator& allocator) noexcept {
  const PageSize page = early.machine().geometry.page_size();
  PageCount total;
  for (const boot::CmaArea& area : early.state().cma) {
    const PfnRange pages = PfnRange::inside(area.range, page);
    if (pages.empty()) continue;
    const auto zone = zone_of(early.layout(), allocator, pages.begin());
    if (!zone || !allocator.release_cma(zone.value(), pages)) {
      if (auto released = allocator.release(pages); !released) return released.error();
    }
    total = PageCount{total.raw + pages.size().raw};
  }
  return total;
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

}  // namespace quarry::memory
