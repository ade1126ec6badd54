// kernel/vmalloc_stress.hpp: all cores map, look at, pass on and unmap memory at once, and remember nothing of what is gone.
#pragma once

#include "kernel/vmalloc.hpp"
#include "quarry/memory/exercise.hpp"

namespace kernel {

struct VmallocResult {
  std::uint64_t operations = 0;  // areas that came and went
  std::uint64_t passed_on = 0;   // that another core freed
  std::uint64_t refusals = 0;    // requests that found no memory, as they were meant to
  std::uint64_t flushes = 0;     // of the processors, by what went
  quarry::TextView complaint{};  // empty: all is well
};

// Runs on that many running cores, on a system that nobody else uses. Afterwards as many pages are free as before, those of page
// tables too, every audit holds, and nobody was given an address or a frame that some core had not forgotten.
VmallocResult stress_vmalloc(DirectMap& map, Vmalloc& vmalloc, System& system, unsigned cores) noexcept;

// What the boot-time allocator gave for the tables of a mapping goes to the page allocator when that ends. On core 0, once:
// DirectMap::show_early() mapped `shown` at `at`.
quarry::memory::Exercise end_early_mapping(DirectMap& map, System& system, quarry::vm::VirtAddr at,
                                           quarry::PhysRange shown) noexcept;

}  // namespace kernel
