// quarry/vm/arena_law.hpp: what must be true of an arena of addresses at all times.
#pragma once

#include "quarry/base/text.hpp"
#include "quarry/vm/address.hpp"

namespace quarry::vm {

// In the order audit() tries them, area by area.
enum class ArenaLaw : std::uint8_t {
  holds,
  links_both_ways,    // what a node has below it says so too
  is_balanced,        // both sides of a node differ in height by one at most, and heights are right
  areas_are_apart,    // areas are in order, disjoint, whole pages, and inside the arena
  gaps_are_counted,   // the bytes in front of an area are those between it and the one before
  room_is_known,      // the longest gap at or below a node is what it says
  guards_are_inside,  // an area is more than its guard
  areas_are_counted,  // as many areas are live, and in the backlog, as counted
  backlog_is_linked,  // what was given back and not purged is on the list, and nothing else
};

TextView name_of(ArenaLaw law) noexcept;

struct ArenaFinding {
  ArenaLaw broken = ArenaLaw::holds;
  VirtAddr area{};  // where it begins; 0 for a law about counts
  constexpr explicit operator bool() const noexcept { return broken != ArenaLaw::holds; }
};

}  // namespace quarry::vm
