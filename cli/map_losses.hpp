// cli/map_losses.hpp: RAM of the firmware's map that the kernel's own map of x86 gave up, and in which step.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "cli/event_log.hpp"

namespace quarry::cli {

struct MapLoss {
  PhysRange range;
  std::string step;
};

// `ram` is what firmware says; it may overlap. Of each byte the first step after which the map did not have it as memory.
std::vector<MapLoss> map_losses(std::vector<PhysRange> ram, std::span<const MapMoment> moments);

}  // namespace quarry::cli
