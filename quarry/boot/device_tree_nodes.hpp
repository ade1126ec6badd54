// quarry/boot/device_tree_nodes.hpp: numa-node-id properties and the distance map, read out of a tree.
#pragma once

#include <cstddef>

#include "quarry/boot/flow.hpp"
#include "quarry/firmware/fdt.hpp"

namespace quarry::boot {

// Starts a draft of State::nodes: processors, memory nodes that have an id, distances. A tree without ids
// drafts no node, and that is no error here.
//
// Errors    bad_table: a memory node has an id and no range, and what draft_from_tree() refuses.
//           no_room: the arena is used up.
// Cost      O(bytes of the tree).
// Source    Linux 6.1, "of_numa_init" (behaviour).
Result<Done> draft_tree_nodes(State& state, const firmware::Fdt& tree, std::size_t distance_width) noexcept;

}  // namespace quarry::boot
