#include "linux/qemu_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace quarry::lnx {
namespace {

bool is_blank(char letter) { return letter == ' ' || letter == '\t' || letter == '\n' || letter == '\r'; }

// What stands outside of quotes and would not reach QEMU as it is written.
bool is_replaced(char letter) {
  return std::string_view{"$`|&;<>()*?"}.find(letter) != std::string_view::npos;
}

// Reads a line from left to right. A word that is empty but quoted is a word.
struct WordReader {
  std::string_view line;
  std::size_t at = 0;
  std::vector<std::string> words = {};
  std::string word = {};
  bool has_word = false;

  void end_word() {
    if (has_word) words.push_back(std::move(word));
    word.clear();
    has_word = false;
  }
  void put(char letter) {
    word.push_back(letter);
    has_word = true;
  }
  // The letter after a backslash; a line's end vanishes with it.
  void escape() {
    const char letter = ++at < line.size() ? line[at] : '\\';
    if (letter != '\n') put(letter);
  }
  // Errors    bad_arguments: the quote has no end.
  std::optional<Problem> quoted(char quote) {
    const std::size_t begin = at;
    has_word = true;
    for (++at; at < line.size() && line[at] != quote; ++at) {
      const bool escapes = quote == '"' && line[at] == '\\' && at + 1 < line.size() &&
                           std::string_view{"\"\\$`\n"}.find(line[at + 1]) != std::string_view::npos;
      if (escapes)
        escape();
      else
        put(line[at]);
    }
    if (at < line.size()) return std::nullopt;
    return Problem{ExitStatus::bad_arguments,
                   fmt::format("qemu: {}: expected a second {} that ends what is quoted",
                               std::string{line.substr(begin, 24)}, quote)};
  }
};

Problem would_be_replaced(std::string_view line, std::size_t at) {
  std::size_t begin = at, end = at;
  while (begin > 0 && !is_blank(line[begin - 1])) --begin;
  while (end < line.size() && !is_blank(line[end])) ++end;
  return {
      ExitStatus::bad_arguments,
      fmt::format("qemu: {}: a shell would act on the '{}': expected the words as QEMU gets them, or quotes",
                  line.substr(begin, end - begin), line[at])};
}

}  // namespace

Expected<std::vector<std::string>> shell_words(std::string_view line) {
  WordReader reader{.line = line};
  for (; reader.at < line.size(); ++reader.at) {
    const char letter = line[reader.at];
    if (letter == '\'' || letter == '"') {
      if (auto problem = reader.quoted(letter)) return *std::move(problem);
    } else if (letter == '\\') {
      reader.escape();
    } else if (is_blank(letter)) {
      reader.end_word();
    } else if (is_replaced(letter)) {
      return would_be_replaced(line, reader.at);
    } else {
      reader.put(letter);
    }
  }
  reader.end_word();
  return std::move(reader.words);
}

Problem qemu_problem(std::string_view option, std::string_view word, std::string_view what) {
  const std::string said = word.empty() ? std::string{option} : fmt::format("{} {}", option, word);
  return {ExitStatus::bad_arguments, fmt::format("qemu: {}: {}", said, what)};
}

void keep_on_one_line(std::string& text) {
  std::replace_if(text.begin(), text.end(), [](char letter) { return letter >= 0 && letter < ' '; }, ' ');
}

QemuProperties::QemuProperties(std::string_view option, std::string_view word, std::string_view first_name)
    : option_{option}, word_{word} {
  std::vector<std::string> parts(1);
  for (std::size_t at = 0; at < word.size(); ++at) {
    const bool is_comma = word[at] == ',';
    if (is_comma && at + 1 < word.size() && word[at + 1] == ',')
      parts.back().push_back(word[at++]);
    else if (is_comma)
      parts.emplace_back();
    else
      parts.back().push_back(word[at]);
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string& part = parts[i];
    const std::size_t equals = part.find('=');
    if (equals != std::string::npos)
      properties_.push_back({part.substr(0, equals), part.substr(equals + 1)});
    else if (i == 0 && !first_name.empty())
      properties_.push_back({std::string{first_name}, part});
    else if (part.starts_with("no") && part.size() > 2 && part != "node")
      properties_.push_back({part.substr(2), "off", false});
    else if (!part.empty())
      properties_.push_back({part, "on", false});
  }
}

