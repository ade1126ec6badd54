// quarry/view/fragmentation.hpp: how much of what is free is of use to a request of each order, in the text of
// debugfs's extfrag directory.
//
//   free blocks   |--|  |--|  |----|       |--------|        of order 2 and more: one block, 8 of 20 pages
#pragma once

#include "quarry/view/buddyinfo.hpp"

namespace quarry::view {

// Thousandths of the free pages that lie in blocks below `order`: 0, all can be used; 1000, none, or nothing is free.
//
// Source    Linux 6.1, mm/vmstat.c, "unusable_free_index" (behaviour).
std::uint64_t unusable_index(const buddy::ZoneStats& zone, Order order, Order max_order) noexcept;

// Why a request of that order would fail, in thousandths: towards 0 for lack of memory, towards 1000 because what is
// free is in pieces. -1000 where it would not fail, 0 where nothing is free.
//
// Source    Linux 6.1, mm/vmstat.c, "__fragmentation_index" (behaviour).
std::int64_t fragmentation_index(const buddy::ZoneStats& zone, Order order, Order max_order) noexcept;

// extfrag/unusable_index and extfrag/extfrag_index: a line a zone, a column an order.
//
//   Node 0, zone      DMA 0.000 0.000 0.016 …         Node 0, zone      DMA -1.000 -1.000 …
//
// Source    Linux 6.1, mm/vmstat.c, "unusable_show_print", "extfrag_show_print" (format).
void print_unusable_index(TextSink& out, Order max_order, std::span<const CountedZone> zones) noexcept;
void print_extfrag_index(TextSink& out, Order max_order, std::span<const CountedZone> zones) noexcept;

}  // namespace quarry::view
