// quarry/zones/zonelist.hpp: in which order nodes, and their zones, are asked for pages.
//
//   node 2 asks   node 2: Movable Normal   node 3: Normal   node 0: Normal DMA32 DMA   node 1: …
//                 |----- itself -----|     |- nearest -|    |------ farther ------ …
#pragma once

#include "quarry/zones/layout.hpp"

namespace quarry::zones {

// Fills fallback, zonelist and no_fallback of every node. Nearest first; of equally near ones those that
// follow the node come before those that precede it by half a step, then whoever heads fewer distance
// groups of other nodes, then the lowest number. Within a node the highest zone type is given away first.
//
// Errors    no_room: the arena is used up; the nodes' lists may be half filled.
// Cost      O(nodes^2 * log nodes).
// Source    Linux 6.1, "build_zonelists", "find_next_best_node" (behaviour).
Result<Done> build_zonelists(std::span<Node> nodes, std::span<const Zone> zones, const Distances& distances,
                             CpuPenalty cpu_penalty, Arena& arena) noexcept;

}  // namespace quarry::zones
