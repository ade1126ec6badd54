// cli/replay_command.hpp: `quarry replay`.
#pragma once

#include <string>

#include "cli/options.hpp"

namespace quarry::cli {

struct ReplayOptions {
  std::string log;  // a kernel's log, a case directory, or "-"
  Format format = Format::text;
  Verbosity verbosity = Verbosity::normal;
  std::string output_file;  // empty: standard output
};

// What `quarry replay --help` ends with.
extern const char* const kReplayExamples;

// Replays the log and writes what came of it; the last line of the text is
// "replay: matched M of N allocations (K operations, S skipped)".
//
// Returns   the exit status: 0 nothing differs, 1 something does, 2 there is no such log, 3 the log has no
//           operation of memblock. Problems are told on standard error, a line each.
int run_replay(const ReplayOptions& options);

}  // namespace quarry::cli
