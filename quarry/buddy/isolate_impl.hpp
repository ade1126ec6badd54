// quarry/buddy/isolate_impl.hpp: bodies of PageAllocator: pageblocks set apart, and exact ranges out of them.
//
//   alloc_range    |      |  wanted pages     |      |
//   pageblocks  |-----------|-----------|-----------|     all isolated; what is in use in the wanted pages moves
//                  |      |XXXXXXXXXXXXXXXXXXX|      |     away; then the blocks are cut at its ends and taken
#pragma once

#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

template <Geometry G, class W, class Policy, port::Cores C>
PfnRange PageAllocator<G, W, Policy, C>::whole_pageblocks(PfnRange pages) noexcept {
  const std::uint64_t whole = G.pageblock_order().pages().raw;
  const std::uint64_t end = pages.end().raw;
  const Pfn above{end > UINT64_MAX - (whole - 1) ? UINT64_MAX : align_down(end + whole - 1, whole)};
  return {Pfn{align_down(pages.begin().raw, whole)}, above};
}

// Whether the pageblocks can be isolated, or why not.
// Source    Linux 6.1, "has_unmovable_pages" (behaviour).
template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::may_isolate(const ZoneState& zone,
                                                         PfnRange pages) const noexcept {
  const PfnRange span = zone.zone->span();
  const std::uint64_t whole = G.pageblock_order().pages().raw;
  for (Pfn at = pages.begin(); at < pages.end(); at = at + PageCount{whole}) {
    const Pfn inside = at < span.begin() ? span.begin() : at;
    if (map_->find(inside) == nullptr) return Error::bad_argument;
    if (map_->pageblock_type(inside) == MigrateType::isolate) return Error::busy;
  }
  return holds_movable(zone, pages);
}

// Whether nothing in use there, or on its way, has to stay.
template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::holds_movable(const ZoneState& zone,
                                                           PfnRange pages) const noexcept {
  for (Pfn at = pages.begin(); at < pages.end();) {
    const auto free = pages_of(zone).block_of(at);
    const auto start = free ? Result<Pfn>{free.value().page} : page::head_of(*map_, at);
    if (!start) return Error::busy;
    const Descriptor& head = map_->at(start.value());
    const bool is_movable = head.state() == page::State::per_cpu ||
                            (head.state() == page::State::allocated && head.list() == MigrateType::movable);
    if (!free && (!is_movable || !owns(zone, head))) return Error::busy;
    at = start.value() + (free ? free.value().order : head.order()).pages();
  }
  return Done{};
}

template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::isolate(PfnRange pages) noexcept {
  if (pages.empty() || whole_pageblocks(pages) != pages) return Error::bad_argument;
  ZoneState* const zone = zone_of(pages.begin());
  if (zone == nullptr) return Error::bad_argument;
  {
    const ZoneHold hold{cores_, zone->lock};  // the zone may grow or shrink meanwhile
    const PfnRange span = zone->zone->span();
    if (pages.begin() < span.begin() || span.end() < pages.end()) return Error::bad_argument;
  }
  bring_up_all(pages);
  const PageCount whole = G.pageblock_order().pages();
  for (Pfn at = pages.begin(); at < pages.end(); at = at + whole) {
    const ZoneHold hold{cores_, zone->lock};
    if (const auto may = may_isolate(*zone, {at, at + whole}); !may) return may;
  }
  for (Pfn at = pages.begin(); at < pages.end(); at = at + whole) {
    const auto done = isolate_one(*zone, at);
    if (done) continue;
    undo_isolation({pages.begin(), at});  // another core was faster: what is ours goes back
    return done;
  }
  drain_all();
  // What another core took meanwhile, of the zone or off its lists, may have to stay. From now on nobody takes.
  for (Pfn at = pages.begin(); at < pages.end(); at = at + whole) {
    Result<Done> movable = Done{};
    {
      const ZoneHold hold{cores_, zone->lock};
      movable = holds_movable(*zone, {at, at + whole});
    }
    if (movable) continue;
    undo_isolation(pages);
    return movable;
  }
  return Done{};
}

