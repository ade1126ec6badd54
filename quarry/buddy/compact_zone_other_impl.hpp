// quarry/buddy/compact_zone_other_impl.hpp: bodies of CompactZone: pages change their type, or leave on purpose.
#pragma once

#include "quarry/buddy/compact_zone.hpp"
#include "quarry/buddy/observer.hpp"

namespace quarry::buddy {

template <Geometry G, class Extra>
template <class Watcher>
Result<Pfn> CompactZone<G, Extra>::take_other(const Wanted& wanted, Watcher& watcher, Tally& tally) noexcept {
  if (gave_up_) return Error::no_memory;
  const MigrateType to = wanted.grouping == Grouping::none ? MigrateType::unmovable : wanted.type;
  const bool may_mix = wanted.mixing == Mixing::allow;
  if (claim_whole(wanted, to, watcher) || (may_mix && claim_half(wanted, to, watcher))) {
    ++tally.fallbacks;
    return take(wanted.order, to, wanted.type, watcher, tally);
  }
  if (!may_mix || gave_up_) return Error::no_memory;
  return borrow(wanted, watcher, tally);
}

template <Geometry G, class Extra>
template <class Watcher>
bool CompactZone<G, Extra>::claim_whole(const Wanted& wanted, MigrateType to, Watcher& watcher) noexcept {
  const unsigned least = wanted.order.raw() > kPageblockOrder ? wanted.order.raw() : kPageblockOrder;
  for (unsigned order = kOrders; order-- > least;)
    for (const MigrateType from : kFallbacks[page::index_of(wanted.type)]) {
      if ((masks_[page::index_of(from)] >> order & 1) == 0) continue;
      const unsigned log2 = order - kPageblockOrder;
      const Whole block{whole_set(log2, from).first() << log2, log2};
      remove_whole(block);
      watcher.fell_back(page_at(block.first), Order{order}, from, to);
      for (Index index = block.first; index < block.first + (Index{1} << log2); ++index) {
        map_->set_pageblock_type(page_at(index), to);
        watcher.pageblock_changed(page_at(index), to);
      }
      put_whole(block, to);
      return true;
    }
  return false;
}

template <Geometry G, class Extra>
template <class Watcher>
bool CompactZone<G, Extra>::claim_half(const Wanted& wanted, MigrateType to, Watcher& watcher) noexcept {
  for (const MigrateType from : kFallbacks[page::index_of(wanted.type)]) {
    Part part{0, 0, 0};
    if (!find_largest(wanted.order.raw(), from, part)) continue;
    const Index index = part.index;
    if (pageblocks_[index].free < kFrames / 2 && wanted.grouping == Grouping::by_mobility) continue;
    const Pfn page = page_at(index, part.at);
    watcher.fell_back(page, Order{part.order}, from, to);
    relabel(index, to);
    map_->set_pageblock_type(page, to);
    watcher.pageblock_changed(page, to);
    return true;
  }
  return false;
}

template <Geometry G, class Extra>
template <class Watcher>
Result<Pfn> CompactZone<G, Extra>::borrow(const Wanted& wanted, Watcher& watcher, Tally& tally) noexcept {
  for (const MigrateType from : kFallbacks[page::index_of(wanted.type)]) {
    Part part{0, 0, 0};
    if (wanted.type == MigrateType::movable) {
      if (!find_partial(wanted.order.raw(), from, part)) continue;
    } else if (!find_largest(wanted.order.raw(), from, part) ||
               !find_within(part.index, wanted.order.raw(), part)) {
      continue;
    }
    remove(part, wanted.order.raw());
    const unsigned found = part.order;
    const Pfn page = page_at(part.index, part.at);
    ++tally.fallbacks;
    watcher.fell_back(page, Order{found}, from, wanted.type);
    if (found != wanted.order.raw()) {
      tally.splits += found - wanted.order.raw();
      watcher.split(page, Order{found}, wanted.order);
    }
    map_->at(page).become_allocated(wanted.order, part_, wanted.type);
    return page;
  }
  return Error::no_memory;
}

template <Geometry G, class Extra>
Result<FreeBlock> CompactZone<G, Extra>::block_of(Pfn page) const noexcept {
  if (!span_.contains(page)) return Error::not_found;
  const Index index = index_of(page);
  unsigned order = 0;
  if (const auto whole = whole_around(index)) {
    order = kPageblockOrder + whole.value().log2;
  } else {
    const unsigned at = place_in(page);
    if (!pageblocks_[index].is_partial() || !bits_[index].is_free(at, 0)) return Error::not_found;
    order = bits_[index].order_around(at);
  }
  Pfn start{page.raw >> order << order};
  for (const Pfn cut : cuts_)
    while (start < cut && cut.raw - start.raw < std::uint64_t{1} << order) {
      --order;
      start = Pfn{page.raw >> order << order};
    }
  return FreeBlock{start, Order{order}};
}

template <Geometry G, class Extra>
Result<Pfn> CompactZone<G, Extra>::first_of(MigrateType type) const noexcept {
  if (Part part{0, 0, 0}; find_partial(0, type, part)) return page_at(part.index, part.at);
  Whole block{0, 0};
  if (!find_whole(kPageblockOrder, type, block)) return Error::not_found;
  return page_at(block.first);
}

template <Geometry G, class Extra>
MigrateType CompactZone<G, Extra>::listed_as(Pfn page) const noexcept {
  const Index index = index_of(page);
  const auto whole = whole_around(index);
  return pageblocks_[whole ? whole.value().first : index].type;
}

template <Geometry G, class Extra>
Moved CompactZone<G, Extra>::retype(Pfn page, MigrateType to) noexcept {
  const Index index = index_of(page);
  cuts_[0] = cuts_[1] = Pfn{};
  Moved moved{0, movable_in(index)};
  if (const auto whole = whole_around(index)) {
    const Whole single{index, 0};
    cut_out(whole.value(), single);
    NoObserver nobody;
    Tally nothing;
    if (to == MigrateType::isolate)
      put_whole(single, to);
    else
      add_whole(single, to, nobody, nothing);
    moved.free = kFrames;
  } else if (pageblocks_[index].is_partial()) {
    moved.free = pageblocks_[index].free;
    relabel(index, to);
  }
  return moved;
}

// Its free pages, some of all, stand under another type from now on.
template <Geometry G, class Extra>
void CompactZone<G, Extra>::relabel(Index index, MigrateType to) noexcept {
  Entry& entry = pageblocks_[index];
  const unsigned from = page::index_of(entry.type), type = page::index_of(to);
  any_partial(entry.type).erase(index);
  any_partial(to).insert(index);
  for (unsigned left = entry.orders & ~1u; left != 0; left &= left - 1) {
    const unsigned order = count_trailing_zeros(left);
    tables_->of_type[from].partial[order].erase(index);
    tables_->of_type[type].partial[order].insert(index);
  }
  masks_[type] |= entry.orders | 1u;
  entry.type = to;
}

// Pages in use there whose content could be moved.
template <Geometry G, class Extra>
std::uint64_t CompactZone<G, Extra>::movable_in(Index index) const noexcept {
  std::uint64_t sum = 0;
  for (unsigned at = 0; at < kFrames;) {
    const Pfn page = page_at(index, at);
    const Descriptor* const head = span_.contains(page) ? map_->find(page) : nullptr;
    unsigned step = 1;
    if (head != nullptr && head->state() != page::State::nothing && head->part() == part_) {
      step = 1u << head->order().raw();
      if (step > kFrames - at) step = kFrames - at;
      if (head->state() == page::State::allocated && head->list() == MigrateType::movable) sum += step;
    }
    at += step;
  }
  return sum;
}

template <Geometry G, class Extra>
void CompactZone<G, Extra>::cut(Pfn page) noexcept {
  if (cuts_[0] == page) return;
  cuts_[1] = cuts_[0];
  cuts_[0] = page;
}

template <Geometry G, class Extra>
void CompactZone<G, Extra>::pull(FreeBlock block) noexcept {
  const Index index = index_of(block.page);
  const unsigned order = block.order.raw(), at = place_in(block.page);
  if (const auto whole = whole_around(index)) {
    if (order >= kPageblockOrder) {
      cut_out(whole.value(), {index, order - kPageblockOrder});
      return;
    }
    const MigrateType type = pageblocks_[whole.value().first].type;
    cut_out(whole.value(), {index, 0});
    open(index, type);
  }
  check(order < kPageblockOrder && bits_[index].is_free(at, order), "this block is not free");
  remove({index, bits_[index].order_around(at), at}, order);
}

}  // namespace quarry::buddy
