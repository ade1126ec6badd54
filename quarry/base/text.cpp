#include "quarry/base/text.hpp"

namespace quarry {
namespace {

// Long division by ten, 16 bits at a time: a 64-bit `/` calls into libgcc on arm.
struct TenParts {
  std::uint64_t quotient;
  unsigned remainder;
};
TenParts divide_by_ten(std::uint64_t value) noexcept {
  std::uint64_t quotient = 0;
  std::uint32_t carry = 0;
  for (int shift = 48; shift >= 0; shift -= 16) {
    const std::uint32_t part = (carry << 16) | static_cast<std::uint32_t>((value >> shift) & 0xffff);
    quotient = (quotient << 16) | (part / 10);
    carry = part % 10;
  }
  return {quotient, carry};
}

constexpr unsigned digit_of(char c) noexcept {
  if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if (c >= 'A' && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return 99;
}

// How far a suffix shifts; 0 when `c` is none.
constexpr unsigned shift_of(char c) noexcept {
  switch (c) {
    case 'K':
    case 'k': return 10;
    case 'M':
    case 'm': return 20;
    case 'G':
    case 'g': return 30;
    case 'T':
    case 't': return 40;
    case 'P':
    case 'p': return 50;
    case 'E':
    case 'e': return 60;
    default: return 0;
  }
}

}  // namespace

Result<ParsedSize> parse_size(TextView text) noexcept {
  unsigned base = 10;
  std::size_t at = 0;
  if (text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && digit_of(text[2]) < 16) {
    base = 16;
    at = 2;
  } else if (text.size() > 1 && text[0] == '0') {
    base = 8;
  }
  std::uint64_t value = 0;
  const std::size_t first = at;
  for (; at < text.size() && digit_of(text[at]) < base; ++at) {
    std::uint64_t scaled = 0;
    if (__builtin_mul_overflow(value, std::uint64_t{base}, &scaled) ||
        __builtin_add_overflow(scaled, std::uint64_t{digit_of(text[at])}, &scaled))
      return Error::overflow;
    value = scaled;
  }
  if (at == first) return ParsedSize{0, 0};
  if (at < text.size()) {
    const unsigned shift = shift_of(text[at]);
    if (shift != 0) {
      if ((value << shift) >> shift != value) return Error::overflow;
      return ParsedSize{value << shift, at + 1};
    }
  }
  return ParsedSize{value, at};
}

TextSink& TextSink::put(TextView text) noexcept {
  if (!text.empty()) write_(self_, text.data(), text.size());
  return *this;
}

TextSink& TextSink::repeat(char c, std::size_t count) noexcept {
  while (count-- > 0) put(c);
  return *this;
}

TextSink& TextSink::left(TextView text, std::size_t width) noexcept {
  put(text);
  return text.size() < width ? repeat(' ', width - text.size()) : *this;
}

TextSink& TextSink::right(TextView text, std::size_t width) noexcept {
  if (text.size() < width) repeat(' ', width - text.size());
  return put(text);
}

TextSink& TextSink::dec(std::uint64_t value, std::size_t width) noexcept {
  char digits[20];
  std::size_t at = sizeof digits;
  do {
    const TenParts parts = divide_by_ten(value);
    digits[--at] = static_cast<char>('0' + parts.remainder);
    value = parts.quotient;
  } while (value != 0);
  return right({digits + at, sizeof digits - at}, width);
}

TextSink& TextSink::dec_signed(std::int64_t value, std::size_t width) noexcept {
  if (value >= 0) return dec(static_cast<std::uint64_t>(value), width);
  // Two's complement: negating in unsigned is right for the lowest value as well.
  const std::uint64_t magnitude = ~static_cast<std::uint64_t>(value) + 1;
  std::size_t digits = 1;
  for (std::uint64_t rest = divide_by_ten(magnitude).quotient; rest != 0; rest = divide_by_ten(rest).quotient)
    ++digits;
  if (digits + 1 < width) repeat(' ', width - digits - 1);
  return put('-').dec(magnitude);
}

TextSink& TextSink::hex(std::uint64_t value, std::size_t digits) noexcept {
  char text[16];
  std::size_t at = sizeof text;
  do {
    text[--at] = "0123456789abcdef"[value & 15];
    value >>= 4;
  } while (value != 0);
  const std::size_t count = sizeof text - at;
  if (count < digits) repeat('0', digits - count);
  return put(TextView{text + at, count});
}

}  // namespace quarry
