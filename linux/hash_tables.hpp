// linux/hash_tables.hpp: the tables that Linux sizes by its memory and announces one by one.
//
//     Dentry cache hash table entries: 131072 (order: 8, 1048576 bytes, linear)
//
// The first two come from memblock (see system_hashes), the others from the page allocator or vmalloc; how large
// they are is decided by frames that were counted while zones were cut.
// Source    Linux 6.1, mm/page_alloc.c, "alloc_large_system_hash", and its callers (behaviour).
#pragma once

#include <vector>

#include "linux/boot_log.hpp"
#include "linux/description.hpp"
#include "quarry/zones/layout.hpp"

namespace quarry::lnx {

std::vector<LoggedHash> hash_tables(const MachineDescription& machine, const zones::CountedPages& pages);

}  // namespace quarry::lnx
