// quarry/early/ceilings.hpp: what searches from above have proved, so that the next ones begin lower.
//
//   free     |------|   |--|  |-|   |---|    |-|      a request that fits in the first one only
//   ceiling  ......x                                  x: where it was found; whoever asks for as much or
//                                                     more, aligned as well or better, begins below
//
// Reservations keep a ceiling true. A reservation that ends lifts those whose request fits in the gap that is
// there then. Whatever else changes the memory forgets them all. Boots allocate few sizes again and again, and
// each begins where the last one of its kind was found.
#pragma once

#include <array>
#include <cstddef>

#include "quarry/early/free_ranges.hpp"

namespace quarry::early {

// What was looked for: `size` bytes aligned to `alignment`, in the memory that the filter takes, up to `top`.
struct Wanted {
  Bytes size{};
  Bytes alignment{};
  Filter filter{};
  PhysAddr top{};
};

class Ceilings {
 public:
  struct Ceiling {
    Wanted wanted;
    PhysAddr highest;  // law: no fit of `wanted`, or of more, begins above
  };

  // Where a search for `wanted` may begin: no fit ends above. At most its `top`.
  //
  // Cost      O(ceilings known), at most kMax.
  PhysAddr of(const Wanted& wanted) const noexcept;
  // A search found the highest place for `wanted`.
  void learn(const Wanted& wanted, PhysAddr highest) noexcept;
  // The reservations leave `gap` free from now on; it was smaller before.
  void lift(PhysRange gap) noexcept;
  void forget() noexcept { count_ = 0; }
  std::span<const Ceiling> known() const noexcept { return {ceilings_.data(), count_}; }

 private:
  static constexpr std::size_t kMax = 16;

  std::array<Ceiling, kMax> ceilings_{};
  std::size_t count_ = 0;  // law: count_ <= kMax
  std::size_t next_ = 0;   // which one a new one replaces when all are taken
};

}  // namespace quarry::early
