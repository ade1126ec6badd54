// quarry/buddy/compact_zone_bulk_impl.hpp: bodies of CompactZone: many pages at once, a word of 64 frames at a time.
#pragma once

#include "quarry/buddy/compact_zone.hpp"

namespace quarry::buddy {

template <Geometry G, class Extra>
template <class Watcher>
std::size_t CompactZone<G, Extra>::take_bulk(Order order, MigrateType from, MigrateType type,
                                             std::span<Pfn> out, Watcher& watcher, Tally& tally) noexcept {
  std::size_t count = 0;
  while (count < out.size()) {
    const std::span<Pfn> rest = out.subspan(count);
    if (order.raw() >= kPageblockOrder) {
      const auto page = take(order, from, type, watcher, tally);
      if (!page) break;
      rest[0] = page.value();
      ++count;
      continue;
    }
    Index index = 0;
    if (!find_partial(order.raw(), from, index)) {
      Whole block{0, 0};
      if (!find_whole(order.raw(), from, block)) break;
      index = block.first;
      tally.splits += block.log2;
      watcher.split(page_at(index), Order{kPageblockOrder + block.log2}, order);
      cut_out(block, {index, 0});
      open(index, from);
    }
    count += order.raw() == 0 ? take_words(index, type, rest, watcher, tally)
                              : take_blocks(index, order, type, rest, watcher, tally);
  }
  return count;
}

// Single frames, those of words that are in use in part before those of free ones.
template <Geometry G, class Extra>
template <class Watcher>
std::size_t CompactZone<G, Extra>::take_words(Index index, MigrateType type, std::span<Pfn> out,
                                              Watcher& watcher, Tally& tally) noexcept {
  const Bits& bits = bits_[index];
  std::size_t count = 0;
  if (out.size() < pageblocks_[index].free)
    for (unsigned word = bits.next(0); word < Bits::kWords && count < out.size(); word = bits.next(word + 1))
      if (bits.word(word) != Bits::kFull)
        count += take_word(index, word, type, out.subspan(count), watcher, tally);
  for (unsigned word = bits.next(0); word < Bits::kWords && count < out.size(); word = bits.next(word + 1))
    count += take_word(index, word, type, out.subspan(count), watcher, tally);
  return count;
}

// All free frames of a word, or as many of the lowest as there is room for.
template <Geometry G, class Extra>
template <class Watcher>
std::size_t CompactZone<G, Extra>::take_word(Index index, unsigned word, MigrateType type, std::span<Pfn> out,
                                             Watcher& watcher, Tally& tally) noexcept {
  const std::uint64_t before = bits_[index].word(word);
  std::uint64_t after = 0;
  std::size_t count = popcount(before);
  if (count > out.size()) {
    after = before;
    for (std::size_t left = out.size(); left != 0; --left) after &= after - 1;
    count = out.size();
  }
  const std::uint64_t taken = before & ~after;
  const unsigned first = count_trailing_zeros(taken);
  Pfn page = page_at(index, word * 64 + first);
  Descriptor* const heads = &map_->at(page);
  Pfn* next = out.data();
  for (std::uint64_t left = taken >> first; left != 0; left &= left - 1) {
    const unsigned at = count_trailing_zeros(left);
    heads[at].become_allocated(Order{0}, part_, type);
    *next++ = Pfn{page.raw + at};
  }
  for (unsigned order = 1; order <= kInWord; ++order) {
    std::uint64_t broken = detail::largest_blocks(before, order) & ~detail::largest_blocks(after, order);
    for (; broken != 0; broken &= broken - 1) {
      const unsigned at = count_trailing_zeros(broken);
      watcher.split(page_at(index, word * 64 + at), Order{order}, Order{0});
    }
  }
  unsigned blocks = 0;  // that were made, less those that were broken; wraps
  if (before == Bits::kFull) {
    const unsigned around = bits_[index].order_around(word * 64);
    Books books = books_of(index);
    if (around < kPageblockOrder) books.down(around);
    for (unsigned left = detail::kWordOrder; left < around; ++left, ++blocks) books.up(left);
    blocks += recount(index, 0, after) - 1;
  } else {
    blocks = recount(index, before, after);
  }
  const unsigned lost = static_cast<unsigned>(count);
  tally.splits += lost + blocks;
  bits_[index].put(word, after);
  Entry& entry = pageblocks_[index];
  entry.free = static_cast<std::uint16_t>(entry.free - lost);
  if (entry.free == 0) any_partial(entry.type).erase(index);
  return count;
}

// The blocks that lie in a word and are not all of it are counted anew.
//
// Returns   how many more they are.
template <Geometry G, class Extra>
unsigned CompactZone<G, Extra>::recount(Index index, std::uint64_t before, std::uint64_t after) noexcept {
  if (before == after) return 0;
  const detail::WordBlocks old = detail::blocks_in(before), now = detail::blocks_in(after);
  unsigned blocks = 0;
  for (unsigned order = 0; order < kInWord; ++order) {
    if (old.counts[order] == now.counts[order]) continue;
    blocks += now.counts[order] - unsigned{old.counts[order]};
    recount_order(index, order, old.counts[order], now.counts[order]);
  }
  return blocks;
}

// The first that comes is for up(), the last that goes for down(): what is between changes no set.
template <Geometry G, class Extra>
void CompactZone<G, Extra>::recount_order(Index index, unsigned order, unsigned old, unsigned now) noexcept {
  Books books = books_of(index);
  std::uint16_t& count = books.entry.counts[order];
  if (now > old) {
    books.up(order);
    count = static_cast<std::uint16_t>(count + (now - old - 1));
    books.counts[order] += now - old - 1;
  } else {
    count = static_cast<std::uint16_t>(count - (old - now - 1));
    books.counts[order] -= old - now - 1;
    books.down(order);
  }
}

// Blocks of an order between a frame and a pageblock.
template <Geometry G, class Extra>
template <class Watcher>
std::size_t CompactZone<G, Extra>::take_blocks(Index index, Order order, MigrateType type, std::span<Pfn> out,
                                               Watcher& watcher, Tally& tally) noexcept {
  const unsigned wanted = order.raw();
  const Entry& entry = pageblocks_[index];
  std::size_t count = 0;
  for (; count < out.size(); ++count) {
    const bool is_all = entry.free == kFrames;
    if (!is_all && entry.orders >> wanted == 0) break;
    const unsigned from =
        is_all ? kPageblockOrder : wanted + count_trailing_zeros(std::uint64_t{entry.orders} >> wanted);
    const unsigned at = is_all ? 0 : bits_[index].first(from);
    check(at < kFrames, "a pageblock lacks the block that it counts");
    remove(index, at, wanted, from);
    const Pfn page = page_at(index, at);
    map_->at(page).become_allocated(order, part_, type);
    out[count] = page;
    if (from == wanted) continue;
    tally.splits += from - wanted;
    if (is_all) continue;
    watcher.split(page, Order{from}, order);
  }
  return count;
}

template <Geometry G, class Extra>
template <class Watcher>
std::size_t CompactZone<G, Extra>::give_bulk(std::span<const Pfn> pages, MigrateType type, Watcher& watcher,
                                             Tally& tally) noexcept {
  const Pfn start{pages[0].raw & ~kInGroup};
  if (pages.size() == 1 || (pages[1].raw ^ start.raw) > kInGroup) {
    give(map_->at(pages[0]), pages[0], Order{0}, type, Place::fitting, watcher, tally);
    return 1;
  }
  cuts_[0] = cuts_[1] = Pfn{};
  Descriptor* const first = &map_->at(pages[0]);
  std::uint64_t given = 0;
  std::size_t count = 0;
  for (; count < pages.size() && (pages[count].raw ^ start.raw) <= kInGroup; ++count) {
    const std::uint64_t bit = std::uint64_t{1} << (pages[count].raw & kInGroup);
    check((given & bit) == 0, "a page is given twice");
    given |= bit;
    first[static_cast<std::ptrdiff_t>(pages[count].raw - pages[0].raw)].become_nothing();
  }
  const Index index = index_of(start);
  const unsigned word = place_in(start) / 64;
  const std::uint64_t before = bits_[index].word(word), after = before | given;
  check(!pageblocks_[index].is_whole() && (before & given) == 0, "a page is given twice");
  expect_free(index, type);
  bits_[index].put(word, after);
  pageblocks_[index].free = static_cast<std::uint16_t>(pageblocks_[index].free + count);
  const unsigned blocks = recount(index, before, after == Bits::kFull ? 0 : after);
  tally.merges += static_cast<unsigned>(count) - blocks;
  for (unsigned order = 1; order <= kInWord; ++order) {
    std::uint64_t arisen = detail::largest_blocks(after, order) & ~detail::largest_blocks(before, order);
    for (; arisen != 0; arisen &= arisen - 1) {
      watcher.merged(start + PageCount{count_trailing_zeros(arisen)}, Order{order - 1});
    }
  }
  if (after != Bits::kFull) return count;
  --tally.merges;
  join(index, word * 64, kInWord, watcher, tally);
  return count;
}

}  // namespace quarry::buddy
