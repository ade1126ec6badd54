// quarry/boot/common_options.hpp: what every architecture takes from the command line in the same way.
#pragma once

#include "quarry/boot/command_line.hpp"
#include "quarry/boot/flow.hpp"

namespace quarry::boot {

// Applies kernelcore=, movablecore=, movable_node, hugepages=, hugepagesz=, default_hugepagesz= and
// hugetlb_cma= to the state, in their order. Values that make no sense become a note and change nothing.
//
// Errors    no_room: the arena is used up.
Result<Done> apply_common_options(State& state, const CommandLine& line) noexcept;

// kernelcore=N, N% or mirror; movablecore=N or N%.
//
// Errors    bad_argument, overflow: the value makes no sense; nothing changed.
Result<Done> parse_kernelcore(MovableRequest& request, TextView value) noexcept;
Result<Done> parse_movablecore(MovableRequest& request, TextView value) noexcept;

}  // namespace quarry::boot
