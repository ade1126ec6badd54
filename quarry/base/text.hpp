// quarry/base/text.hpp: characters that somebody else keeps, and a place to write more.
//
// <string_view> of GCC 12 drags in libc headers, so the library has a view of its own. Text that the
// library prints goes to a TextSink, piece by piece; nothing is ever assembled in a buffer.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quarry/base/check.hpp"
#include "quarry/base/result.hpp"

namespace quarry {

// A run of characters, not terminated and not owned.
class TextView {
 public:
  constexpr TextView() noexcept = default;
  constexpr TextView(const char* text, std::size_t size) noexcept : data_{text}, size_{size} {}
  // A literal, or any text that ends with a zero.
  constexpr TextView(const char* text) noexcept : data_{text} {
    while (data_[size_] != '\0') ++size_;
  }

  constexpr const char* data() const noexcept { return data_; }
  constexpr std::size_t size() const noexcept { return size_; }
  constexpr bool empty() const noexcept { return size_ == 0; }
  constexpr char operator[](std::size_t at) const noexcept {
    check(at < size_, "character outside the text");
    return data_[at];
  }
  constexpr const char* begin() const noexcept { return data_; }
  constexpr const char* end() const noexcept { return data_ + size_; }

  // The characters from `from` on, at most `count`; both are cut to what there is.
  constexpr TextView part(std::size_t from, std::size_t count = SIZE_MAX) const noexcept {
    if (from > size_) from = size_;
    const std::size_t left = size_ - from;
    return {data_ + from, count < left ? count : left};
  }
  constexpr bool starts_with(TextView prefix) const noexcept { return part(0, prefix.size_) == prefix; }
  constexpr bool ends_with(TextView suffix) const noexcept {
    return size_ >= suffix.size_ && part(size_ - suffix.size_) == suffix;
  }
  // The place of the first `wanted` at or after `from`; size() when there is none.
  constexpr std::size_t find(char wanted, std::size_t from = 0) const noexcept {
    while (from < size_ && data_[from] != wanted) ++from;
    return from < size_ ? from : size_;
  }
  friend constexpr bool operator==(TextView a, TextView b) noexcept {
    if (a.size_ != b.size_) return false;
    for (std::size_t i = 0; i < a.size_; ++i)
      if (a.data_[i] != b.data_[i]) return false;
    return true;
  }

 private:
  const char* data_ = "";
  std::size_t size_ = 0;
};

// A size as kernels read it on their command line: decimal, octal or 0x-hexadecimal digits and one of
// the suffixes K M G T P E (either case), each 2^10 times the one before.
struct ParsedSize {
  std::uint64_t value;
  std::size_t length;  // characters used; 0: no number here, and `value` is 0
};

// Units     bytes, or whatever the suffix multiplies.
// Errors    overflow: the number does not fit in 64 bits.
// Source    Linux 6.1, "memparse" (behaviour; Linux wraps where this refuses).
Result<ParsedSize> parse_size(TextView text) noexcept;

// Where text goes: a console, a file, a buffer. One function and the pointer it is given.
class TextSink {
 public:
  using Write = void (*)(void* self, const char* text, std::size_t size) noexcept;
  constexpr TextSink(void* self, Write write) noexcept : self_{self}, write_{write} {}

  TextSink& put(TextView text) noexcept;
  TextSink& put(char c) noexcept { return put(TextView{&c, 1}); }
  TextSink& repeat(char c, std::size_t count) noexcept;
  // Text in a field of at least `width` characters.
  TextSink& left(TextView text, std::size_t width) noexcept;
  TextSink& right(TextView text, std::size_t width) noexcept;
  // Decimal digits, right-aligned in at least `width` characters.
  TextSink& dec(std::uint64_t value, std::size_t width = 0) noexcept;
  TextSink& dec_signed(std::int64_t value, std::size_t width = 0) noexcept;
  // Hexadecimal digits without prefix, filled with zeros to at least `digits`.
  TextSink& hex(std::uint64_t value, std::size_t digits = 0) noexcept;

 private:
  void* self_;
  Write write_;
};

}  // namespace quarry
