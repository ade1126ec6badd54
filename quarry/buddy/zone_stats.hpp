// quarry/buddy/zone_stats.hpp: one zone, counted. What buddyinfo, pagetypeinfo and zoneinfo are printed from.
#pragma once

#include <optional>

#include "quarry/buddy/watermark.hpp"
#include "quarry/page/migrate_type.hpp"

namespace quarry::buddy {

struct ZoneStats {
  std::uint64_t free_blocks[Order::kCount][page::kMigrateTypes] = {};  // deferred sections included
  std::uint64_t pageblocks[page::kMigrateTypes] =
      {};  // those whose first frame lies in the zone and has a descriptor
  PageCount free, free_cma;
  PageCount managed;
  PageCount deferred;  // of the free ones, in sections whose descriptors are still untouched
  std::optional<Order> largest_free;
  Watermarks marks;
  PageCount lowmem_reserve[zones::kZoneTypes];
  std::uint64_t allocs = 0, frees = 0, failures = 0, fallbacks = 0, splits = 0, merges = 0;
};

}  // namespace quarry::buddy
