#include "cli/shell_words.hpp"

#include <fmt/format.h>

#include <sstream>

#include "cli/text.hpp"

namespace quarry::cli {
namespace {

using buddy::Effort;
using buddy::Urgency;
using page::MigrateType;
using zones::ZoneType;

// A word of a request and what it sets.
struct Setting {
  std::string_view word;
  void (*set)(buddy::Request&);
};
constexpr Setting kSettings[] = {
    {"unmovable", [](buddy::Request& to) { to.type = MigrateType::unmovable; }},
    {"movable", [](buddy::Request& to) { to.type = MigrateType::movable; }},
    {"reclaimable", [](buddy::Request& to) { to.type = MigrateType::reclaimable; }},
    {"zone=dma", [](buddy::Request& to) { to.highest = ZoneType::dma; }},
    {"zone=dma32", [](buddy::Request& to) { to.highest = ZoneType::dma32; }},
    {"zone=normal", [](buddy::Request& to) { to.highest = ZoneType::normal; }},
    {"zone=highmem", [](buddy::Request& to) { to.highest = ZoneType::highmem; }},
    {"zone=movable", [](buddy::Request& to) { to.highest = ZoneType::movable; }},
    {"high", [](buddy::Request& to) { to.urgency = Urgency::high; }},
    {"atomic", [](buddy::Request& to) { to.urgency = Urgency::atomic; }},
    {"unlimited", [](buddy::Request& to) { to.urgency = Urgency::unlimited; }},
    {"no_wait", [](buddy::Request& to) { to.effort = Effort::no_wait; }},
    {"fast_only", [](buddy::Request& to) { to.effort = Effort::fast_only; }},
    {"this_node", [](buddy::Request& to) { to.placement = buddy::Placement::this_node; }},
};

std::string lower(std::string_view word) {
  std::string text{word};
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

}  // namespace

std::vector<std::string> words_of_line(std::string_view line) {
  std::istringstream in{std::string{line.substr(0, line.find('#'))}};
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

std::uint64_t number_of(std::string_view word, std::string_view what) {
  const auto parsed = parse_size(view_of(word));
  if (!parsed || parsed.value().length == 0 || parsed.value().length != word.size())
    throw BadLine{fmt::format("{} {}: expected a number, such as 4096, 0x1000 or 4K", what, word)};
  return parsed.value().value;
}

Order order_of(std::string_view word, Order max_order) {
  const std::uint64_t order = number_of(word, "ORDER");
  if (order > max_order.raw())
    throw BadLine{fmt::format("ORDER {}: expected 0 to {}", word, max_order.raw())};
  return Order{static_cast<unsigned>(order)};
}

std::optional<page::MigrateType> type_of(std::string_view word) {
  const std::string known = lower(word);
  if (known == "unmovable") return MigrateType::unmovable;
  if (known == "movable") return MigrateType::movable;
  if (known == "reclaimable") return MigrateType::reclaimable;
  if (known == "cma") return MigrateType::cma;
  return std::nullopt;
}

buddy::Request request_of(const std::vector<std::string>& words, std::size_t first) {
  buddy::Request request;
  for (std::size_t i = first; i < words.size(); ++i) {
    const std::string word = lower(words[i]);
    const Setting* known = nullptr;
    for (const Setting& setting : kSettings)
      if (setting.word == word) known = &setting;
    if (known != nullptr) {
      known->set(request);
    } else if (word.starts_with("node=")) {
      const std::uint64_t node = number_of(std::string_view{word}.substr(5), "node");
      if (node > UINT16_MAX) throw BadLine{fmt::format("{}: there is no such node", word)};
      request.node = static_cast<NodeId>(node);
    } else {
      throw BadLine{fmt::format(
          "{}: expected a type, zone=, node= or an urgency; 'help alloc_pages' lists them", words[i])};
    }
  }
  return request;
}

const std::vector<std::string>& request_words() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> all;
    for (const Setting& setting : kSettings) all.emplace_back(setting.word);
    all.emplace_back("node=");
    return all;
  }();
  return words;
}

}  // namespace quarry::cli
