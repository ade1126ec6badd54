// cli/commands.hpp: the tool's commands, each with its place on the command line.
#pragma once

#include <functional>
#include <string>

namespace CLI {  // NOLINT(readability-identifier-naming): its own name
class App;
}

namespace quarry::cli {

struct Command {
  CLI::App* words;           // parsed(): it is the one that was asked for
  std::function<int()> run;  // after the parse; the exit status
};

// Each adds its name, options and examples to the tool.
Command add_boot(CLI::App& tool);
Command add_replay(CLI::App& tool);
Command add_compare(CLI::App& tool);
Command add_diff(CLI::App& tool);
Command add_shell(CLI::App& tool);
Command add_where(CLI::App& tool);
Command add_profile(CLI::App& tool);

// Tells of arguments that make no sense, in one line; the exit status.
int refuse(const std::string& text);

// What `quarry --help` and `quarry boot --help` end with.
extern const char* const kExamples;

}  // namespace quarry::cli
