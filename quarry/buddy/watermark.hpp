// quarry/buddy/watermark.hpp: how much of a zone is kept back, and from whom.
//
//   free pages of a zone
//   |--------- min ---------|---- step ----|---- step ----|------------------------->
//    urgent requests only   min            low            high: reclaim is content
//
// Pure arithmetic over the managed pages of the moment: Linux computes these at initcall time.
// Source    Linux 6.1, mm/page_alloc.c and Documentation/admin-guide/sysctl/vm.rst (behaviour).
#pragma once

#include <span>

#include "quarry/base/geometry.hpp"
#include "quarry/page/migrate_type.hpp"
#include "quarry/zones/zones.hpp"

namespace quarry::buddy {

struct Watermarks {
  PageCount min, low, high;
  friend constexpr bool operator==(const Watermarks&, const Watermarks&) noexcept = default;
};

// The sysctls, at Linux's defaults.
struct WatermarkConfig {
  std::uint64_t scale_per_10000 = 10;                                            // watermark_scale_factor
  std::uint32_t lowmem_reserve_ratio[zones::kZoneTypes] = {256, 256, 32, 0, 0};  // 0: no reserve in that zone
};

// The square root, rounded down.
std::uint64_t square_root(std::uint64_t value) noexcept;

// What min_free_kbytes is at boot: sqrt(16 * lowmem), within 128 and 262,144.
//
// Units     KiB; `lowmem` counts the managed pages of zones up to Normal on the booting CPU's zonelist.
// Source    "calculate_min_free_kbytes", "nr_free_buffer_pages".
std::uint64_t min_free_kbytes(PageCount lowmem, PageSize page) noexcept;

// What khugepaged raises it to when transparent huge pages are on: two pageblocks for each zone, and one for
// each pair of ordinary migrate types, but at most a twentieth of lowmem. Never lower than `current`.
//
// Units     KiB; `zones` counts the populated zones up to Normal.
// Source    "set_recommended_min_free_kbytes" of mm/khugepaged.c.
std::uint64_t recommended_min_free_kbytes(std::uint64_t current, PageCount lowmem, unsigned zones,
                                          const Geometry& geometry) noexcept;

// Whether Linux's is_highmem() holds: HighMem, and Movable where it is cut out of HighMem.
enum class Memory : std::uint8_t { low, high };

// The marks of one zone: its share of `min_free`, and for the steps a quarter of that or scale/10000 of
// the zone, whichever is more. High memory keeps 1/1024 of itself, within 32 and 128 pages.
//
// Units     `lowmem` sums the managed pages of all low zones of the machine.
// Source    "__setup_per_zone_wmarks".
Watermarks watermarks_of(PageCount managed, Memory memory, PageCount lowmem, std::uint64_t min_free_kbytes,
                         PageSize page, const WatermarkConfig& config) noexcept;

// How many pages zone `lower` of a node keeps from requests that may use zones up to `requested`: the managed
// pages of all zones above `lower` up to `requested`, divided by lower's ratio. 0 for an empty zone.
//
// Source    "setup_per_zone_lowmem_reserve".
PageCount lowmem_reserve(std::span<const PageCount, zones::kZoneTypes> managed, zones::ZoneType lower,
                         zones::ZoneType requested, const WatermarkConfig& config) noexcept;

}  // namespace quarry::buddy
