// quarry/memory/cma_areas.hpp: the contiguous areas that were reserved while booting become areas to allocate from.
#pragma once

#include "quarry/buddy/cma_area.hpp"
#include "quarry/memory/early_system.hpp"

namespace quarry::memory {

// Describes and activates State::cma, one after the other, into `areas`; instead of activate_areas(). An area that cannot be
// activated becomes ordinary memory and stays inactive in its place, as in Linux. Areas that are no whole pageblocks
// become ordinary memory as well. Bitmaps come from `source`, which must not be memblock: that has been handed over.
//
// Returns   the pages given to the allocator.
// Errors    no_room: more areas than `areas` has places; nothing changed. Those of PageAllocator::release().
// Source    Linux 6.1, "cma_init_reserved_areas".
template <class Allocator>
Result<PageCount> build_areas(EarlySystem& early, Allocator& allocator,
                              std::span<buddy::CmaArea<Allocator>> areas,
                              page::MetadataSource source) noexcept {
  const PageSize page = early.machine().geometry.page_size();
  std::size_t count = 0;
  for ([[maybe_unused]] const boot::CmaArea& area : early.state().cma) ++count;
  if (count > areas.size()) return Error::no_room;
  PageCount total;
  std::size_t next = 0;
  for (const boot::CmaArea& reserved : early.state().cma) {
    buddy::CmaArea<Allocator>& area = areas[next++];
    const PfnRange pages = PfnRange::inside(reserved.range, page);
    if (pages.empty()) continue;
    if (!area.init(reserved.name, pages, Order{0})) {
      if (const auto released = allocator.release(pages); !released) return released.error();
    } else if (const auto active = area.activate(allocator, source); !active && area.is_described()) {
      return active.error();
    }
    total.raw += pages.size().raw;
  }
  return total;
}

}  // namespace quarry::memory
