// quarry/buddy/law.hpp: what must be true of the page allocator at all times.
#pragma once

#include "quarry/base/text.hpp"
#include "quarry/base/units.hpp"

namespace quarry::buddy {

// In the order audit() tries them.
enum class Law : std::uint8_t {
  holds,
  list_ends_where_it_says,  // next and previous agree, first and last are the ends
  state_is_free,            // what stands on a free list is the start of a free block of that order and list
  block_is_aligned,
  block_is_in_its_zone,
  blocks_are_disjoint,  // no other block starts inside a free one
  buddies_are_merged,
  count_equals_list,
  mask_equals_lists,       // an order's bit is set exactly when its list is not empty
  count_equals_bits,       // a pageblock counts as many free frames as it has bits, a whole one has none
  orders_equal_bits,       // its blocks of each order are those that its bits make
  free_pages_equal_lists,  // the zone's counter is the sum of its lists and deferred sections
  marks_follow_counts,     // what is comfortable is the low mark, the reserve, and what is kept for others
  free_is_listed,          // as many free block starts in the zone as blocks on its lists
  free_is_managed,         // no more free than managed
  cores_hold_what_they_count,  // blocks on a core's lists say so, and are as many as counted
  pages_are_accounted,         // free, allocated, per-CPU and deferred pages sum up to the managed ones
};

TextView name_of(Law law) noexcept;

struct Finding {
  Law broken = Law::holds;
  Pfn page;  // where; 0 for a law about counts
  constexpr explicit operator bool() const noexcept { return broken != Law::holds; }
};

}  // namespace quarry::buddy
