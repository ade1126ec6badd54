// cli/compare_command.hpp: `quarry compare`.
#pragma once

#include <string>

#include "cli/options.hpp"

namespace quarry::cli {

struct CompareOptions {
  std::string machine;  // as for boot; with no log beside it, it is the log
  std::string log;      // a boot log, a case directory, or "-"
  lnx::DescribeOptions describe;
  Format format = Format::text;
  Colour colour = Colour::automatic;
  Verbosity verbosity = Verbosity::normal;
  std::string kind;         // empty: all kinds
  std::string output_file;  // empty: standard output
};

// What `quarry compare --help` ends with.
extern const char* const kCompareExamples;

// What is wrong with the options as they were given, in one line.
std::optional<std::string> check_compare(const CompareOptions& options);

// Boots the machine and holds it against the log; the last line of the text is
// "compare: agree A of B (U unknown)".
//
// Returns   the exit status: 0 nothing that is known differs, 1 something does, 2 there is no such machine or
//           log, 3 one of them is malformed, 4 the machine cannot boot, though the log's kernel did.
int run_compare(const CompareOptions& options);

}  // namespace quarry::cli
