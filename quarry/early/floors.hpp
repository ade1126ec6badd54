// quarry/early/floors.hpp: what searches from below have proved: Ceilings the other way up.
//
//   free     |-|   |--|  |---|   |-|   |------|      a request that fits in the last one only
//   floor                              x.......      x: where it was found; whoever asks for as much or
//                                                    more, aligned as well or better, begins there
//
// Reservations keep a floor true. A reservation that ends lowers those whose request fits in the gap that is
// there then. Whatever else changes the memory forgets them all.
#pragma once

#include <array>
#include <cstddef>

#include "quarry/early/free_ranges.hpp"

namespace quarry::early {

class Floors {
 public:
  // What was looked for: `size` bytes aligned to `alignment`, in the memory that the filter takes, from `bottom` on.
  struct Wanted {
    Bytes size{};
    Bytes alignment{};
    Filter filter{};
    PhysAddr bottom{};
  };
  struct Floor {
    Wanted wanted;
    PhysAddr lowest;  // law: no fit of `wanted`, or of more, begins below
  };

  // Where a search for `wanted` may begin: at its `bottom` or above.
  //
  // Cost      O(floors known), at most kMax.
  PhysAddr of(const Wanted& wanted) const noexcept;
  // A search found the lowest place for `wanted`.
  void learn(const Wanted& wanted, PhysAddr lowest) noexcept;
  // The reservations leave `gap` free from now on; it was smaller before.
  void lower(PhysRange gap) noexcept;
  void forget() noexcept { count_ = 0; }
  std::span<const Floor> known() const noexcept { return {floors_.data(), count_}; }

 private:
  static constexpr std::size_t kMax = 8;

  std::array<Floor, kMax> floors_{};
  std::size_t count_ = 0;  // law: count_ <= kMax
  std::size_t next_ = 0;   // which one a new one replaces when all are taken
};

}  // namespace quarry::early
