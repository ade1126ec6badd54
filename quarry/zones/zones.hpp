// quarry/zones/zones.hpp: nodes cut into zones, and the order in which zones are asked for pages.
//
//   node 0   |-- DMA --|------ DMA32 ------|---------- Normal ----------|
//   node 1                                                              |---- Normal ----|-- Movable --|
//
// Cold data, computed once from memblock's memory, before any page has a descriptor. Counts are pages.
#pragma once

#include <cstdint>
#include <span>

#include "quarry/base/range.hpp"
#include "quarry/base/text.hpp"

namespace quarry::zones {

// In the order of the address ranges, lowest first; Movable may lie anywhere above.
enum class ZoneType : std::uint8_t { dma, dma32, normal, highmem, movable };
inline constexpr unsigned kZoneTypes = 5;
TextView name_of(ZoneType type) noexcept;  // "DMA" "DMA32" "Normal" "HighMem" "Movable"

// One zone of one node. Laws: present <= spanned; managed <= present; an empty zone spans nothing.
struct Zone {
  ZoneType type = ZoneType::dma;
  NodeId node{};
  Pfn start{};              // zone_start_pfn; 0 when the zone is empty, as in Linux
  PageCount spanned{};      // end - start, holes included
  PageCount present{};      // without holes
  PageCount managed{};      // given to the page allocator, counted up at the hand-over
  PageCount cma{};          // of those, in CMA areas
  PageCount unavailable{};  // holes that have descriptors all the same ("pages in unavailable ranges")
  constexpr bool is_populated() const noexcept { return present.raw != 0; }
  constexpr PfnRange span() const noexcept { return {start, start + spanned}; }
};

// A zone, by its place in Layout::zones, and its type beside it: what a zonelist is made of.
struct ZoneRef {
  std::uint32_t zone;  // index into Layout::zones
  ZoneType type;
};

struct Node {
  NodeId id{};
  PfnRange span{};  // node_start_pfn, node_spanned_pages; empty: memoryless
  PageCount present{};
  bool online = true;  // false: possible, without memory and without a running processor
  bool has_cpu = true;
  std::uint32_t first_zone = 0;            // its kZoneTypes zones stand together in Layout::zones
  std::span<const NodeId> fallback{};      // nodes by distance, itself first
  std::span<const ZoneRef> zonelist{};     // populated zones of `fallback`, highest first in a node
  std::span<const ZoneRef> no_fallback{};  // its own zones alone
};

// Where each zone type ends, machine-wide: [low, high) in frames, empty where the machine has none of it.
struct ZoneRange {
  ZoneType type = ZoneType::dma;
  bool configured = false;  // the kernel has this zone type; an unpopulated one prints "empty"
  PfnRange span{};
};

// A run of present memory on one node: a line of "Early memory node ranges".
struct NodeRange {
  NodeId node{};
  PfnRange span{};
  bool is_mirrored = false;
};

// Frames without memory that have descriptors all the same, because memory shares their section or pageblock.
// They belong to the zone that begins or goes on after them: a line "pages in unavailable ranges".
struct UnavailableRun {
  NodeId node{};
  ZoneType type = ZoneType::dma;
  PageCount pages{};
};

struct Layout {
  ZoneRange ranges[kZoneTypes];
  std::span<Node> nodes{};  // online nodes and possible ones, by id
  std::span<Zone> zones{};  // kZoneTypes for each node, in `nodes` order
  std::span<const NodeRange> node_ranges{};
  std::span<const Pfn> movable_start{};           // per node, 0 where there is no Movable zone
  std::span<const UnavailableRun> unavailable{};  // in the order in which Linux comes across them
  bool keeps_mirrored =
      false;  // kernelcore=mirror: Movable lies over the zones below, and has what is not mirrored
  bool unmirrored_kernel = false;  // kernelcore=mirror, but not all memory below 4G is mirrored
};

// What of `pages` in `range` is the zone's. Zones of a node overlap only with kernelcore=mirror: there Movable has what is
// not mirrored from its begin on, and the zones below have the others.
//
// Source    Linux 6.1, "overlap_memmap_init" (behaviour).
PfnRange part_of(const Layout& layout, const Zone& zone, const NodeRange& range, PfnRange pages) noexcept;

// The runs of memory that end above `page`, ascending.
//
// Cost      O(log n) in runs.
std::span<const NodeRange> ranges_from(const Layout& layout, Pfn page) noexcept;

}  // namespace quarry::zones
