// quarry/buddy/compact_zone_bits.hpp: the free frames of one pageblock, a bit each.
//
//   frames    0  1  2  3  4  5  6  7
//   free      1  1  .  1  1  1  1  1          block: an aligned run of 2^order free frames
//   largest  [ 0  1 ]    [3] [ 4   5   6  7]  largest block: one that is no half of another
#pragma once

#include <type_traits>

#include "quarry/base/bits.hpp"
#include "quarry/base/units.hpp"

namespace quarry::buddy {

namespace detail {

inline constexpr unsigned kWordOrder = 6;  // 64 frames are one word

// A bit at every multiple of 2^order.
inline constexpr std::uint64_t kStarts[kWordOrder + 1] = {
    0xffff'ffff'ffff'ffff, 0x5555'5555'5555'5555, 0x1111'1111'1111'1111, 0x0101'0101'0101'0101,
    0x0001'0001'0001'0001, 0x0000'0001'0000'0001, 0x0000'0000'0000'0001};

// The lowest 2^order bits.
constexpr std::uint64_t low_run(unsigned order) noexcept { return ~std::uint64_t{0} >> (64 - (1u << order)); }

// Of the places where 2^order free frames begin, aligned or not: those of the largest blocks of exactly `order`, below kWordOrder.
constexpr std::uint64_t exact_starts(std::uint64_t runs, unsigned order) noexcept {
  const std::uint64_t larger = runs & (runs >> (1u << order)) & kStarts[order + 1];
  return runs & kStarts[order] & ~(larger | larger << (1u << order));
}

// The starts of the largest blocks of exactly `order`, at most kWordOrder, that lie in a word.
constexpr std::uint64_t largest_blocks(std::uint64_t word, unsigned order) noexcept {
  for (unsigned half = 0; half < order; ++half) word &= word >> (1u << half);
  return order == kWordOrder ? word & 1u : exact_starts(word, order);
}

// The merges that a buddy system has made in a word: a bit for every aligned run of 2 to 64 free frames. Those of each
// order stand at places of their own, so that the bits of one word count them all.
constexpr std::uint64_t merges_in(std::uint64_t word) noexcept {
  std::uint64_t merges = 0;
  for (unsigned order = 0; order < kWordOrder; ++order) {
    word &= word >> (1u << order);
    merges |= (word & kStarts[order + 1]) << ((1u << order) - 1);
  }
  return merges;
}

// The orders below kWordOrder of the largest blocks in a word, a bit each.
constexpr unsigned orders_in(std::uint64_t word) noexcept {
  unsigned orders = 0;
  for (unsigned order = 0; order < kWordOrder; ++order) {
    const std::uint64_t starts = word & kStarts[order];
    word &= word >> (1u << order);
    const std::uint64_t larger = word & kStarts[order + 1];
    orders |= ((starts & ~(larger | larger << (1u << order))) != 0 ? 1u : 0u) << order;
  }
  return orders;
}

// Rounded-down logarithms of what is below 64.
struct Logarithms {
  constexpr Logarithms() noexcept {
    for (unsigned of = 2; of < 64; ++of) log2[of] = static_cast<std::uint8_t>(log2[of / 2] + 1);
  }
  std::uint8_t log2[64] = {};
};
inline constexpr Logarithms kLogarithms;

// The order of the largest block around the free frame `at` of a word in which something is in use. The nearest frame in use on
// either side decides: it lies in the other half of the first block that is too large. On a side that has none, the farthest one of
// the other side is looked at, which decides nothing; so nothing needs to be asked. (Without lzcnt a logarithm is bsr on x86, a
// microprogram on many cores of AMD: to look the second one up is a tenth of the time that frames take which come back shuffled.)
[[gnu::always_inline]] constexpr unsigned order_in_word(std::uint64_t word, unsigned at) noexcept {
  const std::uint64_t in_use = ~word, from_here = in_use >> at | in_use << (-at & 63);
  const unsigned over = ((at + count_trailing_zeros(from_here)) ^ at) & 63;
  const unsigned under = ((at + (63 ^ count_leading_zeros(from_here))) ^ at) & 63;
  return kLogarithms.log2[under < over ? under : over];
}

}  // namespace detail

// Zeroed memory says that nothing is free. Of more than eight words, a bit each says which are not zero.
template <unsigned kPageblockOrder>
class FreeBits {
 public:
  static constexpr unsigned kFrames = 1u << kPageblockOrder;
  static constexpr unsigned kWords = kFrames > 64 ? kFrames / 64 : 1;
  static constexpr std::uint64_t kFull = kFrames < 64 ? detail::low_run(kPageblockOrder) : ~std::uint64_t{0};

