#include "quarry/early/floors.hpp"

#include "quarry/base/bits.hpp"

namespace quarry::early {
namespace {

// Whether each fit of `b` is one of `a` as well.
constexpr bool covers(const Floors::Wanted& a, const Floors::Wanted& b) noexcept {
  return a.size <= b.size && a.alignment <= b.alignment && a.bottom <= b.bottom && a.filter == b.filter;
}

}  // namespace

PhysAddr Floors::of(const Wanted& wanted) const noexcept {
  PhysAddr lowest = wanted.bottom;
  for (const Floor& at : known())
    if (lowest < at.lowest && covers(at.wanted, wanted)) lowest = at.lowest;
  return lowest;
}

// A floor that a new one covers and is not above is of no use beside it.
void Floors::learn(const Wanted& wanted, PhysAddr lowest) noexcept {
  for (Floor& at : std::span{floors_.data(), count_})
    if (at.lowest <= lowest && covers(wanted, at.wanted)) {
      at = {wanted, lowest};
      return;
    }
  if (count_ < kMax) {
    floors_[count_++] = {wanted, lowest};
    return;
  }
  floors_[next_] = {wanted, lowest};
  next_ = (next_ + 1) & (kMax - 1);
}

void Floors::lower(PhysRange gap) noexcept {
  for (Floor& at : std::span{floors_.data(), count_}) {
    if (at.lowest <= gap.begin()) continue;
    const auto fit = align_up(gap.begin().raw, at.wanted.alignment.raw);
    if (!fit || fit.value() >= at.lowest.raw || fit.value() > gap.end().raw) continue;
    if (gap.end().raw - fit.value() >= at.wanted.size.raw) at.lowest = PhysAddr{fit.value()};
  }
}

}  // namespace quarry::early
