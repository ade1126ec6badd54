// quarry/boot/reserved_memory.hpp: /reserved-memory: what firmware, devices and DMA keep of RAM.
//
//   static nodes    "reg"      taken where they say, in the tree's order; the first one there wins
//   dynamic nodes   "size"     placed once all static ones are, inside "alloc-ranges" if they have some
//
//   reserve          memory that the kernel maps and leaves alone
//   no-map           memory that the kernel does not even map; refused where something is reserved already
//   reusable         a CMA area: movable pages live there until the device wants it
#pragma once

#include "quarry/boot/flow.hpp"
#include "quarry/firmware/fdt.hpp"

namespace quarry::boot {

// Takes everything that the tree reserves: its reservation block, static nodes, the core header, dynamic
// nodes, and what drivers of the early boot make of them. Each node's outcome is in State::reserved_memory,
// in the tree's order; a node with several ranges has one outcome for each.
//
// A node that cannot be served is an outcome and no error: the machine boots without it.
//
// Errors    no_room: the arena is used up. Those of Memblock but for no_memory.
// Cost      O(bytes of the tree + nodes * regions).
// Source    Linux 6.1, "early_init_fdt_scan_reserved_mem", "fdt_init_reserved_mem" (behaviour);
//           Documentation/devicetree/bindings/reserved-memory.
Result<Done> scan_reserved_memory(State& state, const firmware::Fdt& tree) noexcept;

}  // namespace quarry::boot
