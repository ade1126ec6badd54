// quarry/buddy/area_bitmap.hpp: which parts of a contiguous area are handed out, a bit each.
#pragma once

#include "quarry/base/bits.hpp"
#include "quarry/page/metadata_source.hpp"

namespace quarry::buddy {

class AreaBitmap {
 public:
  // Errors    no_memory: the source has none.
  Result<Done> init(std::uint64_t bits, page::MetadataSource source, NodeId near) noexcept {
    const auto words = source.take<std::uint64_t>((bits + 63) >> 6, near);
    if (!words) return words.error();
    words_ = words.value();
    bits_ = bits;
    return Done{};
  }

  std::uint64_t size() const noexcept { return bits_; }
  bool is_set(std::uint64_t bit) const noexcept { return (words_[bit >> 6] >> (bit & 63) & 1) != 0; }

  // The first `count` clear bits in a row from `start` on, at a place p where p + offset is a multiple of mask + 1.
  //
  // Units     `count` is not 0; `mask` is one less than a power of two.
  // Errors    not_found: there are none.
  // Cost      O(words).
  // Source    Linux 6.1, "bitmap_find_next_zero_area_off" (behaviour).
  Result<std::uint64_t> find_clear(std::uint64_t start, std::uint64_t count, std::uint64_t mask,
                                   std::uint64_t offset) const noexcept {
    for (;;) {
      const std::uint64_t first = ((next(start, Bit::clear) + offset + mask) & ~mask) - offset;
      if (first > bits_ || bits_ - first < count) return Error::not_found;
      const std::uint64_t taken = next(first, Bit::set);
      if (taken >= first + count) return first;
      start = taken + 1;
    }
  }
  void set(std::uint64_t first, std::uint64_t count) noexcept {
    for (std::uint64_t bit = first; bit < first + count; ++bit)
      words_[bit >> 6] |= std::uint64_t{1} << (bit & 63);
  }
  void clear(std::uint64_t first, std::uint64_t count) noexcept {
    for (std::uint64_t bit = first; bit < first + count; ++bit)
      words_[bit >> 6] &= ~(std::uint64_t{1} << (bit & 63));
  }
  std::uint64_t count_set(std::uint64_t first, std::uint64_t count) const noexcept {
    std::uint64_t sum = 0;
    for (std::uint64_t bit = first; bit < first + count; ++bit)
      if (is_set(bit)) ++sum;
    return sum;
  }
  std::uint64_t longest_clear() const noexcept {
    std::uint64_t longest = 0;
    for (std::uint64_t at = next(0, Bit::clear); at < bits_;) {
      const std::uint64_t end = next(at, Bit::set);
      if (end - at > longest) longest = end - at;
      at = next(end, Bit::clear);
    }
    return longest;
  }

 private:
  enum class Bit : std::uint8_t { clear, set };
  // The first bit of that kind from `from` on; size() when there is none.
  std::uint64_t next(std::uint64_t from, Bit kind) const noexcept {
    while (from < bits_) {
      const std::uint64_t word = kind == Bit::set ? words_[from >> 6] : ~words_[from >> 6];
      const std::uint64_t rest = word >> (from & 63);
      if (rest != 0) {
        const std::uint64_t found = from + count_trailing_zeros(rest);
        return found < bits_ ? found : bits_;
      }
      from = (from | 63) + 1;
    }
    return bits_;
  }

  std::uint64_t* words_ = nullptr;
  std::uint64_t bits_ = 0;
};

}  // namespace quarry::buddy
