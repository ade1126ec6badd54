// quarry/buddy/audit_impl.hpp: bodies of PageAllocator: every law, tried on every zone.
#pragma once

#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

template <Geometry G, class W, class Policy, port::Cores C>
Finding PageAllocator<G, W, Policy, C>::audit() const noexcept {
  for (const ZoneState& zone : zones_) {
    if (zone.part_count == 0) continue;
    if (const Finding found = free_[zone.index].audit()) return found;
  }
  for (const ZoneState& zone : zones_) {
    if (const Finding found = audit_counts(zone)) return found;
    if (const Finding found = audit_cpu_lists(zone)) return found;
    if (const Finding found = audit_pages(zone)) return found;
  }
  return {};
}

template <Geometry G, class W, class Policy, port::Cores C>
Finding PageAllocator<G, W, Policy, C>::audit_counts(const ZoneState& zone) const noexcept {
  std::uint64_t free = zone.deferred, cma = 0;
  for (unsigned order = 0; zone.part_count != 0 && order <= G.max_order_; ++order)
    for (unsigned type = 0; type < page::index_of(MigrateType::isolate); ++type) {
      const std::uint64_t pages = free_[zone.index].blocks(Order{order}, static_cast<MigrateType>(type))
                                  << order;
      free += pages;
      if (type == page::index_of(MigrateType::cma)) cma += pages;
    }
  if (free != zone.free || cma != zone.free_cma) return {Law::free_pages_equal_lists, zone.zone->start};
  for (unsigned type = 0; type < zones::kZoneTypes; ++type) {
    const std::uint64_t least = zone.low + zone.reserve[type] + zone.highatomic;
    const bool is_known =
        zone.comfortable[type][1] == least && zone.comfortable[type][0] == least + zone.free_cma;
    if (!is_known) return {Law::marks_follow_counts, zone.zone->start};
  }
  if (zone.free > zone.zone->managed.raw || zone.zone->managed > zone.zone->present)
    return {Law::free_is_managed, zone.zone->start};
  return {};
}

template <Geometry G, class W, class Policy, port::Cores C>
Finding PageAllocator<G, W, Policy, C>::audit_cpu_lists(const ZoneState& zone) const noexcept {
  for (unsigned core = 0; has_cpu_lists(zone) && core < cores_on_lists_; ++core) {
    const Lists& lists = lists_of(zone, core);
    std::uint64_t pages = 0;
    for (unsigned list = 0; list < Lists::kLists; ++list) {
      Finding found;
      const auto listed = audit_list(zone, lists, list, found);
      if (!listed) return found;
      pages += listed.value();
    }
    if (pages != lists.pages()) return {Law::cores_hold_what_they_count, zone.zone->start};
  }
  return {};
}

// Returns   the pages on a list.
// Errors    bad_table: a law is broken; `found` says which.
template <Geometry G, class W, class Policy, port::Cores C>
Result<std::uint64_t> PageAllocator<G, W, Policy, C>::audit_list(const ZoneState& zone, const Lists& lists,
                                                                 unsigned list,
                                                                 Finding& found) const noexcept {
  const Order order = Lists::order_of(list);
  std::uint32_t left = lists.blocks(list);
  const auto broken = [&](Law law, Pfn at) noexcept {
    found = {law, at};
    return Error::bad_table;
  };
  const auto law_of = [&](Pfn at) noexcept {
    const Descriptor* const head = map_->find(at);
    if (head == nullptr || !owns(zone, *head)) return Law::block_is_in_its_zone;
    const bool is_listed = head->state() == page::State::per_cpu && head->order() == order;
    return is_listed && left != 0 ? Law::holds : Law::cores_hold_what_they_count;
  };
  if constexpr (Lists::kAreArrays) {
    if (left > Lists::room_of(order)) return broken(Law::cores_hold_what_they_count, zone.zone->start);
    for (const auto& block : lists.entries(list)) {
      if (const Law law = law_of(block.page); law != Law::holds) return broken(law, block.page);
      if (block.head != map_->find(block.page)) return broken(Law::cores_hold_what_they_count, block.page);
    }
  } else {
    Pfn before = Descriptor::kNoFrame;
    for (Pfn at = lists.first(list); at != Descriptor::kNoFrame; --left) {
      if (const Law law = law_of(at); law != Law::holds) return broken(law, at);
      const Descriptor& head = map_->at(at);
      if (head.previous_frame() != before) return broken(Law::list_ends_where_it_says, at);
      before = at;
      at = head.next_frame();
    }
    if (left != 0) return broken(Law::cores_hold_what_they_count, zone.zone->start);
  }
  return std::uint64_t{lists.blocks(list)} << order.raw();
}

// Walks every block of the zone, in use or not, and every tail in it.
template <Geometry G, class W, class Policy, port::Cores C>
Finding PageAllocator<G, W, Policy, C>::audit_pages(const ZoneState& zone) const noexcept {
  std::uint64_t listed = 0, found_free = 0, accounted = 0, deferred = 0;
  for (unsigned order = 0; zone.part_count != 0 && order <= G.max_order_; ++order)
    for (unsigned type = 0; type < page::kMigrateTypes; ++type)
      listed += free_[zone.index].blocks(Order{order}, static_cast<MigrateType>(type));
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
      const page::State of_tails =
          head.state() == page::State::slab ? page::State::slab : page::State::nothing;
      for (Pfn tail{at.raw + 1}; tail < next; tail.raw++)
        if (map_->at(tail).state() != of_tails) return {Law::blocks_are_disjoint, tail};
      if (head.state() == page::State::free) ++found_free;
      accounted += head.order().pages().raw;
    } else if (const auto block = unmarked_block(zone, at)) {
      next = at + block.value().order.pages();
      if (block.value().page != at) return {Law::blocks_are_disjoint, at};
      ++found_free;
      accounted += block.value().order.pages().raw;
    }
    at = map_->next_present(next, span.end());
  }
  if (found_free != listed) return {Law::free_is_listed, span.begin()};
  if (deferred != zone.deferred || accounted + deferred != zone.zone->managed.raw)
    return {Law::pages_are_accounted, span.begin()};
  return {};
}

// The free block that `page` lies in, of a policy that keeps that elsewhere than in descriptors.
template <Geometry G, class W, class Policy, port::Cores C>
Result<FreeBlock> PageAllocator<G, W, Policy, C>::unmarked_block(const ZoneState& zone,
                                                                 Pfn page) const noexcept {
  if (ZoneFree::kMarksHeads || zone.part_count == 0) return Error::not_found;
  return free_[zone.index].block_of(page);
}

// A section that no block was ever released from: there is nothing to look at.
template <Geometry G, class W, class Policy, port::Cores C>
bool PageAllocator<G, W, Policy, C>::is_never_released(Pfn page) const noexcept {
  if constexpr (G.is_flat())
    return page.raw == UINT64_MAX;
  else
    return map_->is_untouched(page) && !map_->is_deferred(page);
}

template <Geometry G, class W, class Policy, port::Cores C>
bool PageAllocator<G, W, Policy, C>::owns(const ZoneState& zone, const Descriptor& head) const noexcept {
  return head.part() - zone.first_part < zone.part_count;
}

}  // namespace quarry::buddy
