// kernel/report.hpp: what this kernel prints of itself: boot lines, and the files of /proc.
#pragma once

#include "kernel/system.hpp"
#include "quarry/memory/bring_up.hpp"

namespace kernel {

// Prints what a stage found, after it; as Linux does in its boot log.
quarry::memory::StageObserver boot_lines(const quarry::memory::EarlySystem& early, System& system,
                                         struct BootLines& lines) noexcept;
struct BootLines {
  const quarry::memory::EarlySystem* early = nullptr;
  System* system = nullptr;
};

// A file of /proc by its name: "iomem" "buddyinfo" "pagetypeinfo" "zoneinfo" "slabinfo" "meminfo".
//
// Errors    not_found: there is no such file. no_memory: it is too long to be made now.
quarry::Result<quarry::Done> print_file(quarry::TextView name, const quarry::memory::EarlySystem& early,
                                        System& system) noexcept;
// All of them, each below its name.
void print_files(const quarry::memory::EarlySystem& early, System& system) noexcept;

}  // namespace kernel
