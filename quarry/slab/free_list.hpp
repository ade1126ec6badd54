// quarry/slab/free_list.hpp: the free objects of one slab, chained through themselves.
//
//   slab   | object 0 | object 1 | object 2 | object 3 |       first free: 2
//                      next: none            next: 1           3 -> 1 -> none
//
// A link is four bytes inside the free object (or behind it, see LinkPlace): the number of the next free one. Where links are
// hidden it is mixed with a secret and with its own address, so that it says nothing to who reads it, and whoever writes one
// most likely names an object that does not exist.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "quarry/slab/hardening.hpp"

namespace quarry::slab {

inline constexpr std::uint16_t kNoObject = 0xffff;

// Spreads every bit of `word` over all of them.
constexpr std::uint64_t mix(std::uint64_t word) noexcept {
  word = (word ^ word >> 32) * 0x9e37'79b9'7f4a'7c15;
  word = (word ^ word >> 29) * 0xbf58'476d'1ce4'e5b9;
  return word ^ word >> 32;
}

// Where the slots of a slab are.
template <Hardening H>
class Slots {
 public:
  Slots(std::byte* begin, const Packing& packing, std::uint64_t secret) noexcept
      : begin_{begin}, size_{packing.size}, link_{packing.link_offset}, secret_{secret} {}

  std::byte* slot(std::uint32_t index) const noexcept { return begin_ + std::size_t{index} * size_; }

  // The free slot after `index`, kNoObject at the end. More than there are slots: somebody wrote there.
  std::uint32_t next_of(std::uint32_t index) const noexcept {
    std::uint32_t word = 0;
    __builtin_memcpy(&word, slot(index) + link_, sizeof word);
    return word ^ mask(slot(index));
  }
  void set_next(std::uint32_t index, std::uint32_t next) const noexcept { link(slot(index), next); }
  void link(std::byte* slot, std::uint32_t next) const noexcept {
    const std::uint32_t word = next ^ mask(slot);
    __builtin_memcpy(slot + link_, &word, sizeof word);
  }

 private:
  std::uint32_t mask([[maybe_unused]] const std::byte* slot) const noexcept {
    if constexpr (H.hidden_links)
      return static_cast<std::uint32_t>(mix(std::bit_cast<std::uintptr_t>(slot) ^ secret_));
    else
      return 0;
  }

  std::byte* begin_;
  std::uint32_t size_;
  std::uint32_t link_;
  std::uint64_t secret_;
};

// Answers "which object starts at this offset" without a division: the slot size's reciprocal, times the offset.
//
// Exact for every multiple of the size within a slab, since there are at most 2^15 of them and the reciprocal
// is off by less than 2^-48 for each byte; anything else is told by multiplying back.
class Divider {
 public:
  constexpr Divider() noexcept = default;
  constexpr explicit Divider(std::uint32_t size) noexcept
      : size_{size}, reciprocal_{divide(std::uint64_t{1} << 48, size) + 1} {}

  // The object's number, or kNoObject if none of `objects` starts at `offset`.
  constexpr std::uint16_t index_of(std::uint64_t offset, std::uint16_t objects) const noexcept {
    const std::uint64_t index = (offset * reciprocal_) >> 48;
    return index < objects && index * size_ == offset ? static_cast<std::uint16_t>(index) : kNoObject;
  }

 private:
  std::uint32_t size_ = 1;
  std::uint64_t reciprocal_ = 0;
};

}  // namespace quarry::slab
