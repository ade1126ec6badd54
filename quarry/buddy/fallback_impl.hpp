// quarry/buddy/fallback_impl.hpp: bodies of PageAllocator: when a request's own lists are empty.
//
// The largest block of another type is taken, so that as few pageblocks as possible mix types; and often the
// rest of its pageblock with it, so that the next such request finds what it needs there.
#pragma once

#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

namespace detail {

// Source    Linux 6.1, "fallbacks".
inline constexpr MigrateType kFallbacks[page::kOrdinaryTypes][2] = {
    {MigrateType::reclaimable, MigrateType::movable},    // of unmovable
    {MigrateType::reclaimable, MigrateType::unmovable},  // of movable
    {MigrateType::unmovable, MigrateType::movable},      // of reclaimable
};

}  // namespace detail

// Finds the first list of `order` that `type` may take from.
template <Geometry G, class Watcher>
bool PageAllocator<G, Watcher>::find_fallback(const ZoneState& zone, Order order, MigrateType type,
                                              Choice& choice) const noexcept {
  for (const MigrateType other : detail::kFallbacks[page::index_of(type)])
    for (Part& part : parts_of(zone))
      if (((part.mask(other) >> order.raw()) & 1) != 0) {
        choice = {&part, order, other};
        return true;
      }
  return false;
}

// Puts a block, or a whole pageblock of them, on the lists of the search's type.
//
// Returns   whether there was one: then the next take_smallest() succeeds.
// Source    Linux 6.1, "__rmqueue_fallback" and "can_steal_fallback".
template <Geometry G, class Watcher>
bool PageAllocator<G, Watcher>::fall_back(ZoneState& zone, const Search& search) noexcept {
  const unsigned pageblock = G.pageblock_order_;
  const unsigned least =
      search.mixing == Mixing::avoid && search.order.raw() < pageblock ? pageblock : search.order.raw();
  Choice choice{nullptr, Order{0}, MigrateType::unmovable};
  for (unsigned order = G.max_order_ + 1; order-- > least;) {
    if (!find_fallback(zone, Order{order}, search.type, choice)) continue;
    const bool takes_rest =
        order >= pageblock >> 1 || search.type != MigrateType::movable || config_.grouping == Grouping::none;
    // A movable page does no lasting harm wherever it lies: then the smallest block is the one to split.
    if (!takes_rest && order > search.order.raw())
      for (unsigned small = search.order.raw(); small < order; ++small)
        if (find_fallback(zone, Order{small}, search.type, choice)) break;
    ++zone.count.fallbacks;
    steal(zone, choice, search);
    return true;
  }
  return false;
}

// Source    Linux 6.1, "steal_suitable_fallback".
template <Geometry G, class Watcher>
void PageAllocator<G, Watcher>::steal(ZoneState& zone, const Choice& choice, const Search& search) noexcept {
  Part& part = *choice.part;
  const Order taken = choice.order;
  const MigrateType from = choice.type, to = search.type;
  const Pfn page = part.first(taken, from);
  const MigrateType old = map_->pageblock_type(page);
  const unsigned order = taken.raw(), pageblock = G.pageblock_order_;
  observer_.fell_back(page, taken, from, to);
  const bool takes_rest =
      order >= pageblock >> 1 || to != MigrateType::movable || config_.grouping == Grouping::none;
  if (old != MigrateType::highatomic && order >= pageblock) {
    for (std::uint64_t at = 0; at < taken.pages().raw; at += G.pageblock_order().pages().raw)
      set_pageblock(Pfn{page.raw + at}, to);
  } else if (old != MigrateType::highatomic && takes_rest) {
    const Moved moved = move_pageblock(zone, part, page, to);
    const std::uint64_t whole = G.pageblock_order().pages().raw;
    // Pages in use that would be at home in a pageblock of the new type.
    std::uint64_t alike = 0;
    if (to == MigrateType::movable)
      alike = moved.movable;
    else if (old == MigrateType::movable)
      alike = whole - (moved.free + moved.movable);
    if (moved.free != 0) {
      if (moved.free + alike >= whole >> 1 || config_.grouping == Grouping::none) set_pageblock(page, to);
      return;
    }
  }
  relist(part, map_->at(page), page, taken, to);
}

// Moves the free blocks of the pageblock around `page` to the tails of the lists of `to`.
//
// Returns   the free pages moved and the movable ones in use; 0 free when the pageblock ends outside the zone.
// Source    Linux 6.1, "move_freepages_block".
template <Geometry G, class Watcher>
auto PageAllocator<G, Watcher>::move_pageblock(ZoneState& zone, Part& part, Pfn page, MigrateType to) noexcept
    -> Moved {
  const std::uint64_t whole = G.pageblock_order().pages().raw;
  const PfnRange span = zone.zone->span();
  std::uint64_t at = align_down(page.raw, whole);
  const std::uint64_t end = at + whole;
  if (end > span.end().raw) return {0, 0};
  if (at < span.begin().raw) at = page.raw;
  Moved moved{0, 0};
  while (at < end) {
    Descriptor& head = map_->at(Pfn{at});
    const page::State state = head.state();
    if (state == page::State::nothing || head.part() != part.index()) {
      ++at;
      continue;
    }
    const Order order = head.order();
    if (state == page::State::free) {
      relist(part, head, Pfn{at}, order, to);
      moved.free += order.pages().raw;
    } else if (state == page::State::allocated && head.list() == MigrateType::movable) {
      moved.movable += order.pages().raw;
    }
    at += order.pages().raw;
  }
  return moved;
}

template <Geometry G, class Watcher>
void PageAllocator<G, Watcher>::relist(Part& part, Descriptor& head, Pfn page, Order order,
                                       MigrateType to) noexcept {
  part.unlink(head, order);
  part.push_back(head, page, order, to);
}

// Source    Linux 6.1, "set_pageblock_migratetype".
template <Geometry G, class Watcher>
void PageAllocator<G, Watcher>::set_pageblock(Pfn page, MigrateType type) noexcept {
  if (config_.grouping == Grouping::none && page::is_ordinary(type)) type = MigrateType::unmovable;
  map_->set_pageblock_type(page, type);
  observer_.pageblock_changed(page, type);
}

}  // namespace quarry::buddy
