// kernel/loops.hpp: what allocations cost, in instructions: the loops of kernel/linux/loops.c on this kernel's allocators.
#pragma once

#include "kernel/vmalloc.hpp"

namespace kernel {

// Prints a line for each loop: "@@LOOP page_pair 0 61.00", per operation, in steps of the clock; the last one says "done".
// With a group, "page_pair" "page_bulk" "slab_pair" "slab_bulk" "kmalloc_pair" "vmalloc_pair"
// "vmalloc_find", only those.
// The clock counts instructions only in an emulator that is told to (-icount shift=0): a loop of known length is tried first.
//
// Errors    no_memory: a loop did not get what it measures. bad_argument: the clock does not count instructions.
quarry::Result<quarry::Done> run_loops(System& system, Vmalloc& vmalloc, quarry::TextView group) noexcept;

// Of these, vmalloc and vfree of 1, 8 and 256 pages, with what is purged on the way; and find() among 1, 1,000 and 100,000 areas.
quarry::Result<quarry::Done> measure_vmalloc_pairs(Vmalloc& vmalloc) noexcept;
quarry::Result<quarry::Done> measure_vmalloc_lookups(System& system, Vmalloc& vmalloc) noexcept;

}  // namespace kernel
