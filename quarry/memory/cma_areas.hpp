// quarry/memory/cma_areas.hpp: the contiguous areas that were reserved while booting become areas to allocate from.
//
//   reserved    |  sound, of one zone  |  across zones  | a part is free, or no memory |
//   Linux       |     to allocate from |  ordinary      | counted, and left alone      |
//   otherwise   |     to allocate from | one a zone     | counted, and left alone      |
#pragma once

#include "quarry/buddy/cma_area.hpp"
#include "quarry/memory/hand_over.hpp"

namespace quarry::memory {

// Whether memblock has all of the range reserved. Where a refused node gave back what others had reserved, too, it
// does not, and its pages are the page allocator's already.
inline bool is_all_reserved(const early::Memblock& memblock, PhysRange range) noexcept {
  PhysAddr known = range.begin();
  for (const early::Region& region : memblock.reserved().view())
    if (region.base <= known && known < region.end()) known = region.end();
  return known >= range.end();
}

// Whether an area before this one has a part of its pages.
inline bool is_given_already(const boot::State& state, PhysRange area) noexcept {
  for (const boot::CmaArea& other : state.cma) {
    if (other.range == area) return false;
    if (other.range.overlaps(area)) return true;
  }
  return false;
}

// State::cma as areas of the page allocator. Their tables are laid aside while there is a boot-time allocator.
template <class Allocator>
class CmaAreas {
 public:
  using Area = buddy::CmaArea<Allocator>;

  // Takes room for all areas that may come to be. Once nodes, zones and descriptors are there.
  //
  // Errors    no_memory: the source has none.
  // Cost      O(areas * zones).
  Result<Done> keep_room(EarlySystem& early, Allocator& allocator, page::MetadataSource source) noexcept {
    std::uint64_t places = 0, bytes = 0;
    for (const boot::CmaArea& area : early.state().cma)
      for (PfnRange left = pages_of(early, area); !left.empty();) {
        const PfnRange part = first_part(early, allocator, left).pages;
        ++places;
        bytes += Area::metadata_size(part.size(), area.order_per_bit).raw;
        left = {part.end(), left.end()};
      }
    if (places == 0 || early.layout().nodes.empty()) return Done{};
    const NodeId near = early.layout().nodes[0].id;
    const auto areas = source.take<Area>(places, near);
    if (!areas) return areas.error();
    const auto room = source.take<std::uint64_t>(bytes >> 3, near);
    if (!room) return room.error();
    areas_ = {areas.value(), static_cast<std::size_t>(places)};
    room_ = {reinterpret_cast<std::byte*>(room.value()), static_cast<std::size_t>(bytes)};
    return Done{};
  }

  // Activates the areas. In Linux one that spans two zones becomes ordinary memory.
  //
  // Returns   the pages given.
  // Errors    those of PageAllocator::release.
  // Source    Linux 6.1, "cma_init_reserved_areas", "cma_activate_area".
  Result<PageCount> activate(EarlySystem& early, Allocator& allocator) noexcept {
    PageCount total;
    for (const boot::CmaArea& area : early.state().cma) {
      const PfnRange pages = pages_of(early, area);
      if (pages.empty()) continue;
      const bool is_sound = early.memblock().is_region_memory(area.range) &&
                            is_all_reserved(early.memblock(), area.range) &&
                            !is_given_already(early.state(), area.range);
      const auto zone = is_sound ? zone_of(early.layout(), allocator, pages.begin())
                                 : Result<std::uint32_t>{Error::not_found};
      if (!zone || !make(allocator, area, zone.value(), pages))
        if (const auto done = activate_odd(early, allocator, area, pages); !done) return done.error();
      total.raw += pages.size().raw;
    }
    return total;
  }

  // Those that are active, in the order in which they were reserved.
  std::span<Area> all() noexcept { return areas_.first(count_); }

 private:
  static PfnRange pages_of(const EarlySystem& early, const boot::CmaArea& area) noexcept {
    return PfnRange::inside(area.range, early.machine().geometry.page_size());
  }

  // What one zone has of the beginning of `pages`; where its first page is in no zone, all of it and no zone.
  struct Part {
    Result<std::uint32_t> zone;
    PfnRange pages;
  };
  static Part first_part(EarlySystem& early, Allocator& allocator, PfnRange pages) noexcept {
    const auto zone = zone_of(early.layout(), allocator, pages.begin());
    if (!zone) return {zone, pages};
    const Pfn end = early.layout().zones[zone.value()].span().end();
    return {zone, {pages.begin(), end < pages.end() ? end : pages.end()}};
  }

  // Errors    those of CmaArea::init() and activate(): the pages are nobody's yet.
  Result<Done> make(Allocator& allocator, const boot::CmaArea& reserved, std::uint32_t zone,
                    PfnRange pages) noexcept {
    if (count_ == areas_.size()) return Error::no_room;
    Area& area = *::new (static_cast<void*>(&areas_[count_])) Area{};
    if (const auto done = area.init(reserved.name, pages, reserved.order_per_bit); !done) return done;
    const std::span<std::byte> room = room_;
    const auto done = area.activate(allocator, zone, {this, &take_room});
    if (done)
      ++count_;
    else
      room_ = room;
    return done;
  }

  // An area of each zone's part; a part that cannot be one becomes ordinary memory.
  Result<Done> make_by_zone(EarlySystem& early, Allocator& allocator, const boot::CmaArea& area,
                            PfnRange pages) noexcept {
    while (!pages.empty()) {
      const Part part = first_part(early, allocator, pages);
      if (!part.zone || !make(allocator, area, part.zone.value(), part.pages))
        if (const auto released = allocator.release(part.pages); !released) return released;
      pages = {part.pages.end(), pages.end()};
    }
    return Done{};
  }

  // What becomes of an area that is not whole in one zone, in words that name what Linux makes of it.
  Result<Done> activate_odd(EarlySystem& early, Allocator& allocator, const boot::CmaArea& area,
                            PfnRange pages) noexcept {
    const auto bug = [&](TextView words) {
      return early.state().note(boot::Note::Kind::linux_bug, words, area.range);
    };
    if (!early.memblock().is_region_memory(area.range))
      return bug("contiguous area that is not all memory: Linux 6.1 counts it and hands it out, or stops");
    if (!is_all_reserved(early.memblock(), area.range) || is_given_already(early.state(), area.range))
      return bug(
          "contiguous area of which a part is free already: Linux 6.1 hands pages out twice, or stops");
    if (!boot::reproduces_bugs(early.machine())) return make_by_zone(early, allocator, area, pages);
    if (const auto released = allocator.release(pages); !released) return released;
    return bug("a contiguous area that spans zones could not be activated, its pages are ordinary ones");
  }

  static Result<std::byte*> take_room(void* self, Bytes size, Bytes, NodeId) noexcept {
    auto& room = static_cast<CmaAreas*>(self)->room_;
    const std::uint64_t whole = (size.raw + 7) & ~std::uint64_t{7};
    if (whole > room.size()) return Error::no_memory;
    std::byte* const at = room.data();
    room = room.subspan(static_cast<std::size_t>(whole));
    return at;
  }

  std::span<Area> areas_;      // places for them; each is made when it is activated
  std::size_t count_ = 0;      // places that are in use: active areas
  std::span<std::byte> room_;  // for their tables, what is left of it
};

}  // namespace quarry::memory
