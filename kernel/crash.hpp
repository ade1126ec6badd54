// kernel/crash.hpp: ways to die, so that a panic can be seen to say where.
#pragma once

#include "quarry/base/text.hpp"

namespace kernel {

// "crash=WHAT" on the command line: "null" reads where nothing is mapped, "code" writes over the kernel's own code, "stack"
// runs out of it, "check" breaks a promise, "core" does so on another core.
// Returns only if it is none of them.
void crash(quarry::TextView what) noexcept;

}  // namespace kernel
