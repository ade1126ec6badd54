// quarry/zones/layout.hpp: from memblock's memory to nodes, zones and the order of asking.
//
//   memblock   |=====|      |===========================|    |==========|
//   ranges      node 0             node 0                       node 1
//   limits     |- DMA -|--- DMA32 ---|----------------- Normal ------------------ ...
//   zones      |= DMA =|=== DMA32 ===|== Normal of 0 ==|     | Normal of 1 |
//
// Pure: everything that matters comes in by value or view, and the same input gives the same layout.
#pragma once

#include "quarry/base/arena.hpp"
#include "quarry/base/geometry.hpp"
#include "quarry/boot/flow.hpp"
#include "quarry/early/regions.hpp"
#include "quarry/zones/zones.hpp"

namespace quarry::zones {

// A node that exists or may exist. What has memory and is not listed is an orphan.
struct PossibleNode {
  NodeId id{};
  bool online = true;
  bool has_cpu = true;
};

// How far node `to` is from node `from`, as a SLIT says. Without a function all other nodes are equally far.
struct Distances {
  const void* self = nullptr;
  unsigned (*between)(const void* self, NodeId from, NodeId to) noexcept = nullptr;

  unsigned operator()(NodeId from, NodeId to) const noexcept {
    if (between == nullptr) return from == to ? 10 : 20;
    return between(self, from, to);
  }
};

// Memory whose node nobody knows: an error where nodes matter, the first node's where they do not.
enum class Orphans : std::uint8_t { refuse, join_first_node };

// Whether nodes with processors are asked later than equally distant ones without. While Linux boots no
// processor belongs to a node yet, so its first zonelists ignore them.
enum class CpuPenalty : std::uint8_t { ignore, count };

// How far a zone type reaches: one past its last possible frame.
struct ZoneLimit {
  bool configured = false;
  Pfn end;
};

struct Input {
  Geometry geometry;
  early::Regions memory;         // sorted and disjoint; no-map regions count as memory
  ZoneLimit limits[kZoneTypes];  // Movable's is ignored
  boot::MovableRequest movable{};
  std::span<const PossibleNode> nodes;  // by id; at least one
  Distances distances{};
  Orphans orphans = Orphans::refuse;
  CpuPenalty cpu_penalty = CpuPenalty::ignore;
};

// Cuts nodes into zones and orders them. `managed` of each zone is 0: the hand-over counts it up.
//
// Errors    out_of_range: memory on a node that is not listed; bad_argument: no node, or nodes out of order;
//           no_room: the arena is used up. The layout is made whole or not at all.
// Cost      O(regions * zones + nodes^2 * log nodes); the arena keeps nodes^2 node and zone references.
// Source    Linux 6.1, "free_area_init" and "build_all_zonelists" (behaviour).
Result<Layout> lay_out(const Input& input, Arena& arena) noexcept;

// The same of a machine whose flow has run.
Result<Layout> lay_out(const boot::State& state) noexcept;

// Frames as Linux counts them while it sets nodes up, before any is managed. What its tables are sized by.
struct CountedPages {
  PageCount all;     // what is present, in low memory less the frames of its descriptors and `dma_reserve`
  PageCount kernel;  // the same of low memory alone, less the frames of the descriptors of high memory
};

// Movable is high memory where the machine has a HighMem zone.
//
// Units     `descriptor`: bytes of one page descriptor. `dma_reserve`: frames taken off the lowest zone.
// Source    Linux 6.1, "free_area_init_core"; `all` is printed: "Built N zonelists … Total pages: X".
CountedPages counted_pages(const Layout& layout, const Geometry& geometry, Bytes descriptor,
                           PageCount dma_reserve = PageCount{0}) noexcept;

// The first broken law of a layout, or nothing: zones lie in their node, do not overlap, and their counts add up.
const char* audit(const Layout& layout) noexcept;

}  // namespace quarry::zones
