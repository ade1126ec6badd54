// kernel/stress.hpp: all cores allocate, stamp, pass on, check and free, until memory is used up, and then again.
#pragma once

#include "kernel/heap.hpp"
#include "quarry/base/text.hpp"

namespace kernel {

struct StressResult {
  std::uint64_t operations = 0;  // allocations and frees
  std::uint64_t passed_on = 0;   // blocks that another core freed
  std::uint64_t refusals = 0;    // requests that found no memory, as they were meant to
  std::uint64_t ranges = 0;      // pageblocks taken whole from among what all cores use, and given back
  quarry::TextView complaint{};  // empty: all is well
};

// Runs on that many running cores, on a system that nobody else uses, for so many rounds through all memory. Core 0 isolates
// pageblocks meanwhile, for which every core gives up what it has at hand. Afterwards as many pages are free as before, and every
// audit holds.
StressResult stress(Heap& heap, unsigned cores, std::uint64_t rounds) noexcept;

}  // namespace kernel
