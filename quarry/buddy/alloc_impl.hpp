// quarry/buddy/alloc_impl.hpp: bodies of PageAllocator: which zone, and which block of it, serves a request.
#pragma once

#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

template <Geometry G, class Watcher>
Result<Pfn> PageAllocator<G, Watcher>::alloc_pages(Order order, const Request& request) noexcept {
  if (!G.allows(order) || !page::is_ordinary(request.type)) return Error::bad_argument;
  const zones::Node* const from = node(request.node);
  if (from == nullptr) return Error::bad_argument;
  return alloc_from(request.placement == Placement::nearest ? from->zonelist : from->no_fallback, request,
                    order);
}

// First every zone above its low watermark, without mixing types where that matters; then as deep as the
// request's urgency allows. (Linux reclaims in between.)
template <Geometry G, class Watcher>
Result<Pfn> PageAllocator<G, Watcher>::alloc_from(ZoneRefs zonelist, const Request& request,
                                                  Order order) noexcept {
  while (!zonelist.empty() && zonelist.front().type > request.highest) zonelist = zonelist.subspan(1);
  if (zonelist.empty()) return Error::no_memory;
  ZoneState& preferred = zones_[zonelist.front().zone];
  const MigrateType type = config_.grouping == Grouping::none ? MigrateType::unmovable : request.type;
  Search what{order,          type, request.highest, type == MigrateType::movable, mixing_for(preferred),
              Urgency::normal};
  const auto page = search(zonelist, what, Mark::low);
  if (page) return page;
  if (request.effort == Effort::full) {
    what.mixing = Mixing::allow;
    what.urgency = request.urgency;
    const auto deeper =
        search(zonelist, what, request.urgency == Urgency::unlimited ? Mark::none : Mark::min);
    if (deeper) return deeper;
  }
  ++preferred.count.failures;
  observer_.failed(order, request);
  return Error::no_memory;
}

// Where a zone for older devices stands below Normal, it is better to go there than to mix types in Normal.
// Source    Linux 6.1, "alloc_flags_nofragment".
template <Geometry G, class Watcher>
auto PageAllocator<G, Watcher>::mixing_for(const ZoneState& preferred) const noexcept -> Mixing {
  constexpr auto dma32 = static_cast<unsigned>(zones::ZoneType::dma32);
  if (preferred.zone->type != zones::ZoneType::normal || !layout_->ranges[dma32].configured)
    return Mixing::allow;
  const zones::Zone& below = *(preferred.zone - 1);
  return layout_->nodes.size() > 1 && !below.is_populated() ? Mixing::allow : Mixing::avoid;
}

// Source    Linux 6.1, "get_page_from_freelist" (behaviour).
template <Geometry G, class Watcher>
Result<Pfn> PageAllocator<G, Watcher>::search(ZoneRefs zonelist, Search what, Mark mark) noexcept {
  const ZoneState& preferred = zones_[zonelist.front().zone];
  for (;;) {
    bool leaves_node = false;
    for (const zones::ZoneRef ref : zonelist) {
      if (ref.type > what.highest) continue;
      ZoneState& zone = zones_[ref.zone];
      // Memory close by in a mixed pageblock is better than memory far away.
      leaves_node = what.mixing == Mixing::avoid && zone.zone->node != preferred.zone->node;
      if (leaves_node) break;
      if (!is_above(zone, what, mark)) continue;
      const auto page = take(zone, what);
      if (page) return page;
    }
    if (what.mixing == Mixing::allow) return Error::no_memory;
    what.mixing = Mixing::allow;
  }
}

// Source    Linux 6.1, "__zone_watermark_ok" and "zone_watermark_fast".
template <Geometry G, class Watcher>
bool PageAllocator<G, Watcher>::is_above(const ZoneState& zone, const Search& search,
                                         Mark mark) const noexcept {
  if (mark == Mark::none) return true;
  std::uint64_t least = mark == Mark::low ? zone.marks.low.raw : zone.marks.min.raw;
  if (search.urgency == Urgency::high || search.urgency == Urgency::atomic) least -= least >> 1;
  if (search.urgency == Urgency::atomic) least -= least >> 2;
  least += zone.reserve[static_cast<unsigned>(search.highest)];
  least += search.order.pages().raw - 1;
  if (!search.cma) least += zone.free_cma;
  return zone.free > least && (search.order == Order{0} || has_block(zone, search));
}

template <Geometry G, class Watcher>
bool PageAllocator<G, Watcher>::has_block(const ZoneState& zone, const Search& search) const noexcept {
  if (zone.deferred != 0) return true;
  for (const Part& part : parts_of(zone)) {
    std::uint32_t mask = part.mask(MigrateType::unmovable) | part.mask(MigrateType::movable) |
                         part.mask(MigrateType::reclaimable);
    if (search.cma) mask |= part.mask(MigrateType::cma);
    if (mask >> search.order.raw() != 0) return true;
  }
  return false;
}

// Source    Linux 6.1, "__rmqueue".
template <Geometry G, class Watcher>
Result<Pfn> PageAllocator<G, Watcher>::take(ZoneState& zone, const Search& search) noexcept {
  // Where most of what is free is contiguous areas, movable requests go there first, to keep both even.
  if (search.cma && zone.free_cma > zone.free >> 1) {
    const auto page = take_smallest(zone, search.order, MigrateType::cma, search.type);
    if (page) return page;
  }
  for (;;) {
    const auto page = take_smallest(zone, search.order, search.type, search.type);
    if (page) return page;
    if (zone.deferred != 0) {
      // What is deferred stands, so to speak, on the movable list of the highest order.
      bool has_movable = false;
      for (const Part& part : parts_of(zone))
        has_movable |= (part.mask(MigrateType::movable) >> G.max_order_) != 0;
      if (!has_movable) {
        bring_up_next(zone);
        continue;
      }
    }
    if (search.cma) {
      const auto borrowed = take_smallest(zone, search.order, MigrateType::cma, search.type);
      if (borrowed) return borrowed;
    }
    if (!fall_back(zone, search)) return Error::no_memory;
  }
}

// The first block of the smallest sufficient order; what is left of it goes to the heads of the lists.
// Source    Linux 6.1, "__rmqueue_smallest" and "expand".
template <Geometry G, class Watcher>
Result<Pfn> PageAllocator<G, Watcher>::take_smallest(ZoneState& zone, Order order, MigrateType from,
                                                     MigrateType type) noexcept {
  Part* best = nullptr;
  unsigned high = G.max_order_ + 1;
  for (Part& part : parts_of(zone)) {
    const std::uint32_t enough = part.mask(from) >> order.raw();
    if (enough == 0) continue;
    const unsigned smallest = order.raw() + count_trailing_zeros(enough);
    if (smallest >= high) continue;
    best = &part;
    high = smallest;
  }
  if (best == nullptr) return Error::no_memory;
  const Order found{high};
  const Pfn page = best->first(found, from);
  Descriptor* const head = &map_->at(page);
  best->unlink(*head, found);
  head->become_allocated(order, best->index(), type);
  observer_.split(page, found, order);
  zone.count.splits += high - order.raw();
  while (high > order.raw()) {
    --high;
    const std::uint64_t half = std::uint64_t{1} << high;
    best->push_front(head[half], Pfn{page.raw + half}, Order{high}, from);
  }
  zone.free -= order.pages().raw;
  if (from == MigrateType::cma) zone.free_cma -= order.pages().raw;
  ++zone.count.allocs;
  observer_.allocated(page, order, type);
  return page;
}

}  // namespace quarry::buddy
