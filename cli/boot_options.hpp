// cli/boot_options.hpp: the options of `quarry boot`, from words to values.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/options.hpp"

namespace CLI {  // NOLINT(readability-identifier-naming): its own name
class App;
}

namespace quarry::cli {

// Lives from add_to() until the command line is parsed and checked.
class BootArguments {
 public:
  void add_to(CLI::App& boot);
  // Only those that say how it boots, for a command that has other options.
  void add_mode_options(CLI::App& command);
  // Only those that say more of a machine, for a command that has other options.
  void add_machine_options(CLI::App& command);
  // The same for one of two machines: each with `-suffix` at its end, and not listed.
  void add_side_options(CLI::App& command, const std::string& suffix);
  // After the parse. What makes no sense is told in one line; then the options are not to be used.
  std::optional<std::string> check();
  const BootOptions& options() const { return options_; }

 private:
  void add_machine_options(CLI::App& group, const std::string& ending);
  void add_output_options(CLI::App& boot);
  std::optional<std::string> check_machine();
  std::optional<std::string> check_output();

  // As they were given; empty: not at all.
  struct Words {
    std::vector<std::string> memory;
    std::optional<std::string> command_line;
    std::string arch, kernel_at, tree_at, initrd, srat, slit, tree, kernel, config, cpus;
    bool native = false, quiet = false, verbose = false;
  };
  Words words_;
  BootOptions options_;
};

}  // namespace quarry::cli
