// quarry/buddy/alloc_impl.hpp: bodies of PageAllocator: which zone serves a request.
#pragma once

#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

template <Geometry G, class W, class Policy, port::Cores C>
Result<Pfn> PageAllocator<G, W, Policy, C>::alloc_slowly(Order order, std::uint64_t packed) noexcept {
  const Request request = unpack(packed);
  if (!G.allows(order) || !page::is_ordinary(request.type) || node(request.node) == nullptr)
    return Error::bad_argument;
  return alloc_from(zones_for(request), request, order);
}

// The zones that may serve, the preferred one first. The node is there.
template <Geometry G, class W, class Policy, port::Cores C>
auto PageAllocator<G, W, Policy, C>::zones_for(const Request& request) const noexcept -> ZoneRefs {
  const zones::Node& from = *node(request.node);
  ZoneRefs zonelist = request.placement == Placement::nearest ? from.zonelist : from.no_fallback;
  while (!zonelist.empty() && zonelist.front().type > request.highest) zonelist = zonelist.subspan(1);
  return zonelist;
}

template <Geometry G, class W, class Policy, port::Cores C>
auto PageAllocator<G, W, Policy, C>::search_for(Order order, const Request& request,
                                                const ZoneState& preferred) const noexcept -> Search {
  const MigrateType type = config_.grouping == Grouping::none ? MigrateType::unmovable : request.type;
  return {order, type, request.highest, type == MigrateType::movable, mixing_for(preferred), Urgency::normal};
}

// First every zone above its low watermark, without mixing types where that matters; then as deep as the
// request's urgency allows, and under pressure.
template <Geometry G, class W, class Policy, port::Cores C>
Result<Pfn> PageAllocator<G, W, Policy, C>::alloc_from(ZoneRefs zonelist, const Request& request,
                                                       Order order) noexcept {
  if (zonelist.empty()) return Error::no_memory;
  ZoneState& preferred = zones_[zonelist.front().zone];
  const Search what = search_for(order, request, preferred);
  const auto page = search(zonelist, what, Mark::low);
  if (page) return page;
  if (request.effort != Effort::fast_only) {
    const auto deeper = alloc_deeper(zonelist, request, what);
    if (deeper) return deeper;
  }
  {
    const ZoneHold hold{cores_, preferred.lock};
    ++preferred.count.failures;
  }
  observer_.failed(order, request);
  return Error::no_memory;
}

// Where a zone for older devices stands below Normal, it is better to go there than to mix types in Normal.
// Source    Linux 6.1, "alloc_flags_nofragment".
template <Geometry G, class W, class Policy, port::Cores C>
Mixing PageAllocator<G, W, Policy, C>::mixing_for(const ZoneState& preferred) const noexcept {
  constexpr auto dma32 = static_cast<unsigned>(zones::ZoneType::dma32);
  if (preferred.zone->type != zones::ZoneType::normal || !layout_->ranges[dma32].configured)
    return Mixing::allow;
  const zones::Zone& below = *(preferred.zone - 1);
  return layout_->nodes.size() > 1 && !below.is_populated() ? Mixing::allow : Mixing::avoid;
}

// Source    Linux 6.1, "get_page_from_freelist" (behaviour).
template <Geometry G, class W, class Policy, port::Cores C>
Result<Pfn> PageAllocator<G, W, Policy, C>::search(ZoneRefs zonelist, Search what, Mark mark) noexcept {
  const ZoneState& preferred = zones_[zonelist.front().zone];
  for (;;) {
    for (const zones::ZoneRef ref : zonelist) {
      if (ref.type > what.highest) continue;
      ZoneState& zone = zones_[ref.zone];
      // Memory close by in a mixed pageblock is better than memory far away.
      if (what.mixing == Mixing::avoid && zone.zone->node != preferred.zone->node) break;
      if (!is_above(zone, what, mark)) continue;
      const auto page = take(zone, what);
      if (!page) continue;
      // Orders above 0 are hard to come by for who cannot wait: some pageblocks are kept for them.
      if (what.order != Order{0} && what.urgency == Urgency::atomic) keep_for_urgent(zone, page.value());
      return page;
    }
    if (what.mixing == Mixing::allow) return Error::no_memory;
    what.mixing = Mixing::allow;
  }
}

// What must be free in the zone, less one page.
// Source    Linux 6.1, "__zone_watermark_ok" and "zone_watermark_fast".
template <Geometry G, class W, class Policy, port::Cores C>
std::uint64_t PageAllocator<G, W, Policy, C>::least_free(const ZoneState& zone, const Search& search,
                                                         Mark mark) const noexcept {
  std::uint64_t least = mark == Mark::low ? zone.low : zone.min;
  if (search.urgency == Urgency::high || search.urgency == Urgency::atomic) least -= least >> 1;
  if (search.urgency == Urgency::atomic) least -= least >> 2;
  least += zone.reserve[static_cast<unsigned>(search.highest)];
  least += search.order.pages().raw - 1 + search.beside;
  if (!search.is_urgent()) least += zone.highatomic;
  if (!search.cma) least += zone.free_cma;
  return least;
}

