// quarry/buddy/fragmentation.hpp: how much of what is free in a zone is of use to a request of each order.
//
//   free blocks   |--|  |--|  |----|       |--------|        of order 2 and more: one block, 8 of 20 pages
#pragma once

#include "quarry/buddy/zone_stats.hpp"

namespace quarry::buddy {

// Thousandths of the free pages that lie in blocks below `order`: 0, all can be used; 1000, none, or nothing is free.
//
// Source    Linux 6.1, mm/vmstat.c, "unusable_free_index" (behaviour).
std::uint64_t unusable_index(const ZoneStats& zone, Order order) noexcept;

// Why a request of that order would fail, in thousandths: towards 0 for lack of memory, towards 1000 because what is
// free is in pieces. -1000 where it would not fail, 0 where nothing is free.
//
// Source    Linux 6.1, mm/vmstat.c, "__fragmentation_index" (behaviour).
std::int64_t fragmentation_index(const ZoneStats& zone, Order order) noexcept;

}  // namespace quarry::buddy
