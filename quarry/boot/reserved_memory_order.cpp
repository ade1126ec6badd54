#include "quarry/boot/reserved_memory_order.hpp"

namespace quarry::boot {
namespace {

using Entry = ReservedMemoryEntry;

bool is_below(const Entry& a, const Entry& b) noexcept {
  if (a.base != b.base) return a.base < b.base;
  return a.size < b.size;
}

// Moves the entry at `at` down the path of larger children and back up to its place.
void sift(std::span<Entry> heap, std::size_t at) noexcept {
  std::size_t leaf = at;
  for (std::size_t right = 2 * leaf + 2; right <= heap.size(); right = 2 * leaf + 2)
    leaf = right < heap.size() && is_below(heap[right - 1], heap[right]) ? right : right - 1;
  while (leaf != at && !is_below(heap[at], heap[leaf])) leaf = (leaf - 1) / 2;
  Entry carried = heap[at];
  for (;; leaf = (leaf - 1) / 2) {
    const Entry passed = heap[leaf];
    heap[leaf] = carried;
    carried = passed;
    if (leaf == at) return;
  }
}

}  // namespace

void sort_reserved_memory(std::span<Entry> entries) noexcept {
  for (std::size_t at = entries.size() / 2; at-- > 0;) sift(entries, at);
  for (std::size_t last = entries.size(); last-- > 1;) {
    const Entry highest = entries[0];
    entries[0] = entries[last];
    entries[last] = highest;
    sift(entries.first(last), 0);
  }
}

}  // namespace quarry::boot
