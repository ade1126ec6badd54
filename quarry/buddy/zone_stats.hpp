// quarry/buddy/zone_stats.hpp: one zone, counted. What buddyinfo, pagetypeinfo and zoneinfo are printed from.
#pragma once

#include <optional>

#include "quarry/buddy/cpu_limits.hpp"
#include "quarry/buddy/watermark.hpp"
#include "quarry/page/migrate_type.hpp"

namespace quarry::buddy {

using BlockCounts = std::uint64_t[Order::kCount][page::kMigrateTypes];

struct ZoneStats {
  BlockCounts free_blocks = {};  // deferred sections included
  std::uint64_t pageblocks[page::kMigrateTypes] =
      {};  // those whose first frame lies in the zone and has a descriptor
  PageCount free, free_cma;
  PageCount managed;
  PageCount deferred;  // of the free ones, in sections whose descriptors are still untouched
  std::optional<Order> largest_free;
  Watermarks marks;
  PageCount lowmem_reserve[zones::kZoneTypes];
  PageCount highatomic;  // in pageblocks kept for urgent requests
  PageCount on_cores;    // on per-CPU lists, in no free count
  std::uint64_t isolated_pageblocks = 0;
  CpuLimits cpu_limits;
  std::uint64_t refills = 0, spills = 0;
  std::uint64_t allocs = 0, frees = 0, failures = 0, fallbacks = 0, splits = 0, merges = 0;
};

// Why a zone cannot serve a request.
struct Obstacle {
  enum class Why : std::uint8_t {
    none,        // it can
    too_high,    // its type is above the highest that the request allows
    empty,       // it manages no page
    below_mark,  // too little would be left: reserves, watermark and the block itself
    no_block,    // enough is free, in blocks that are too small or of types not to be touched
  };
  Why why = Why::none;
  PageCount free, needed;  // what is free, and what would have to be
  constexpr explicit operator bool() const noexcept { return why != Why::none; }
};

}  // namespace quarry::buddy
