// quarry/slab/free_list.hpp: the free objects of one slab, chained through themselves.
//
//   slab   | object 0 | object 1 | object 2 | object 3 |       first free: 2
//                      next: none            next: 1           3 -> 1 -> none
//
// A link is four bytes inside the free object (or behind it, see LinkPlace): the number of the next free one,
// and a seal over both numbers. A live object almost never carries a valid seal, a free one always does:
// so a double free is suspected in O(1), proved by one walk, and a write to a free object is seen.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quarry/slab/geometry.hpp"

namespace quarry::slab {

inline constexpr std::uint16_t kNoObject = 0xffff;

// Where the slots of a slab are, and how its links are sealed.
class Slots {
 public:
  Slots(std::byte* begin, const Packing& packing, std::uint16_t salt) noexcept
      : begin_{begin}, size_{packing.size}, link_{packing.link_offset}, salt_{salt} {}

  std::byte* object(std::uint16_t index) const noexcept { return begin_ + std::size_t{index} * size_; }

  // The next free object after `index`, or kNoObject; nothing when the link's seal is broken.
  struct Next {
    std::uint16_t index;
    bool intact;
  };
  Next next_of(std::uint16_t index) const noexcept {
    const std::uint32_t word = read(index);
    const auto next = static_cast<std::uint16_t>(word);
    return {next, (word >> 16) == seal(index, next)};
  }
  void set_next(std::uint16_t index, std::uint16_t next) const noexcept {
    write(index, next | std::uint32_t{seal(index, next)} << 16);
  }
  // An object that is handed out carries no seal: a second free of it would look at its own content.
  void break_seal(std::uint16_t index) const noexcept { write(index, 0); }

 private:
  // Never 0 for a link of 0: what break_seal leaves is no seal. The top bit is always set.
  std::uint16_t seal(std::uint16_t index, std::uint16_t next) const noexcept {
    return static_cast<std::uint16_t>((salt_ ^ (index * 0x9e37u) ^ (next * 0x79b9u)) | 0x8000u);
  }
  std::uint32_t read(std::uint16_t index) const noexcept {
    std::uint32_t word = 0;
    __builtin_memcpy(&word, object(index) + link_, sizeof word);
    return word;
  }
  void write(std::uint16_t index, std::uint32_t word) const noexcept {
    __builtin_memcpy(object(index) + link_, &word, sizeof word);
  }

  std::byte* begin_;
  std::uint32_t size_;
  std::uint32_t link_;
  std::uint16_t salt_;
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
