// cli/diff_text.hpp: `quarry diff` for people.
#pragma once

#include <string>

#include "cli/diff_report.hpp"
#include "cli/terminal.hpp"

namespace quarry::cli {

// The totals, then what changes them, the largest first, then every bucket and zone that changes. Quiet: the totals and a
// line a cause; verbose: all of every list.
std::string diff_text(const DiffReport& report, const TextStyle& style);

// "+256 MiB", "-4 KiB", "0".
std::string signed_size(std::int64_t bytes);
// "+262,144", "-1", "0".
std::string signed_number(std::int64_t number);

}  // namespace quarry::cli
