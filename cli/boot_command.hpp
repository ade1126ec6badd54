// cli/boot_command.hpp: `quarry boot`.
#pragma once

#include "cli/options.hpp"

namespace quarry::cli {

// Boots what the options describe and writes what they ask for.
//
// Returns   the exit status; problems are told on standard error, a line each.
int run_boot(const BootOptions& options);

}  // namespace quarry::cli
