#include "kernel/system.hpp"

#include "quarry/buddy/page_allocator_impl.hpp"

template class quarry::buddy::PageAllocator<quarry::k4KSparse, quarry::buddy::NoObserver,
                                            quarry::buddy::CompactPolicy, kernel::Platform>;