// One pageblock, from which nobody takes meanwhile.
template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::isolate_one(ZoneState& zone, Pfn pageblock) noexcept {
  const PageCount whole = G.pageblock_order().pages();
  const ZoneHold hold{cores_, zone.lock};
  const MigrateType old = map_->pageblock_type(pageblock);
  if (old == MigrateType::isolate) return Error::busy;
  ZoneFree& free = pages_of(zone);
  free.cut(pageblock);
  free.cut(pageblock + whole);
  const std::uint64_t moved = free.retype(pageblock, MigrateType::isolate).free;
  zone.free -= moved;
  if (old == MigrateType::cma) zone.add_free_cma(0 - moved);
  if (old == MigrateType::highatomic) zone.add_highatomic(0 - whole.raw);
  ++zone.isolated;
  follow_isolation(zone);
  set_pageblock(pageblock, MigrateType::isolate);
  return Done{};
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::undo_isolation(PfnRange pages, MigrateType type) noexcept {
  ZoneState* const zone = zone_of(pages.begin());
  check(zone != nullptr && type != MigrateType::isolate, "no such isolation");
  const PageCount whole = G.pageblock_order().pages();
  for (Pfn at = pages.begin(); at < pages.end(); at = at + whole)
    if (map_->pageblock_type(at) == MigrateType::isolate) undo_one(*zone, at, type);
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::undo_one(ZoneState& zone, Pfn pageblock, MigrateType type) noexcept {
  const ZoneHold hold{cores_, zone.lock};
  ZoneFree& free = pages_of(zone);
  // Isolated neighbours that were freed meanwhile have merged.
  free.cut(pageblock);
  free.cut(pageblock + G.pageblock_order().pages());
  const std::uint64_t moved = free.retype(pageblock, type).free;
  zone.free += moved;
  if (type == MigrateType::cma) zone.add_free_cma(moved);
  if (type == MigrateType::highatomic) zone.add_highatomic(G.pageblock_order().pages().raw);
  --zone.isolated;
  follow_isolation(zone);
  set_pageblock(pageblock, type);
  merge_again(zone, pageblock);
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::undo_isolation(PfnRange pages) noexcept {
  const PageCount whole = G.pageblock_order().pages();
  for (Pfn at = pages.begin(); at < pages.end(); at = at + whole) {
    if (map_->pageblock_type(at) != MigrateType::isolate) continue;
    undo_isolation({at, at + whole}, map_->type_beneath_isolation(at));
  }
}

// A pageblock that is wholly free may have got a buddy of its size.
template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::merge_again(ZoneState& zone, Pfn pageblock) noexcept {
  ZoneFree& free = pages_of(zone);
  const auto block = free.block_of(pageblock);
  if (!block || block.value().page != pageblock || block.value().order < G.pageblock_order()) return;
  const MigrateType type = map_->pageblock_type(pageblock);
  free.pull(block.value());
  Descriptor& head = map_->at(pageblock);
  head.become_nothing();
  free.give(head, pageblock, block.value().order, type, Place::fitting, observer_, zone.count.tally);
}

template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::alloc_range(PfnRange pages, MigrateType type) noexcept {
  if (pages.empty() || (!page::is_ordinary(type) && type != MigrateType::cma)) return Error::bad_argument;
  const PfnRange around = whole_pageblocks(pages);
  if (const auto isolated = isolate(around); !isolated) return isolated;
  ZoneState& zone = *zone_of(pages.begin());
  const bool is_free = move_away(zone, pages) && is_all_free(zone, pages);
  if (!is_free) {
    undo_isolation(around);
    return Error::busy;
  }
  capture(zone, pages);
  undo_isolation(around, type);
  const ZoneHold hold{cores_, zone.lock};
  ++zone.count.allocs;
  return Done{};
}

// Returns   whether all that was in use in `pages` has been moved.
template <Geometry G, class W, class Policy, port::Cores C>
bool PageAllocator<G, W, Policy, C>::move_away(const ZoneState& zone, PfnRange pages) noexcept {
  for (Pfn at = pages.begin(); at < pages.end();) {
    if (const auto free = free_block(zone, at)) {
      at = free.value().page + free.value().order.pages();
      continue;
    }
    const auto start = page::head_of(*map_, at);
    if (!start || mover_.move == nullptr) return false;
    const Pfn from = start.value();
    const Descriptor& head = map_->at(from);
    const Order order = head.order();
    if (head.list() != MigrateType::movable || freeing_misuse(from, order) != Misuse::none) return false;
    const auto to = alloc_pages(order, Request{.highest = zones::ZoneType::movable,
                                               .type = MigrateType::movable,
                                               .effort = Effort::no_wait,
                                               .node = zone.zone->node});
    if (!to) return false;
    const bool has_moved = mover_.move(mover_.self, from, to.value(), order);
    const auto freed = free_pages(has_moved ? from : to.value(), order);
    if (!freed || !has_moved) return false;
    at = from + order.pages();
  }
  return true;
}

template <Geometry G, class W, class Policy, port::Cores C>
bool PageAllocator<G, W, Policy, C>::is_all_free(const ZoneState& zone, PfnRange pages) const noexcept {
  for (Pfn at = pages.begin(); at < pages.end();) {
    const auto block = free_block(zone, at);
    if (!block) return false;
    at = block.value().page + block.value().order.pages();
  }
  return true;
}

// Every page of the range, all free and isolated, becomes a block in use.
template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::capture(ZoneState& zone, PfnRange pages) noexcept {
  constexpr std::uint64_t most = std::uint64_t{1} << G.max_order_;
  for (Pfn at = pages.begin(); at < pages.end();) {
    const ZoneHold hold{cores_, zone.lock};
    ZoneFree& free = pages_of(zone);
    free.cut(pages.begin());
    free.cut(pages.end());
    const Pfn largest{align_down(at.raw, most) + most};
    const Pfn stop = largest < pages.end() ? largest : pages.end();
    while (at < stop) {
      const FreeBlock block = free.block_of(at).value();
      free.pull(block);
      const unsigned part = free.part_of(at);
      const Pfn end = at + block.order.pages();
      for (; at < end; at = at + PageCount{1})
        map_->at(at).become_allocated(Order{0}, part, MigrateType::movable);
    }
  }
}

template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::alloc_at(Pfn page, Order order, MigrateType type) noexcept {
  if (!G.allows(order) || !is_aligned(page.raw, order.pages().raw) || !page::is_ordinary(type))
    return Error::bad_argument;
  if (descriptor(page) == nullptr) return Error::bad_argument;
  ZoneState* const zone = zone_of(page);
  if (zone == nullptr) return Error::bad_argument;
  const ZoneHold hold{cores_, zone->lock};
  ZoneFree& free = pages_of(*zone);
  const auto block = free.block_of(page);
  if (!block || block.value().order < order) return Error::busy;
  const MigrateType from = free.listed_as(block.value().page);
  const bool may = page::is_ordinary(from) || (from == MigrateType::cma && type == MigrateType::movable);
  if (!may) return Error::busy;
  const Pfn end = page + order.pages();
  free.cut(page);
  free.cut(end);
  for (Pfn at = page; at < end;) {
    const FreeBlock piece = free.block_of(at).value();
    free.pull(piece);
    map_->at(at).become_nothing();
    at = at + piece.order.pages();
  }
  map_->at(page).become_allocated(order, free.part_of(page), type);
  zone->free -= order.pages().raw;
  if (from == MigrateType::cma) zone->add_free_cma(0 - order.pages().raw);
  ++zone->count.allocs;
  observer_.allocated(page, order, type);
  return Done{};
}

template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::free_range(PfnRange pages) noexcept {
  for (Pfn at = pages.begin(); at < pages.end(); at = at + PageCount{1})
    if (const Misuse misuse = freeing_misuse(at, Order{0}); misuse != Misuse::none)
      return refuse(at, Order{0}, misuse);
  for (Pfn at = pages.begin(); at < pages.end(); at = at + PageCount{1}) {
    Descriptor& head = map_->at(at);
    ZoneState& zone = zone_of_part(head.part());
    observer_.freed(at, Order{0});
    const ZoneHold hold{cores_, zone.lock};
    give_back(zone, head, at, Order{0}, Place::fitting);
  }
  return Done{};
}

}  // namespace quarry::buddy
