// quarry/early/region_slots.hpp: where a table's regions lie: an array, or rings when there may be many.
//
// Storage for up to 256 regions is a plain array. Larger storage is cut into rings of two to four times the root
// of its size, and an insertion shifts regions in one ring only. That ring's last region goes to the front
// of the next one, whose last goes on in turn: a ring that is full takes one at its front and gives one from
// its back by turning, without moving the others.
//
//   insert at 2   | 0 1 2 3 | 4 5 6 7 | 8 9      |
//                     ^-- shift   `-> turn  `-> turn
//
// All slots can be used, because no ring but the last has room, and how far a ring is turned is kept in two
// bytes of its first slot that no region needs: growing to twice the size takes Linux's bytes and no more.
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "quarry/early/regions.hpp"

namespace quarry::early {

class RegionSlots {
 public:
  explicit RegionSlots(std::span<Region> storage) noexcept;

  std::size_t count() const noexcept { return count_; }
  std::size_t max() const noexcept { return storage_.size(); }
  Regions view() const noexcept { return {storage_.data(), count_, ring_}; }
  // What may be changed in place, one by one; put() replaces all of a region.
  Region& operator[](std::size_t at) noexcept { return const_cast<Region&>(std::as_const(*this).view()[at]); }
  const Region& operator[](std::size_t at) const noexcept { return view()[at]; }
  void put(std::size_t at, const Region& region) noexcept {
    Region& slot = (*this)[at];
    slot.base = region.base;
    slot.size = region.size;
    slot.flags = region.flags;
    slot.node = region.node;
  }

  // Needs     count() < max().
  // Cost      O(sqrt(max())), or O(n) for up to 256.
  void insert(std::size_t at, const Region& region) noexcept;
  // Cost      the same a region, or O(n) for many.
  void erase(std::size_t first, std::size_t last) noexcept;
  // Moves to other storage, which may overlap this one and is large enough.
  //
  // Cost      O(max()).
  void move_to(std::span<Region> storage) noexcept;

 private:
  // How much a ring that begins at index `first` holds.
  std::size_t held(std::size_t first) const noexcept {
    return count_ - first > ring_ ? ring_ + 1 : count_ - first;
  }
  // Whether all its slots are there: the last ring of an odd storage, and an array, cannot turn.
  bool can_turn(std::size_t first) const noexcept { return ring_ < max() && max() - first > ring_; }
  void insert_in_ring(std::size_t first, std::size_t held, std::size_t at, const Region& region) noexcept;
  void erase_in_ring(std::size_t first, std::size_t held, std::size_t at) noexcept;
  void erase_one(std::size_t at) noexcept;
  // Lays all rings out as an array would be.
  void unturn() noexcept;
  void unturn_heads() noexcept;

  std::span<Region> storage_;
  std::size_t count_ = 0;  // law: count_ <= storage_.size()
  std::size_t ring_;       // a ring's size less one, or Regions::kNoRings
};

}  // namespace quarry::early