template <Geometry G, class W, class Policy, port::Cores C>
bool PageAllocator<G, W, Policy, C>::is_above(const ZoneState& zone, const Search& search,
                                              Mark mark) const noexcept {
  if (mark == Mark::none) return true;
  const auto has_enough = [&]() noexcept { return zone.free > least_free(zone, search, mark); };
  const bool is_single = search.order == Order{0};
  if (has_enough() && (is_single || may_have_block(zone, search))) return true;
  // Whoever has the lock may be half way through: a no is said only under it.
  const auto has_enough_at_rest = [&]() noexcept {
    const ZoneHold hold{cores_, zone.lock};
    return has_enough();
  };
  if (has_enough_at_rest() && (is_single || has_block(zone, search))) return true;
  return has_enough() && counts_at_hand() && is_at_hand(zone, search);
}

// Calls `is_there` with each type that the request may have a block of, until it says yes.
template <Geometry G, class W, class Policy, port::Cores C>
template <class F>
bool PageAllocator<G, W, Policy, C>::any_type_of(const Search& search, F&& is_there) noexcept {
  if (is_there(MigrateType::unmovable) || is_there(MigrateType::movable) ||
      is_there(MigrateType::reclaimable))
    return true;
  if (search.cma && is_there(MigrateType::cma)) return true;
  // Single pages are never taken from there.
  return search.is_urgent() && search.order != Order{0} && is_there(MigrateType::highatomic);
}

// A look at what is there now, which needs no lock. A policy may say yes for what is not there any more.
template <Geometry G, class W, class Policy, port::Cores C>
bool PageAllocator<G, W, Policy, C>::may_have_block(const ZoneState& zone,
                                                    const Search& search) const noexcept {
  const ZoneFree& pages = free_[zone.index];
  return zone.deferred != 0 || any_type_of(search, [&](MigrateType type) noexcept {
           return pages.orders(type) >> search.order.raw() != 0;
         });
}

template <Geometry G, class W, class Policy, port::Cores C>
bool PageAllocator<G, W, Policy, C>::has_block(const ZoneState& zone, const Search& search) const noexcept {
  for (;;) {
    const ZoneHold hold{cores_, zone.lock};
    ZoneFree& pages = pages_of(zone);
    if (zone.deferred != 0) return true;
    if (any_type_of(search, [&](MigrateType type) noexcept { return pages.has_block(search.order, type); }))
      return true;
    if (!pages.gave_up()) return false;
    pages.look_again();
  }
}

template <Geometry G, class W, class Policy, port::Cores C>
bool PageAllocator<G, W, Policy, C>::has_free_block(std::uint32_t zone, Order order) const noexcept {
  check(zone < zones_.size(), "no such zone");
  return has_block(zones_[zone],
                   {order, MigrateType::unmovable, zones::ZoneType{}, false, Mixing::allow, Urgency::normal});
}

// Source    Linux 6.1, "rmqueue".
template <Geometry G, class W, class Policy, port::Cores C>
Result<Pfn> PageAllocator<G, W, Policy, C>::take(ZoneState& zone, const Search& search) noexcept {
  if (has_cpu_lists(zone) && Lists::keeps(search.order)) {
    const auto page = take_from_core(zone, search);
    if (page) return page;
  }
  for (;;) {
    const ZoneHold hold{cores_, zone.lock};
    Result<Pfn> page = Error::no_memory;
    if (search.order != Order{0} && search.is_urgent())
      page = take_listed(zone, search, MigrateType::highatomic);
    ZoneFree& pages = pages_of(zone);
    if (!page && !pages.gave_up()) page = take_from_zone(zone, search);
    if (!page && pages.gave_up()) {
      pages.look_again();
      continue;
    }
    if (!page) return page;
    ++zone.count.allocs;
    observer_.allocated(page.value(), search.order, search.type);
    return page;
  }
}

// Source    Linux 6.1, "__rmqueue".
template <Geometry G, class W, class Policy, port::Cores C>
Result<Pfn> PageAllocator<G, W, Policy, C>::take_from_zone(ZoneState& zone, const Search& search) noexcept {
  ZoneFree& pages = pages_of(zone);
  // Where most of what is free is contiguous areas, movable requests go there first, to keep both even.
  if (search.cma && zone.free_cma > zone.free >> 1) {
    const auto page = take_listed(zone, search, MigrateType::cma);
    if (page) return page;
  }
  for (;;) {
    const auto page = take_listed(zone, search, search.type);
    if (page || pages.gave_up()) return page;
    // What is deferred stands, so to speak, on the movable list of the highest order.
    if (zone.deferred == 0 || (pages.orders(MigrateType::movable) >> G.max_order_) != 0) break;
    bring_up_next(zone);
  }
  if (search.cma) {
    const auto borrowed = take_listed(zone, search, MigrateType::cma);
    if (borrowed) return borrowed;
  }
  const auto other = pages.take_other(Wanted{search.order, search.type, search.mixing, config_.grouping},
                                      observer_, zone.count.tally);
  if (other) zone.free -= search.order.pages().raw;
  return other;
}

template <Geometry G, class W, class Policy, port::Cores C>
Result<Pfn> PageAllocator<G, W, Policy, C>::take_listed(ZoneState& zone, const Search& search,
                                                        MigrateType from) noexcept {
  const auto page = pages_of(zone).take(search.order, from, search.type, observer_, zone.count.tally);
  if (!page) return page;
  zone.free -= search.order.pages().raw;
  if (from == MigrateType::cma) zone.add_free_cma(0 - search.order.pages().raw);
  return page;
}

}  // namespace quarry::buddy
