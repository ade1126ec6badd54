// cli/mem_total_bounds.hpp: MemTotal of a kernel of which only the version is known: between which bounds, and why.
#pragma once

#include <string>
#include <vector>

#include "cli/boot_report.hpp"
#include "cli/terminal.hpp"
#include "linux/description.hpp"
#include "linux/mem_total.hpp"

namespace quarry::cli {

// What of that boot the bounds depend on.
lnx::StandInBoot stand_in_boot(const BootReport& report);

// Fills report.mem_total_bounds, once the rest of the report is there. It stays empty where the kernel itself was booted.
void read_mem_total_bounds(const lnx::MachineDescription& machine, BootReport& report);

// "MemTotal: between 1 and 2 kB (0.1 % of RAM)", and a line a reason.
std::vector<std::string> mem_total_lines(const BootReport& report, const TextStyle& style);

}  // namespace quarry::cli
