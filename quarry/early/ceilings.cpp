#include "quarry/early/ceilings.hpp"

namespace quarry::early {
namespace {

// Whether each fit of `b` is one of `a` as well. Without branches where they would follow no pattern.
constexpr bool covers(const Wanted& a, const Wanted& b) noexcept {
  return (unsigned{a.size.raw <= b.size.raw} & unsigned{a.alignment.raw <= b.alignment.raw} &
          unsigned{b.top.raw <= a.top.raw}) != 0 &&
         a.filter == b.filter;
}

}  // namespace

PhysAddr Ceilings::of(const Wanted& wanted) const noexcept {
  PhysAddr highest = wanted.top;
  for (const Ceiling& at : known())
    if (at.highest.raw < highest.raw && covers(at.wanted, wanted)) highest = at.highest;
  return wanted.top - highest < wanted.size ? wanted.top : highest + wanted.size;
}

// A ceiling that a new one covers and is not below is of no use beside it.
void Ceilings::learn(const Wanted& wanted, PhysAddr highest) noexcept {
  for (Ceiling& at : std::span{ceilings_.data(), count_})
    if (highest <= at.highest && covers(wanted, at.wanted)) {
      at = {wanted, highest};
      return;
    }
  if (count_ < kMax) {
    ceilings_[count_++] = {wanted, highest};
    return;
  }
  ceilings_[next_] = {wanted, highest};
  next_ = (next_ + 1) & (kMax - 1);
}

// Most of the time a ceiling is above the gap already. Where the size is above the gap's end, what fits wraps to an address
// that no window reaches: that ceiling is of no use until it is learned anew, but true.
void Ceilings::lift(PhysRange gap) noexcept {
  const std::uint64_t begin = gap.begin().raw, end = gap.end().raw;
  for (Ceiling& at : std::span{ceilings_.data(), count_}) {
    const std::uint64_t highest = end - at.wanted.size.raw;
    if (highest <= at.highest.raw) continue;
    const std::uint64_t fit = highest & (0 - at.wanted.alignment.raw);
    if (fit >= begin && fit > at.highest.raw) at.highest.raw = fit;
  }
}

}  // namespace quarry::early
