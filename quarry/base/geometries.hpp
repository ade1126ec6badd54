// quarry/base/geometries.hpp: the geometries that the hot rooms are instantiated for.
#pragma once

#include "quarry/base/geometry.hpp"

namespace quarry {

// x86_64, arm64 and riscv64 with 4 KiB pages: 128 MiB sections, 4 MiB blocks, 2 MiB pageblocks.
inline constexpr Geometry k4KSparse{
    {.page_shift = 12, .max_order = 10, .pageblock_order = 9, .section_bits = 27}};
// 32-bit arm without huge pages (Debian's armmp): flat, 8 MiB blocks that are the pageblocks.
inline constexpr Geometry k4KFlat{{.page_shift = 12, .max_order = 11, .pageblock_order = 11}};
// The same with LPAE (armmp-lpae), whose huge pages make 2 MiB pageblocks.
inline constexpr Geometry k4KFlatHuge{{.page_shift = 12, .max_order = 11, .pageblock_order = 9}};
// arm64 with larger pages.
inline constexpr Geometry k16KSparse{
    {.page_shift = 14, .max_order = 11, .pageblock_order = 11, .section_bits = 27}};
inline constexpr Geometry k64KSparse{
    {.page_shift = 16, .max_order = 13, .pageblock_order = 13, .section_bits = 29}};

// Calls f.operator()<G>() for the instantiated geometry that equals `wanted`.
//
// Returns   whether there is one.
template <class F>
constexpr bool with_geometry(const Geometry& wanted, F&& f) {
  if (wanted == k4KSparse) return f.template operator()<k4KSparse>(), true;
  if (wanted == k4KFlat) return f.template operator()<k4KFlat>(), true;
  if (wanted == k4KFlatHuge) return f.template operator()<k4KFlatHuge>(), true;
  if (wanted == k16KSparse) return f.template operator()<k16KSparse>(), true;
  if (wanted == k64KSparse) return f.template operator()<k64KSparse>(), true;
  return false;
}

}  // namespace quarry
