// quarry/base/divide.hpp: 64-bit division where no libgcc is linked.
#pragma once

#include <cstdint>

#include "quarry/base/bits.hpp"

namespace quarry {

// The whole part of `number / by`, bit by bit: `/` would call __aeabi_uldivmod on arm. Not for hot paths.
//
// Cost      at most 64 steps.
constexpr std::uint64_t divide(std::uint64_t number, std::uint64_t by) noexcept {
  check(by != 0, "division by zero");
  if (by > number) return 0;
  std::uint64_t quotient = 0;
  for (unsigned shift = count_leading_zeros(by) - count_leading_zeros(number) + 1; shift-- > 0;) {
    if (number < by << shift) continue;
    number -= by << shift;
    quotient |= std::uint64_t{1} << shift;
  }
  return quotient;
}

}  // namespace quarry
