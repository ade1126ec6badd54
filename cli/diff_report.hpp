// cli/diff_report.hpp: all that `quarry diff` has to say.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/attribution.hpp"
#include "cli/diff_sides.hpp"

namespace quarry::cli {

struct DiffSide {
  std::string name, source, arch, release, command_line;
  std::vector<std::string> notes;
};

// A quantity that real kernels printed on both sides. Units: KiB.
struct RealChange {
  std::string name;  // "MemTotal"
  std::int64_t before = 0, after = 0;
  std::int64_t predicted = 0;  // change
  std::int64_t change() const { return after - before; }
  std::int64_t unexplained() const { return change() - predicted; }
};

struct DiffReport {
  DiffSide a, b;
  std::vector<lnx::Difference> differences;
  Attribution attribution;
  std::vector<RealChange> real;  // empty: not both sides are of real kernels
};

DiffSide told_of(const Side& side);

// Of what both show, MemTotal before the log's own count.
std::vector<RealChange> real_changes(const RealTotals& a, const RealTotals& b, const lnx::MachineMix& mix,
                                     const Attribution& attribution);

// schema quarry.diff/1
std::string diff_json(const DiffReport& report);

}  // namespace quarry::cli
