// quarry/view/zoneinfo.hpp: watermarks, lowmem reserves and page counts of zones, in the text of /proc; and the sections of
// a sparse memory map, which Linux shows nowhere.
#pragma once

#include "quarry/view/buddyinfo.hpp"

namespace quarry::view {

// Whether the kernel has a zone for devices' memory: then `protection` has a column for it, alike the one before.
enum class DeviceColumn : std::uint8_t { absent, present };

// /proc/zoneinfo without counters of reclaim.
//
//   Node 0, zone      DMA
//     pages free     3840
//           boost    0
//           min      175
//           …
//           protection: (0, 948, 948, 948, 948)
//     pagesets
//       cpu: 0
//                 count: 59
//                 high:  378
//                 batch: 63
//     start_pfn:           1
//
// Source    Linux 6.1, mm/vmstat.c, "zoneinfo_show_print" (format).
void print_zoneinfo(TextSink& out, const zones::Layout& layout, std::span<const CountedZone> zones,
                    DeviceColumn device) noexcept;

// Which sections of the memory map are there, in runs of one node; a section with memory of several nodes is that of the
// first. Nothing for a flat map.
//
//   sections of 128 MiB, 256 to a root: 16 in 1 root
//     sections 0x0-0xf  node 0  [mem 0x0000000000000000-0x000000007fffffff]
//
// Needs     `per_root` is a power of two.
void print_sections(TextSink& out, const Geometry& geometry, const zones::Layout& layout,
                    std::uint64_t per_root) noexcept;

}  // namespace quarry::view
