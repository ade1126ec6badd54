// quarry/buddy/compact_zone_bulk_impl.hpp: bodies of CompactZone: many pages at once, a word of 64 frames at a time.
#pragma once

#include "quarry/buddy/compact_zone.hpp"
#include "quarry/buddy/observer.hpp"

namespace quarry::buddy {

template <Geometry G, class Extra>
template <class Watcher>
void CompactZone<G, Extra>::take_bulk(Order order, MigrateType from, MigrateType type, Shelf<Descriptor>& out,
                                      Watcher& watcher, Tally& tally) noexcept {
  while (!out.is_full()) {
    if (order.raw() >= kPageblockOrder) {
      const auto page = take(order, from, type, watcher, tally);
      if (!page) break;
      put_at_rest(page.value(), order, type, out);
      continue;
    }
    Index index = 0;
    Part part{0, 0, 0};
    if (order.raw() == 0 ? find_any(from, index) : find_partial(order.raw(), from, part)) {
      if (order.raw() != 0) index = part.index;
    } else {
      Whole block{0, 0};
      if (gave_up_ || !find_whole(order.raw(), from, block)) break;
      index = block.first;
      tally.splits += block.log2;
      watcher.split(page_at(index), Order{kPageblockOrder + block.log2}, order);
      cut_out(block, {index, 0});
      open(index, from);
    }
    if (order.raw() == 0)
      take_words(index, type, out, watcher, tally);
    else
      take_blocks(index, order, type, out, watcher, tally);
  }
}

// Single frames, those of words that are in use in part before those of free ones.
template <Geometry G, class Extra>
template <class Watcher>
void CompactZone<G, Extra>::take_words(Index index, MigrateType type, Shelf<Descriptor>& out,
                                       Watcher& watcher, Tally& tally) noexcept {
  const Bits& bits = bits_[index];
  if (out.room() < pageblocks_[index].free)
    for (unsigned word = bits.next(0); word < Bits::kWords && !out.is_full(); word = bits.next(word + 1))
      if (bits.word(word) != Bits::kFull) take_word(index, word, type, out, watcher, tally);
  for (unsigned word = bits.next(0); word < Bits::kWords && !out.is_full(); word = bits.next(word + 1))
    take_word(index, word, type, out, watcher, tally);
}

// All free frames of a word, or as many of the lowest as there is room for.
template <Geometry G, class Extra>
template <class Watcher>
void CompactZone<G, Extra>::take_word(Index index, unsigned word, MigrateType type, Shelf<Descriptor>& out,
                                      Watcher& watcher, Tally& tally) noexcept {
  const std::uint64_t before = bits_[index].word(word);
  std::uint64_t after = 0;
  std::size_t count = popcount(before);
  if (count > out.room()) {
    after = before;
    for (std::size_t left = out.room(); left != 0; --left) after &= after - 1;
    count = out.room();
  }
  const std::uint64_t taken = before & ~after;
  const unsigned first = count_trailing_zeros(taken);
  const Pfn page = page_at(index, word * 64 + first);
  Descriptor* const heads = &map_->at(page);
  const std::uint32_t resting = Descriptor::resting_tag(Order{0}, part_, type);
  Shelf<Descriptor> shelf = out;
  for (std::uint64_t left = taken >> first; left != 0; left &= left - 1) {
    const unsigned at = count_trailing_zeros(left);
    heads[at].become_at_rest(resting);
    shelf.add(Pfn{page.raw + at}, heads[at]);
  }
  out = shelf;
  for (unsigned order = 1; kIsWatched<Watcher> && order <= kInWord; ++order) {
    std::uint64_t broken = detail::largest_blocks(before, order) & ~detail::largest_blocks(after, order);
    for (; broken != 0; broken &= broken - 1) {
      const unsigned at = count_trailing_zeros(broken);
      watcher.split(page_at(index, word * 64 + at), Order{order}, Order{0});
    }
  }
  tally.splits += popcount(detail::merges_in(before)) - popcount(detail::merges_in(after));
  unsigned noted = after != 0 ? detail::orders_in(after) : 0;
  if (before == Bits::kFull) {
    const unsigned around = bits_[index].order_around(word * 64);
    tally.splits += around - kInWord;
    noted |= (1u << around) - (1u << kInWord);
  }
  bits_[index].put(word, after);
  note(index, noted);
  take_off(index, static_cast<unsigned>(count));
}

// Blocks of an order between a frame and a pageblock.
template <Geometry G, class Extra>
template <class Watcher>
void CompactZone<G, Extra>::take_blocks(Index index, Order order, MigrateType type, Shelf<Descriptor>& out,
                                        Watcher& watcher, Tally& tally) noexcept {
  while (!out.is_full()) {
    Part part{index, kPageblockOrder, 0};
    if (pageblocks_[index].free != kFrames && !find_within(index, order.raw(), part)) break;
    if (part.order == order.raw() && part.order < kInWord)
      take_exact(part, type, out);
    else
      take_pieces(part, order, type, out, watcher, tally);
  }
}

// Blocks of just that order in the word where the first of them lies.
template <Geometry G, class Extra>
void CompactZone<G, Extra>::take_exact(const Part& first, MigrateType type, Shelf<Descriptor>& out) noexcept {
  const std::uint64_t run = detail::low_run(first.order);
  const unsigned word = first.at >> 6;
  std::uint64_t left = bits_[first.index].word(word), starts = detail::largest_blocks(left, first.order);
  unsigned count = 0;
  for (; starts != 0 && !out.is_full(); starts &= starts - 1, ++count) {
    const unsigned at = count_trailing_zeros(starts);
    left &= ~(run << at);
    put_at_rest(page_at(first.index, word * 64 + at), Order{first.order}, type, out);
  }
  bits_[first.index].put(word, left);
  take_off(first.index, count << first.order);
}

// A larger block from its beginning on, as many pieces as are wanted.
//
//   block     [               8 pieces               ]
//   wanted    [ 1 ][ 2 ][ 3 ]                           what is left of it, 5 pieces: 1 and 4
template <Geometry G, class Extra>
template <class Watcher>
void CompactZone<G, Extra>::take_pieces(const Part& block, Order order, MigrateType type,
                                        Shelf<Descriptor>& out, Watcher& watcher, Tally& tally) noexcept {
  const unsigned wanted = order.raw(), all = 1u << (block.order - wanted);
  const unsigned count = out.room() < all ? static_cast<unsigned>(out.room()) : all;
  for (unsigned i = 0; i < count; ++i) {
    const unsigned at = block.at + (i << wanted);
    const Pfn page = page_at(block.index, at);
    bits_[block.index].clear(at, wanted);
    put_at_rest(page, order, type, out);
    const unsigned from = i == 0 ? block.order : wanted + count_trailing_zeros(i);
    if (kIsWatched<Watcher> && from != wanted && from != kPageblockOrder) {
      watcher.split(page, Order{from}, order);
    }
  }
  tally.splits += count + popcount(all - count) - 1;
  note(block.index, (all - count) << wanted);
  take_off(block.index, count << wanted);
}

template <Geometry G, class Extra>
template <class Watcher>
Given CompactZone<G, Extra>::give_bulk(std::span<const NamedBlock<Descriptor>> frames, Watcher& watcher,
                                       Tally& tally) noexcept {
  cuts_[0] = cuts_[1] = Pfn{};
  Given given{.free = frames.size()};
  const auto *next = frames.data(), *const end = next + frames.size();
  while (next != end) {
    const Index index = index_of(next->page);
    Entry& entry = pageblocks_[index];
    const bool is_partial = entry.is_partial();
    std::size_t count = 1;
    MigrateType type = entry.type;
    if (!is_partial || (next + 1 != end && (next[1].page.raw ^ next->page.raw) <= kInGroup)) {
      if (!is_partial) type = map_->pageblock_type(next->page);
      count = give_row({next, end}, type, watcher, tally);
    } else {
      give_frame(*next, index, entry, watcher, tally);
    }
    next += count;
    if (page::is_ordinary(type)) [[likely]]
      continue;
    if (type == MigrateType::isolate) given.free -= count;
    if (type == MigrateType::cma) given.cma += count;
  }
  return given;
}

// One of a pageblock that is free in part, under the type it has.
template <Geometry G, class Extra>
template <class Watcher>
void CompactZone<G, Extra>::give_frame(const NamedBlock<Descriptor>& frame, Index index, Entry& entry,
                                       Watcher& watcher, Tally& tally) noexcept {
  Bits& bits = bits_[index];
  const unsigned at = place_in(frame.page);
  const std::uint64_t before = bits.word(at >> 6), after = before | std::uint64_t{1} << (at & 63);
  check(after != before, "a page is given twice");
  frame.head->become_nothing();
  bits.put(at >> 6, after);
  entry.free = static_cast<std::uint16_t>(entry.free + 1);
  join(index, at, 0, after, watcher, tally);
}

// As many of the first as lie in the same aligned 64.
template <Geometry G, class Extra>
template <class Watcher>
std::size_t CompactZone<G, Extra>::give_row(std::span<const NamedBlock<Descriptor>> frames, MigrateType type,
                                            Watcher& watcher, Tally& tally) noexcept {
  const Pfn start{frames[0].page.raw & ~kInGroup};
  std::uint64_t given = 0;
  std::size_t count = 0;
  for (; count < frames.size() && (frames[count].page.raw ^ start.raw) <= kInGroup; ++count) {
    const std::uint64_t bit = std::uint64_t{1} << (frames[count].page.raw & kInGroup);
    check((given & bit) == 0, "a page is given twice");
    given |= bit;
    frames[count].head->become_nothing();
  }
  const Index index = index_of(start);
  const unsigned word = place_in(start) / 64;
  const std::uint64_t before = bits_[index].word(word), after = before | given;
  check(!pageblocks_[index].is_whole() && (before & given) == 0, "a page is given twice");
  expect_free(index, type);
  bits_[index].put(word, after);
  pageblocks_[index].free = static_cast<std::uint16_t>(pageblocks_[index].free + count);
  tally.merges += popcount(detail::merges_in(after)) - popcount(detail::merges_in(before));
  for (unsigned order = 1; kIsWatched<Watcher> && order <= kInWord; ++order) {
    std::uint64_t arisen = detail::largest_blocks(after, order) & ~detail::largest_blocks(before, order);
    for (; arisen != 0; arisen &= arisen - 1) {
      watcher.merged(start + PageCount{count_trailing_zeros(arisen)}, Order{order - 1});
    }
  }
  if (after == Bits::kFull)
    join(index, word * 64, kInWord, after, watcher, tally);
  else
    note(index, detail::orders_in(after));
  return count;
}

}  // namespace quarry::buddy