  std::uint64_t word(unsigned index) const noexcept { return words_[index]; }
  // The first word from `index` on that is not zero; kWords when there is none.
  [[gnu::always_inline]] unsigned next(unsigned index) const noexcept {
    if constexpr (!kSummed) {
      while (index < kWords && words_[index] == 0) ++index;
      return index;
    } else {
      while (index < kWords) {
        const std::uint64_t from = sums_.words[index >> 6] >> (index & 63);
        if (from != 0) return index + count_trailing_zeros(from);
        index = (index | 63) + 1;
      }
      return kWords;
    }
  }
  // Whether the 2^order frames at `at`, a multiple of that, are all free.
  [[gnu::always_inline]] bool is_free(unsigned at, unsigned order) const noexcept {
    if (order < detail::kWordOrder) {
      const std::uint64_t run = detail::low_run(order) << (at & 63);
      return (words_[at >> 6] & run) == run;
    }
    return has_words(at >> 6, order, kFull);
  }
  bool is_in_use(unsigned at, unsigned order) const noexcept {
    if (order < detail::kWordOrder) return (words_[at >> 6] & (detail::low_run(order) << (at & 63))) == 0;
    return has_words(at >> 6, order, 0);
  }
  // The same frames become free, or are in use from now on.
  [[gnu::always_inline]] void set(unsigned at, unsigned order) noexcept {
    if (order < detail::kWordOrder)
      put(at >> 6, words_[at >> 6] | detail::low_run(order) << (at & 63));
    else
      put_all(at >> 6, order, kFull);
  }
  [[gnu::always_inline]] void clear(unsigned at, unsigned order) noexcept {
    if (order < detail::kWordOrder)
      put(at >> 6, words_[at >> 6] & ~(detail::low_run(order) << (at & 63)));
    else
      put_all(at >> 6, order, 0);
  }
  [[gnu::always_inline]] void put(unsigned index, std::uint64_t word) noexcept {
    words_[index] = word;
    if constexpr (kSummed) {
      const std::uint64_t bit = std::uint64_t{1} << (index & 63);
      std::uint64_t& sum = sums_.words[index >> 6];
      sum = word != 0 ? sum | bit : sum & ~bit;
    }
  }
  void fill() noexcept {
    for (unsigned index = 0; index < kWords; ++index) put(index, kFull);
  }
  void reset() noexcept {
    for (unsigned index = 0; index < kWords; ++index) put(index, 0);
  }

