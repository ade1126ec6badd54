// cli/compare_boot.hpp: a machine booted so that its boot can be held against a kernel's own: snapshots at the moments at
// which Linux prints something, in the same form in which they are read from what Linux printed.
#pragma once

#include "linux/description.hpp"
#include "linux/outcomes.hpp"

namespace quarry::cli {

struct ComparedBoot {
  lnx::Outcomes shown;
  std::string failure;  // why it stopped, in words; what was reached until then is shown. Empty: it did not
  std::string bug;      // what Linux does wrong on this machine and nobody can do after it, in words
};

// Boots `machine` in Linux mode.
ComparedBoot boot_to_compare(const lnx::MachineDescription& machine);

}  // namespace quarry::cli
