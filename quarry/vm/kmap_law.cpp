#include "quarry/vm/kmap_law.hpp"

namespace quarry::vm {

TextView name_of(KmapLaw law) noexcept {
  switch (law) {
    case KmapLaw::holds: return "all laws hold";
    case KmapLaw::users_say_state: return "a window's users do not fit its state";
    case KmapLaw::frame_is_found: return "a window is not found by its frame";
    case KmapLaw::lists_are_whole: return "a window is in a list that is not its own, or in none";
    case KmapLaw::states_are_counted: return "there are not as many windows as counted";
    case KmapLaw::entry_is_as_said: return "page tables lead elsewhere than a window says";
  }
  return "unknown law";
}

}  // namespace quarry::vm
