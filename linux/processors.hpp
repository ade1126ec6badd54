// linux/processors.hpp: which node each processor is on, as Linux knows it when it places per-CPU areas.
//
// Source    Linux 6.1, arch/x86/mm/numa.c, "numa_init_array" and "init_cpu_to_node" (behaviour).
#pragma once

#include <vector>

#include "quarry/boot/flow.hpp"

namespace quarry::lnx {

// By processor, in the order in which the affinity table lists those that are enabled; processors that no table
// places are dealt out to the nodes with memory, one after the other. At least one.
std::vector<NodeId> nodes_of_processors(const boot::State& state);

// One past the highest node that any table names.
unsigned possible_node_count(const boot::State& state) noexcept;

}  // namespace quarry::lnx
