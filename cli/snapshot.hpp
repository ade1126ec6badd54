// cli/snapshot.hpp: reads a report from the live structures, stage by stage.
#pragma once

#include <span>

#include "cli/boot_report.hpp"
#include "cli/event_log.hpp"
#include "linux/kernel_profile.hpp"
#include "linux/ledger.hpp"
#include "quarry/memory/early_system.hpp"
#include "quarry/view/buddyinfo.hpp"

namespace quarry::cli {

// What firmware and options say is there: the e820 as the kernel prints it, or the tree's memory nodes.
void read_firmware(const boot::Machine& machine, const std::string& map_source, BootReport& report);

// Memblock with the owners of what is reserved, reserved-memory outcomes, areas, notes. After the flow.
void read_early(const memory::EarlySystem& early, const EventLog& log, BootReport& report);

// Bootmem's bitmaps, if it is in use. When all allocations are made, before the hand-over.
void read_bitmaps(const memory::EarlySystem& early, BootReport& report);

// Nodes and zones with their zonelists. After the zones are cut; managed pages are those of the moment.
void read_zones(const memory::EarlySystem& early, BootReport& report);

// The /proc/iomem that these structures make: RAM, firmware's ranges, the kernel's image. `memory` is memblock's as
// the flow leaves it: resources are made of it before regions that differ in a flag may merge.
void read_iomem(const memory::EarlySystem& early, std::span<const early::Region> memory, BootReport& report);

// What lies where in the address space of the kernel that boots (null: the library's own); nothing where it would not
// fit. After the zones are cut.
void read_layout(const memory::EarlySystem& early, const lnx::KernelProfile* kernel, BootReport& report);

// The ledger of all RAM from the events: what firmware calls usable, and whatever else memblock was given.
lnx::Ledger make_ledger(const BootReport& report, const EventLog& log);
// Its lines, and the picture's pieces.
void read_ledger(const lnx::Ledger& ledger, BootReport& report);

}  // namespace quarry::cli
