// linux/compare_sheet.hpp: where the parts of a comparison write their quantities.
#pragma once

#include "linux/compare.hpp"

namespace quarry::lnx {

// A value or a list as comparable words; absent: not shown.
using Shown = std::optional<std::string>;
using ShownLines = std::optional<std::vector<std::string>>;

class Sheet {
 public:
  explicit Sheet(const Circumstances& circumstances) : circumstances_{circumstances} {}

  // Compares one value. Nothing is written if neither side shows it.
  void hold(std::string_view kind, std::string name, const Shown& ours, const Shown& theirs);
  // Compares lists line by line, in order.
  void hold_list(std::string_view kind, std::string name, const ShownLines& ours, const ShownLines& theirs);
  void hold_number(std::string_view kind, std::string name, std::optional<std::uint64_t> ours,
                   std::optional<std::uint64_t> theirs);

  // The quantities, sorted by kind.
  Comparison take();

 private:
  void add(Quantity quantity);
  Circumstances circumstances_;
  Comparison comparison_;
};

// "0x1000-0x9efff", as kernels print ends; "empty".
std::string range_words(PhysRange range);

// The parts, in the order of a boot.
void compare_early(Sheet& sheet, const Outcomes& ours, const Outcomes& theirs);
void compare_zones(Sheet& sheet, const Outcomes& ours, const Outcomes& theirs);
void compare_reserved_memory(Sheet& sheet, const LogOutcomes& ours, const LogOutcomes& theirs);
void compare_late(Sheet& sheet, const Outcomes& ours, const Outcomes& theirs);

// What a difference probably comes from.
std::string likely_reason(const Quantity& quantity, const Circumstances& circumstances,
                          const Comparison& so_far);

}  // namespace quarry::lnx
