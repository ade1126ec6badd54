// linux/memblock_tables.hpp: tables that a kernel printed, and how to make a Memblock hold the same.
#pragma once

#include <span>
#include <vector>

#include "linux/boot_log.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::lnx {

// A table of a dump. Regions without a node are of `unsaid`; flags that this Memblock does not know are left out.
std::vector<early::Region> regions_of(std::span<const LoggedRegion> logged, NodeId unsaid);

// The regions of a table.
std::vector<early::Region> copy_of(const early::RegionTable& table);

// What is in one and in no region of the other.
std::vector<PhysRange> minus(early::Regions from, early::Regions what);

// Makes the tables hold these regions, by calls alone: only what differs is changed, and its own tables stay
// where they grew to. Mirrored regions need Config::kernelcore_mirror. `want` is sorted and disjoint.
//
// Errors    those of Memblock; part of the table may be changed then.
Result<Done> take_over_memory(early::Memblock& memblock, early::Regions want);
Result<Done> take_over_reserved(early::Memblock& memblock, early::Regions want);

}  // namespace quarry::lnx
