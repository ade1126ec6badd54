// linux/flat_memmap.hpp: where memory is flat: one array of descriptors for the node, and a bitmap for each zone.
//
//   memory        |=====|          |=======|
//   descriptors   |-----------|----|-------|---|     from the first to the last frame, in blocks of the highest order
//                        ^^^^^^^^^^                  what describes holes alone is given back at the hand-over
//
// Source    Linux 6.1, mm/page_alloc.c, "alloc_node_mem_map" and "setup_usemap"; arm's "free_unused_memmap" (behaviour).
#pragma once

#include "linux/struct_sizes.hpp"
#include "quarry/boot/flow.hpp"

namespace quarry::lnx {

// The array's place; empty without memory.
//
// Errors    no_memory: the kernel stops; those of zones::lay_out.
Result<PhysRange> allocate_flat_memmap(boot::State& state, const StructSizes& sizes);

// Whole pages of the array that describe no pageblock with memory.
//
// Errors    those of giving back: none that a sound memblock has.
Result<Done> free_unused_memmap(boot::State& state, const StructSizes& sizes, PhysRange array);

}  // namespace quarry::lnx
