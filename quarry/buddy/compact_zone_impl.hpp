// quarry/buddy/compact_zone_impl.hpp: bodies of CompactZone: pages come and go.
//
//   give 6      1  1  1  1   1  1 (.) 1      7 is free: order 1; 4..5 are: order 2; 0..3 are: the pageblock is whole
//   take 1      1  1  1  1   .  1  .  .      5 is the smallest block that is enough
#pragma once

#include "quarry/buddy/compact_zone.hpp"

namespace quarry::buddy {

template <Geometry G, class Extra>
constexpr std::uint64_t CompactZone<G, Extra>::metadata_for(PfnRange span) noexcept {
  if (span.empty()) return 0;
  const std::uint64_t count = pageblocks_for(span);
  const std::uint64_t sets = std::uint64_t{page::kMigrateTypes} * (kPageblockOrder + kWholeOrders);
  const std::uint64_t words = (count >> 6) + (count >> 12) * 2 + 6;  // of one set
  return count * (sizeof(Entry) + sizeof(Bits)) + sets * words * 8 + sizeof(Tables);
}

template <Geometry G, class Extra>
Result<Done> CompactZone<G, Extra>::init(const ZoneSetup<Map>& setup) noexcept {
  check(tables_ == nullptr, "a zone is initialised once");
  map_ = &setup.map;
  part_ = setup.first_part;
  if (setup.span.empty()) return Done{};
  base_ = base_for(setup.span);
  const std::uint64_t count = pageblocks_for(setup.span);
  if (count > UINT32_MAX) return Error::no_memory;
  count_ = static_cast<Index>(count);
  const auto entries = setup.source.template take<Entry>(count, setup.node);
  if (!entries) return entries.error();
  const auto bits = setup.source.template take<Bits>(count, setup.node);
  if (!bits) return bits.error();
  const auto seen = setup.source.template take<std::uint64_t>((count >> (kSeenShift + 6)) + 1, setup.node);
  if (!seen) return seen.error();
  const auto tables = setup.source.template take<Tables>(1, setup.node);
  if (!tables) return tables.error();
  for (Sets& sets : tables.value()->of_type) {
    for (unsigned order = 0; order < kPageblockOrder; ++order)
      if (const auto done = sets.partial[order].init(count, setup.source, setup.node); !done) return done;
    for (unsigned log2 = 0; log2 < kWholeOrders; ++log2)
      if (const auto done = sets.whole[log2].init(count >> log2, setup.source, setup.node); !done)
        return done;
  }
  pageblocks_ = entries.value();
  bits_ = bits.value();
  seen_ = seen.value();
  tables_ = tables.value();
  span_ = setup.span;
  return Done{};
}

template <Geometry G, class Extra>
template <class Watcher>
void CompactZone<G, Extra>::give(Descriptor& head, Pfn page, Order order, MigrateType type, Place,
                                 Watcher& watcher, Tally& tally) noexcept {
  head.become_nothing();
  cuts_[0] = cuts_[1] = Pfn{};
  const Index index = index_of(page);
  if (order.raw() >= kPageblockOrder) {
    add_whole({index, order.raw() - kPageblockOrder}, type, watcher, tally);
    return;
  }
  const unsigned at = place_in(page);
  check(!pageblocks_[index].is_whole() && bits_[index].is_in_use(at, order.raw()), "a page is given twice");
  expect_free(index, type);
  bits_[index].set(at, order.raw());
  pageblocks_[index].free = static_cast<std::uint16_t>(pageblocks_[index].free + (1u << order.raw()));
  join(index, at, order.raw(), watcher, tally);
}

// Something of the pageblock will be free, of that type.
template <Geometry G, class Extra>
void CompactZone<G, Extra>::expect_free(Index index, MigrateType type) noexcept {
  Entry& entry = pageblocks_[index];
  if (entry.free == 0) {
    entry.type = type;
    any_partial(type).insert(index);
    see(index);
  } else if (entry.type != type) {
    relabel(index, type);
  }
}

// A run of 2^order frames, free already, becomes a block with the blocks beside it.
template <Geometry G, class Extra>
template <class Watcher>
void CompactZone<G, Extra>::join(Index index, unsigned at, unsigned order, Watcher& watcher,
                                 Tally& tally) noexcept {
  Bits& bits = bits_[index];
  Books books = books_of(index);
  unsigned merged = order;
  if (order < kInWord) {
    const std::uint64_t word = bits.word(at >> 6);
    std::uint64_t run = detail::low_run(order) << (at & 63);
    for (; merged < kInWord; ++merged) {
      const unsigned size = 1u << merged;
      const std::uint64_t buddy = (at & size) != 0 ? run >> size : run << size;
      if ((word & buddy) != buddy) break;
      books.down(merged);
      run |= buddy;
      at &= ~size;
      watcher.merged(page_at(index, at), Order{merged});
    }
  }
  for (; merged >= kInWord && merged < kPageblockOrder && bits.is_free(at ^ (1u << merged), merged);
       ++merged) {
    books.down(merged);
    at &= ~(1u << merged);
    watcher.merged(page_at(index, at), Order{merged});
  }
  tally.merges += merged - order;
  if (merged < kPageblockOrder) {
    books.up(merged);
    return;
  }
  const MigrateType type = pageblocks_[index].type;
  any_partial(type).erase(index);
  pageblocks_[index].free = 0;
  bits.reset();
  add_whole({index, 0}, type, watcher, tally);
}

template <Geometry G, class Extra>
template <class Watcher>
Result<Pfn> CompactZone<G, Extra>::take(Order order, MigrateType from, MigrateType type, Watcher& watcher,
                                        Tally& tally) noexcept {
  const unsigned wanted = order.raw();
  Index index = 0;
  unsigned found = 0;
  Pfn page;
  if (find_partial(wanted, from, index)) {
    page = take_within(index, wanted, found);
  } else {
    Whole block{0, 0};
    if (!find_whole(wanted, from, block)) return Error::no_memory;
    found = block.log2 + kPageblockOrder;
    page = page_at(block.first);
    if (wanted < kPageblockOrder) {
      cut_out(block, {block.first, 0});
      open(block.first, from);
      remove(block.first, 0, wanted, kPageblockOrder);
    } else {
      cut_out(block, {block.first, wanted - kPageblockOrder});
    }
  }
  if (found != wanted) {
    tally.splits += found - wanted;
    watcher.split(page, Order{found}, order);
  }
  map_->at(page).become_allocated(order, part_, type);
  return page;
}

// --- Pageblocks that are free in part -------------------------------------------------------------

// One more of that order, and one less.
template <Geometry G, class Extra>
void CompactZone<G, Extra>::Books::up(unsigned order) noexcept {
  if (entry.counts[order]++ == 0) {
    entry.orders = static_cast<std::uint16_t>(entry.orders | 1u << order);
    if (order != 0) sets.partial[order].insert(index);
  }
  if (counts[order]++ == 0) mask |= 1u << order;
}

template <Geometry G, class Extra>
void CompactZone<G, Extra>::Books::down(unsigned order) noexcept {
  if (--entry.counts[order] == 0) {
    entry.orders = static_cast<std::uint16_t>(entry.orders & ~(1u << order));
    if (order != 0) sets.partial[order].erase(index);
  }
  if (--counts[order] == 0) mask &= ~(1u << order);
}

// Takes 2^order frames at `at` out of the largest block around them, which is of order `from`.
//
//   from      [                8                ]
//   order     [  2  ]                                 what is left of it:  2, 4 and no more
template <Geometry G, class Extra>
void CompactZone<G, Extra>::remove(Index index, unsigned at, unsigned order, unsigned from) noexcept {
  Books books = books_of(index);
  Entry& entry = books.entry;
  bits_[index].clear(at, order);
  if (from < kPageblockOrder) books.down(from);
  for (unsigned left = order; left < from; ++left) books.up(left);
  entry.free = static_cast<std::uint16_t>(entry.free - (1u << order));
  if (entry.free == 0) any_partial(entry.type).erase(index);
}

// A frame comes from the lowest pageblock that has one, whatever its block; a larger block from the lowest pageblock
// that has the smallest one that is enough.
template <Geometry G, class Extra>
bool CompactZone<G, Extra>::find_partial(unsigned order, MigrateType type, Index& index) const noexcept {
  const std::uint32_t enough = (orders(type) & kPartialOrders) >> order;
  if (enough == 0) return false;
  const unsigned from = order == 0 ? 0 : order + count_trailing_zeros(enough);
  index = tables_->of_type[page::index_of(type)].partial[from].first();
  return true;
}

// The lowest pageblock that has the largest block below whole pageblocks.
//
// Returns   whether that block is of `order` or above.
template <Geometry G, class Extra>
bool CompactZone<G, Extra>::find_largest(unsigned order, MigrateType type, Index& index) const noexcept {
  const std::uint32_t some = orders(type) & kPartialOrders;
  if (some >> order == 0) return false;
  index = tables_->of_type[page::index_of(type)].partial[63 - count_leading_zeros(some)].first();
  return true;
}

// Takes the lowest of the smallest sufficient blocks of a pageblock that has one, of order `from`.
template <Geometry G, class Extra>
Pfn CompactZone<G, Extra>::take_within(Index index, unsigned order, unsigned& from) noexcept {
  from = order + count_trailing_zeros(std::uint64_t{pageblocks_[index].orders} >> order);
  const unsigned at = bits_[index].first(from);
  check(at < kFrames, "a pageblock lacks the block that it counts");
  remove(index, at, order, from);
  return page_at(index, at);
}

// A wholly free pageblock, in no set any more, gets its bits, and whoever asked takes some of them.
template <Geometry G, class Extra>
void CompactZone<G, Extra>::open(Index index, MigrateType type) noexcept {
  pageblocks_[index].type = type;
  pageblocks_[index].free = static_cast<std::uint16_t>(kFrames);
  bits_[index].fill();
  any_partial(type).insert(index);
}

}  // namespace quarry::buddy

#include "quarry/buddy/compact_zone_audit_impl.hpp"
#include "quarry/buddy/compact_zone_bulk_impl.hpp"
#include "quarry/buddy/compact_zone_other_impl.hpp"
#include "quarry/buddy/compact_zone_whole_impl.hpp"
