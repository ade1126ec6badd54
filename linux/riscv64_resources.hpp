// linux/riscv64_resources.hpp: what riscv64 allocates for /proc/iomem.
#pragma once

#include "linux/struct_sizes.hpp"
#include "quarry/boot/flow.hpp"

namespace quarry::lnx {

// One resource for each region of memory and each reservation, and one that the list itself may become. What is not
// used goes back: it is the low end, as the list is filled from its end.
//
//   |-- given back --|== memory ==|== reservations ==|
//
// Errors    no_memory: the kernel stops.
// Source    Linux 6.1, arch/riscv/kernel/setup.c, "init_resources" (behaviour).
Result<Done> allocate_riscv64_resources(boot::State& state, const StructSizes& sizes);

}  // namespace quarry::lnx
