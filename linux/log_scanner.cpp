#include "linux/log_scanner.hpp"

#include <algorithm>

#include "linux/boot_log.hpp"

namespace quarry::lnx {
namespace {

bool is_digit(char c) noexcept { return '0' <= c && c <= '9'; }

unsigned hex_value(char c) noexcept {
  if (is_digit(c)) return static_cast<unsigned>(c - '0');
  if ('a' <= c && c <= 'f') return static_cast<unsigned>(c - 'a') + 10;
  if ('A' <= c && c <= 'F') return static_cast<unsigned>(c - 'A') + 10;
  return 16;
}

// Length of "[  123.456789]" at the start of `text`; 0: it is none.
std::size_t timestamp_length(std::string_view text) noexcept {
  std::size_t at = 1;
  if (text.empty() || text[0] != '[') return 0;
  while (at < text.size() && text[at] == ' ') ++at;
  const std::size_t seconds = at;
  while (at < text.size() && is_digit(text[at])) ++at;
  if (at == seconds || at - seconds > 10 || at >= text.size() || text[at] != '.') return 0;
  const std::size_t fraction = ++at;
  while (at < text.size() && is_digit(text[at])) ++at;
  return at - fraction == 6 && at < text.size() && text[at] == ']' ? at + 1 : 0;
}

struct Stamp {
  std::size_t at, length;
};
std::optional<Stamp> find_timestamp(std::string_view text, std::size_t from) noexcept {
  for (std::size_t at = text.find('[', from); at != std::string_view::npos; at = text.find('[', at + 1))
    if (const std::size_t length = timestamp_length(text.substr(at))) return Stamp{at, length};
  return std::nullopt;
}

std::string_view without_leading_spaces(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(" \t");
  return first == std::string_view::npos ? std::string_view{} : text.substr(first);
}

// "[    T0] ", "[   C12] ": the thread or processor that printed.
std::string_view without_thread(std::string_view text) noexcept {
  if (text.empty() || text[0] != '[') return text;
  std::size_t at = text.find_first_not_of(' ', 1);
  if (at == std::string_view::npos || (text[at] != 'T' && text[at] != 'C')) return text;
  const std::size_t digits = ++at;
  while (at < text.size() && is_digit(text[at])) ++at;
  return at > digits && at < text.size() && text[at] == ']' ? text.substr(at + 1) : text;
}

// A message that has no timestamp may still stand behind a level or a syslog prefix.
std::string_view without_syslog(std::string_view text) noexcept {
  if (text.size() >= 3 && text[0] == '<') {
    const std::size_t close = text.find('>');
    if (close <= 4 && is_digit(text[1])) text.remove_prefix(close + 1);
  }
  constexpr std::string_view kernel_mark = "kernel: ";
  constexpr std::size_t longest_prefix = 120;
  const std::size_t at = text.substr(0, longest_prefix).find(kernel_mark);
  if (at != std::string_view::npos && (at == 0 || text[at - 1] == ' '))
    text.remove_prefix(at + kernel_mark.size());
  return text;
}

}  // namespace

std::string_view message_of(std::string_view line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.remove_suffix(1);
  if (const auto stamp = find_timestamp(line, 0)) {
    line.remove_prefix(stamp->at + stamp->length);
    line = without_thread(line);
  } else {
    line = without_syslog(line);
  }
  return without_leading_spaces(line);
}

std::optional<Messages::Message> Messages::next() noexcept {
  if (!has_pending_) {
    if (rest_.empty()) return std::nullopt;
    const std::size_t end = std::min(rest_.find('\n'), rest_.size());
    pending_ = rest_.substr(0, end);
    rest_.remove_prefix(std::min(end + 1, rest_.size()));
    has_pending_ = true;
    ++line_;
  }
  // A second timestamp starts a second message; text before the first may be a message of its own.
  std::string_view piece = pending_;
  const auto first = find_timestamp(pending_, 0);
  const auto cut = first && first->at == 0 ? find_timestamp(pending_, first->length) : first;
  has_pending_ = cut.has_value();
  if (cut) {
    piece = pending_.substr(0, cut->at);
    pending_.remove_prefix(cut->at);
  }
  return Message{line_, message_of(piece)};
}

void Scanner::spaces() noexcept { rest_ = without_leading_spaces(rest_); }

bool Scanner::skip(std::string_view literal) noexcept {
  if (!rest_.starts_with(literal)) return false;
  rest_.remove_prefix(literal.size());
  return true;
}

bool Scanner::skip_to(std::string_view literal) noexcept {
  const std::size_t at = rest_.find(literal);
  if (at == std::string_view::npos) return false;
  rest_.remove_prefix(at + literal.size());
  return true;
}

std::optional<std::uint64_t> Scanner::hex() noexcept {
  std::string_view text = rest_;
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  std::uint64_t value = 0;
  std::size_t digits = 0;
  for (; digits < text.size() && hex_value(text[digits]) < 16; ++digits) {
    if ((value >> 60) != 0) return std::nullopt;
    value = value << 4 | hex_value(text[digits]);
  }
  if (digits == 0) return std::nullopt;
  text.remove_prefix(digits);
  rest_ = text;
  return value;
}

std::optional<std::uint64_t> Scanner::decimal() noexcept {
  std::uint64_t value = 0;
  std::size_t digits = 0;
  for (; digits < rest_.size() && is_digit(rest_[digits]); ++digits) {
    if (digits == 19) return std::nullopt;
    value = value * 10 + static_cast<std::uint64_t>(rest_[digits] - '0');
  }
  if (digits == 0) return std::nullopt;
  rest_.remove_prefix(digits);
  return value;
}

std::string_view Scanner::word() noexcept {
  const std::size_t end = std::min(rest_.find(' '), rest_.size());
  const std::string_view result = rest_.substr(0, end);
  rest_.remove_prefix(end);
  return result;
}

std::optional<PhysRange> range_of_inclusive(std::uint64_t first, std::uint64_t last) noexcept {
  if (last + 1 == first && last != UINT64_MAX) return PhysRange{PhysAddr{first}, PhysAddr{first}};
  if (last < first) return std::nullopt;
  return PhysRange{PhysAddr{first}, PhysAddr{last == UINT64_MAX ? last : last + 1}};
}

std::optional<PhysRange> Scanner::inclusive_range() noexcept {
  Scanner probe = *this;
  const auto first = probe.hex();
  if (!first || !probe.skip("-")) return std::nullopt;
  const auto last = probe.hex();
  if (!last) return std::nullopt;
  const auto range = range_of_inclusive(*first, *last);
  if (range) *this = probe;
  return range;
}

std::optional<PhysRange> Scanner::mem_range() noexcept {
  Scanner probe = *this;
  if (!probe.skip("[mem ")) return std::nullopt;
  const auto range = probe.inclusive_range();
  if (!range || !probe.skip("]")) return std::nullopt;
  *this = probe;
  return range;
}

}  // namespace quarry::lnx
