// quarry/vm/address.hpp: points of a virtual address space.
#pragma once

#include <compare>
#include <cstdint>

#include "quarry/base/range.hpp"

namespace quarry::vm {

// Virtual byte address. 64 bits wide on every target, as a tool lays out machines wider than its own. Never a
// pointer and never a PhysAddr: only a page table leads from one to the other.
struct VirtAddr {
  std::uint64_t raw = 0;
  constexpr VirtAddr() noexcept = default;
  constexpr explicit VirtAddr(std::uint64_t value) noexcept : raw{value} {}
  friend constexpr auto operator<=>(VirtAddr, VirtAddr) noexcept = default;
};

constexpr VirtAddr operator+(VirtAddr at, Bytes by) noexcept {
  check(by.raw <= UINT64_MAX - at.raw, "virtual address overflow");
  return VirtAddr{at.raw + by.raw};
}
constexpr Bytes operator-(VirtAddr to, VirtAddr from) noexcept {
  check(from <= to, "negative distance of virtual addresses");
  return Bytes{to.raw - from.raw};
}

// Whether the bits from `bits` - 1 on are all alike: what x86 calls canonical.
constexpr bool is_sign_extended(VirtAddr at, unsigned bits) noexcept {
  const std::uint64_t sign = at.raw >> (bits - 1);
  return sign == 0 || sign == UINT64_MAX >> (bits - 1);
}

// Half-open, so a range never holds the last page of 2^64: nothing is mapped there, as in most kernels, where
// that page is what error codes look like as pointers.
using VirtRange = Range<VirtAddr>;

}  // namespace quarry::vm
