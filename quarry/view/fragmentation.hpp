// quarry/view/fragmentation.hpp: the indices of quarry/buddy/fragmentation.hpp in the text of debugfs's extfrag directory.
#pragma once

#include "quarry/buddy/fragmentation.hpp"
#include "quarry/view/buddyinfo.hpp"

namespace quarry::view {

// extfrag/unusable_index and extfrag/extfrag_index: a line a zone, a column an order.
//
//   Node 0, zone      DMA 0.000 0.000 0.016 …         Node 0, zone      DMA -1.000 -1.000 …
//
// Source    Linux 6.1, mm/vmstat.c, "unusable_show_print", "extfrag_show_print" (format).
void print_unusable_index(TextSink& out, Order max_order, std::span<const CountedZone> zones) noexcept;
void print_extfrag_index(TextSink& out, Order max_order, std::span<const CountedZone> zones) noexcept;

}  // namespace quarry::view
