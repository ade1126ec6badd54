// linux/tree_words.hpp: what a flattened device tree is written of: words of four bytes, the highest byte first.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace quarry::lnx::tree {

inline constexpr std::uint32_t kMagic = 0xd00dfeed, kVersion = 17, kCompatibleWith = 16;
inline constexpr std::uint32_t kBegin = 1, kEnd = 2, kProperty = 3, kLast = 9;
inline constexpr std::uint32_t kHeaderBytes = 40;

inline void put(std::string& into, std::uint32_t word) {
  for (int shift = 24; shift >= 0; shift -= 8) into.push_back(static_cast<char>((word >> shift) & 0xff));
}
inline void put_wide(std::string& into, std::uint64_t number) {
  put(into, static_cast<std::uint32_t>(number >> 32));
  put(into, static_cast<std::uint32_t>(number & 0xffffffff));
}
// Up to the next whole word.
inline void put_padded(std::string& into, std::string_view bytes) {
  into.append(bytes);
  into.append((4 - bytes.size() % 4) % 4, '\0');
}

}  // namespace quarry::lnx::tree
