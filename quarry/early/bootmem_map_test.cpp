#include "quarry/early/bootmem_map.hpp"

#include <array>

#include "tests/test.hpp"

namespace quarry::early {
namespace {

TEST(a_map_is_whole_longs) {
  const auto bytes = [](std::uint64_t pages, LongBits width) {
    return BootmemMap::bytes_for(PageCount{pages}, width).raw;
  };
  expect_equal(bytes(0, LongBits::bits64), 0u);
  expect_equal(bytes(1, LongBits::bits64), 8u);
  expect_equal(bytes(64, LongBits::bits64), 8u);
  expect_equal(bytes(65, LongBits::bits64), 16u);
  expect_equal(bytes(1, LongBits::bits32), 4u);
  expect_equal(bytes(32, LongBits::bits32), 4u);
  expect_equal(bytes(33, LongBits::bits32), 8u);
}

TEST(ranges_are_set_and_cleared_across_words_and_no_further) {
  std::array<BootmemMap::Word, 4> words{};
  BootmemMap map{words, PageCount{100}};
  for (const std::uint64_t from : {0u, 1u, 31u, 32u, 33u, 64u})
    for (const std::uint64_t to : {0u, 1u, 31u, 32u, 33u, 63u, 64u, 65u, 96u, 100u}) {
      words = {};
      map.set(from, to);
      for (std::uint64_t bit = 0; bit < 128; ++bit) expect_equal(map.is_set(bit), from <= bit && bit < to);
      map.fill();
      map.clear(from, to);
      for (std::uint64_t bit = 0; bit < 128; ++bit) expect_equal(map.is_set(bit), bit < from || to <= bit);
      expect_equal(map.count_clear(0, 100).raw, from < to ? to - from : 0);
    }
}

TEST(the_next_bit_is_found_from_any_place_to_any_end) {
  std::array<BootmemMap::Word, 4> words{};
  BootmemMap map{words, PageCount{128}};
  map.set(40, 70);
  for (std::uint64_t from = 0; from <= 128; ++from)
    for (std::uint64_t to = from; to <= 128; ++to) {
      std::uint64_t set = from, clear = from;
      while (set < to && (set < 40 || set >= 70)) ++set;
      while (clear < to && clear >= 40 && clear < 70) ++clear;
      expect(map.next_set(from, to) == set && map.next_clear(from, to) == clear);
    }
  expect_equal(map.next_set(50, 20), 20u);
}

TEST(longs_of_both_widths_are_the_same_bits) {
  std::array<BootmemMap::Word, 4> words{0x11111111, 0x22222222, 0x33333333, 0x44444444};
  const BootmemMap map{words, PageCount{128}};
  expect_equal(map.long_at(40, LongBits::bits32), 0x22222222u);
  expect_equal(map.long_at(40, LongBits::bits64), 0x22222222'11111111u);
  expect_equal(map.long_at(127, LongBits::bits64), 0x44444444'33333333u);
}

constexpr auto kRead = [](std::uint64_t bit) {
  std::array<BootmemMap::Word, 1> words{};
  return BootmemMap{words, PageCount{32}}.is_set(bit);
};
constexpr auto kReadInside = [] { return kRead(31); };
constexpr auto kReadOutside = [] { return kRead(32); };
static_assert(!Stops<kReadInside> && Stops<kReadOutside>);

}  // namespace
}  // namespace quarry::early
