// tests/booted_report.hpp: for tests, what a boot of a described machine reports, as Linux, with nobody putting its pages to use.
#pragma once

#include "cli/boot_machine.hpp"
#include "cli/event_log.hpp"

namespace quarry::cli {

inline lnx::Expected<BootReport> booted_report(const lnx::MachineDescription& machine) {
  EventLog log;
  return boot_machine(machine, Mode::linux_mode, log, boot::EarlyChoice::memblock,
                      pages_runner(PolicyChoice::linux_policy, AfterBoot::read));
}

}  // namespace quarry::cli
