// cli/shell_command.hpp: `quarry shell`.
#pragma once

#include <string>

#include "cli/options.hpp"
#include "cli/policy.hpp"

namespace quarry::cli {

inline constexpr const char* kShellExamples = R"(Examples:
  quarry shell                              the built-in 2 GiB PC, and a prompt
  quarry shell numa-8n                      a machine of eight nodes
  quarry shell board.dtb --memory 0x80000000+1G
  printf 'step on\nalloc_pages 4\nbuddyinfo\n' | quarry shell       a script

Exit status: 0 done; 1 'audit' found a broken law; 2 unusable arguments, or a line of a script that makes no sense;
3 malformed input; 4 the machine cannot boot. A request that is refused is no error.)";

struct ShellOptions {
  std::string machine{lnx::kDefaultMachine};
  lnx::DescribeOptions describe;
  Mode mode = Mode::linux_mode;
  boot::EarlyChoice early = boot::EarlyChoice::memblock;
  PolicyChoice policy = PolicyChoice::linux_policy;
  Colour colour = Colour::automatic;
};

// Boots the machine and serves commands from standard input until they end.
//
// Returns   the exit status.
int run_shell(const ShellOptions& options);

}  // namespace quarry::cli
