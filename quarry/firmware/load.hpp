// quarry/firmware/load.hpp: numbers out of bytes, at any alignment, in either order.
//
// Firmware tables are unaligned and come from machines of both byte orders. Whoever loads has measured
// the bytes first; a load outside them is our own mistake and stops.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

#include "quarry/base/check.hpp"

namespace quarry::firmware {

using ByteView = std::span<const std::byte>;

// Whether `size` bytes lie at `offset`. Never wraps, whatever a table claims.
constexpr bool holds(ByteView bytes, std::uint64_t offset, std::uint64_t size) noexcept {
  return offset <= bytes.size() && size <= bytes.size() - offset;
}

// Little-endian: ACPI, UEFI, x86's boot protocol.
template <std::unsigned_integral T>
constexpr T load_le(ByteView bytes, std::size_t offset) noexcept {
  check(holds(bytes, offset, sizeof(T)), "load outside the table");
  std::uint64_t value = 0;
  for (std::size_t i = sizeof(T); i-- > 0;)
    value = (value << 8) | std::to_integer<std::uint64_t>(bytes[offset + i]);
  return static_cast<T>(value);
}

// Big-endian: device trees.
template <std::unsigned_integral T>
constexpr T load_be(ByteView bytes, std::size_t offset) noexcept {
  check(holds(bytes, offset, sizeof(T)), "load outside the table");
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    value = (value << 8) | std::to_integer<std::uint64_t>(bytes[offset + i]);
  return static_cast<T>(value);
}

}  // namespace quarry::firmware
