// quarry/vm/kmap_law.hpp: what must be true of windows on high memory at all times.
#pragma once

#include <cstdint>

#include "quarry/base/text.hpp"

namespace quarry::vm {

// In the order audit() tries them.
enum class KmapLaw : std::uint8_t {
  holds,
  users_say_state,     // a window has users if and only if it is in use
  frame_is_found,      // by its frame, of every window that shows one: so no frame is shown twice
  lists_are_whole,     // each window that nobody uses is in the list of its state, once
  states_are_counted,  // all windows, by their states
  entry_is_as_said,    // the page tables lead to the frame of what is in use or idle; all else is shut
};

TextView name_of(KmapLaw law) noexcept;

struct KmapFinding {
  KmapLaw broken = KmapLaw::holds;
  std::uint32_t window = 0;  // its number; 0 for a law about counts
  constexpr explicit operator bool() const noexcept { return broken != KmapLaw::holds; }
};

}  // namespace quarry::vm