  // The start of the lowest of the largest blocks of exactly `order`. Where the words are few all are looked at together: which one
  // has it cannot be guessed, and that costs more than to look at the others: 4 % of the time that mixed orders take.
  //
  // Returns   kFrames when there is none.
  // Cost      O(words).
  [[gnu::noinline]] unsigned first(unsigned order) const noexcept {
    if constexpr (kSummed) {
      if (order >= detail::kWordOrder) return first_of_words(order);
      for (unsigned index = next(0); index < kWords; index = next(index + 1)) {
        const std::uint64_t starts = detail::largest_blocks(words_[index], order);
        if (starts != 0) return index * 64 + count_trailing_zeros(starts);
      }
      return kFrames;
    } else {
      std::uint64_t in = 0;  // the words, a bit each
      if (order >= detail::kWordOrder) {
        for (unsigned index = 0; index < kWords; ++index)
          in |= (words_[index] == kFull ? 1ull : 0ull) << index;
        in = detail::largest_blocks(in, order - detail::kWordOrder);
        return in != 0 ? count_trailing_zeros(in) * 64 : kFrames;
      }
      std::uint64_t runs[kWords];
      for (unsigned index = 0; index < kWords; ++index) runs[index] = words_[index];
      for (unsigned half = 0; half < order; ++half)
        for (std::uint64_t& run : runs) run &= run >> (1u << half);
      for (unsigned index = 0; index < kWords; ++index)
        in |= (detail::exact_starts(runs[index], order) != 0 ? 1ull : 0ull) << index;
      if (in == 0) return kFrames;
      const unsigned index = count_trailing_zeros(in);
      return index * 64 + count_trailing_zeros(detail::exact_starts(runs[index], order));
    }
  }
  // The order of the largest block that the free frame `at` lies in; kPageblockOrder when all are free.
  unsigned order_around(unsigned at) const noexcept {
    unsigned order = 0;
    while (order < kPageblockOrder && is_free(at & ~((2u << order) - 1), order + 1)) ++order;
    return order;
  }
  // How many of the largest blocks are of exactly `order`.
  //
  // Cost      O(words).
  std::uint64_t blocks(unsigned order) const noexcept {
    std::uint64_t sum = 0;
    for (unsigned index = next(0); index < kWords; index = next(index + 1)) {
      if (order < detail::kWordOrder) sum += popcount(detail::largest_blocks(words_[index], order));
      if constexpr (kWords > 1) sum += order >= detail::kWordOrder && is_largest(index * 64, order) ? 1u : 0u;
    }
    return sum;
  }
  // Cost      O(words).
  unsigned count() const noexcept {
    unsigned sum = 0;
    for (const std::uint64_t word : words_) sum += popcount(word);
    return sum;
  }
  // Whether the sums are those of the words.
  bool is_summed() const noexcept {
    if constexpr (kSummed)
      for (unsigned index = 0; index < kWords; ++index)
        if ((sums_.words[index >> 6] >> (index & 63) & 1) != (words_[index] != 0 ? 1u : 0u)) return false;
    return true;
  }

 private:
  friend class CompactSaboteur;  // a test breaks laws with it
  static constexpr bool kSummed = kWords > 8;
  bool has_words(unsigned index, unsigned order, std::uint64_t wanted) const noexcept {
    const unsigned end = index + (1u << (order - detail::kWordOrder));
    while (index < end && words_[index] == wanted) ++index;
    return index == end;
  }
  void put_all(unsigned index, unsigned order, std::uint64_t word) noexcept {
    const unsigned end = index + (1u << (order - detail::kWordOrder));
    for (; index < end; ++index) put(index, word);
  }
  [[gnu::noinline]] unsigned first_of_words(unsigned order) const noexcept {
    for (unsigned index = next(0); index < kWords; index = next(index + 1))
      if (is_largest(index * 64, order)) return index * 64;
    return kFrames;
  }
  // Whether a largest block of that order, a word or more, begins at `at`.
  bool is_largest(unsigned at, unsigned order) const noexcept {
    const unsigned size = 1u << order;
    return (at & (size - 1)) == 0 && is_free(at, order) && !is_free(at ^ size, order);
  }

  struct Sums {
    std::uint64_t words[(kWords + 63) / 64];
  };
  struct NoSums {};
  std::uint64_t words_[kWords];
  // law: a bit is set exactly when its word is not zero
  [[no_unique_address]] std::conditional_t<kSummed, Sums, NoSums> sums_;
};

}  // namespace quarry::buddy
