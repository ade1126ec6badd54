// quarry/buddy/hotplug_impl.hpp: bodies of PageAllocator: sections come online and go offline.
//
//   offline()   isolate every pageblock --> move what is in use --> all free? --> take it out, shrink the zone
//                        |                          |                   |no
//                        +--- cannot                +--- cannot         +-----> each pageblock is again what it was
#pragma once

#include "quarry/buddy/hand_over_impl.hpp"
#include "quarry/zones/hotplug.hpp"

namespace quarry::buddy {

template <Geometry G, class W, class Policy, port::Cores C>
Result<Zonelists> PageAllocator<G, W, Policy, C>::online([[maybe_unused]] std::uint32_t zone,
                                                         [[maybe_unused]] PfnRange sections) noexcept {
  if constexpr (G.is_flat()) {
    return Error::bad_argument;
  } else {
    constexpr std::uint64_t size = Map::kSectionPages;
    if (zone >= zones_.size() || sections.empty() || !is_aligned(sections.begin().raw, size) ||
        !is_aligned(sections.end().raw, size))
      return Error::bad_argument;
    ZoneState& state = zones_[zone];
    for (Pfn at = sections.begin(); at < sections.end(); at = at + PageCount{size}) {
      if (map_->find(at) == nullptr || map_->node_of(at) != state.zone->node) return Error::bad_argument;
      if (map_->is_online(at)) return Error::busy;
    }
    if (sections.begin() < state.reach.begin() || state.reach.end() < sections.end())
      return Error::out_of_range;
    const Zonelists lists = state.zone->is_populated() ? Zonelists::same : Zonelists::outdated;
    for (Pfn at = sections.begin(); at < sections.end(); at = at + PageCount{size})
      map_->set_online(at, zone);
    {
      const ZoneHold hold{cores_, state.lock};
      zones::grow(*layout_, zone, sections);
      follow_span(state);
    }
    accept(state, sections, Place::tail);
    return lists;
  }
}

template <Geometry G, class W, class Policy, port::Cores C>
Result<Zonelists> PageAllocator<G, W, Policy, C>::offline([[maybe_unused]] PfnRange sections) noexcept {
  if constexpr (G.is_flat()) {
    return Error::bad_argument;
  } else {
    constexpr std::uint64_t size = Map::kSectionPages;
    if (sections.empty() || !is_aligned(sections.begin().raw, size) || !is_aligned(sections.end().raw, size))
      return Error::bad_argument;
    ZoneState* const zone = zone_of(sections.begin());
    for (Pfn at = sections.begin(); at < sections.end(); at = at + PageCount{size})
      if (zone == nullptr || zone_of(at) != zone || !map_->is_online(at)) return Error::bad_argument;
    for (Pfn at = sections.begin(); at < sections.end(); at = at + G.pageblock_order().pages())
      if (map_->pageblock_type(at) == MigrateType::cma) return Error::busy;
    if (const auto isolated = isolate(sections); !isolated) return isolated.error();
    if (!move_away(*zone, sections) || !is_all_free(*zone, sections)) {
      undo_isolation(sections);
      return Error::busy;
    }
    withdraw(*zone, sections);
    return zone->zone->is_populated() ? Zonelists::same : Zonelists::outdated;
  }
}

// All of `pages` is free and isolated; afterwards it is nobody's.
template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::withdraw(ZoneState& zone, PfnRange pages) noexcept {
  if constexpr (!G.is_flat()) {
    for (Pfn at = pages.begin(); at < pages.end();) {
      const ZoneHold hold{cores_, zone.lock};
      ZoneFree& free = pages_of(zone);
      const FreeBlock block = free.block_of(at).value();
      check(block.page == at && at + block.order.pages() <= pages.end(),
            "a free block reaches out of its section");
      free.pull(block);
      map_->at(at).become_nothing();
      at = at + block.order.pages();
    }
    const ZoneHold hold{cores_, zone.lock};
    for (Pfn at = pages.begin(); at < pages.end(); at = at + G.pageblock_order().pages()) {
      set_pageblock(at, MigrateType::movable);
      --zone.isolated;
    }
    follow_isolation(zone);
    zone.zone->managed.raw -= pages.size().raw;
    for (Pfn at = pages.begin(); at < pages.end(); at = at + PageCount{Map::kSectionPages})
      map_->set_offline(at);
    zones::shrink(*layout_, zone.index, pages, span_without(zone, pages));
    follow_span(zone);
  }
}

// What the zone spans when `pages`, which are offline by now, have left it. Only an end that they lay at moves.
template <Geometry G, class W, class Policy, port::Cores C>
PfnRange PageAllocator<G, W, Policy, C>::span_without(const ZoneState& zone, PfnRange pages) const noexcept {
  PfnRange span = zone.zone->span();
  if constexpr (!G.is_flat()) {
    const PageCount size{Map::kSectionPages};
    if (pages.begin() <= span.begin()) {
      Pfn at = pages.end();
      while (at < span.end() && share_of(zone, at).empty()) at = at + size;
      span = at < span.end() ? PfnRange{share_of(zone, at).begin(), span.end()} : PfnRange{};
    }
    if (!span.empty() && span.end() <= pages.end()) {
      Pfn at{pages.begin().raw - size.raw};
      while (share_of(zone, at).empty()) at = Pfn{at.raw - size.raw};
      span = {span.begin(), share_of(zone, at).end()};
    }
  }
  return span;
}

// What the zone has of a section.
//
// Cost      O(ranges of memory that were there at init()).
template <Geometry G, class W, class Policy, port::Cores C>
PfnRange PageAllocator<G, W, Policy, C>::share_of([[maybe_unused]] const ZoneState& zone,
                                                  [[maybe_unused]] Pfn section) const noexcept {
  PfnRange share;
  if constexpr (!G.is_flat()) {
    if (!map_->is_online(section)) return share;
    const PfnRange whole{section, section + PageCount{Map::kSectionPages}};
    if (const auto plugged = map_->zone_of_section(section))
      return plugged.value() == zone.index ? whole : share;
    for (const zones::NodeRange& range : layout_->node_ranges)
      if (range.node == zone.zone->node)
        share = zones::around(share, intersection(intersection(range.span, whole), zone.at_boot));
  }
  return share;
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::follow_span(const ZoneState& zone) noexcept {
  ZoneFree& pages = pages_of(zone);
  if constexpr (requires { pages.set_span(zone.zone->span()); }) pages.set_span(zone.zone->span());
}

}  // namespace quarry::buddy
