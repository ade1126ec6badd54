// cli/diff_command.hpp: `quarry diff`.
#pragma once

#include <string>

#include "cli/diff_sides.hpp"
#include "cli/options.hpp"

namespace quarry::cli {

struct DiffOptions {
  SideWords a, b;
  Format format = Format::text;
  Colour colour = Colour::automatic;
  Verbosity verbosity = Verbosity::normal;
  std::string output_file;  // empty: standard output
};

// What `quarry diff --help` ends with.
extern const char* const kDiffExamples;

// Boots both machines, and those between them that tell which difference does what.
//
// Returns   the exit status: 0 done, whether they differ or not, 2 there is no such machine, 3 one of them is
//           malformed, 4 one cannot boot.
int run_diff(const DiffOptions& options);

}  // namespace quarry::cli
