// quarry/buddy/zone_state.hpp: what the page allocator keeps for each zone, beside its free lists.
#pragma once

#include "quarry/base/range.hpp"
#include "quarry/buddy/watermark.hpp"

namespace quarry::buddy {

// Counts are pages unless they are named otherwise.
struct ZoneState {
  std::uint64_t free = 0;      // law: the blocks on its lists, isolated ones apart, and the deferred sections
  std::uint64_t free_cma = 0;  // of those, on cma lists
  std::uint64_t deferred = 0;  // of those, in deferred sections
  Watermarks marks;
  std::uint64_t reserve[zones::kZoneTypes] = {};  // lowmem_reserve, by the highest zone type of the request
  zones::Zone* zone = nullptr;                    // span and managed count
  std::uint32_t index = 0;                        // in Layout::zones
  std::uint32_t first_part = 0, part_count = 0;   // 0 parts: the zone is empty
  Pfn deferred_begin, deferred_end;               // all deferred sections lie in between

  struct Counters {
    std::uint64_t allocs = 0, frees = 0, failures = 0, fallbacks = 0, splits = 0, merges = 0;
  } count;
};

}  // namespace quarry::buddy
