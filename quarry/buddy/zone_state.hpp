// quarry/buddy/zone_state.hpp: what the page allocator keeps for each zone, beside its free pages.
#pragma once

#include "quarry/base/range.hpp"
#include "quarry/buddy/cpu_limits.hpp"
#include "quarry/buddy/watermark.hpp"
#include "quarry/buddy/zone_pages.hpp"

namespace quarry::buddy {

// Counts are pages unless they are named otherwise.
struct ZoneState {
  std::uint64_t free = 0;        // law: its free blocks, isolated ones apart, and the deferred sections
  std::uint64_t free_cma = 0;    // of those, in contiguous areas
  std::uint64_t deferred = 0;    // of those, in deferred sections
  std::uint64_t highatomic = 0;  // in pageblocks kept for urgent requests, in use or not
  std::uint64_t isolated = 0;    // pageblocks that are isolated
  Watermarks marks;
  CpuLimits cpu_limits;
  std::uint64_t reserve[zones::kZoneTypes] = {};  // lowmem_reserve, by the highest zone type of the request
  zones::Zone* zone = nullptr;                    // span and managed count
  std::uint32_t index = 0;                        // in Layout::zones
  std::uint32_t first_part = 0, part_count = 0;   // 0 parts: the zone is empty
  PfnRange at_boot;                               // what it spans of memory that was there at init()
  PfnRange reach;                                 // where it may ever have memory; law: spans nothing outside
  Pfn deferred_begin, deferred_end;               // all deferred sections lie in between

  struct Counters {
    std::uint64_t allocs = 0, frees = 0, failures = 0;
    std::uint64_t refills = 0, spills = 0;  // batches between cores and the zone
    Tally tally;
  } count;
};

}  // namespace quarry::buddy
