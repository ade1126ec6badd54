#include "cli/diff_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "cli/sizes.hpp"

namespace quarry::cli {
namespace {

constexpr std::size_t kMostBuckets = 5;  // under a cause
constexpr std::size_t kMostLines = 14;   // of the ledger
constexpr std::size_t kMostIdle = 6;     // differences that change nothing, by name
constexpr std::size_t kIndent = 33;      // of what a cause is called
constexpr std::size_t kLeastRoom = 20;
constexpr std::size_t kMostCauses = 12;
constexpr std::size_t kMostJoined = 4;  // differences that were tried together
constexpr std::int64_t kKib = 1024;

std::uint64_t size_of(std::int64_t amount) { return static_cast<std::uint64_t>(std::abs(amount)); }

std::int64_t amount_of(const Amounts& amounts, const std::string& name) {
  const auto at = amounts.find(name);
  return at == amounts.end() ? 0 : at->second;
}

using Line = std::pair<std::string, std::int64_t>;

std::vector<Line> by_size(const Amounts& amounts) {
  std::vector<Line> lines{amounts.begin(), amounts.end()};
  std::stable_sort(lines.begin(), lines.end(),
                   [](const Line& a, const Line& b) { return size_of(a.second) > size_of(b.second); });
  return lines;
}

// "crashkernel=256M is added", "mem=1G becomes mem=2G", "[mem 0x…] is added: usable".
std::string words_of(const lnx::Difference& difference) {
  const auto &before = difference.before, &after = difference.after;
  if (before == difference.what || after == difference.what)
    return difference.what + (before.empty() ? " is added" : " is taken away");
  if (difference.kind == lnx::DifferenceKind::command_line && before != after)
    return fmt::format("{} becomes {}", before, after);
  if (before == after) return difference.what;
  if (before.empty()) return fmt::format("{} is added: {}", difference.what, after);
  if (after.empty()) return fmt::format("{} is taken away: {}", difference.what, before);
  return fmt::format("{}: {} becomes {}", difference.what, before, after);
}

// Characters, of UTF-8.
std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

class Writer {
 public:
  Writer(const DiffReport& report, const TextStyle& style)
      : report_{report}, found_{report.attribution}, style_{style}, arrow_{style.unicode ? "→" : "->"} {}

  std::string write() {
    head();
    totals();
    causes();
    if (!style_.quiet) {
      ledger();
      zones();
    }
    real();
    if (!style_.quiet) notes();
    return std::move(text_);
  }

 private:
  void line(const std::string& words) { text_ += words + "\n"; }
  void heading(const std::string& words) { text_ += "\n" + style_.in(Ink::heading, words) + "\n"; }

  // Whether it is all that a difference does, or does more together with others.
  enum class Share { own, with_others };

  // Lines of words, behind what stands at the begin of the first and below it in the others.
  void wrapped(const std::string& begin, std::size_t indent, const std::string& words) {
    const std::size_t room = style_.width > indent + kLeastRoom ? style_.width - indent : kLeastRoom;
    std::string rest = words, lead = begin;
    while (columns_of(rest) > room) {
      std::size_t at = rest.rfind(' ', room);
      if (at == std::string::npos || at == 0) at = rest.find(' ', room);
      if (at == std::string::npos) break;
      line(lead + rest.substr(0, at));
      rest.erase(0, at + 1);
      lead.assign(indent, ' ');
    }
    line(lead + rest);
  }

  void head() {
    const std::string names = fmt::format("{} {} {}", report_.a.name, arrow_, report_.b.name);
    if (columns_of(names) <= style_.width) {
      line(style_.in(Ink::heading, names));
    } else {
      line(style_.in(Ink::heading, "A  " + report_.a.name));
      line(style_.in(Ink::heading, "B  " + report_.b.name));
    }
    line("");
  }

