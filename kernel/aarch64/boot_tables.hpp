// kernel/aarch64/boot_tables.hpp: what the first tables show, until the kernel has its own.
#pragma once

#include "quarry/base/range.hpp"
#include "quarry/vm/access.hpp"

namespace kernel::aarch64 {

// Shows every GiB that `range` touches at kDirectMap, as memory or as registers: what has both is memory.
//
// Returns   whether they are all below 512 GiB, where the tables end.
bool show_at_boot(quarry::PhysRange range, quarry::vm::MemoryType type) noexcept;

// The image's place in physical memory, which entry.S found.
void set_image_place(quarry::PhysAddr at) noexcept;
quarry::PhysAddr physical_address_of(const void* in_image) noexcept;

// The identity map serves the turning on of the MMU alone: from now on this core does not translate the lower half.
void forget_lower_half() noexcept;

// The tables that this core and those that start use.
quarry::PhysAddr tables_in_force() noexcept;

}  // namespace kernel::aarch64
