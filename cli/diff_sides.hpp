// cli/diff_sides.hpp: the two sides of `quarry diff`, from words to machines.
#pragma once

#include <optional>
#include <string>

#include "linux/describe.hpp"

namespace quarry::cli {

// What was typed of one side.
struct SideWords {
  std::string word;               // a machine, a kernel's file or a command line; empty: the other's machine
  lnx::DescribeOptions describe;  // of both sides and of this one, put together
  std::optional<std::string> command_line;  // --cmdline of this side alone
  std::string append;                       // words behind the command line
  std::string options;                      // this side's own options as typed, to tell the two apart
  bool is_changed = false;                  // options made another machine of it than the log's
};

// What a real kernel said of the machine; nothing where the side is no log.
struct RealTotals {
  std::optional<std::uint64_t> mem_total_kib, cma_total_kib, high_total_kib;
  std::optional<std::uint64_t> available_kib;  // of the log's line "Memory:"
  bool has_any() const { return mem_total_kib || cma_total_kib || high_total_kib || available_kib; }
};

struct Side {
  std::string name;
  lnx::MachineDescription machine;
  RealTotals real;
};

struct Sides {
  Side a, b;
};

// Errors    bad_arguments: a word that names nothing, or both sides from standard input; those of describe().
lnx::Expected<Sides> read_sides(SideWords a, SideWords b);

}  // namespace quarry::cli
