#include "cli/life_output.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/lists.hpp"

namespace quarry::cli {
namespace {

constexpr std::size_t kColumn = 12;  // what a stage says begins here

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const bool is_one = !words.empty() && words.back() == "[mem";  // a range stays in one line
    if (is_one)
      words.back() += " " + std::string{text.substr(0, end)};
    else if (end != 0)
      words.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return words;
}

// What came from an input is shown as it would be harmless on a terminal.
std::string printable(std::string_view text) {
  std::string result{text};
  for (char& c : result)
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = '?';
  return result;
}

std::string filled(std::string_view text, std::size_t indent, std::size_t width) {
  return wrapped(words_of(printable(text)), " ", indent, width);
}

Ink ink_of(const LifeStage& stage) {
  if (stage.name == "after boot") return stage.says == "free" ? Ink::free : Ink::plain;
  return Ink::plain;
}

}  // namespace

std::string life_text(const Life& life, const TextStyle& style) {
  std::string text = style.in(Ink::heading, filled(life.summary, 0, style.width)) + "\n";
  text += style.in(Ink::faint, filled(fmt::format("{}, {}", life.source, life.arch), 0, style.width)) + "\n";
  const char* const arrow = style.unicode ? "← " : "<- ";
  for (const LifeStage& stage : life.stages) {
    if (!style.quiet) text += "\n";
    text += style.in(Ink::heading, fmt::format("{:{}}", stage.name, kColumn)) +
            style.in(ink_of(stage), filled(stage.says, kColumn, style.width)) + "\n";
    if (style.quiet) continue;
    for (const Reason& reason : stage.reasons) {
      text += std::string(kColumn, ' ') + filled(reason.text, kColumn + 2, style.width) + "\n";
      if (reason.where.empty()) continue;
      text += std::string(kColumn + 2, ' ') +
              style.in(Ink::faint, arrow + filled(reason.where, kColumn + 4, style.width)) + "\n";
    }
  }
  return text;
}

std::string life_json(const Life& life) {
  using Json = nlohmann::ordered_json;
  constexpr std::uint64_t largest = (std::uint64_t{1} << 53) - 1;  // that every reader of JSON keeps
  Json root;
  root["schema"] = "quarry.where/1";
  root["machine"] = {{"source", life.source}, {"arch", life.arch}, {"page_size", life.page_size}};
  root["address"] = life.address ? Json(std::min(life.address->raw, largest)) : Json(nullptr);
  if (life.virtual_address) root["virtual"] = fmt::format("{:#x}", *life.virtual_address);
  root["summary"] = life.summary;
  root["stages"] = Json::array();
  for (const LifeStage& stage : life.stages) {
    Json object{{"stage", stage.name}, {"says", stage.says}};
    object["reasons"] = Json::array();
    for (const Reason& reason : stage.reasons) {
      Json one{{"text", reason.text}};
      if (!reason.where.empty()) one["where"] = reason.where;
      object["reasons"].push_back(std::move(one));
    }
    object.update(stage.facts);
    root["stages"].push_back(std::move(object));
  }
  return root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace quarry::cli
