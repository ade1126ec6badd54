// quarry/zones/hotplug.hpp: zones that grow and shrink while the machine runs.
//
//   before    |== Normal ==|  |== Movable ==|
//   online    |== Normal ==|  |== Movable ==|   [########]
//   after     |== Normal =====================[########]|      spans of a node's zones may overlap now
#pragma once

#include "quarry/zones/zones.hpp"

namespace quarry::zones {

// What memory that comes online is to be good for.
enum class OnlineTo : std::uint8_t {
  either,   // what its neighbours are for; between them the kernel's
  kernel,   // anything: Normal, or the zone that spans it already
  movable,  // movable pages alone, so that it can go again
};

// The smallest range that holds both; an empty one holds nothing.
constexpr PfnRange around(PfnRange a, PfnRange b) noexcept {
  if (a.empty()) return b;
  if (b.empty()) return a;
  return {a.begin() < b.begin() ? a.begin() : b.begin(), a.end() < b.end() ? b.end() : a.end()};
}

// Which zone of `node`, an index into Layout::zones, `pages` come online to.
//
// Source    Linux 6.1, mm/memory_hotplug.c, "zone_for_pfn_range" (behaviour, without movable_node).
std::uint32_t zone_for(const Layout& layout, const Node& node, PfnRange pages, OnlineTo to) noexcept;

// The zone and its node reach over `pages` from now on, and have them.
//
// Source    Linux 6.1, "resize_zone_range", "resize_pgdat_range", "adjust_present_page_count".
void grow(Layout& layout, std::uint32_t zone, PfnRange pages) noexcept;

// The zone has `pages` no more, and spans `left`, nothing when that is empty. Its node spans what its zones do.
//
// Source    Linux 6.1, "shrink_zone_span", "update_pgdat_span".
void shrink(Layout& layout, std::uint32_t zone, PfnRange pages, PfnRange left) noexcept;

}  // namespace quarry::zones
