// kernel/remap.hpp: the kernel's page tables change while all cores use them.
#pragma once

#include "kernel/direct_map.hpp"
#include "kernel/system.hpp"
#include "quarry/memory/exercise.hpp"

namespace kernel {

// Maps, replaces, splits and ends mappings, with table pages of the page allocator; after each change every core reads
// what is mapped: one that remembers what was, reads it. Nothing is left mapped, and no page is kept.
quarry::memory::Exercise exercise_tables(DirectMap& map, System& system) noexcept;

}  // namespace kernel
