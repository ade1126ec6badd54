#include "cli/ledger_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "cli/lists.hpp"
#include "cli/mem_total_bounds.hpp"
#include "cli/sizes.hpp"

namespace quarry::cli {
namespace {

using lnx::Fate;

constexpr std::string_view kBack = ", given back";

std::uint64_t sum_of(const BootReport& report, Fate fate) {
  std::uint64_t sum = 0;
  for (const LedgerEntry& entry : report.ledger)
    if (entry.fate == fate) sum += entry.bytes;
  return sum;
}

double percent(const BootReport& report, std::uint64_t bytes) {
  return report.ram_bytes == 0 ? 0 : 100 * static_cast<double>(bytes) / static_cast<double>(report.ram_bytes);
}

Ink ink_of(Fate fate) {
  switch (fate) {
    case Fate::free: return Ink::free;
    case Fate::given_back: return Ink::loaded;
    case Fate::contiguous: return Ink::contiguous;
    case Fate::in_use:
    case Fate::kept: break;
  }
  return Ink::metadata;
}

// A name in so many columns, which are more than three.
std::string fitted(std::string_view name, std::size_t columns) {
  if (name.size() <= columns) return fmt::format("{:{}}", name, columns);
  return fmt::format("{}...", name.substr(0, columns - 3));
}

// Exact bytes stand where there is room for a bar beside them.
bool has_bytes(std::size_t names, const TextStyle& style) {
  constexpr std::size_t fixed = 2 + 2 + 9 + 2 + 18 + 2 + 7 + 2, least_bar = 16;
  return !style.verbose && style.width >= names + fixed + least_bar;
}

std::string rule_of(const LedgerEntry& entry) {
  return entry.back.empty() ? entry.rule : fmt::format("{}, until {}", entry.rule, entry.back);
}

std::string line_of(const BootReport& report, const LedgerEntry& entry, std::size_t names,
                    const TextStyle& style) {
  const std::string start = fmt::format("  {}  {:>9}", fitted(entry.owner, names), human_size(entry.bytes));
  const std::string share = fmt::format("  {:>6.2f}%", percent(report, entry.bytes));
  if (style.verbose) {
    const std::string line = start + share + "  ";
    std::vector<std::string> words;
    const std::string rule = rule_of(entry);
    for (std::size_t at = 0; at <= rule.size();) {
      const std::size_t end = std::min(rule.find(' ', at), rule.size());
      words.push_back(rule.substr(at, end - at));
      at = end + 1;
    }
    return line + wrapped(words, " ", line.size(), style.width);
  }
  const std::string bytes = has_bytes(names, style) ? fmt::format("  {:>18}", grouped(entry.bytes)) : "";
  const std::string line = start + bytes + share;
  const std::size_t room = style.width > line.size() + 10 ? style.width - line.size() - 2 : 0;
  const std::uint64_t most = std::max<std::uint64_t>(report.ledger.front().bytes, 1);
  const std::string drawn = bar(entry.bytes, most, room, ink_of(entry.fate), style);
  return drawn.empty() ? line : line + "  " + drawn;
}

// "initrd 11.0 MiB, kernel init 2.55 MiB, 3 others 96 KiB", as far as it is worth saying.
std::vector<std::string> parts_given_back(const BootReport& report) {
  constexpr std::size_t most = 5;
  std::vector<std::string> words;
  std::uint64_t rest = 0, others = 0;
  for (const LedgerEntry& entry : report.ledger) {
    if (entry.fate != Fate::given_back) continue;
    std::string_view name = entry.owner;
    if (name.ends_with(kBack)) name.remove_suffix(kBack.size());
    if (words.size() < most)
      words.push_back(fmt::format("{} {}", name, human_size(entry.bytes)));
    else
      rest += entry.bytes, ++others;
  }
  if (others != 0)
    words.push_back(fmt::format("{} other{} {}", others, others == 1 ? "" : "s", human_size(rest)));
  return words;
}

// What MemTotal is the sum of, in kB. Pages are whole KiB.
std::vector<std::string> terms_of(const BootReport& report) {
  constexpr std::pair<Fate, std::string_view> terms[] = {{Fate::free, "free"},
                                                         {Fate::given_back, "given back"},
                                                         {Fate::contiguous, "contiguous"},
                                                         {Fate::in_use, "gigantic pages"}};
  std::vector<std::string> words;
  for (const auto& [fate, name] : terms)
    if (const std::uint64_t bytes = sum_of(report, fate); bytes != 0)
      words.push_back(fmt::format("{} {} {}", words.empty() ? '=' : '+', bytes >> 10, name));
  words.emplace_back("(kB);");
  words.push_back(fmt::format("{} of RAM stay taken", human_size(sum_of(report, Fate::kept))));
  return words;
}

}  // namespace

std::string ledger_text(const BootReport& report, const TextStyle& style) {
  std::size_t names = std::string_view{"all RAM"}.size();
  for (const auto& entry : report.ledger) names = std::max(names, entry.owner.size());
  names = std::min(names, style.width / 2 - 8);
  std::vector<std::string> lines;
  std::uint64_t sum = 0;
  for (const auto& entry : report.ledger) {
    sum += entry.bytes;
    lines.push_back(line_of(report, entry, names, style));
  }
  std::string all = fmt::format("  {}  {:>9}", fitted("all RAM", names), human_size(sum));
  if (has_bytes(names, style)) all += fmt::format("  {:>18}", grouped(sum));
  return listed(lines, style) + style.in(Ink::heading, all) + "\n";
}

std::string totals_text(const BootReport& report, const TextStyle& style) {
  std::string text;
  if (const std::uint64_t back = sum_of(report, Fate::given_back); back != 0) {
    text += fmt::format("\n{} of this comes back after boot:\n  ", human_size(back));
    text += wrapped(parts_given_back(report), ", ", 2, style.width) + "\n";
  }
  const std::vector<std::string> lines = mem_total_lines(report, style);
  text += "\n" + lines.front();
  if (report.cma_total_kib != 0) text += fmt::format("   CmaTotal: {} kB", report.cma_total_kib);
  if (report.high_total_kib != 0) text += fmt::format("   HighTotal: {} kB", report.high_total_kib);
  text += "\n";
  if (report.mem_total_kib == 0) return text;
  // Of the kernel that stands in, if one does: which it is, what it has, and why another may have more or less.
  if (lines.size() > 1) text += lines[1] + "\n";
  text += "  " + style.in(Ink::faint, wrapped(terms_of(report), " ", 2, style.width)) + "\n";
  for (std::size_t i = 2; i < lines.size(); ++i) text += lines[i] + "\n";
  return text;
}

}  // namespace quarry::cli
