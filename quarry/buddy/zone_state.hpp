// quarry/buddy/zone_state.hpp: what the page allocator keeps for each zone, beside its free pages.
#pragma once

#include "quarry/base/locking.hpp"
#include "quarry/base/range.hpp"
#include "quarry/buddy/cpu_limits.hpp"
#include "quarry/buddy/cpu_list_names.hpp"
#include "quarry/buddy/misuse.hpp"
#include "quarry/buddy/watermark.hpp"
#include "quarry/buddy/zone_pages.hpp"

namespace quarry::buddy {

// Counts are pages unless they are named otherwise. What is Shared is changed by who holds the lock, and looked at by
// anybody; what init() sets never changes.
template <Lock L>
struct ZoneState {
  mutable L lock;                    // guards the zone's free pages as well
  Shared<std::uint64_t> free;        // law: its free blocks, isolated ones apart, and the deferred sections
  Shared<std::uint64_t> free_cma;    // of those, in contiguous areas
  Shared<std::uint64_t> deferred;    // of those, in deferred sections
  Shared<std::uint64_t> highatomic;  // in pageblocks kept for urgent requests, in use or not
  Shared<std::uint64_t> isolated;    // pageblocks that are isolated
  Shared<std::uint64_t> min, low, high;  // watermarks
  Shared<std::uint64_t>
      reserve[zones::kZoneTypes];  // lowmem_reserve, by the highest zone type of the request
  Shared<std::uint64_t> comfortable[zones::kZoneTypes]
                                   [2];           // law: low, reserve, highatomic; [0] free_cma as well
  Shared<std::uint32_t> batch = 1, cpu_high = 0;  // CpuLimits
  zones::Zone* zone = nullptr;                    // span and managed count
  std::uint32_t index = 0;                        // in Layout::zones
  std::uint32_t first_part = 0, part_count = 0;   // 0 parts: the zone is empty
  std::uint32_t lists_row = 0;                    // among the zones that have parts
  PfnRange at_boot;                               // what it spans of memory that was there at init()
  PfnRange reach;                                 // where it may ever have memory; law: spans nothing outside
  Pfn deferred_begin QUARRY_GUARDED_BY(lock), deferred_end
      QUARRY_GUARDED_BY(lock);  // deferred sections lie between

  Watermarks marks() const noexcept { return {PageCount{min}, PageCount{low}, PageCount{high}}; }
  void set_marks(const Watermarks& marks) noexcept QUARRY_REQUIRES(lock) {
    min = marks.min.raw, low = marks.low.raw, high = marks.high.raw;
    follow_marks();
  }
  void add_free_cma(std::uint64_t pages) noexcept QUARRY_REQUIRES(lock) {  // or what wraps to less
    free_cma += pages;
    follow_marks();
  }
  void add_highatomic(std::uint64_t pages) noexcept QUARRY_REQUIRES(lock) {  // likewise
    highatomic += pages;
    follow_marks();
  }
  void follow_marks() noexcept QUARRY_REQUIRES(lock) {
    for (unsigned type = 0; type < zones::kZoneTypes; ++type)
      comfortable[type][0] = (comfortable[type][1] = low + reserve[type] + highatomic) + free_cma;
  }
  CpuLimits cpu_limits() const noexcept { return {batch, cpu_high}; }

  // Of requests that no core's lists served; those count for themselves.
  struct Counters {
    Shared<std::uint64_t> allocs, frees, failures;
    Tally tally;
  };
  Counters count QUARRY_GUARDED_BY(lock);
};

// What one core knows of itself, whatever the zone.
struct alignas(64) CoreState {
  Shared<Misuse> last_misuse = Misuse::none;
  Shared<std::uint32_t> is_under_pressure = 0;  // it runs a hook
};

}  // namespace quarry::buddy
