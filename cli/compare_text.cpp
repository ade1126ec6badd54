#include "cli/compare_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace quarry::cli {
namespace {

using Json = nlohmann::ordered_json;
using lnx::Comparison;
using lnx::Quantity;
using lnx::Verdict;
using lnx::VerdictCounts;

const char* name_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::agree: return "agree";
    case Verdict::differ: return "differ";
    case Verdict::unknown: break;
  }
  return "unknown";
}

Ink ink_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::agree: return Ink::free;
    case Verdict::differ: return Ink::kernel;
    case Verdict::unknown: break;
  }
  return Ink::faint;
}

class Writer {
 public:
  Writer(const Comparison& comparison, const TextStyle& style) : comparison_{comparison}, style_{style} {}

  std::string write(const Compared& what) {
    if (!style_.quiet) {
      write_head(what);
      if (style_.verbose) write_all();
      write_differences();
      write_kinds();
    }
    const VerdictCounts total = comparison_.total();
    return std::move(text_) +
           fmt::format("compare: agree {} of {} ({} unknown)\n", total.agree, total.known(), total.unknown);
  }

 private:
  void write_head(const Compared& what) {
    const std::string kernel =
        what.release.empty() ? "a kernel of unknown version" : fmt::format("Linux {}", what.release);
    const std::string machine =
        what.machine == what.log ? std::string{} : fmt::format("{} against ", what.machine);
    text_ +=
        style_.in(Ink::heading, fmt::format("{}{}: {}, {}", machine, what.log, kernel, what.arch)) + "\n";
    for (const std::string& note : what.notes)
      text_ += style_.in(Ink::faint, fmt::format("  {}", note)) + "\n";
    text_ += "\n";
  }

  void write_all() {
    std::size_t kind = 0, name = 0;
    for (const Quantity& quantity : comparison_.quantities) {
      kind = std::max(kind, quantity.kind.size());
      name = std::max(name, quantity.name.size());
    }
    for (const Quantity& quantity : comparison_.quantities) {
      text_ += style_.in(ink_of(quantity.verdict), fmt::format("{:7}", name_of(quantity.verdict)));
      const std::string& value = quantity.ours.empty() ? quantity.theirs : quantity.ours;
      text_ += fmt::format("  {:{}}  {:{}}  {}\n", quantity.kind, kind, quantity.name, name, value);
    }
    text_ += "\n";
  }

  // Differences of one kind and reason stand together.
  void write_differences() {
    const auto& all = comparison_.quantities;
    for (std::size_t at = 0; at < all.size();) {
      std::size_t end = at + 1;
      if (all[at].verdict != Verdict::differ) {
        at = end;
        continue;
      }
      while (end < all.size() && all[end].kind == all[at].kind) ++end;
      write_group(at, end);
      at = end;
    }
  }

  void write_group(std::size_t at, std::size_t end) {
    const Quantity& first = comparison_.quantities[at];
    text_ += fmt::format("{}  {}\n", style_.in(Ink::kernel, first.kind), style_.in(Ink::faint, first.reason));
    std::size_t name = 0, ours = 0, theirs = 0;
    for (std::size_t i = at; i < end; ++i) {
      const Quantity& quantity = comparison_.quantities[i];
      if (quantity.verdict != Verdict::differ) continue;
      name = std::max(name, quantity.name.size());
      ours = std::max(ours, quantity.ours.size());
      theirs = std::max(theirs, quantity.theirs.size());
    }
    constexpr std::size_t words = 24;  // indentation, "quarry", "linux" and gaps
    const bool fits = name + ours + theirs + words <= style_.width;
    for (std::size_t i = at; i < end; ++i) {
      const Quantity& quantity = comparison_.quantities[i];
      if (quantity.verdict != Verdict::differ) continue;
      const std::string again =
          quantity.reason == first.reason ? std::string{} : "  " + style_.in(Ink::faint, quantity.reason);
      if (fits)
        text_ += fmt::format("  {:{}}  quarry {:>{}}   linux {:>{}}{}\n", quantity.name, name, quantity.ours,
                             ours, quantity.theirs, theirs, again);
      else
        text_ += fmt::format("  {}{}\n    quarry  {}\n    linux   {}\n", quantity.name, again, quantity.ours,
                             quantity.theirs);
    }
    text_ += "\n";
  }

  void write_kinds() {
    text_ += style_.in(Ink::heading,
                       fmt::format("{:17}  {:>6}  {:>6}  {:>7}", "kind", "agree", "differ", "unknown"));
    text_ += "\n";
    const auto cell = [&](std::size_t count, std::size_t width, Verdict verdict) {
      const std::string digits = fmt::format("{:>{}}", count == 0 ? "-" : std::to_string(count), width);
      return style_.in(count == 0 ? Ink::plain : ink_of(verdict), digits);
    };
    for (const auto& [kind, counts] : comparison_.kinds())
      text_ +=
          fmt::format("{:17}  {}  {}  {}\n", kind, cell(counts.agree, 6, Verdict::agree),
                      cell(counts.differ, 6, Verdict::differ), cell(counts.unknown, 7, Verdict::unknown));
  }

  const Comparison& comparison_;
  const TextStyle& style_;
  std::string text_;
};

Json to_json(const VerdictCounts& counts) {
  return Json{{"agree", counts.agree}, {"differ", counts.differ}, {"unknown", counts.unknown}};
}

}  // namespace

std::string comparison_text(const Comparison& comparison, const Compared& what, const TextStyle& style) {
  return Writer{comparison, style}.write(what);
}

std::string comparison_json(const Comparison& comparison, const Compared& what) {
  Json root{{"schema", "quarry.compare/1"},
            {"machine", what.machine},
            {"log", what.log},
            {"release", what.release},
            {"arch", what.arch}};
  root["total"] = to_json(comparison.total());
  root["kinds"] = Json::object();
  for (const auto& [kind, counts] : comparison.kinds()) root["kinds"][kind] = to_json(counts);
  root["quantities"] = Json::array();
  const auto value = [](const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); };
  for (const Quantity& quantity : comparison.quantities)
    root["quantities"].push_back(Json{{"kind", quantity.kind},
                                      {"name", quantity.name},
                                      {"verdict", name_of(quantity.verdict)},
                                      {"quarry", value(quantity.ours)},
                                      {"linux", value(quantity.theirs)},
                                      {"reason", value(quantity.reason)}});
  root["notes"] = what.notes;
  return root.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace quarry::cli
