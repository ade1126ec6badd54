// quarry/boot/bootmem.hpp: the step of a boot in which bootmem takes over from memblock, and the flow around it.
//
//   memblock   |== firmware's map, reservations, nodes, areas ==|
//   bootmem                                             set up  |== descriptors, per-CPU areas, ... ==|
//
// Kernels of bootmem's days began with a table of reservations too (early_res, then memblock), and turned it into
// bitmaps as soon as nodes were known. What memblock alone can place, crash kernels and contiguous areas, is
// placed before that.
#pragma once

#include <array>
#include <cstddef>

#include "quarry/boot/flow.hpp"

namespace quarry::boot {

// Gives each node with low memory a bitmap and makes bootmem the allocator of `state`.
//
//   1. a place for the bitmap: the lowest free one on the node, or on any; memblock reserves it
//   2. a record: all pages of the node, holes as well, are taken
//   3. memory of the node is freed, but for what is not mapped
//   4. what memblock has reserved is taken again, its last page whole
//
// Marks mean nothing to bootmem: mirrored and hot-pluggable memory is like any other. High memory is left out.
//
// Errors    no_memory: there is no place for a bitmap; no_room: the arena is used up; out_of_range: the direct map does
//           not reach a bitmap. The boot ends then.
// Cost      O(nodes * regions + pages / 32).
// Source    Linux 2.6.34 to 3.x, "setup_bootmem_allocator", "setup_node_bootmem" of x86 and arm (behaviour).
Result<Done> setup_bootmem(State& state) noexcept;

// Who frees and reserves in bootmem's events while it is set up: memblock has told of all that before.
inline constexpr TextView kFromMemblock{"memblock"};

// How much of the machine bootmem gets: all memory, or the directly mapped part of it.
Pfn bootmem_end(const State& state) noexcept;

// The same steps with setup_bootmem before the first that asks State::allocator; those that ask memblock by name come
// before it, and otherwise the order stays.
template <std::size_t kCount>
constexpr std::array<Step, kCount + 1> with_bootmem(const Step (&steps)[kCount]) noexcept {
  std::array<Step, kCount + 1> result{};
  std::size_t at = 0;
  for (const Step& step : steps)
    if (step.asks == Asks::memblock) result[at++] = step;
  result[at++] = {"init_bootmem_node", "bitmaps of the nodes' pages take over from memblock", setup_bootmem};
  for (const Step& step : steps)
    if (step.asks == Asks::allocator) result[at++] = step;
  return result;
}

}  // namespace quarry::boot
