#include "quarry/vm/arena_law.hpp"

namespace quarry::vm {

TextView name_of(ArenaLaw law) noexcept {
  switch (law) {
    case ArenaLaw::holds: return "all laws hold";
    case ArenaLaw::links_both_ways: return "an area's links do not lead back";
    case ArenaLaw::is_balanced: return "the tree of areas is out of balance";
    case ArenaLaw::areas_are_apart: return "areas overlap or are no whole pages";
    case ArenaLaw::gaps_are_counted: return "a gap is not as long as counted";
    case ArenaLaw::room_is_known: return "an area does not know the longest gap below it";
    case ArenaLaw::guards_are_inside: return "an area is all guard";
    case ArenaLaw::areas_are_counted: return "there are not as many areas as counted";
    case ArenaLaw::backlog_is_linked: return "the backlog does not hold what was given back";
  }
  return "unknown law";
}

}  // namespace quarry::vm
