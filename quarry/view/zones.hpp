// quarry/view/zones.hpp: nodes and zones in the words of Linux's boot log.
#pragma once

#include "quarry/base/text.hpp"
#include "quarry/zones/zones.hpp"

namespace quarry::view {

// The block of lines from "Zone ranges:" on; a zone type that the kernel has but the machine lacks is "empty".
void print_zone_ranges(TextSink& out, PageSize page_size, const zones::Layout& layout) noexcept;

// "Movable zone start for each node", and a line for each node that has a Movable zone.
void print_movable_starts(TextSink& out, PageSize page_size, const zones::Layout& layout) noexcept;

// "Early memory node ranges" and its lines.
void print_node_ranges(TextSink& out, PageSize page_size, const zones::Layout& layout) noexcept;

// "Initmem setup node 0 [mem …]", or "as memoryless".
void print_initmem(TextSink& out, PageSize page_size, const zones::Layout& layout) noexcept;

// "On node 0, zone DMA: 97 pages in unavailable ranges", for each run of them.
void print_unavailable(TextSink& out, const zones::Layout& layout) noexcept;

// "Fallback order for Node 0: 0 1 ", then "Built 2 zonelists, mobility grouping on.  Total pages: N".
// Linux prints the first only on machines with several nodes, and so does this. `total` is
// all of zones::counted_pages(): at that moment no page is managed yet.
void print_zonelists(TextSink& out, const zones::Layout& layout, PageCount total) noexcept;

// What Linux never shows: each zoneref of each zonelist, in the order it is asked.
//     node 0 zonelist: 0/Normal 0/DMA32 0/DMA 1/Normal
void print_zonerefs(TextSink& out, const zones::Layout& layout) noexcept;

}  // namespace quarry::view
