// quarry/boot/reserved_memory_drivers.hpp: what the drivers of the early boot make of a node that has its memory.
//
//   compatible with          becomes                     refused, and given back, when
//   shared-dma-pool          a CMA area: "reusable"      off a pageblock, no areas left, cma= stands instead
//                            a coherent pool: otherwise  "reusable"; 32-bit arm: without "no-map"
//   restricted-dma-pool      bounce buffers              "reusable", "no-map", a default; where it is configured
//
// Each driver that knows the node is asked until one takes it.
#pragma once

#include "quarry/boot/flow.hpp"
#include "quarry/boot/reserved_memory_order.hpp"
#include "quarry/firmware/fdt_memory.hpp"

namespace quarry::boot {

// Whether the node asks for an area of movable pages. Such a node is placed at multiples of a pageblock.
bool wants_area(const State& state, const firmware::FdtReservedNode& node) noexcept;

// Asks the drivers. `entry` has its memory; its outcome says afterwards what became of it. Linux gives the memory
// of a refused node back whoever else has reserved it, too; where bugs are mended, such memory stays reserved, and
// is made no area.
//
// Errors    no_room: the arena is used up.
// Source    Linux 6.1, "__reserved_mem_init_node", "rmem_cma_setup", "rmem_dma_setup",
//           "rmem_swiotlb_setup" (behaviour).
Result<Done> ask_drivers(State& state, const ReservedMemoryEntry& entry) noexcept;

// Adds one line to State::reserved_memory_events.
//
// Errors    no_room: the arena is used up.
Result<Done> say(State& state, const ReservedMemoryEvent& event) noexcept;

}  // namespace quarry::boot
