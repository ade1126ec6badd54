// quarry/buddy/compact_zone_bits_test.cpp: FreeBits and the words it is made of, against a search frame by frame.
#include "quarry/buddy/compact_zone_bits.hpp"

#include "tests/splitmix64.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {
namespace {

// Some with much free, some with little, some in long runs.
std::uint64_t word_of(test::Splitmix64& random) {
  const std::uint64_t how = random.next();
  switch (how & 7) {
    case 0: return 0;
    case 1: return ~std::uint64_t{0};
    case 2: return random.next() & random.next() & random.next();
    case 3: return random.next() | random.next() | random.next();
    case 4: return ~(std::uint64_t{1} << (how >> 8 & 63));
    case 5: return ~std::uint64_t{0} << (how >> 8 & 63);
    case 6: return ~std::uint64_t{0} >> (how >> 8 & 63);
    default: return random.next();
  }
}

template <unsigned kPageblockOrder>
struct Frames {
  static constexpr unsigned kCount = 1u << kPageblockOrder;
  bool free[kCount] = {};

  bool is_run(unsigned at, unsigned order) const {
    if (at + (1u << order) > kCount) return false;
    for (unsigned i = at; i < at + (1u << order); ++i)
      if (!free[i]) return false;
    return true;
  }
  unsigned order_around(unsigned at) const {
    unsigned order = 0;
    while (order < kPageblockOrder && is_run(at >> (order + 1) << (order + 1), order + 1)) ++order;
    return order;
  }
  bool is_block(unsigned at, unsigned order) const { return is_run(at, order) && order_around(at) == order; }
  unsigned first(unsigned order) const {
    for (unsigned at = 0; at < kCount; at += 1u << order)
      if (is_block(at, order)) return at;
    return kCount;
  }
};

// Whether both say the same of so many pageblocks.
template <unsigned kPageblockOrder>
bool are_alike(unsigned times) {
  using Bits = FreeBits<kPageblockOrder>;
  static Bits bits;
  static Frames<kPageblockOrder> frames;  // too large for a kernel's stack
  test::Splitmix64 random;
  for (unsigned time = 0; time < times; ++time) {
    for (unsigned index = 0; index < Bits::kWords; ++index) {
      const std::uint64_t word = word_of(random) & Bits::kFull;
      bits.put(index, word);
      for (unsigned at = 0; at < 64 && at < Bits::kFrames; ++at)
        frames.free[index * 64 + at] = (word >> at & 1) != 0;
    }
    for (unsigned order = 0; order < kPageblockOrder; ++order) {
      if (bits.first(order) != frames.first(order)) return false;
      std::uint64_t count = 0;
      for (unsigned at = 0; at < Bits::kFrames; at += 1u << order) count += frames.is_block(at, order);
      if (bits.blocks(order) != count) return false;
    }
    for (unsigned at = 0; at < Bits::kFrames; ++at) {
      if (!frames.free[at]) continue;
      const unsigned around = frames.order_around(at);
      if (bits.order_around(at) != around) return false;
      const std::uint64_t word = bits.word(at >> 6);
      if (word != Bits::kFull && detail::order_in_word(word, at & 63) != around) return false;
    }
  }
  return true;
}

}  // namespace

TEST(free_bits_are_read_as_frame_by_frame) {
  expect(are_alike<9>(60));
  expect(are_alike<10>(20));
}
TEST(free_bits_of_a_word_or_less_are_read_as_frame_by_frame) {
  expect(are_alike<1>(50));
  expect(are_alike<3>(100));
  expect(are_alike<5>(200));
  expect(are_alike<6>(200));
}
TEST(free_bits_of_many_words_are_read_as_frame_by_frame) { expect(are_alike<13>(2)); }

}  // namespace quarry::buddy
