// quarry/early/regions.hpp: sorted, disjoint regions to look at, and the questions that all such runs answer.
//
// A run is a plain array, or the slots of a large table: rings of a power of two of regions, each full but the
// last, and each turned by what its first slot says (region_slots.hpp).
//
//   turned by 2   | 6 | 7 | 0 | 1 | 2 | 3 | 4 | 5 |   index in the ring, by slot
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <span>

#include "quarry/early/region.hpp"

namespace quarry::early {

class Regions {
 public:
  class Iterator;

  constexpr Regions() noexcept = default;
  // Anything that is an array: a span, a Region[4], a vector.
  template <class Array>
    requires(!std::same_as<Array, Regions> && std::convertible_to<const Array&, std::span<const Region>>)
  constexpr Regions(const Array& array) noexcept : Regions{array, std::span<const Region>{array}} {}
  // The slots of a table: `ring` is a ring's size less one, or kNoRings.
  constexpr Regions(const Region* slots, std::size_t count, std::size_t ring) noexcept
      : slots_{slots}, count_{count}, ring_{ring} {}
  static constexpr std::size_t kNoRings = SIZE_MAX;

  constexpr std::size_t size() const noexcept { return count_; }
  constexpr bool empty() const noexcept { return count_ == 0; }
  constexpr const Region& operator[](std::size_t at) const noexcept { return slots_[slot(at)]; }
  constexpr const Region& front() const noexcept { return (*this)[0]; }
  constexpr const Region& back() const noexcept { return (*this)[count_ - 1]; }
  constexpr Iterator begin() const noexcept;
  constexpr Iterator end() const noexcept;

  // Whether the regions lie one behind the other in memory: always in tables of up to 256.
  constexpr bool is_array() const noexcept { return ring_ == kNoRings; }
  constexpr const Region* data() const noexcept { return slots_; }
  // Law: no ring is turned by more than its size, and a run without rings is not turned.
  constexpr bool are_rings_sound() const noexcept {
    if (is_array()) return true;
    for (std::size_t first = 0; first < count_; first += ring_ + 1)
      if (slots_[first].ring_head > ring_) return false;
    return true;
  }

  // The regions from `at` on that lie one behind the other in memory.
  constexpr std::span<const Region> run_from(std::size_t at) const noexcept {
    if (at >= count_) return {};
    const std::size_t start = slot(at);
    if (is_array()) return {slots_ + start, count_ - at};
    // Up to the ring's last region, or to its last slot.
    const std::size_t further = (at & ring_) > (start & ring_) ? at & ring_ : start & ring_;
    const std::size_t run = ring_ - further + 1;
    return {slots_ + start, run < count_ - at ? run : count_ - at};
  }
  // The first index whose region begins at or above `at`; size() when there is none.
  std::size_t first_from(PhysAddr at) const noexcept;

 private:
  template <class Array>
  constexpr Regions(const Array&, std::span<const Region> span) noexcept
      : slots_{span.data()}, count_{span.size()} {}

  constexpr std::size_t slot(std::size_t at) const noexcept {
    if (ring_ == kNoRings) return at;
    const std::size_t first = at & ~ring_;
    return first + ((at + slots_[first].ring_head) & ring_);
  }

  const Region* slots_ = nullptr;
  std::size_t count_ = 0;
  std::size_t ring_ = kNoRings;
};

// Goes over a run by index. It may be copied and outlives the view, but not the slots.
class Regions::Iterator {
 public:
  using value_type = Region;
  using difference_type = std::ptrdiff_t;
  using reference = const Region&;
  using pointer = const Region*;

  constexpr Iterator() noexcept = default;
  constexpr Iterator(const Regions& regions, std::size_t at) noexcept : regions_{regions}, at_{at} {}
  constexpr const Region& operator*() const noexcept { return regions_[at_]; }
  constexpr const Region* operator->() const noexcept { return &regions_[at_]; }
  constexpr Iterator& operator++() noexcept {
    ++at_;
    return *this;
  }
  constexpr Iterator operator++(int) noexcept {
    Iterator old = *this;
    ++at_;
    return old;
  }
  friend constexpr bool operator==(const Iterator& a, const Iterator& b) noexcept { return a.at_ == b.at_; }

 private:
  Regions regions_;
  std::size_t at_ = 0;
};
constexpr Regions::Iterator Regions::begin() const noexcept { return {*this, 0}; }
constexpr Regions::Iterator Regions::end() const noexcept { return {*this, count_}; }

// --- Questions; each costs O(log n) unless it says otherwise -------------------------------------------------

// The first region that ends above `at`: the one that holds it, or the next one; size() when there is none.
std::size_t first_ending_above(const Regions& regions, PhysAddr at) noexcept;
// The first region that begins at or above `at`; size() when there is none.
inline std::size_t first_beginning_from(const Regions& regions, PhysAddr at) noexcept {
  return regions.first_from(at);
}
// The region that holds `at`.
std::optional<std::size_t> search(const Regions& regions, PhysAddr at) noexcept;
// Whether a byte of `range` is in a region. An empty range strictly inside a region overlaps it, as in Linux.
bool overlaps(const Regions& regions, PhysRange range) noexcept;
// How many runs of bytes of `range` are in no region: what an addition would insert before it merges.
//
// Cost      O(log n + regions overlapped).
std::size_t missing_pieces(const Regions& regions, PhysRange range) noexcept;
// The bytes in no region around index `at`, from the region before it to the region at it.
PhysRange gap_before(const Regions& regions, std::size_t at) noexcept;

}  // namespace quarry::early
