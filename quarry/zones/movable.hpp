// quarry/zones/movable.hpp: where the Movable zone of each node begins.
//
//   node 0   |----------- kernel core -----------|--- Movable ---|
//   node 1   |----- kernel core -----|--------- Movable ---------|
//
// kernelcore= says how much memory stays for the kernel, spread over the nodes as evenly as they allow;
// movablecore= says how much does not. movable_node takes whole hot-pluggable nodes and goes before both.
#pragma once

#include <span>

#include "quarry/zones/layout.hpp"

namespace quarry::zones {

struct MovableInput {
  const boot::MovableRequest& request;
  Geometry geometry;
  early::Regions memory;
  std::span<const NodeRange> ranges;
  std::span<const Node> nodes;  // by id, spans known
  Pfn lowest;                   // first frame of the highest zone type that exists: Movable is never below
  NodeId first_node;            // of memory whose node nobody knows
};

// Fills `starts`, one for each node in order; 0 where the node gets no Movable zone.
//
// Returns   whether kernelcore=mirror leaves the kernel memory that is not mirrored.
// Cost      O(regions * nodes).
// Source    Linux 6.1, "find_zone_movable_pfns_for_nodes" (behaviour).
bool find_movable_starts(const MovableInput& input, std::span<Pfn> starts) noexcept;

}  // namespace quarry::zones
