// cli/ledger_parts.hpp: what memblock's events cannot tell apart: the kernel's sections, rounding, what comes back.
#pragma once

#include "linux/ledger.hpp"
#include "quarry/memory/early_system.hpp"

namespace quarry::cli {

// Divides "kernel image" into its sections, names what goes back to the page allocator after boot, gives
// contiguous areas their names, and takes out of "free" what no whole page could be made of.
//
// Law       what is left as free, given back, or in a contiguous area is what the page allocator manages.
void refine_ledger(const memory::EarlySystem& early, lnx::Ledger& ledger);

}  // namespace quarry::cli
