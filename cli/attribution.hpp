// cli/attribution.hpp: which difference of two machines changes what, found by booting the machines between them.
//
//   one way     from --map--> . --kernel--> . --cma=64M--> to      after each step the boot says what changed
//   the other   from --cma=64M--> . --map--> . --kernel--> to
//
// What a difference changes both ways is its own. What it changes in one order only is of several differences
// together, and is said to be.
#pragma once

#include <functional>
#include <vector>

#include "cli/figures.hpp"
#include "linux/machine_mix.hpp"
#include "linux/problem.hpp"

namespace quarry::cli {

// What one difference does; or several, where a machine with some of them alone would not boot.
struct Effect {
  std::vector<std::size_t> differences;  // indices of MachineMix::differences()
  Figures change;
  bool is_alone = true;  // the same in both orders
};

// Law       the effects' changes + together + unexplained = after - before.
struct Attribution {
  Figures before, after;
  std::vector<Effect> effects;  // the largest change of MemTotal first, then of the ledger
  Figures together;             // what no difference does by itself
  Figures unexplained;          // what is left when all differences are taken over
  std::size_t boots = 0;
};

using Boot = std::function<lnx::Expected<Figures>(const lnx::MachineDescription& machine)>;
// Boots in Linux mode.
lnx::Expected<Figures> boot_for_figures(const lnx::MachineDescription& machine);

// Errors    those of `boot` for one of the two machines, with its name.
// Cost      at most 2 boots for a difference, and 2; a few more where machines between do not boot.
lnx::Expected<Attribution> attribute(const lnx::MachineMix& mix, const Boot& boot = boot_for_figures);

}  // namespace quarry::cli
