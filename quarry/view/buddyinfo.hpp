// quarry/view/buddyinfo.hpp: free blocks by order and migrate type, in the text of /proc.
#pragma once

#include <span>

#include "quarry/base/geometry.hpp"
#include "quarry/base/text.hpp"
#include "quarry/buddy/zone_stats.hpp"

namespace quarry::view {

// A populated zone and its counts. Linux leaves zones without pages out, and so should whoever fills this.
struct CountedZone {
  NodeId node{};
  zones::ZoneType type{};
  buddy::ZoneStats stats{};
  std::span<const PageCount> on_core{};  // pages that each core keeps; empty: no core does
};

// Whether the kernel knows the cma type at all: without CONFIG_CMA its column is missing.
enum class CmaColumn : std::uint8_t { absent, present };

// "Unmovable", "Movable", "Reclaimable", "HighAtomic", "CMA", "Isolate".
TextView name_of(page::MigrateType type) noexcept;

// /proc/buddyinfo: a line a zone, a column an order.
//
// Source    Linux 6.1, mm/vmstat.c, "frag_show_print" (format).
void print_buddyinfo(TextSink& out, Order max_order, std::span<const CountedZone> zones) noexcept;

// /proc/pagetypeinfo: free blocks by order for each migrate type, then pageblocks by type.
//
// Source    Linux 6.1, mm/vmstat.c, "pagetypeinfo_show" (format).
void print_pagetypeinfo(TextSink& out, const Geometry& geometry, CmaColumn cma,
                        std::span<const CountedZone> zones) noexcept;

}  // namespace quarry::view
