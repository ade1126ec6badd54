// kernel/shell.hpp: the tool's shell, on this machine.
#pragma once

#include "kernel/vmalloc.hpp"

namespace kernel {

// Reads commands from the serial console until there are no more.
//
// Returns   whether no law of the memory system was found broken.
bool run_shell(const quarry::memory::EarlySystem& early, System& system, DirectMap& map,
               Vmalloc& vmalloc) noexcept;

}  // namespace kernel
