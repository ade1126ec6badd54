#include "quarry/base/sort.hpp"

#include <array>

#include "tests/test.hpp"

namespace quarry {

constexpr auto kAscending = [](unsigned a, unsigned b) { return a < b; };

// Every sequence of n digits below n: all orders, and all kinds of repetition.
TEST(every_short_sequence_is_sorted) {
  unsigned wrong = 0, tried = 0;
  for (unsigned n = 0; n <= 5; ++n) {
    std::array<unsigned, 5> digits{};
    for (bool more = true; more;) {
      std::array<unsigned, 5> values = digits, before{}, after{};
      for (unsigned i = 0; i < n; ++i) ++before[values[i]];
      sort(std::span{values}.first(n), kAscending);
      for (unsigned i = 0; i < n; ++i) ++after[values[i]];
      for (unsigned i = 1; i < n; ++i) wrong += values[i] < values[i - 1] ? 1u : 0u;
      for (unsigned i = 0; i < n; ++i) wrong += before[i] == after[i] ? 0u : 1u;
      ++tried;
      unsigned at = 0;  // counts up in base n
      while (at < n && ++digits[at] == n) digits[at++] = 0;
      more = at < n;
    }
  }
  expect_equal(wrong, 0u);
  expect_equal(tried, 1u + 1 + 4 + 27 + 256 + 3125);
}

TEST(a_heap_gives_back_the_largest_first) {
  std::array<unsigned, 7> heap{};
  std::size_t size = 0;
  for (const unsigned value : {3u, 9u, 1u, 9u, 0u, 4u, 7u}) {
    heap[size++] = value;
    sift_up(std::span{heap}.first(size), kAscending);
  }
  for (const unsigned want : {9u, 9u, 7u, 4u, 3u, 1u, 0u}) {
    expect_equal(heap[0], want);
    heap[0] = heap[--size];
    sift_down(std::span{heap}.first(size), 0, kAscending);
  }
  sift_up(std::span<unsigned>{}, kAscending);
  expect_equal(size, 0u);
}

}  // namespace quarry
