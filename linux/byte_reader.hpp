// linux/byte_reader.hpp: little-endian numbers in a file's bytes, and nothing outside of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "linux/file_bytes.hpp"

namespace quarry::lnx {

// Offsets may be any number: what does not lie in the bytes is none.
class ByteReader {
 public:
  explicit ByteReader(std::span<const std::byte> bytes) : bytes_{bytes} {}

  std::optional<std::span<const std::byte>> part(std::uint64_t at, std::uint64_t size) const {
    if (at > bytes_.size() || size > bytes_.size() - at) return std::nullopt;
    return bytes_.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(size));
  }
  std::optional<std::uint16_t> u16(std::uint64_t at) const { return number<std::uint16_t>(at); }
  std::optional<std::uint32_t> u32(std::uint64_t at) const { return number<std::uint32_t>(at); }
  std::optional<std::uint64_t> u64(std::uint64_t at) const { return number<std::uint64_t>(at); }
  bool has(std::uint64_t at, std::string_view text) const {
    const auto here = part(at, text.size());
    return here && text_of(*here) == text;
  }
  // Up to a zero byte, `most` bytes, or the end.
  std::string_view text(std::uint64_t at, std::size_t most) const {
    if (at >= bytes_.size()) return {};
    const std::string_view rest = text_of(bytes_).substr(static_cast<std::size_t>(at), most);
    return rest.substr(0, rest.find('\0'));
  }
  std::size_t size() const { return bytes_.size(); }

 private:
  template <class T>
  std::optional<T> number(std::uint64_t at) const {
    const auto here = part(at, sizeof(T));
    if (!here) return std::nullopt;
    T value = 0;
    for (std::size_t i = sizeof(T); i-- > 0;)
      value = static_cast<T>((value << 8) | std::to_integer<T>((*here)[i]));
    return value;
  }

  std::span<const std::byte> bytes_;
};

}  // namespace quarry::lnx
