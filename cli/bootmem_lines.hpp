// cli/bootmem_lines.hpp: bootmem's bitmaps and what became of them, for people.
#pragma once

#include <string>
#include <vector>

#include "cli/boot_report.hpp"
#include "cli/terminal.hpp"

namespace quarry::cli {

// A table with a line a node, then what the hand-over came to.
std::vector<std::string> bootmem_lines(const BootmemEntry& bootmem, const TextStyle& style);

}  // namespace quarry::cli
