// linux/log_scanner.hpp: boot logs cut into messages, and messages read word by word.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "quarry/base/range.hpp"

namespace quarry::lnx {

// Reads one message from left to right; what does not match leaves the place where it was.
class Scanner {
 public:
  explicit Scanner(std::string_view text) noexcept : rest_{text} {}

  std::string_view rest() const noexcept { return rest_; }
  bool at_end() const noexcept { return rest_.empty(); }
  void spaces() noexcept;
  bool skip(std::string_view literal) noexcept;
  // Moves behind the first `literal` of what is left.
  bool skip_to(std::string_view literal) noexcept;
  std::optional<std::uint64_t> hex() noexcept;      // with or without 0x; at most 16 digits
  std::optional<std::uint64_t> decimal() noexcept;  // at most 19 digits
  std::string_view word() noexcept;                 // up to a space

  // "[mem 0xA-0xB]": inclusive on paper, half-open here. An end of B + 1 == A is an empty range.
  std::optional<PhysRange> mem_range() noexcept;
  // "0xA-0xB" with an inclusive end.
  std::optional<PhysRange> inclusive_range() noexcept;

 private:
  std::string_view rest_;
};

// [first, last] as a half-open range; none if it ends before it begins. One that ends at the last byte of the
// address space is a byte short.
std::optional<PhysRange> range_of_inclusive(std::uint64_t first, std::uint64_t last) noexcept;

// Hands out the messages of a log one by one: prefixes gone, leading spaces gone, lines that were run together
// at a timestamp taken apart.
class Messages {
 public:
  explicit Messages(std::span<const std::byte> log) noexcept
      : rest_{reinterpret_cast<const char*>(log.data()), log.size()} {}

  struct Message {
    std::size_t line;  // from 1
    std::string_view text;
  };
  std::optional<Message> next() noexcept;

 private:
  std::string_view rest_;     // lines not begun
  std::string_view pending_;  // what is left of the line begun
  bool has_pending_ = false;
  std::size_t line_ = 0;
};

}  // namespace quarry::lnx
