#include "linux/compare.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "linux/compare_sheet.hpp"

namespace quarry::lnx {
namespace {

constexpr std::size_t kShownLines = 4;  // of a list that differs; the others are counted

std::size_t rank_of(std::string_view kind) {
  return static_cast<std::size_t>(std::find(std::begin(kQuantityKinds), std::end(kQuantityKinds), kind) -
                                  std::begin(kQuantityKinds));
}

std::string words_of(const std::vector<std::string>& lines) {
  if (lines.empty()) return "none";
  const std::size_t shown = std::min(lines.size(), kShownLines);
  std::string text =
      fmt::format("{}", fmt::join(lines.begin(), lines.begin() + static_cast<long>(shown), "; "));
  if (shown < lines.size()) text += fmt::format("; and {} more", lines.size() - shown);
  return text;
}

// The lines of one list that the other does not have; the whole list if only the order differs.
std::vector<std::string> missing_in(const std::vector<std::string>& of, const std::vector<std::string>& in) {
  std::vector<std::string> sorted = in, missing;
  std::sort(sorted.begin(), sorted.end());
  for (const std::string& line : of)
    if (!std::binary_search(sorted.begin(), sorted.end(), line)) missing.push_back(line);
  return missing;
}

Verdict verdict_of(bool theirs_known, bool equal) {
  return !theirs_known ? Verdict::unknown : equal ? Verdict::agree : Verdict::differ;
}

// How a boot ended: both page allocators came up, or not.
void compare_end(Sheet& sheet, const Outcomes& theirs, const Circumstances& circumstances) {
  const bool lived = theirs.log.managed_kib || theirs.zones;
  if (circumstances.failure.empty() && !theirs.log.panicked) {
    sheet.hold("end", "the page allocator", "comes up", lived ? Shown{"comes up"} : std::nullopt);
    return;
  }
  sheet.hold("end", "the page allocator", circumstances.failure.empty() ? "comes up" : "does not come up",
             theirs.log.panicked ? "does not come up" : "comes up");
}

}  // namespace

bool is_quantity_kind(std::string_view name) { return rank_of(name) < std::size(kQuantityKinds); }

void VerdictCounts::add(Verdict verdict) {
  switch (verdict) {
    case Verdict::agree: ++agree; return;
    case Verdict::differ: ++differ; return;
    case Verdict::unknown: ++unknown; return;
  }
}

VerdictCounts Comparison::total() const {
  VerdictCounts counts;
  for (const Quantity& quantity : quantities) counts.add(quantity.verdict);
  return counts;
}

std::vector<std::pair<std::string, VerdictCounts>> Comparison::kinds() const {
  std::vector<std::pair<std::string, VerdictCounts>> counts;
  for (const Quantity& quantity : quantities) {
    if (counts.empty() || counts.back().first != quantity.kind)
      counts.emplace_back(quantity.kind, VerdictCounts{});
    counts.back().second.add(quantity.verdict);
  }
  return counts;
}

void Comparison::keep_only(std::string_view kind) {
  std::erase_if(quantities, [&](const Quantity& quantity) { return quantity.kind != kind; });
}

std::string range_words(PhysRange range) {
  if (range.empty()) return "empty";
  return fmt::format("{:#x}-{:#x}", range.begin().raw, range.end().raw - 1);
}

void Sheet::add(Quantity quantity) { comparison_.quantities.push_back(std::move(quantity)); }

void Sheet::hold(std::string_view kind, std::string name, const Shown& ours, const Shown& theirs) {
  if (!ours && !theirs) return;
  add({.kind = std::string{kind},
       .name = std::move(name),
       .verdict = verdict_of(theirs.has_value(), ours == theirs),
       .ours = ours.value_or(std::string{}),
       .theirs = theirs.value_or(std::string{}),
       .reason = {}});
}

void Sheet::hold_list(std::string_view kind, std::string name, const ShownLines& ours,
                      const ShownLines& theirs) {
  if (!ours && !theirs) return;
  Quantity quantity{.kind = std::string{kind},
                    .name = std::move(name),
                    .verdict = verdict_of(theirs.has_value(), ours == theirs),
                    .ours = ours ? words_of(*ours) : std::string{},
                    .theirs = theirs ? words_of(*theirs) : std::string{},
                    .reason = {}};
  if (ours && theirs && ours != theirs) {
    const auto only_ours = missing_in(*ours, *theirs), only_theirs = missing_in(*theirs, *ours);
    if (!only_ours.empty() || !only_theirs.empty())
      quantity.ours = words_of(only_ours), quantity.theirs = words_of(only_theirs);
  }
  add(std::move(quantity));
}

void Sheet::hold_number(std::string_view kind, std::string name, std::optional<std::uint64_t> ours,
                        std::optional<std::uint64_t> theirs) {
  const auto words = [](std::optional<std::uint64_t> number) {
    return number ? Shown{std::to_string(*number)} : std::nullopt;
  };
  hold(kind, std::move(name), words(ours), words(theirs));
}

Comparison Sheet::take() {
  std::stable_sort(comparison_.quantities.begin(), comparison_.quantities.end(),
                   [](const Quantity& a, const Quantity& b) { return rank_of(a.kind) < rank_of(b.kind); });
  for (Quantity& quantity : comparison_.quantities) {
    if (quantity.verdict != Verdict::differ) continue;
    quantity.reason = likely_reason(quantity, circumstances_, comparison_);
    if (quantity.ours.empty()) quantity.ours = "not modelled";
  }
  return std::move(comparison_);
}

Comparison compare(const Outcomes& ours, const Outcomes& theirs, const Circumstances& circumstances) {
  Sheet sheet{circumstances};
  compare_end(sheet, theirs, circumstances);
  compare_early(sheet, ours, theirs);
  compare_zones(sheet, ours, theirs);
  compare_late(sheet, ours, theirs);
  return sheet.take();
}

}  // namespace quarry::lnx
