// quarry/buddy/hand_over_impl.hpp: bodies of PageAllocator: pages arrive from the boot-time allocator.
#pragma once

#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::release(std::uint32_t zone, PfnRange pages,
                                                     Place place) noexcept {
  if (zone >= zones_.size()) return Error::bad_argument;
  if (pages.empty()) return Done{};
  ZoneState& state = zones_[zone];
  const Misuse misuse = release_misuse(state, pages);
  if (misuse != Misuse::none) return refuse(pages.begin(), Order{0}, misuse);
  accept(state, pages, place);
  return Done{};
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::accept(ZoneState& zone, PfnRange pages, Place place) noexcept {
  {
    const ZoneHold hold{cores_, zone.lock};
    zone.zone->managed.raw += pages.size().raw;
  }
  observer_.released(pages);
  if constexpr (!G.is_flat()) {
    if (config_.hand_over == HandOver::deferred) {
      constexpr std::uint64_t section = Map::kSectionPages;
      const Pfn first{align_down(pages.begin().raw + section - 1, section)};
      const Pfn last{align_down(pages.end().raw, section)};
      if (first < last) {
        release_blocks(zone, {pages.begin(), first}, place);
        defer(zone, {first, last});
        release_blocks(zone, {last, pages.end()}, place);
        return;
      }
    }
  }
  release_blocks(zone, pages, place);
}

// Two passes over the same pieces: what one zone refuses, none gets.
template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::release(PfnRange pages, Place place) noexcept {
  constexpr Pass passes[] = {Pass::look, Pass::apply};
  const auto ranges = zones::ranges_from(*layout_, pages.begin());
  for (const Pass pass : passes)
    for (const zones::NodeRange& range : ranges) {
      if (pages.end() <= range.span.begin()) break;
      const zones::Node* const home = node(range.node);
      if (home == nullptr) continue;
      for (std::uint32_t type = 0; type < zones::kZoneTypes; ++type) {
        const std::uint32_t zone = home->first_zone + type;
        const PfnRange piece =
            intersection(zones::part_of(*layout_, *zones_[zone].zone, range, pages), zones_[zone].at_boot);
        if (piece.empty()) continue;
        const Misuse misuse = pass == Pass::look ? release_misuse(zones_[zone], piece) : Misuse::none;
        if (misuse != Misuse::none) return refuse(piece.begin(), Order{0}, misuse);
        if (pass == Pass::apply) accept(zones_[zone], piece, place);
      }
    }
  return Done{};
}

template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::release_cma(std::uint32_t zone, PfnRange pages) noexcept {
  const std::uint64_t whole = G.pageblock_order().pages().raw;
  if (zone >= zones_.size() || !is_aligned(pages.begin().raw, whole) || !is_aligned(pages.end().raw, whole))
    return Error::bad_argument;
  ZoneState& state = zones_[zone];
  const Misuse misuse = release_misuse(state, pages);
  if (misuse != Misuse::none) return refuse(pages.begin(), Order{0}, misuse);
  {
    const ZoneHold hold{cores_, state.lock};
    state.zone->managed.raw += pages.size().raw;
    state.zone->cma.raw += pages.size().raw;
  }
  observer_.released(pages);
  for (Pfn at = pages.begin(); at < pages.end(); at = at + PageCount{whole}) {
    const ZoneHold hold{cores_, state.lock};
    set_pageblock(at, MigrateType::cma);
    if constexpr (!G.is_flat()) map_->set_touched(at);
    give_back(state, map_->at(at), at, G.pageblock_order(), Place::fitting);
  }
  return Done{};
}

template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::release_used(std::uint32_t zone, PfnRange pages) noexcept {
  constexpr Order whole = G.max_order();
  if (zone >= zones_.size() || !is_aligned(pages.begin().raw, whole.pages().raw) ||
      !is_aligned(pages.end().raw, whole.pages().raw))
    return Error::bad_argument;
  ZoneState& state = zones_[zone];
  const Misuse misuse = release_misuse(state, pages);
  if (misuse != Misuse::none) return refuse(pages.begin(), Order{0}, misuse);
  const ZoneHold hold{cores_, state.lock};
  state.zone->managed.raw += pages.size().raw;
  for (Pfn at = pages.begin(); at < pages.end(); at = at + whole.pages()) {
    if constexpr (!G.is_flat()) map_->set_touched(at);
    map_->at(at).become_allocated(whole, pages_of(state).part_of(at), MigrateType::movable);
  }
  return Done{};
}

// What forbids that `pages` are given to the zone; none when nothing does.
template <Geometry G, class W, class Policy, port::Cores C>
Misuse PageAllocator<G, W, Policy, C>::release_misuse(const ZoneState& zone, PfnRange pages) const noexcept {
  const PfnRange span = zone.zone->span();
  if (pages.begin() < span.begin() || span.end() < pages.end()) return Misuse::overlapping_range;
  if (zone.zone->present.raw - zone.zone->managed.raw < pages.size().raw) return Misuse::overlapping_range;
  if (page::head_of(*map_, pages.begin()) || free_block(zone, pages.begin()))
    return Misuse::overlapping_range;
  Pfn at = pages.begin();
  while (at < pages.end()) {
    if (is_deferred(at)) return Misuse::overlapping_range;
    if constexpr (!G.is_flat()) {
      // A section that will be deferred is looked at once.
      const Pfn next = at + PageCount{Map::kSectionPages};
      if (config_.hand_over == HandOver::deferred && is_aligned(at.raw, Map::kSectionPages) &&
          next <= pages.end()) {
        if (map_->find(at) == nullptr) return Misuse::foreign_page;
        if (!map_->is_untouched(at)) return Misuse::overlapping_range;
        at = next;
        continue;
      }
    }
    const Descriptor* const head = map_->find(at);
    if (head == nullptr) return Misuse::foreign_page;
    if (head->state() != page::State::nothing) return Misuse::overlapping_range;
    if (!ZoneFree::kMarksHeads && free_block(zone, at)) return Misuse::overlapping_range;
    at = at + largest_block(at, pages.end()).pages();
  }
  return Misuse::none;
}

// The order of the largest block that starts at `page` and ends by `end`.
template <Geometry G, class W, class Policy, port::Cores C>
Order PageAllocator<G, W, Policy, C>::largest_block(Pfn page, Pfn end) const noexcept {
  const unsigned aligned = count_trailing_zeros(page.raw);
  unsigned order = aligned < G.max_order_ ? aligned : G.max_order_;
  while (page.raw + (std::uint64_t{1} << order) > end.raw) --order;
  return Order{order};
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::release_blocks(ZoneState& zone, PfnRange pages, Place place) noexcept {
  while (!pages.empty()) {
    const ZoneHold hold{cores_, zone.lock};
    pages = {release_block(zone, pages, place), pages.end()};
  }
}

// The largest block at the beginning of `pages`.
//
// Returns   where it ends.
template <Geometry G, class W, class Policy, port::Cores C>
Pfn PageAllocator<G, W, Policy, C>::release_block(ZoneState& zone, PfnRange pages, Place place) noexcept {
  const Pfn at = pages.begin();
  const Order order = largest_block(at, pages.end());
  if constexpr (!G.is_flat()) map_->set_touched(at);
  give_back(zone, map_->at(at), at, order, place);
  return at + order.pages();
}

template <Geometry G, class W, class Policy, port::Cores C>
bool PageAllocator<G, W, Policy, C>::is_deferred(Pfn page) const noexcept {
  if constexpr (G.is_flat())
    return page.raw == UINT64_MAX;
  else
    return map_->is_deferred(page);
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::defer(ZoneState& zone, PfnRange sections) noexcept {
  if constexpr (!G.is_flat()) {
    const PageCount step{Map::kSectionPages};
    const ZoneHold hold{cores_, zone.lock};
    for (Pfn at = sections.begin(); at < sections.end(); at = at + step) map_->set_deferred(at, zone.index);
    if (zone.deferred == 0 || sections.begin() < zone.deferred_begin) zone.deferred_begin = sections.begin();
    if (zone.deferred == 0 || zone.deferred_end < sections.end()) zone.deferred_end = sections.end();
    zone.deferred += sections.size().raw;
    zone.free += sections.size().raw;
  }
}

// Puts the blocks of a deferred section on their lists.
template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::bring_up(ZoneState& zone, Pfn section) noexcept {
  if constexpr (!G.is_flat()) {
    const PageCount size{Map::kSectionPages};
    map_->clear_deferred(section);
    zone.deferred -= size.raw;
    zone.free -= size.raw;
    observer_.brought_up(PfnRange{section, section + size});
    PfnRange left{section, section + size};
    while (!left.empty()) left = {release_block(zone, left, Place::tail), left.end()};
  }
}

// The deferred section with the lowest address; there is one in this zone. Behind deferred_begin nothing is deferred, so
// all searches together walk each section once.
template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::bring_up_next(ZoneState& zone) noexcept {
  if constexpr (!G.is_flat()) {
    Pfn section = zone.deferred_begin;
    do {
      section = map_->next_deferred({zone.deferred_begin, zone.deferred_end});
      check(section < zone.deferred_end, "a deferred section is missing");
      zone.deferred_begin = section + PageCount{Map::kSectionPages};
    } while (map_->zone_of_deferred(section) != zone.index);
    bring_up(zone, section);
  }
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::bring_up_all([[maybe_unused]] PfnRange pages) noexcept {
  if constexpr (!G.is_flat())
    for (Pfn at{align_down(pages.begin().raw, Map::kSectionPages)}; at < pages.end();
         at = at + PageCount{Map::kSectionPages})
      descriptor(at);
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::set_pageblock(Pfn page, MigrateType type) noexcept {
  map_->set_pageblock_type(page, type);
  observer_.pageblock_changed(page, type);
}

template <Geometry G, class W, class Policy, port::Cores C>
auto PageAllocator<G, W, Policy, C>::descriptor(Pfn page) noexcept -> Descriptor* {
  if constexpr (!G.is_flat()) {
    if (map_->is_deferred(page)) {
      ZoneState& zone = zones_[map_->zone_of_deferred(page)];
      const ZoneHold hold{cores_, zone.lock};
      if (map_->is_deferred(page)) bring_up(zone, Pfn{align_down(page.raw, Map::kSectionPages)});
    }
  }
  return map_->find(page);
}

}  // namespace quarry::buddy