  // One line a quantity: before, after, change; as wide as the widest of them.
  struct Row {
    std::string name, before, after, change, more;
  };
  void rows(const std::vector<Row>& list, std::size_t indent) {
    std::size_t name = 0, before = 0, after = 0, change = 0;
    for (const Row& row : list) {
      name = std::max(name, row.name.size());
      before = std::max(before, row.before.size());
      after = std::max(after, row.after.size());
      change = std::max(change, row.change.size());
    }
    for (const Row& row : list) {
      std::string words =
          fmt::format("{:{}}{:<{}}  {:>{}} {} {:>{}}  {:>{}}  {}", "", indent, row.name, name, row.before,
                      before, arrow_, row.after, after, row.change, change, row.more);
      words.erase(words.find_last_not_of(' ') + 1);
      line(words);
    }
  }

  void totals() {
    const Figures &a = found_.before, &b = found_.after;
    std::vector<Row> list;
    const auto number = [](std::int64_t amount) { return grouped(static_cast<std::uint64_t>(amount)); };
    const auto total = [&](const char* name, std::int64_t before, std::int64_t after) {
      list.push_back({name, number(before) + " KiB", number(after) + " KiB",
                      signed_number(after - before) + " KiB", signed_size((after - before) * kKib)});
    };
    total("MemTotal", a.mem_total, b.mem_total);
    if (a.cma_total != 0 || b.cma_total != 0) total("CmaTotal", a.cma_total, b.cma_total);
    if (a.high_total != 0 || b.high_total != 0) total("HighTotal", a.high_total, b.high_total);
    if (a.ram != b.ram) total("RAM", a.ram / kKib, b.ram / kKib);
    rows(list, 0);
  }

  void causes() {
    heading("What changes MemTotal");
    std::vector<const Effect*> idle;
    bool has_stars = false;
    std::size_t told = 0, small = 0;
    Figures rest;
    for (const Effect& effect : found_.effects) {
      has_stars = has_stars || !effect.is_alone;
      if (effect.change.is_zero() && effect.is_alone) {
        idle.push_back(&effect);
      } else if (style_.verbose || told < kMostCauses) {
        cause(effect);
        ++told;
      } else {
        rest += effect.change;
        ++small;
      }
    }
    if (small != 0) share(rest, fmt::format("{} smaller (-v)", small));
    if (!found_.together.is_zero()) {
      share(found_.together, has_stars ? "several of those with * together" : "several together");
      buckets(found_.together);
    }
    share(found_.unexplained, "unexplained");
    if (!found_.unexplained.is_zero()) buckets(found_.unexplained);
    if (report_.differences.empty()) line("  the two are described alike");
    if (!idle.empty()) nothing(idle);
  }

  void share(const Figures& change, const std::string& words, Share share_of = Share::own) {
    const std::string numbers =
        fmt::format("  {:>14} KiB  {:>9} {} ", signed_number(change.mem_total),
                    signed_size(change.mem_total * kKib), share_of == Share::own ? " " : "*");
    wrapped(style_.in(change.mem_total < 0 ? Ink::kernel : Ink::free, numbers), kIndent, words);
  }

  void cause(const Effect& effect) {
    const std::size_t all = effect.differences.size();
    const std::size_t shown = style_.verbose || all <= kMostJoined + 1 ? all : kMostJoined;
    for (std::size_t i = 0; i < shown; ++i) {
      const std::string words = words_of(report_.differences[effect.differences[i]]);
      if (i == 0)
        share(effect.change, words, effect.is_alone ? Share::own : Share::with_others);
      else
        wrapped(std::string(kIndent, ' '), kIndent, "and " + words);
    }
    if (shown < all) line(fmt::format("{:{}}and {} more", "", kIndent, all - shown));
    buckets(effect.change);
  }

  // Where the memory went, or came from.
  void buckets(const Figures& change) {
    if (style_.quiet) return;
    const auto lines = by_size(change.ledger);
    const std::size_t shown = style_.verbose || lines.size() == kMostBuckets + 1
                                  ? lines.size()
                                  : std::min(lines.size(), kMostBuckets);
    for (std::size_t i = 0; i < shown; ++i) bucket(lines[i].first, lines[i].second);
    if (shown == lines.size()) return;
    std::int64_t rest = 0;
    for (std::size_t i = shown; i < lines.size(); ++i) rest += lines[i].second;
    bucket(fmt::format("{} smaller", lines.size() - shown), rest);
  }

