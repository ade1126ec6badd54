// quarry/numa/registration.hpp: drafted nodes become memblock's: the moment memory gets its node ids.
//
//   draft -> clean up -> (fake nodes) -> apply -> settled         refused anywhere: the next draft is tried
#pragma once

#include <span>

#include "quarry/early/memblock.hpp"
#include "quarry/numa/nodes.hpp"

namespace quarry::numa {

// Takes every node id and hotplug mark out of memblock: the state before any draft.
//
// Errors    those of Memblock.
Result<Done> forget_nodes(early::Memblock& memblock) noexcept;

// Marks the memory of enabled hot-pluggable entries.
//
// Errors    those of Memblock.
Result<Done> mark_hotplug(early::Memblock& memblock,
                          std::span<const firmware::MemoryAffinity> memory) noexcept;

// Starts a draft with one node and all of `range`: when there is nothing better.
//
// Errors    no_room: the arena is used up.
Result<Done> draft_single_node(Nodes& nodes, PhysRange range) noexcept;

// Gives memory and reservations the nodes of the blocks. Nodes that hold reservations, as the kernel's own,
// lose their hotplug marks. Then checks that nodes cover memory, and settles.
//
// Errors    bad_table: memory of 1 MiB or more belongs to no node, with a refusal; memblock keeps the node
//           ids until forget_nodes(). not_found: no node at all. And those of Memblock.
// Source    Linux 6.1, x86 "numa_register_memblks" (behaviour).
Result<Done> apply(Nodes& nodes, early::Memblock& memblock, PhysAddr end_of_ram, unsigned cpus) noexcept;

// The stricter way of arm64 and riscv64: blocks are applied in their order, a later one wins, and every
// region of memory must have a node: strays are refused, as Linux does, or adopted by the lowest node.
//
// Errors    bad_table: a region has none, with a refusal that names it. not_found: no node at all.
//           And those of Memblock.
// Source    Linux 6.1, drivers/base/arch_numa.c, "numa_add_memblk" and "numa_register_nodes" (behaviour).
enum class Strays : std::uint8_t { refuse, adopt };
Result<Done> apply_strictly(Nodes& nodes, early::Memblock& memblock, unsigned cpus,
                            Strays strays = Strays::refuse) noexcept;

// Gives memory that belongs to no node to the lowest one, so that nothing of it is lost.
//
// Returns   the first such region; empty: there was none.
// Errors    those of Memblock.
Result<PhysRange> adopt_orphans(const Nodes& nodes, early::Memblock& memblock) noexcept;

}  // namespace quarry::numa
