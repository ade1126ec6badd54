// cli/ledger_parts.hpp: what memblock's events cannot tell apart: the kernel's sections, rounding, what comes back.
#pragma once

#include "cli/boot_report.hpp"
#include "cli/event_log.hpp"
#include "linux/ledger.hpp"
#include "quarry/memory/early_system.hpp"

namespace quarry::cli {

// Divides "kernel image" into its sections, names what goes back to the page allocator after boot, gives
// contiguous areas and nodes of /reserved-memory their names, and takes out of "free" what no whole page could be made of.
//
// Law       what is not lnx::Fate::kept then is what the page allocator manages.
void refine_ledger(const memory::EarlySystem& early, lnx::Ledger& ledger);

// Both in one: the ledger of a boot that is through, into its report.
void read_where_ram_went(const memory::EarlySystem& early, const EventLog& log, BootReport& report);

// The whole pages of a range; empty, at its begin, if it has none.
PhysRange whole_pages(PhysRange range, PageSize page);

}  // namespace quarry::cli