  void bucket(const std::string& owner, std::int64_t bytes) {
    line(style_.in(Ink::faint, fmt::format("{:33}{:>18}  {}", "", signed_number(bytes), owner)));
  }

  void nothing(const std::vector<const Effect*>& idle) {
    std::string words;
    std::size_t named = 0;
    for (const Effect* const effect : idle)
      for (const std::size_t index : effect->differences) {
        if (!style_.verbose && named == kMostIdle) break;
        words += (named++ == 0 ? "" : "; ") + words_of(report_.differences[index]);
      }
    if (named < idle.size()) words += fmt::format("; and {} more", idle.size() - named);
    wrapped("  ", 2, "without any effect: " + words);
  }

  void ledger() {
    const Amounts change = (found_.after - found_.before).ledger;
    if (change.empty()) return;
    heading("Every bucket of the ledger that changes, in bytes");
    const auto lines = by_size(change);
    const std::size_t shown = style_.verbose ? lines.size() : std::min(lines.size(), kMostLines);
    std::vector<Row> list;
    const auto held = [&](const Figures& figures, const std::string& owner) {
      return human_size(static_cast<std::uint64_t>(amount_of(figures.ledger, owner)));
    };
    std::int64_t rest = 0;
    for (std::size_t i = 0; i < lines.size(); ++i) {
      const auto& [owner, bytes] = lines[i];
      if (i < shown)
        list.push_back(
            {owner, held(found_.before, owner), held(found_.after, owner), signed_number(bytes), {}});
      else
        rest += bytes;
    }
    if (shown < lines.size())
      list.push_back({fmt::format("{} smaller", lines.size() - shown), {}, {}, signed_number(rest), {}});
    rows(list, 2);
  }

  void zones() {
    const Amounts change = (found_.after - found_.before).managed;
    if (change.empty()) return;
    heading("Managed pages of zones");
    std::vector<Row> list;
    for (const auto& [zone, pages] : change)
      list.push_back({zone,
                      grouped(static_cast<std::uint64_t>(amount_of(found_.before.managed, zone))),
                      grouped(static_cast<std::uint64_t>(amount_of(found_.after.managed, zone))),
                      signed_number(pages),
                      {}});
    rows(list, 2);
  }

  void real() {
    if (report_.real.empty()) return;
    heading("What real kernels had, in KiB");
    std::vector<Row> list;
    for (const RealChange& change : report_.real)
      list.push_back({change.name, grouped(static_cast<std::uint64_t>(change.before)),
                      grouped(static_cast<std::uint64_t>(change.after)), signed_number(change.change()),
                      fmt::format("predicted {}, unexplained {}", signed_number(change.predicted),
                                  signed_number(change.unexplained()))});
    rows(list, 2);
  }

  void notes() {
    std::vector<std::string> lines;
    for (const DiffSide* const side : {&report_.a, &report_.b})
      for (const std::string& note : side->notes) {
        const bool is_shared = side == &report_.b && std::find(report_.a.notes.begin(), report_.a.notes.end(),
                                                               note) != report_.a.notes.end();
        const bool is_both = side == &report_.a && std::find(report_.b.notes.begin(), report_.b.notes.end(),
                                                             note) != report_.b.notes.end();
        if (!is_shared) lines.push_back(is_both ? note : fmt::format("{}: {}", side->name, note));
      }
    if (lines.empty()) return;
    heading("What was assumed");
    for (const std::string& note : lines) wrapped("  ", 2, note);
  }

  const DiffReport& report_;
  const Attribution& found_;
  const TextStyle& style_;
  std::string arrow_;
  std::string text_;
};

}  // namespace

std::string signed_size(std::int64_t bytes) {
  if (bytes == 0) return "0";
  return (bytes < 0 ? "-" : "+") + human_size(size_of(bytes));
}

std::string signed_number(std::int64_t number) {
  if (number == 0) return "0";
  return (number < 0 ? "-" : "+") + grouped(size_of(number));
}

std::string diff_text(const DiffReport& report, const TextStyle& style) {
  return Writer{report, style}.write();
}

}  // namespace quarry::cli
