#include "quarry/early/region_slots.hpp"

#include "quarry/base/bits.hpp"

namespace quarry::early {
namespace {

constexpr std::size_t kArrayMax = 256;    // regions up to which shifting them all is as fast as anything
constexpr std::size_t kErasedSingly = 8;  // above this, one move of everything behind them is faster

std::size_t ring_for(std::size_t max) noexcept {
  if (max <= kArrayMax) return Regions::kNoRings;
  const unsigned log2 = 63 - count_leading_zeros(max);
  const unsigned shift = log2 / 2 < 13 ? log2 / 2 + 2 : 15;
  return (std::size_t{1} << shift) - 1;
}

void move(Region* to, const Region* from, std::size_t count) noexcept {
  if (count != 0) __builtin_memmove(to, from, count * sizeof(Region));
}

// One ring, or the array. Moving regions may overwrite the head in its first slot: done() writes it again.
class Ring {
 public:
  Ring(Region* slots, std::size_t mask, bool turns) noexcept
      : slots_{slots}, mask_{mask}, head_{turns ? slots->ring_head : std::size_t{0}} {}
  void done() noexcept { slots_->ring_head = static_cast<std::uint16_t>(head_); }

  Region& at(std::size_t index) noexcept { return slots_[(head_ + index) & mask_]; }
  void turn(std::size_t by) noexcept { head_ = (head_ + by) & mask_; }

  // Moves the regions of indices [first, first + count) to the next index.
  void shift_up(std::size_t first, std::size_t count) noexcept {
    const std::size_t slot = (head_ + first) & mask_;
    const std::size_t tail = mask_ - slot;  // so many can move without reaching slot 0
    if (count <= tail) return move(slots_ + slot + 1, slots_ + slot, count);
    move(slots_ + 1, slots_, count - tail - 1);
    slots_[0] = slots_[mask_];
    move(slots_ + slot + 1, slots_ + slot, tail);
  }
  // Moves the regions of indices [first, first + count) to the index before.
  void shift_down(std::size_t first, std::size_t count) noexcept {
    if (count == 0) return;
    const std::size_t slot = (head_ + first) & mask_;
    if (slot == 0) {
      slots_[mask_] = slots_[0];
      return move(slots_, slots_ + 1, count - 1);
    }
    const std::size_t tail = mask_ - slot + 1;  // so many lie before the ring's end
    if (count <= tail) return move(slots_ + slot - 1, slots_ + slot, count);
    move(slots_ + slot - 1, slots_ + slot, tail);
    slots_[mask_] = slots_[0];
    move(slots_, slots_ + 1, count - tail - 1);
  }

 private:
  Region* slots_;
  std::size_t mask_;
  std::size_t head_;
};

void reverse(Region* first, Region* last) noexcept {
  while (first < last) {
    const Region kept = *first;
    *first++ = *--last;
    *last = kept;
  }
}

}  // namespace

RegionSlots::RegionSlots(std::span<Region> storage) noexcept
    : storage_{storage}, ring_{ring_for(storage.size())} {}

void RegionSlots::insert_in_ring(std::size_t first, std::size_t held, std::size_t at,
                                 const Region& region) noexcept {
  const bool turns = can_turn(first);
  if (held == 0) storage_[first].ring_head = 0;
  Ring ring{&storage_[first], ring_, turns};
  if (!turns || held - at <= at) {
    ring.shift_up(at, held - at);
  } else {
    ring.turn(ring_);  // one slot back
    ring.shift_down(1, at);
  }
  ring.at(at) = region;
  ring.done();
}

void RegionSlots::insert(std::size_t at, const Region& region) noexcept {
  check(count_ < max() && at <= count_, "a region table overflows");
  std::size_t first = at & ~ring_;
  if (ring_ == Regions::kNoRings) first = 0;
  if (count_ - first <= ring_) {
    insert_in_ring(first, count_ - first, at - first, region);
    ++count_;
    return;
  }
  Region carried = (*this)[first + ring_];
  insert_in_ring(first, ring_, at - first, region);
  for (first += ring_ + 1; count_ - first > ring_; first += ring_ + 1) {
    Ring ring{&storage_[first], ring_, true};
    ring.turn(ring_);
    std::swap(ring.at(0), carried);
    ring.done();
  }
  insert_in_ring(first, count_ - first, 0, carried);
  ++count_;
}

void RegionSlots::erase_in_ring(std::size_t first, std::size_t held, std::size_t at) noexcept {
  const bool turns = can_turn(first);
  Ring ring{&storage_[first], ring_, turns};
  if (!turns || held - at - 1 <= at) {
    ring.shift_down(at + 1, held - at - 1);
  } else {
    ring.shift_up(0, at);
    ring.turn(1);
  }
  ring.done();
}

void RegionSlots::erase_one(std::size_t at) noexcept {
  std::size_t first = ring_ == Regions::kNoRings ? 0 : at & ~ring_;
  erase_in_ring(first, held(first), at - first);
  // Each ring behind gives its front to the one before it.
  for (; count_ - first > ring_ + 1 && ring_ != Regions::kNoRings; first += ring_ + 1) {
    const std::size_t next = first + ring_ + 1;
    const Region front = (*this)[next];
    Ring ring{&storage_[first], ring_, true};
    ring.at(ring_) = front;
    ring.done();
    erase_in_ring(next, held(next), 0);
  }
  --count_;
}

void RegionSlots::erase(std::size_t first, std::size_t last) noexcept {
  check(first <= last && last <= count_, "erasure outside the region table");
  if (last - first <= kErasedSingly && ring_ != Regions::kNoRings) {
    while (last > first) erase_one(--last);
    return;
  }
  if (first == last) return;
  unturn();
  move(storage_.data() + first, storage_.data() + last, count_ - last);
  count_ -= last - first;
  unturn_heads();
}

void RegionSlots::unturn() noexcept {
  if (ring_ == Regions::kNoRings) return;
  for (std::size_t first = 0; first < count_; first += ring_ + 1) {
    if (!can_turn(first)) break;
    Region* const slots = &storage_[first];
    const std::size_t head = slots->ring_head;
    if (head != 0) {
      reverse(slots, slots + head);
      reverse(slots + head, slots + ring_ + 1);
      reverse(slots, slots + ring_ + 1);
    }
  }
  unturn_heads();
}

void RegionSlots::unturn_heads() noexcept {
  if (ring_ == Regions::kNoRings) return;
  for (std::size_t first = 0; first < count_; first += ring_ + 1) storage_[first].ring_head = 0;
}

void RegionSlots::move_to(std::span<Region> storage) noexcept {
  check(storage.size() >= count_, "a region table moves to smaller storage");
  unturn();
  move(storage.data(), storage_.data(), count_);
  for (std::size_t i = count_; i < storage.size(); ++i) storage[i] = Region{};
  storage_ = storage;
  ring_ = ring_for(storage.size());
  unturn_heads();
}

}  // namespace quarry::early
