// quarry/boot/device_tree.hpp: what arm, arm64 and riscv64 take from a flattened device tree before anything else.
//
//   tree   /memory nodes in their order -> memory    /chosen -> initrd, crash kernel's view, old core's header
//
// A tree is an ordered list of operations on memblock. Nothing in it is sorted or merged beforehand.
#pragma once

#include <span>

#include "quarry/boot/command_line.hpp"
#include "quarry/boot/flow.hpp"
#include "quarry/firmware/fdt.hpp"

namespace quarry::boot {

// What an architecture calls memory. `lowest` is Linux's MIN_MEMBLOCK_ADDR, `highest` the last byte that
// a physical address can name: MAX_MEMBLOCK_ADDR.
struct MemoryReach {
  PhysAddr lowest{0};
  PhysAddr highest{UINT64_MAX};
};

// The machine's tree.
//
// Errors    not_found: the machine has none. Those of Fdt::from, with State::failure saying where.
// Cost      O(bytes).
Result<firmware::Fdt> tree_of(State& state) noexcept;

// The machine's command line, or the tree's when the machine brings none.
CommandLine command_line_of(const State& state) noexcept;

// Reserves the blob itself where the boot loader put it.
//
// Errors    those of Memblock.
Result<Done> reserve_tree(State& state) noexcept;

// Adds one range as memory, in whole pages. What is no page, or out of reach, is ignored with a note.
//
//   reach         |--------------------------------|
//   range    [=====x====)        [==x=========)
//   memory        |=====|           |========|           begin rounded up, end down
//
// Errors    those of Memblock.
// Source    Linux 6.1, "early_init_dt_add_memory_arch" (behaviour).
Result<Done> add_memory(State& state, PhysAddr base, Bytes size, MemoryReach reach) noexcept;

// Adds every available /memory node of the root, in the tree's order, and marks hot-pluggable ones.
//
// Errors    not_found: no node said anything; those of Memblock.
// Source    Linux 6.1, "early_init_dt_scan_memory" (behaviour).
Result<Done> scan_memory(State& state, const firmware::Fdt& tree, MemoryReach reach) noexcept;

// The initrd of /chosen, or the machine's; not reserved yet. A size of 0 or less is none.
void find_initrd(State& state, const firmware::Fdt& tree) noexcept;

// Cuts memory to linux,usable-memory-range: its first range, and its second added.
//
// Errors    those of Memblock.
Result<Done> cap_to_usable_range(State& state, const firmware::Fdt& tree) noexcept;

// Reserves the entries of the memory reservation block.
//
// Errors    those of Memblock.
Result<Done> reserve_memreserve(State& state, const firmware::Fdt& tree) noexcept;

// Reserves linux,elfcorehdr: the dead kernel's core header.
//
// Errors    those of Memblock.
Result<Done> reserve_elfcorehdr(State& state, const firmware::Fdt& tree) noexcept;

// The largest free range inside `window`: what a failure to place something shows.
//
// Cost      O(regions).
Bytes largest_hole(const early::Memblock& memblock, PhysRange window) noexcept;

}  // namespace quarry::boot
