// quarry/buddy/linux_zone_impl.hpp: bodies of LinuxZone: blocks come, merge, are split, and change their lists.
//
//   order 1   [   8   9 ]                       given: 10, whose buddy 11 is free
//   order 0               [ 10 ] [ 11 ]         -> 10..11 of order 1, whose buddy 8..9 is free
//   order 2   [   8   9     10     11 ]         -> 8..11 of order 2
#pragma once

#include "quarry/buddy/linux_zone.hpp"

namespace quarry::buddy {

template <Geometry G, class Extra>
Result<Done> LinuxZone<G, Extra>::init(const ZoneSetup<Map>& setup) noexcept {
  map_ = &setup.map;
  span_ = setup.span;
  first_cut_ = span_.begin().raw >> Part::kShift;
  const std::uint32_t count = parts_for(span_);
  if (count == 0) return Done{};
  const auto parts = setup.source.template take<Part>(count, setup.node);
  if (!parts) return parts.error();
  Pfn begin = span_.begin();
  for (std::uint32_t made = 0; made < count; ++made) {
    const Pfn cut{(begin.raw & ~(Part::kMaxPages - 1)) + Part::kMaxPages};
    const Pfn end = cut < span_.end() ? cut : span_.end();
    ::new (static_cast<void*>(parts.value() + made))
        Part{setup.map, PfnRange{begin, end}, setup.first_part + made, setup.zone};
    begin = end;
  }
  parts_ = {parts.value(), count};
  return Done{};
}

template <Geometry G, class Extra>
template <class Watcher>
void LinuxZone<G, Extra>::give(Descriptor& head, Pfn page, Order order, MigrateType type, Place place,
                               Watcher& watcher, Tally& tally) noexcept {
  Part& part = part_at(page);
  const Merged block = merge(part, &head, page, order, type, watcher);
  tally.merges += block.order - order.raw();
  const bool is_last = place == Place::tail || (place == Place::fitting && is_merge_likely(part, block));
  if (is_last)
    part.push_back(*block.head, block.page, Order{block.order}, type);
  else
    part.push_front(*block.head, block.page, Order{block.order}, type);
}

// Takes every buddy that the block merges with off its list. All starts that it swallows say nothing afterwards.
template <Geometry G, class Extra>
template <class Watcher>
auto LinuxZone<G, Extra>::merge(Part& part, Descriptor* head, Pfn page, Order order, MigrateType type,
                                Watcher& watcher) noexcept -> Merged {
  unsigned at = order.raw();
  for (; at < G.max_order_; ++at) {
    const Order here{at};
    const std::uint64_t size = here.pages().raw;
    const bool is_upper = (page.raw & size) != 0;
    Descriptor* const buddy = is_upper ? head - size : head + size;
    if (!buddy->is_free(here, part.index())) break;
    if (at >= G.pageblock_order_ && !may_merge(Pfn{page.raw ^ size}, type)) break;
    part.unlink(*buddy, here);
    (is_upper ? head : buddy)->become_nothing();
    if (is_upper) {
      head = buddy;
      page = Pfn{page.raw - size};
    }
    watcher.merged(page, here);
  }
  return {head, page, at};
}

template <Geometry G, class Extra>
bool LinuxZone<G, Extra>::may_merge(Pfn buddy, MigrateType type) const noexcept {
  const MigrateType other = map_->pageblock_type(buddy);
  return type == other || (page::is_ordinary(type) && page::is_ordinary(other));
}

// Whether the buddy of the block that would arise next is free already: then this block's own buddy coming
// back makes a large one, and the block had better wait at the end of its list.
// Source    Linux 6.1, "buddy_merge_likely".
template <Geometry G, class Extra>
bool LinuxZone<G, Extra>::is_merge_likely(const Part& part, const Merged& block) const noexcept {
  if (block.order + 1 >= G.max_order_) return false;
  const std::uint64_t size = std::uint64_t{1} << block.order;
  const Descriptor* const parent = (block.page.raw & size) != 0 ? block.head - size : block.head;
  const std::uint64_t parent_page = block.page.raw & ~size;
  const Descriptor* const other =
      (parent_page & (size << 1)) != 0 ? parent - (size << 1) : parent + (size << 1);
  return other->is_free(Order{block.order + 1}, part.index());
}

// The part whose smallest sufficient block is the smallest; null: none has one.
template <Geometry G, class Extra>
auto LinuxZone<G, Extra>::smallest(Order order, MigrateType from) const noexcept -> Smallest {
  Smallest best{nullptr, G.max_order_ + 1};
  for (Part& part : parts_) {
    const std::uint32_t enough = part.mask(from) >> order.raw();
    if (enough == 0) continue;
    const unsigned here = order.raw() + count_trailing_zeros(enough);
    if (here < best.order) best = {&part, here};
  }
  return best;
}

template <Geometry G, class Extra>
template <class Watcher>
Result<Pfn> LinuxZone<G, Extra>::take(Order order, MigrateType from, MigrateType type, Watcher& watcher,
                                      Tally& tally) noexcept {
  Result<Pfn> taken = Error::no_memory;
  take_row(
      order, from, type, 1, [&taken](Pfn page, const Descriptor&) noexcept { taken = page; }, watcher, tally);
  return taken;
}

// Below the smallest sufficient block there is none, so all that it is split into goes out before another block does: its pieces
// in a row, without a list for any of them, and what is left of it as the largest blocks that are aligned.
//
//   |p0|p1|p2|p3|p4|.5|...6..|       five of eight: what is left is a block of order 0 and one of order 1
template <Geometry G, class Extra>
template <class Watcher, class Sink>
std::uint32_t LinuxZone<G, Extra>::take_row(Order order, MigrateType from, MigrateType type,
                                            std::uint32_t wanted, Sink&& sink, Watcher& watcher,
                                            Tally& tally) noexcept {
  std::uint32_t taken = 0;
  while (taken < wanted) {
    const auto [part, high] = smallest(order, from);
    if (part == nullptr) break;
    const Pfn first = part->first(Order{high}, from);
    Descriptor* const head = &map_->at(first);
    part->unlink(*head, Order{high});
    const std::uint32_t all = std::uint32_t{1} << (high - order.raw());
    const std::uint32_t out = all < wanted - taken ? all : wanted - taken;
    unsigned size = high;  // of the block that the piece was first in when it went
    for (std::uint32_t i = 0;;) {
      const std::uint64_t at = std::uint64_t{i} << order.raw();
      head[at].become_allocated(order, part->index(), type);
      watcher.split(Pfn{first.raw + at}, Order{size}, order);
      tally.splits += size - order.raw();
      sink(Pfn{first.raw + at}, head[at]);
      if (++i == out) break;
      size = order.raw() + count_trailing_zeros(i);
    }
    for (std::uint32_t i = out; i < all;) {
      const unsigned left = count_trailing_zeros(i);
      const std::uint64_t at = std::uint64_t{i} << order.raw();
      part->push_front(head[at], Pfn{first.raw + at}, Order{order.raw() + left}, from);
      i += std::uint32_t{1} << left;
    }
    taken += out;
  }
  return taken;
}

template <Geometry G, class Extra>
Result<FreeBlock> LinuxZone<G, Extra>::block_of(Pfn page) const noexcept {
  const auto start = page::head_of(*map_, page);
  if (!start) return start.error();
  const Descriptor& head = map_->at(start.value());
  if (head.state() != page::State::free || !owns(head)) return Error::not_found;
  return FreeBlock{start.value(), head.order()};
}

template <Geometry G, class Extra>
void LinuxZone<G, Extra>::cut(Pfn page) noexcept {
  const auto block = block_of(page);
  if (!block || block.value().page == page) return;
  Part& part = part_at(page);
  Descriptor* const head = &map_->at(block.value().page);
  const MigrateType type = head->list();
  Pfn at = block.value().page;
  Order order = block.value().order;
  part.unlink(*head, order);
  // Halves that do not reach across go back to their lists; the other one is halved again.
  while (at < page) {
    order = Order{order.raw() - 1};
    const Pfn middle = at + order.pages();
    const bool is_lower = page < middle;
    const Pfn whole = is_lower ? middle : at;
    part.push_front(map_->at(whole), whole, order, type);
    if (!is_lower) at = middle;
  }
  part.push_front(map_->at(at), at, order, type);
}

}  // namespace quarry::buddy
