// quarry/base/sort.hpp: sorting in place, and the heap it is made of.
//
// <algorithm> of GCC 12 drags in libc headers. A heap sort needs no second buffer, no recursion and no
// luck: its worst case is its ordinary case, so nobody can choose an input that makes it slow.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

namespace quarry {

// Restores the heap below `at`, whose children are heaps already. `before(a, b)`: a stands below b; the
// top of the heap is an element that stands before no other.
//
// Cost      O(log n).
template <class T, class Before>
constexpr void sift_down(std::span<T> heap, std::size_t at, Before before) noexcept {
  for (;;) {
    std::size_t child = 2 * at + 1;
    if (child >= heap.size()) return;
    if (child + 1 < heap.size() && before(heap[child], heap[child + 1])) ++child;
    if (!before(heap[at], heap[child])) return;
    std::swap(heap[at], heap[child]);
    at = child;
  }
}

// Restores a heap whose last element was just put there.
//
// Cost      O(log n).
template <class T, class Before>
constexpr void sift_up(std::span<T> heap, Before before) noexcept {
  std::size_t at = heap.size();
  if (at-- == 0) return;
  while (at != 0) {
    const std::size_t parent = (at - 1) >> 1;
    if (!before(heap[parent], heap[at])) return;
    std::swap(heap[parent], heap[at]);
    at = parent;
  }
}

// Sorts so that no element stands `before` one that precedes it. Not stable: a caller who cares about
// equal elements lets `before` compare one thing more.
//
// Cost      O(n log n) always; no allocation.
template <class T, class Before>
constexpr void sort(std::span<T> values, Before before) noexcept {
  for (std::size_t at = values.size() >> 1; at-- > 0;) sift_down(values, at, before);
  for (std::size_t left = values.size(); left > 1; --left) {
    std::swap(values[0], values[left - 1]);
    sift_down(values.first(left - 1), 0, before);
  }
}

}  // namespace quarry
