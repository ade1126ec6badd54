// linux/command_line_copies.hpp: copies of the command line that the kernel keeps, and what it tells of unknown options.
//
// Source    Linux 6.1, init/main.c, "setup_command_line" and "print_unknown_bootoptions" (behaviour).
#pragma once

#include "linux/struct_sizes.hpp"
#include "quarry/boot/flow.hpp"

namespace quarry::lnx {

// One for /proc/cmdline, and one that is cut up while options are parsed.
//
// Errors    no_memory: the kernel stops.
Result<Done> allocate_command_lines(boot::State& state);

// A line of those options that go to init since no part of the kernel knows them; printed and given back. Which
// these are depends on the build; known here are those that boot loaders and distributions add.
//
// Errors    those of giving back: none that a sound memblock has.
Result<Done> print_unknown_options(boot::State& state);

}  // namespace quarry::lnx
