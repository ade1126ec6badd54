// quarry/buddy/policies.hpp: how a zone keeps its free pages, chosen at compile time.
#pragma once

#include "quarry/buddy/linux_zone.hpp"

namespace quarry::buddy {

// Linux 6.1's choices, block by block: a list for each order and type.
struct LinuxPolicy {
  template <Geometry G>
  using Zone = LinuxZone<G>;
};

}  // namespace quarry::buddy
