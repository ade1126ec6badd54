#include "shell/words.hpp"

namespace quarry::shell {
namespace {

using buddy::Effort;
using buddy::Urgency;
using page::MigrateType;
using zones::ZoneType;

// A word of a request and what it sets.
struct Setting {
  const char* word;
  void (*set)(buddy::Request&) noexcept;
};
constexpr Setting kSettings[] = {
    {"unmovable", [](buddy::Request& to) noexcept { to.type = MigrateType::unmovable; }},
    {"movable", [](buddy::Request& to) noexcept { to.type = MigrateType::movable; }},
    {"reclaimable", [](buddy::Request& to) noexcept { to.type = MigrateType::reclaimable; }},
    {"zone=dma", [](buddy::Request& to) noexcept { to.highest = ZoneType::dma; }},
    {"zone=dma32", [](buddy::Request& to) noexcept { to.highest = ZoneType::dma32; }},
    {"zone=normal", [](buddy::Request& to) noexcept { to.highest = ZoneType::normal; }},
    {"zone=highmem", [](buddy::Request& to) noexcept { to.highest = ZoneType::highmem; }},
    {"zone=movable", [](buddy::Request& to) noexcept { to.highest = ZoneType::movable; }},
    {"high", [](buddy::Request& to) noexcept { to.urgency = Urgency::high; }},
    {"atomic", [](buddy::Request& to) noexcept { to.urgency = Urgency::atomic; }},
    {"unlimited", [](buddy::Request& to) noexcept { to.urgency = Urgency::unlimited; }},
    {"no_wait", [](buddy::Request& to) noexcept { to.effort = Effort::no_wait; }},
    {"fast_only", [](buddy::Request& to) noexcept { to.effort = Effort::fast_only; }},
    {"this_node", [](buddy::Request& to) noexcept { to.placement = buddy::Placement::this_node; }},
};

constexpr bool is_blank(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

// The first word at or after `at`, which then is behind it; empty: there is none.
TextView next_word(TextView line, std::size_t& at) noexcept {
  while (at < line.size() && is_blank(line[at])) ++at;
  const std::size_t begin = at;
  while (at < line.size() && !is_blank(line[at])) ++at;
  return line.part(begin, at - begin);
}

}  // namespace

Words::Words(TextView line) noexcept : line_{line.part(0, line.find('#'))} {
  std::size_t at = 0;
  while (!next_word(line_, at).empty()) ++size_;
}

TextView Words::operator[](std::size_t at) const noexcept {
  check(at < size_, "word outside the line");
  std::size_t place = 0;
  while (at-- != 0) next_word(line_, place);
  return next_word(line_, place);
}

Words Words::without_last() const noexcept {
  check(size_ != 0, "no word to leave out");
  Words words = *this;
  --words.size_;
  return words;
}

std::optional<std::uint64_t> read_number(TextView word) noexcept {
  const auto parsed = parse_size(word);
  if (!parsed || parsed.value().length == 0 || parsed.value().length != word.size()) return std::nullopt;
  return parsed.value().value;
}

std::optional<page::MigrateType> read_type(TextView word) noexcept {
  if (is_word(word, "unmovable")) return MigrateType::unmovable;
  if (is_word(word, "movable")) return MigrateType::movable;
  if (is_word(word, "reclaimable")) return MigrateType::reclaimable;
  if (is_word(word, "cma")) return MigrateType::cma;
  return std::nullopt;
}

bool apply_setting(TextView word, buddy::Request& request) noexcept {
  for (const Setting& setting : kSettings) {
    if (!is_word(word, setting.word)) continue;
    setting.set(request);
    return true;
  }
  return false;
}

TextView request_word(std::size_t number) noexcept {
  constexpr std::size_t settings = sizeof kSettings / sizeof kSettings[0];
  if (number < settings) return kSettings[number].word;
  return number == settings ? TextView{"node="} : TextView{};
}

void put_lower(TextSink& out, TextView word) noexcept {
  for (const char c : word) out.put(lower(c));
}

bool begins_with_word(TextView word, TextView wanted) noexcept {
  if (word.size() < wanted.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i)
    if (lower(word[i]) != wanted[i]) return false;
  return true;
}

bool is_word(TextView word, TextView wanted) noexcept {
  return word.size() == wanted.size() && begins_with_word(word, wanted);
}

}  // namespace quarry::shell
