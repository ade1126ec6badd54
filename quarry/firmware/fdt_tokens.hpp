// quarry/firmware/fdt_tokens.hpp: the grammar of the structure block, for those who walk it.
//
// Source    Devicetree Specification v0.4, sections 5.4.1 and 5.4.2.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quarry/base/text.hpp"
#include "quarry/firmware/load.hpp"

namespace quarry::firmware::fdt_tokens {

inline constexpr std::uint32_t kBeginNode = 1;  // then the name, its zero, padding
inline constexpr std::uint32_t kEndNode = 2;
inline constexpr std::uint32_t kProp = 3;  // then length, offset of the name, the value, padding
inline constexpr std::uint32_t kNop = 4;
inline constexpr std::uint32_t kEnd = 9;
inline constexpr std::size_t kPropHeader = 12;

// The zero-terminated text at `offset`, without its zero. The text ends at the end of `bytes` at the latest.
inline TextView text_at(ByteView bytes, std::size_t offset) noexcept {
  std::size_t end = offset;
  while (end < bytes.size() && bytes[end] != std::byte{0}) ++end;
  return {reinterpret_cast<const char*>(bytes.data()) + offset, end - offset};
}

constexpr std::size_t padded(std::size_t size) noexcept { return (size + 3) & ~std::size_t{3}; }

// Of a validated block: the token at `at`, and where the one after it is.
inline std::uint32_t token(ByteView structure, std::size_t at) noexcept {
  return load_be<std::uint32_t>(structure, at);
}
inline std::size_t after(ByteView structure, std::size_t at) noexcept {
  switch (token(structure, at)) {
    case kBeginNode: return at + 4 + padded(text_at(structure, at + 4).size() + 1);
    case kProp: return at + kPropHeader + padded(load_be<std::uint32_t>(structure, at + 4));
    default: return at + 4;
  }
}

}  // namespace quarry::firmware::fdt_tokens
