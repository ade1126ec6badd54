#include "quarry/buddy/law.hpp"

#include "quarry/buddy/misuse.hpp"

namespace quarry::buddy {

TextView name_of(Law law) noexcept {
  switch (law) {
    case Law::holds: return "all laws hold";
    case Law::list_ends_where_it_says: return "a free list's links disagree";
    case Law::state_is_free: return "a listed block is not free";
    case Law::block_is_aligned: return "a block is misaligned";
    case Law::block_is_in_its_zone: return "a block lies outside its zone";
    case Law::blocks_are_disjoint: return "two blocks overlap";
    case Law::buddies_are_merged: return "two free buddies are not merged";
    case Law::count_equals_list: return "a free list's count is wrong";
    case Law::mask_equals_lists: return "an order's mask is wrong";
    case Law::count_equals_bits: return "a pageblock's free count is not that of its bits";
    case Law::orders_equal_bits: return "a pageblock's blocks are not those of its bits";
    case Law::free_pages_equal_lists: return "a zone's free pages are not those of its lists";
    case Law::marks_follow_counts: return "a zone's marks do not follow what it keeps for others";
    case Law::free_is_listed: return "a free block is on no list";
    case Law::free_is_managed: return "a zone has more free pages than managed or present ones";
    case Law::cores_hold_what_they_count: return "a core's lists hold other pages than they say";
    case Law::pages_are_accounted: return "a managed page is in no block";
  }
  return "unknown law";
}

TextView name_of(Misuse misuse) noexcept {
  switch (misuse) {
    case Misuse::none: return "none";
    case Misuse::foreign_page: return "foreign page";
    case Misuse::misaligned_page: return "misaligned page";
    case Misuse::double_free: return "double free";
    case Misuse::reserved_page: return "reserved page";
    case Misuse::wrong_order: return "wrong order";
    case Misuse::inner_page: return "inner page";
    case Misuse::busy_page: return "busy page";
    case Misuse::shared_page: return "shared page";
    case Misuse::overlapping_range: return "overlapping range";
  }
  return "unknown misuse";
}

Error error_of(Misuse misuse) noexcept {
  switch (misuse) {
    case Misuse::foreign_page:
    case Misuse::misaligned_page:
    case Misuse::overlapping_range: return Error::bad_argument;
    default: return Error::wrong_owner;
  }
}

}  // namespace quarry::buddy
