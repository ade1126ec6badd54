// quarry/early/bootmem_map.hpp: a bit a page, in memory that somebody else keeps: 1 is taken, 0 is free.
#pragma once

#include <cstddef>
#include <span>

#include "quarry/base/bits.hpp"
#include "quarry/base/units.hpp"

namespace quarry::early {

// The width of an unsigned long in the kernel that is followed: bitmaps are whole longs, and the hand-over
// looks at one long at a time.
enum class LongBits : std::uint8_t { bits32 = 32, bits64 = 64 };
constexpr std::uint64_t bits_in(LongBits width) noexcept { return static_cast<std::uint64_t>(width); }

// Bits are numbered from the least significant one of the first word up. On a little-endian machine the same
// memory read as 64-bit words has them in the same order, so one map serves both widths.
//
//   word       |      0      |      1      |      2      |      3      |
//   bit        0 1 2 ...   31 32 ...     63 ...                      127
//   pages      |--------------- size() ----------------|#### padding ####   stays 1 for ever
class BootmemMap {
 public:
  using Word = std::uint32_t;
  static constexpr std::uint64_t kWordBits = 32;

  // None: the node has no map any more.
  constexpr BootmemMap() noexcept = default;
  // Law: `words` holds at least bytes_for(pages, width).
  constexpr BootmemMap(std::span<Word> words, PageCount pages) noexcept : words_{words}, pages_{pages} {
    check(words.size() * kWordBits >= pages.raw, "a map needs a bit for each page");
  }

  // How large a map is: whole longs.
  //
  // Source    Linux 4.19, "bootmap_bytes" (behaviour).
  static constexpr Bytes bytes_for(PageCount pages, LongBits width) noexcept {
    const std::uint64_t bytes = (pages.raw >> 3) + ((pages.raw & 7) != 0);
    const std::uint64_t in_a_long = bits_in(width) >> 3;
    return Bytes{align_down(bytes + in_a_long - 1, in_a_long)};
  }
  static constexpr std::uint64_t words_for(PageCount pages, LongBits width) noexcept {
    return bytes_for(pages, width).raw >> 2;
  }

  constexpr PageCount size() const noexcept { return pages_; }
  constexpr std::span<const Word> words() const noexcept { return words_; }

  // Everything is taken, the padding too.
  constexpr void fill() noexcept {
    for (Word& word : words_) word = ~Word{0};
  }
  constexpr bool is_set(std::uint64_t bit) const noexcept {
    return ((word_at(bit) >> (bit & (kWordBits - 1))) & 1) != 0;
  }
  constexpr void set(std::uint64_t from, std::uint64_t to) noexcept {
    each_part(from, to, [](Word& word, Word mask) { word |= mask; });
  }
  constexpr void clear(std::uint64_t from, std::uint64_t to) noexcept {
    each_part(from, to, [](Word& word, Word mask) { word &= ~mask; });
  }

  // The first bit of [from, to) that is taken, or free; `to` when there is none.
  //
  // Cost      a step for each word passed.
  constexpr std::uint64_t next_set(std::uint64_t from, std::uint64_t to) const noexcept {
    return next(from, to, Word{0});
  }
  constexpr std::uint64_t next_clear(std::uint64_t from, std::uint64_t to) const noexcept {
    return next(from, to, ~Word{0});
  }
  constexpr PageCount count_clear(std::uint64_t from, std::uint64_t to) const noexcept {
    std::uint64_t count = 0;
    for (std::uint64_t at = next_clear(from, to); at < to; at = next_clear(at, to)) {
      const std::uint64_t end = next_set(at, to);
      count += end - at;
      at = end;
    }
    return PageCount{count};
  }

  // The long that holds `bit`, its bit 0 first.
  constexpr std::uint64_t long_at(std::uint64_t bit, LongBits width) const noexcept {
    if (width == LongBits::bits32) return word_at(bit);
    const std::uint64_t first = align_down(bit, 64);
    return word_at(first) | std::uint64_t{word_at(first + kWordBits)} << kWordBits;
  }

 private:
  static constexpr std::size_t index_of(std::uint64_t bit) noexcept {
    return static_cast<std::size_t>(bit >> 5);
  }
  constexpr Word word_at(std::uint64_t bit) const noexcept {
    check(bit >> 5 < words_.size(), "bit outside the map");
    return words_[index_of(bit)];
  }
  // The bits of [from, to) that lie in the word of `from`.
  static constexpr Word mask_of(std::uint64_t from, std::uint64_t to) noexcept {
    const std::uint64_t base = align_down(from, kWordBits);
    Word mask = ~Word{0} << (from - base);
    if (to - base < kWordBits) mask &= (Word{1} << (to - base)) - 1;
    return mask;
  }
  constexpr void each_part(std::uint64_t from, std::uint64_t to, void (*change)(Word&, Word)) noexcept {
    check(to <= pages_.raw || from >= to, "range outside the map");
    for (; from < to; from = align_down(from, kWordBits) + kWordBits)
      change(words_[index_of(from)], mask_of(from, to));
  }
  // Looks for a bit that differs from those of `skipped`.
  constexpr std::uint64_t next(std::uint64_t from, std::uint64_t to, Word skipped) const noexcept {
    for (; from < to; from = align_down(from, kWordBits) + kWordBits)
      if (const Word left = (word_at(from) ^ skipped) & mask_of(from, to); left != 0)
        return align_down(from, kWordBits) + count_trailing_zeros(left);
    return to;
  }

  std::span<Word> words_{};
  PageCount pages_{};  // law: each has a bit; the bits after the last page's are 1
};

}  // namespace quarry::early
