// quarry/boot/initrd.hpp: the initrd of machines that want it in memory of its own: arm and riscv64.
#pragma once

#include "quarry/boot/flow.hpp"

namespace quarry::boot {

// The pages that State::initrd lies in, which is not empty; up to the last byte of the address space at most.
PhysRange pages_of_initrd(const State& state) noexcept;

// Reserves the pages of State::initrd. One that is no memory, or lies over something else, is not used, and says why.
//
// Errors    those of Memblock, and of State::note.
// Source    Linux 6.1, "reserve_initrd_mem" (behaviour).
Result<Done> reserve_initrd(State& state) noexcept;

}  // namespace quarry::boot
