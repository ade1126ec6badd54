// linux/deferred_pages.hpp: kernels that bring up most page descriptors later, and what is free until then.
//
//   node      |--- lower zones ---|-------------- highest zone ---------------------|
//   at first  |===================|===== a section's worth =====|                     first_deferred_pfn
//   later                                                       |===================|  "node 0 deferred pages initialised"
//
// Source    Linux 6.1, mm/page_alloc.c, "defer_init", "memblock_free_pages" (behaviour).
#pragma once

#include <vector>

#include "quarry/memory/early_system.hpp"

namespace quarry::lnx {

// Pages of memblock's free ranges that such a kernel does not count as free in its "Memory:" line: those without a
// descriptor yet, and on x86_64 those that vmalloc's page tables took. After the zones are cut.
PageCount deferred_free_pages(const memory::EarlySystem& early);

// Of those the ones without a descriptor yet, for each node in the layout's order; they lie in its highest zone.
std::vector<PageCount> deferred_pages_of_nodes(const memory::EarlySystem& early);

}  // namespace quarry::lnx
