// kernel/vmalloc.hpp: memory in one piece at addresses of its own, on this kernel's page tables.
#pragma once

#include "kernel/direct_map.hpp"
#include "quarry/vm/vmalloc.hpp"

namespace kernel {

using Vmalloc = quarry::vm::Vmalloc<DirectMap::Table, System::Pages, quarry::SpinLock>;

// Addresses from arch::kVmalloc on, records in a cache of their own, no more than the machine's memory at once, and a backlog of 32 MiB
// that grows as Linux's with the number of cores.
//
// Errors    no_memory: there is none for the cache.
quarry::Result<quarry::vm::VmallocConfig> vmalloc_config(const quarry::memory::EarlySystem& early,
                                                         System& system) noexcept;

}  // namespace kernel
