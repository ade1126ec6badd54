#include "quarry/boot/command_line.hpp"

namespace quarry::boot {
namespace {

constexpr bool is_blank(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr char folded(char c) noexcept { return c == '-' ? '_' : c; }

// One word: from `at` to the first blank outside quotes.
std::size_t end_of_word(TextView text, std::size_t at) noexcept {
  bool quoted = false;
  while (at < text.size() && (quoted || !is_blank(text[at]))) {
    if (text[at] == '"') quoted = !quoted;
    ++at;
  }
  return at;
}

Option option_of(TextView word) noexcept {
  const bool quoted = word.starts_with("\"");
  if (quoted) word = word.part(1);
  const std::size_t equals = word.find('=');
  // A word that begins with '=' has no name to cut off.
  const bool has_value = equals != word.size() && equals != 0;
  Option option{.name = has_value ? word.part(0, equals) : word,
                .value = has_value ? word.part(equals + 1) : TextView{},
                .has_value = has_value};
  TextView& tail = has_value ? option.value : option.name;
  const bool value_quoted = has_value && option.value.starts_with("\"");
  if (value_quoted) option.value = option.value.part(1);
  if ((quoted || value_quoted) && tail.ends_with("\"")) tail = tail.part(0, tail.size() - 1);
  return option;
}

}  // namespace

bool same_name(TextView a, TextView b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (folded(a[i]) != folded(b[i])) return false;
  return true;
}

void CommandLine::Cursor::advance() noexcept {
  at_ = next_;
  while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  if (at_ == text_.size()) return;
  next_ = end_of_word(text_, at_);
  const TextView word = text_.part(at_, next_ - at_);
  if (word == "--")
    at_ = text_.size();
  else
    option_ = option_of(word);
}

std::optional<Option> CommandLine::last(TextView name) const noexcept {
  std::optional<Option> found;
  for (const Option& option : *this)
    if (same_name(option.name, name)) found = option;
  return found;
}

Result<std::uint64_t> ValueReader::size() noexcept {
  const auto number = parse_size(rest_);
  if (!number) return number.error();
  if (number.value().length == 0) return Error::bad_argument;
  rest_ = rest_.part(number.value().length);
  return number.value().value;
}

}  // namespace quarry::boot
