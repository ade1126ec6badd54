// cli/ledger_text.hpp: where the RAM went, for people: the ledger with bars, what comes back, and what MemTotal is made of.
#pragma once

#include <string>

#include "cli/boot_report.hpp"
#include "cli/terminal.hpp"

namespace quarry::cli {

// The buckets, largest first, and their sum. Verbosely with the rule that filled each instead of exact bytes and bars.
std::string ledger_text(const BootReport& report, const TextStyle& style);

// What comes back after boot, and MemTotal as the sum of what the page allocator has.
std::string totals_text(const BootReport& report, const TextStyle& style);

}  // namespace quarry::cli
