// kernel/system.hpp: the memory system that this kernel has.
#pragma once

#include "kernel/platform.hpp"
#include "quarry/base/geometries.hpp"
#include "quarry/buddy/policies.hpp"
#include "quarry/memory/page_system.hpp"

namespace kernel {

using System = quarry::memory::PageSystem<quarry::k4KSparse, Platform, quarry::buddy::NoObserver,
                                          quarry::buddy::CompactPolicy>;

}  // namespace kernel

// Compiled once, in system.cpp.
extern template class quarry::buddy::PageAllocator<quarry::k4KSparse, quarry::buddy::NoObserver,
                                                   quarry::buddy::CompactPolicy, kernel::Platform>;
