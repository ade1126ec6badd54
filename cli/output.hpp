// cli/output.hpp: where results go: standard output, or a file that is there whole or not at all.
#pragma once

#include <string>
#include <string_view>

#include "linux/problem.hpp"

namespace quarry::cli {

// Writes `text` to `path`, or to standard output when `path` is empty. A file is written beside its place
// and renamed into it; a device or a pipe is written to.
//
// Errors    bad_arguments: it cannot be written; nothing is left behind, and what was there still is.
std::optional<lnx::Problem> write_output(const std::string& path, std::string_view text);

// The one line on standard error that says what is wrong.
//
// Returns   the exit status that goes with it.
int complain(const lnx::Problem& problem);

}  // namespace quarry::cli
