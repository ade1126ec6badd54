// quarry/buddy/area_stats.hpp: what a contiguous area says about itself, and about what it was given back.
#pragma once

#include "quarry/base/text.hpp"
#include "quarry/base/units.hpp"

namespace quarry::buddy {

// What was wrong with a range that was given back to an area.
enum class AreaMisuse : std::uint8_t {
  none,
  not_of_area,    // it lies outside, in whole or in part
  not_allocated,  // no page of it is handed out
  partly,         // pages that are not handed out beside ones that are, or a part of what one bit stands for
  busy_page,  // its users changed it: it is in use by others as well, or split off, or freed behind our back
};

struct AreaStats {
  PageCount total, used;        // used: whole bits
  PageCount largest_free;       // the longest run of pages that no user of the area has, borrowed or not
  PageCount succeeded, failed;  // pages asked for, over all requests (alloc_pages_success, alloc_pages_fail)
  std::uint64_t retries = 0;    // places that were busy, and skipped
};

// "not of this area".
constexpr TextView name_of(AreaMisuse misuse) noexcept {
  switch (misuse) {
    case AreaMisuse::none: return "none";
    case AreaMisuse::not_of_area: return "not of this area";
    case AreaMisuse::not_allocated: return "not handed out by this area";
    case AreaMisuse::partly: return "handed out by this area only in part, or more was handed out with it";
    case AreaMisuse::busy_page:
      return "a page there has other users, or was freed or split behind the area's back";
  }
  return "unknown";
}

}  // namespace quarry::buddy
