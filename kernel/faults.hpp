// kernel/faults.hpp: what is wrong on purpose, and must be caught and named by the library.
#pragma once

#include "kernel/system.hpp"

namespace kernel {

struct FaultRun {
  std::uint64_t caught = 0, missed = 0;
};
// Provokes each kind of misuse of pages and objects, and prints what the library says of it. Leaves the system as it was, but for
// the pages of three objects that were damaged.
FaultRun provoke_faults(System& system, const quarry::boot::Machine& machine) noexcept;

}  // namespace kernel
