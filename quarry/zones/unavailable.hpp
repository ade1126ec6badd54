// quarry/zones/unavailable.hpp: descriptors of frames that are no memory.
//
//   section     |-------------------------------|-------------------------------|
//   memory      |=========|       |=============|====|
//   unavailable           |ooooooo|                  |oooooooooooooooooooooooooo|
//
// Descriptors come by the section (by the pageblock where the map is flat), memory does not.
#pragma once

#include <span>

#include "quarry/base/arena.hpp"
#include "quarry/base/geometry.hpp"
#include "quarry/early/regions.hpp"
#include "quarry/zones/zones.hpp"

namespace quarry::zones {

// Walks memory in order, zone by zone, adds what is found to Zone::unavailable and lists each run.
//
// Errors    no_room: the arena is used up; the zones are counted in part.
// Cost      O(regions * (zones + log regions)).
// Source    Linux 6.1, "memmap_init", "init_unavailable_range" (behaviour).
Result<std::span<const UnavailableRun>> count_unavailable(const Geometry& geometry, early::Regions memory,
                                                          std::span<const NodeRange> ranges,
                                                          std::span<const Node> nodes, std::span<Zone> zones,
                                                          Arena& arena) noexcept;

}  // namespace quarry::zones
