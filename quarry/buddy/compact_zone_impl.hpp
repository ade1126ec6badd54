// quarry/buddy/compact_zone_impl.hpp: bodies of CompactZone: pages come and go.
//
//   give 6      1  1  1  1   1  1 (.) 1      7 is free: order 1; 4..5 are: order 2; 0..3 are: the pageblock is whole
//   take 1      1  1  1  1   .  1  .  .      5 is the smallest block that is enough
#pragma once

#include "quarry/buddy/compact_zone.hpp"
#include "quarry/buddy/observer.hpp"

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
  cuts_[0] = cuts_[1] = Pfn{};
  if (order.raw() < kPageblockOrder) {
    give_part(head, page, order.raw(), type, watcher, tally);
    return;
  }
  head.become_nothing();
  add_whole({index_of(page), order.raw() - kPageblockOrder}, type, watcher, tally);
}

template <Geometry G, class Extra>
template <class Watcher>
void CompactZone<G, Extra>::give_part(Descriptor& head, Pfn page, unsigned order, MigrateType type,
                                      Watcher& watcher, Tally& tally) noexcept {
  const Index index = index_of(page);
  const unsigned at = place_in(page);
  check(!pageblocks_[index].is_whole() && bits_[index].is_in_use(at, order), "a page is given twice");
  head.become_nothing();
  expect_free(index, type);
  bits_[index].set(at, order);
  pageblocks_[index].free = static_cast<std::uint16_t>(pageblocks_[index].free + (1u << order));
  join(index, at, order, bits_[index].word(at >> 6), watcher, tally);
}

// Something of the pageblock will be free, of that type.
template <Geometry G, class Extra>
void CompactZone<G, Extra>::expect_free(Index index, MigrateType type) noexcept {
  Entry& entry = pageblocks_[index];
  if (entry.free == 0) {
    entry.type = type;
    any_partial(type).insert(index);
    masks_[page::index_of(type)] |= 1;
    see(index);
  } else if (entry.type != type) {
    relabel(index, type);
  }
}

// A run of 2^order frames, free already, becomes a block with the blocks beside it. `word` is the one it lies in, or begins with.
template <Geometry G, class Extra>
template <class Watcher>
void CompactZone<G, Extra>::join(Index index, unsigned at, unsigned order, std::uint64_t word,
                                 Watcher& watcher, Tally& tally) noexcept {
  Bits& bits = bits_[index];
  unsigned merged = order;
  if (order < kInWord) merged = word == Bits::kFull ? kInWord : detail::order_in_word(word, at & 63);
  if (merged >= kInWord) [[unlikely]]
    while (merged < kPageblockOrder && bits.is_free((at >> merged ^ 1u) << merged, merged)) ++merged;
  for (unsigned half = order; kIsWatched<Watcher> && half < merged; ++half) {
    watcher.merged(page_at(index, at & ~((2u << half) - 1)), Order{half});
  }
  tally.merges += merged - order;
  if (merged < kPageblockOrder) {
    note(index, 1u << merged);
    return;
  }
  const MigrateType type = pageblocks_[index].type;
  any_partial(type).erase(index);
  forget_all(index);
  pageblocks_[index].free = 0;
  bits.reset();
  add_whole({index, 0}, type, watcher, tally);
}

template <Geometry G, class Extra>
template <class Watcher>
Result<Pfn> CompactZone<G, Extra>::take(Order order, MigrateType from, MigrateType type, Watcher& watcher,
                                        Tally& tally) noexcept {
  const unsigned wanted = order.raw();
  unsigned found = 0;
  Pfn page;
  if (Part part{0, 0, 0}; find_partial(wanted, from, part)) {
    found = part.order;
    remove(part, wanted);
    page = page_at(part.index, part.at);
  } else {
    Whole block{0, 0};
    if (gave_up_ || !find_whole(wanted, from, block)) return Error::no_memory;
    found = block.log2 + kPageblockOrder;
    page = page_at(block.first);
    if (wanted < kPageblockOrder) {
      cut_out(block, {block.first, 0});
      open(block.first, from);
      remove({block.first, kPageblockOrder, 0}, wanted);
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

// Takes 2^order frames at a place in one of the largest blocks.
//
//   block     [                8                ]
//   order     [  2  ]                                 what is left of it:  2, 4 and no more
template <Geometry G, class Extra>
void CompactZone<G, Extra>::remove(const Part& block, unsigned order) noexcept {
  bits_[block.index].clear(block.at, order);
  note(block.index, (1u << block.order) - (1u << order));
  take_off(block.index, 1u << order);
}

// That many frames less are free.
template <Geometry G, class Extra>
void CompactZone<G, Extra>::take_off(Index index, unsigned frames) noexcept {
  Entry& entry = pageblocks_[index];
  entry.free = static_cast<std::uint16_t>(entry.free - frames);
  if (entry.free != 0) [[likely]]
    return;
  any_partial(entry.type).erase(index);
  forget_all(index);
}

// A wholly free pageblock, in no set any more, gets its bits, and whoever asked takes some of them.
template <Geometry G, class Extra>
void CompactZone<G, Extra>::open(Index index, MigrateType type) noexcept {
  pageblocks_[index].type = type;
  pageblocks_[index].free = static_cast<std::uint16_t>(kFrames);
  bits_[index].fill();
  any_partial(type).insert(index);
  masks_[page::index_of(type)] |= 1;
}

}  // namespace quarry::buddy

#include "quarry/buddy/compact_zone_audit_impl.hpp"
#include "quarry/buddy/compact_zone_bulk_impl.hpp"
#include "quarry/buddy/compact_zone_notes_impl.hpp"
#include "quarry/buddy/compact_zone_other_impl.hpp"
#include "quarry/buddy/compact_zone_whole_impl.hpp"