QemuProperties::Property* QemuProperties::last(std::string_view name) {
  Property* found = nullptr;
  for (Property& property : properties_)
    if (property.name == name) {
      property.is_taken = true;
      found = &property;
    }
  return found;
}

std::optional<std::string> QemuProperties::take(std::string_view name) {
  const Property* const property = last(name);
  return property != nullptr ? std::optional{property->value} : std::nullopt;
}

std::vector<std::string> QemuProperties::take_all(std::string_view name) {
  std::vector<std::string> values;
  for (Property& property : properties_)
    if (property.name == name) {
      property.is_taken = true;
      values.push_back(property.value);
    }
  return values;
}

Problem QemuProperties::wrong(const Property& property, std::string_view expected) const {
  return qemu_problem(option_, word_,
                      fmt::format("{} '{}': expected {}", property.name, property.value, expected));
}

Expected<std::optional<unsigned>> QemuProperties::take_number(std::string_view name, unsigned most) {
  const Property* const property = last(name);
  if (property == nullptr) return std::optional<unsigned>{};
  std::string_view digits = property->value;
  const int base = digits.starts_with("0x") ? 16 : 10;
  if (base == 16) digits.remove_prefix(2);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number, base);
  if (error != std::errc{} || end != digits.data() + digits.size() || number > most)
    return wrong(*property, fmt::format("a number up to {}", most));
  return std::optional{number};
}

Expected<std::optional<bool>> QemuProperties::take_switch(std::string_view name) {
  const Property* const property = last(name);
  if (property == nullptr) return std::optional<bool>{};
  for (const std::string_view word : {"on", "yes", "true", "y"})
    if (property->value == word) return std::optional{true};
  for (const std::string_view word : {"off", "no", "false", "n"})
    if (property->value == word) return std::optional{false};
  return wrong(*property, "on or off");
}

Expected<std::optional<Bytes>> QemuProperties::take_size(std::string_view name, Bytes unit) {
  const Property* const property = last(name);
  if (property == nullptr) return std::optional<Bytes>{};
  const auto size = parse_qemu_size(property->value, unit);
  if (!size) return wrong(*property, "a size such as 512M or 1.5G");
  return std::optional{*size};
}

std::optional<Problem> QemuProperties::refuse_rest(std::string_view expected) const {
  const auto left = rest();
  if (left.empty()) return std::nullopt;
  const Property& first = left.front();
  const std::string said = first.has_value ? fmt::format("{}={}", first.name, first.value) : first.name;
  return qemu_problem(option_, word_, fmt::format("'{}' is not understood: expected {}", said, expected));
}

std::vector<QemuProperties::Property> QemuProperties::rest() const {
  std::vector<Property> left;
  for (const Property& property : properties_)
    if (!property.is_taken) left.push_back(property);
  return left;
}

std::optional<Bytes> parse_qemu_size(std::string_view text, Bytes unit) {
  constexpr std::string_view suffixes = "BKMGTPE";
  if (text.empty()) return std::nullopt;
  std::uint64_t scale = unit.raw;
  const bool is_hexadecimal = text.starts_with("0x") || text.starts_with("0X");
  const char last = static_cast<char>(text.back() & ~0x20);
  const std::size_t suffix =
      is_hexadecimal && (last == 'B' || last == 'E') ? std::string_view::npos : suffixes.find(last);
  if (suffix != std::string_view::npos) {
    scale = std::uint64_t{1} << (10 * suffix);
    text.remove_suffix(1);
  }
  if (is_hexadecimal) text.remove_prefix(2);
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(whole.data(), whole.data() + whole.size(), number, is_hexadecimal ? 16 : 10);
  if (error != std::errc{} || end != whole.data() + whole.size()) return std::nullopt;
  if (number > UINT64_MAX / scale) return std::nullopt;
  std::uint64_t bytes = number * scale;
  if (point == std::string_view::npos) return Bytes{bytes};
  if (is_hexadecimal || point + 1 == text.size()) return std::nullopt;
  double part = 0, digit = 0.1;
  for (const char letter : text.substr(point + 1)) {
    if (letter < '0' || letter > '9') return std::nullopt;
    part += (letter - '0') * digit;
    digit /= 10;
  }
  const auto more = static_cast<std::uint64_t>(std::llround(part * static_cast<double>(scale)));
  if (more > UINT64_MAX - bytes) return std::nullopt;
  return Bytes{bytes + more};
}

}  // namespace quarry::lnx
