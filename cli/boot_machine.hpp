// cli/boot_machine.hpp: a described machine, really booted, and what it looks like afterwards.
#pragma once

#include "cli/boot_report.hpp"
#include "cli/event_log.hpp"
#include "cli/run_pages.hpp"
#include "linux/description.hpp"
#include "linux/problem.hpp"

namespace quarry::cli {

// Whose allocations the flow makes.
enum class Mode {
  linux_mode,  // Linux's, at Linux's sizes; Quarry's own metadata lies outside the machine's RAM
  native,      // the library's own metadata, out of memblock
};

// Boots `machine` with that boot-time allocator through every stage and reads the report from what is then there. `log` is filled also when
// the boot fails.
//
// Errors    cannot_boot: which stage stopped and why, with the largest hole. malformed_input: what the
//           description holds is no tree or map after all.
lnx::Expected<BootReport> boot_machine(const lnx::MachineDescription& machine, Mode mode, EventLog& log,
                                       boot::EarlyChoice early = boot::EarlyChoice::memblock,
                                       const PagesRunner& pages = pages_runner());

// As Linux, with memblock and policy linux, and without putting the machine to use: for those who boot many machines for a
// figure of each.
//
// Errors    as boot_machine().
lnx::Expected<BootReport> boot_to_read(const lnx::MachineDescription& machine);

}  // namespace quarry::cli
