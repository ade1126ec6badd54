// quarry/buddy/linux_fallback_impl.hpp: bodies of LinuxZone: when a request's own lists are empty.
//
// The largest block of another type is taken, so that as few pageblocks as possible mix types; and often the
// rest of its pageblock with it, so that the next such request finds what it needs there.
#pragma once

#include "quarry/buddy/linux_zone.hpp"

namespace quarry::buddy {

// Finds the first list of `order` that `type` may take from.
template <Geometry G, class Extra>
bool LinuxZone<G, Extra>::find_fallback(Order order, MigrateType type, Choice& choice) const noexcept {
  for (const MigrateType other : kFallbacks[page::index_of(type)])
    for (Part& part : parts_)
      if (((part.mask(other) >> order.raw()) & 1) != 0) {
        choice = {&part, order, other};
        return true;
      }
  return false;
}

// A block, or a whole pageblock of them, is put on the lists of the wanted type, and taken from there.
template <Geometry G, class Extra>
template <class Watcher>
Result<Pfn> LinuxZone<G, Extra>::take_other(const Wanted& wanted, Watcher& watcher, Tally& tally) noexcept {
  const unsigned pageblock = G.pageblock_order_;
  const unsigned asked = wanted.order.raw();
  const unsigned least = wanted.mixing == Mixing::avoid && asked < pageblock ? pageblock : asked;
  Choice choice{nullptr, Order{0}, MigrateType::unmovable};
  for (unsigned order = G.max_order_ + 1; order-- > least;) {
    if (!find_fallback(Order{order}, wanted.type, choice)) continue;
    const bool takes_rest =
        order >= pageblock >> 1 || wanted.type != MigrateType::movable || wanted.grouping == Grouping::none;
    // A movable page does no lasting harm wherever it lies: then the smallest block is the one to split.
    if (!takes_rest && order > asked)
      for (unsigned small = asked; small < order; ++small)
        if (find_fallback(Order{small}, wanted.type, choice)) break;
    ++tally.fallbacks;
    steal(choice, wanted, watcher);
    return take(wanted.order, wanted.type, wanted.type, watcher, tally);
  }
  return Error::no_memory;
}

// Source    Linux 6.1, "can_steal_fallback" and "steal_suitable_fallback".
template <Geometry G, class Extra>
template <class Watcher>
void LinuxZone<G, Extra>::steal(const Choice& choice, const Wanted& wanted, Watcher& watcher) noexcept {
  Part& part = *choice.part;
  const Order taken = choice.order;
  const MigrateType from = choice.type, to = wanted.type;
  const Pfn page = part.first(taken, from);
  const MigrateType old = map_->pageblock_type(page);
  const unsigned order = taken.raw(), pageblock = G.pageblock_order_;
  watcher.fell_back(page, taken, from, to);
  const bool takes_rest =
      order >= pageblock >> 1 || to != MigrateType::movable || wanted.grouping == Grouping::none;
  if (old != MigrateType::highatomic && order >= pageblock) {
    for (std::uint64_t at = 0; at < taken.pages().raw; at += G.pageblock_order().pages().raw)
      set_pageblock(Pfn{page.raw + at}, wanted, watcher);
  } else if (old != MigrateType::highatomic && takes_rest) {
    const Moved moved = retype(page, to);
    const std::uint64_t whole = G.pageblock_order().pages().raw;
    // Pages in use that would be at home in a pageblock of the new type.
    std::uint64_t alike = 0;
    if (to == MigrateType::movable)
      alike = moved.movable;
    else if (old == MigrateType::movable)
      alike = whole - (moved.free + moved.movable);
    if (moved.free != 0) {
      if (moved.free + alike >= whole >> 1 || wanted.grouping == Grouping::none)
        set_pageblock(page, wanted, watcher);
      return;
    }
  }
  relist(part, map_->at(page), page, taken, to);
}

template <Geometry G, class Extra>
Moved LinuxZone<G, Extra>::retype(Pfn page, MigrateType to) noexcept {
  const std::uint64_t whole = G.pageblock_order().pages().raw;
  std::uint64_t at = align_down(page.raw, whole);
  const std::uint64_t end = at + whole;
  if (end > span_.end().raw) return {0, 0};
  if (at < span_.begin().raw) at = page.raw;
  Part& part = part_at(page);
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

// Source    Linux 6.1, "set_pageblock_migratetype".
template <Geometry G, class Extra>
template <class Watcher>
void LinuxZone<G, Extra>::set_pageblock(Pfn page, const Wanted& wanted, Watcher& watcher) noexcept {
  const MigrateType type = wanted.grouping == Grouping::none ? MigrateType::unmovable : wanted.type;
  map_->set_pageblock_type(page, type);
  watcher.pageblock_changed(page, type);
}

}  // namespace quarry::buddy
