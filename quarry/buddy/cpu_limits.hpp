// quarry/buddy/cpu_limits.hpp: how many pages each core may keep of a zone, and how many it moves at a time.
#pragma once

#include "quarry/base/units.hpp"

namespace quarry::buddy {

struct CpuLimits {
  std::uint32_t batch = 1;  // pages moved at a time between a core's lists and the zone
  std::uint32_t high = 0;   // pages on a core's lists at which it gives some back; 0: none stays
  friend constexpr bool operator==(const CpuLimits&, const CpuLimits&) noexcept = default;
};

// A batch is near a 4096th of the zone, at most 256 KiB, one less than a power of two; the lists of all cores near the zone may hold
// what lies under its low watermark, but each core four batches.
//
// Units     `cores` online ones of the zone's node, or of the machine where the node has none; not 0.
// Cost      O(64).
// Source    Linux 6.1, "zone_batchsize" and "zone_highsize" (behaviour).
CpuLimits cpu_limits(PageCount managed, PageCount low_mark, unsigned cores, PageSize page) noexcept;

}  // namespace quarry::buddy
