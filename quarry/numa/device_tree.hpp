// quarry/numa/device_tree.hpp: a draft of the nodes from numa-node-id properties and a distance map.
#pragma once

#include <cstdint>
#include <span>

#include "quarry/numa/nodes.hpp"

namespace quarry::numa {

// What a device tree says of nodes, in the tree's order; whoever reads the tree fills this in.
struct TreeNodes {
  struct Memory {
    PhysRange range;
    std::uint32_t node = 0;  // numa-node-id of a /memory node that has one
  };
  struct Distance {
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    std::uint32_t distance = 0;
  };
  std::span<const std::uint32_t> cpus;  // numa-node-id of each /cpus node that has one
  std::span<const Memory> memory;
  std::span<const Distance> distances;
};

// Starts a new draft. The distance matrix is `distance_width` wide whether the tree gives distances or not;
// 0 makes it when the first distance comes. A pair that is given one way only counts both ways. A node is there as
// soon as a processor, a range or a distance from it names it.
//
// Errors    bad_table: a memory node's id is not below max_nodes, or a distance breaks the rules (10 to
//           itself, more than 10 to others), with a refusal. no_room: the arena is used up.
// Source    Linux 6.1, Documentation/devicetree/bindings/numa.txt; "of_numa_init" (behaviour).
Result<Done> draft_from_tree(Nodes& nodes, const TreeNodes& tree, std::size_t distance_width) noexcept;

}  // namespace quarry::numa
