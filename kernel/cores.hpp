// kernel/cores.hpp: all cores at work.
//
//   work    what a core does when it is told to, as long as it takes, with interrupts enabled: run_on_cores()
//   call    what it does at once, in an interrupt, whatever it is at: Platform::run_on()
#pragma once

#include "kernel/system.hpp"

namespace kernel {

// x86 starts processors in real mode: a page under 1 MiB that the flow reserved for that. Empty: there is none.
quarry::PhysRange low_memory_for_startup() noexcept;
void set_low_memory_for_startup(quarry::PhysRange range) noexcept;

// Starts every core that firmware lists, with stacks out of the page allocator, and enables interrupts. Once, on core 0.
//
// Returns   how many run, this one included.
// Errors    no_memory: there is none for their stacks.
quarry::Result<unsigned> start_cores(System& system) noexcept;
// Whether cores 0 to running_cores() - 1 run; a core that did not start ends the row.
unsigned running_cores() noexcept;

// Runs `work(self, core)` on the first `cores` running cores, this one included, and waits for all. On core 0 only.
void run_on_cores(unsigned cores, void (*work)(void* self, unsigned core) noexcept, void* self) noexcept;
// Runs `work(self, core)` on one running core, this one or another, and waits for it. On core 0 only.
void run_on_core(unsigned core, void (*work)(void* self, unsigned core) noexcept, void* self) noexcept;

}  // namespace kernel
