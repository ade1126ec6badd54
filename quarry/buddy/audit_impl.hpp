// quarry/buddy/audit_impl.hpp: bodies of PageAllocator: every law, tried on every zone.
#pragma once

#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

template <Geometry G, class Watcher>
Finding PageAllocator<G, Watcher>::audit() const noexcept {
  for (const Part& part : parts_)
    for (unsigned order = 0; order < Part::kOrders; ++order)
      for (unsigned type = 0; type < page::kMigrateTypes; ++type)
        if (const Finding found = audit_list(part, Order{order}, static_cast<MigrateType>(type)))
          return found;
  for (const ZoneState& zone : zones_) {
    if (const Finding found = audit_counts(zone)) return found;
    if (const Finding found = audit_pages(zone)) return found;
  }
  return {};
}

template <Geometry G, class Watcher>
Finding PageAllocator<G, Watcher>::audit_list(const Part& part, Order order,
                                              MigrateType type) const noexcept {
  using page::Link;
  std::uint32_t blocks = 0;
  Link before = Link::none;
  const std::uint32_t expected = part.count(order, type);
  for (Link at = part.first_link(order, type); at != Link::none; ++blocks) {
    const Pfn page = part.page_at(at);
    if (blocks == expected) return {Law::count_equals_list, page};
    const Descriptor* const head = map_->find(page);
    if (head == nullptr || !part.pages().contains(page)) return {Law::block_is_in_its_zone, page};
    if (!head->is_free(order, part.index()) || head->list() != type) return {Law::state_is_free, page};
    if (head->previous() != before) return {Law::list_ends_where_it_says, page};
    if (const Finding found = audit_block(part, page, order, type)) return found;
    before = at;
    at = head->next();
  }
  if (part.last_link(order, type) != before) return {Law::list_ends_where_it_says, Pfn{}};
  if (blocks != expected) return {Law::count_equals_list, Pfn{}};
  const bool is_marked = ((part.mask(type) >> order.raw()) & 1) != 0;
  return is_marked == (blocks != 0) ? Finding{} : Finding{Law::mask_equals_lists, Pfn{}};
}

template <Geometry G, class Watcher>
Finding PageAllocator<G, Watcher>::audit_block(const Part& part, Pfn page, Order order,
                                               MigrateType type) const noexcept {
  const std::uint64_t size = order.pages().raw;
  if (!is_aligned(page.raw, size)) return {Law::block_is_aligned, page};
  if (part.pages().end().raw - page.raw < size) return {Law::block_is_in_its_zone, page};
  if (order == G.max_order()) return {};
  const Pfn buddy{page.raw ^ size};
  const Descriptor* const other = map_->find(buddy);
  if (other == nullptr || !other->is_free(order, part.index())) return {};
  const bool may = order < G.pageblock_order() ||
                   (may_merge(buddy, map_->pageblock_type(page)) && type != MigrateType::isolate);
  return may ? Finding{Law::buddies_are_merged, page} : Finding{};
}

template <Geometry G, class Watcher>
Finding PageAllocator<G, Watcher>::audit_counts(const ZoneState& zone) const noexcept {
  std::uint64_t free = zone.deferred, cma = 0;
  for (const Part& part : parts_of(zone))
    for (unsigned order = 0; order < Part::kOrders; ++order)
      for (unsigned type = 0; type < page::index_of(MigrateType::isolate); ++type) {
        const std::uint64_t pages = std::uint64_t{part.count(Order{order}, static_cast<MigrateType>(type))}
                                    << order;
        free += pages;
        if (type == page::index_of(MigrateType::cma)) cma += pages;
      }
  if (free != zone.free || cma != zone.free_cma) return {Law::free_pages_equal_lists, zone.zone->start};
  if (zone.free > zone.zone->managed.raw || zone.zone->managed > zone.zone->present)
    return {Law::free_is_managed, zone.zone->start};
  return {};
}

// Walks every block of the zone, in use or not, and every tail in it.
template <Geometry G, class Watcher>
Finding PageAllocator<G, Watcher>::audit_pages(const ZoneState& zone) const noexcept {
  std::uint64_t listed = 0, found_free = 0, accounted = 0, deferred = 0;
  for (const Part& part : parts_of(zone))
    for (unsigned order = 0; order < Part::kOrders; ++order)
      for (unsigned type = 0; type < page::kMigrateTypes; ++type)
        listed += part.count(Order{order}, static_cast<MigrateType>(type));
  const PfnRange span = zone.zone->span();
  Pfn at = map_->next_present(span.begin(), span.end());
  while (at < span.end()) {
    Pfn next{at.raw + 1};
    if (is_never_released(at) || is_deferred(at)) {
      if constexpr (!G.is_flat()) {
        next = Pfn{align_down(at.raw, Map::kSectionPages) + Map::kSectionPages};
        if (is_deferred(at) && map_->zone_of_deferred(at) == zone.index) deferred += next.raw - at.raw;
      }
    } else if (const Descriptor& head = map_->at(at);
               head.state() != page::State::nothing && owns(zone, head)) {
      next = at + head.order().pages();
      if (!is_aligned(at.raw, head.order().pages().raw)) return {Law::block_is_aligned, at};
      if (span.end() < next) return {Law::block_is_in_its_zone, at};
      for (Pfn tail{at.raw + 1}; tail < next; tail.raw++)
        if (map_->at(tail).state() != page::State::nothing) return {Law::blocks_are_disjoint, tail};
      if (head.state() == page::State::free) ++found_free;
      accounted += head.order().pages().raw;
    }
    at = map_->next_present(next, span.end());
  }
  if (found_free != listed) return {Law::free_is_listed, span.begin()};
  if (deferred != zone.deferred || accounted + deferred != zone.zone->managed.raw)
    return {Law::pages_are_accounted, span.begin()};
  return {};
}

// A section that no block was ever released from: there is nothing to look at.
template <Geometry G, class Watcher>
bool PageAllocator<G, Watcher>::is_never_released(Pfn page) const noexcept {
  if constexpr (G.is_flat())
    return page.raw == UINT64_MAX;
  else
    return map_->is_untouched(page) && !map_->is_deferred(page);
}

template <Geometry G, class Watcher>
bool PageAllocator<G, Watcher>::owns(const ZoneState& zone, const Descriptor& head) const noexcept {
  return head.part() - zone.first_part < zone.part_count;
}

}  // namespace quarry::buddy
