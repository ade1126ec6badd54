#include "cli/lists.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace quarry::cli {
namespace {

// A few lines too many are not worth a line that says so.
constexpr std::size_t kTolerated = kScreenful + kScreenful / 3;

std::string_view beginning_of(std::string_view line) {
  std::string_view word = line.substr(0, std::min(line.find_first_of("0123456789"), line.size()));
  while (!word.empty() && word.back() == ' ') word.remove_suffix(1);
  return word;
}

}  // namespace

std::string listed(const std::vector<std::string>& lines, const TextStyle& style) {
  const bool is_cut = !style.verbose && lines.size() > kTolerated;
  std::string text;
  for (std::size_t i = 0; i < (is_cut ? kScreenful : lines.size()); ++i) text += lines[i] + "\n";
  if (!is_cut) return text;
  const std::string words =
      fmt::format("  {} {} more (-v shows all)", style.unicode ? "…" : "...", lines.size() - kScreenful);
  return text + style.in(Ink::faint, words) + "\n";
}

std::string listed_text(std::string_view text, const TextStyle& style) {
  std::string result;
  std::vector<std::string> list;
  const auto end_list = [&] {
    result += listed(list, style);
    list.clear();
  };
  for (auto& line : lines_of(text)) {
    if (!list.empty() && beginning_of(list.back()) != beginning_of(line)) end_list();
    list.push_back(std::move(line));
  }
  end_list();
  return result;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::string wrapped(const std::vector<std::string>& words, std::string_view between, std::size_t indent,
                    std::size_t width) {
  std::string text;
  std::size_t column = indent;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::size_t length = columns_of(words[i]) + (i + 1 < words.size() ? columns_of(between) : 0);
    if (i != 0 && column + length > width) {
      while (!text.empty() && text.back() == ' ') text.pop_back();
      text += "\n" + std::string(indent, ' ');
      column = indent;
    }
    text += words[i];
    if (i + 1 < words.size()) text += between;
    column += length;
  }
  return text;
}

std::string bar(std::uint64_t part, std::uint64_t most, std::size_t room, Ink ink, const TextStyle& style) {
  const auto eighths = static_cast<std::size_t>(static_cast<double>(part) / static_cast<double>(most) *
                                                static_cast<double>(room) * 8);
  if (!style.unicode) return std::string(eighths / 8, '#');
  constexpr const char* parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  std::string text;
  for (std::size_t i = 0; i < eighths / 8; ++i) text += "█";
  text += parts[eighths % 8];
  return text.empty() ? text : style.in(ink, text);
}

std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

}  // namespace quarry::cli
