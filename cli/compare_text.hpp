// cli/compare_text.hpp: a comparison for people and for scripts.
#pragma once

#include <string>

#include "cli/options.hpp"
#include "cli/terminal.hpp"
#include "linux/compare.hpp"

namespace quarry::cli {

// What was held against what.
struct Compared {
  std::string machine, log;  // as they are called
  std::string release;       // of the log's kernel; empty: it does not say
  std::string arch;
  std::vector<std::string> notes;
};

// Differences with their reasons, then a line a kind, then "compare: agree A of B (U unknown)". Verbose: all
// quantities. Quiet: the last line alone.
std::string comparison_text(const lnx::Comparison& comparison, const Compared& what, const TextStyle& style);

// quarry.compare/1: all quantities.
std::string comparison_json(const lnx::Comparison& comparison, const Compared& what);

}  // namespace quarry::cli
