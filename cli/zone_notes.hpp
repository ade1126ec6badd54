// cli/zone_notes.hpp: which nodes and zones begin in a stretch of memory, in few characters.
#pragma once

#include <string>

#include "cli/boot_report.hpp"

namespace quarry::cli {

// "DMA DMA32" on a machine of one node, "node 1 Normal", "nodes 3-6", or how many there are; at most `room`
// characters. Addresses are inclusive. Empty: none begins there.
std::string zones_that_begin(const BootReport& report, std::uint64_t first, std::uint64_t last,
                             std::size_t room);

}  // namespace quarry::cli
