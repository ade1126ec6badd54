// host/early_memory.hpp: what a simulated machine's boot-time allocators are given: its RAM, and room beside it.
#pragma once

#include "host/paged_host.hpp"
#include "quarry/base/arena.hpp"
#include "quarry/early/config.hpp"

namespace quarry::hosted {

// As far as any architecture's physical addresses go: until a machine's map is read, all of it might be RAM.
inline constexpr unsigned kMostPhysBits = 52;
inline constexpr PhysRange kEverything{PhysAddr{0}, PhysAddr{std::uint64_t{1} << kMostPhysBits}};

// Both outlive what they make.
early::DirectMap direct_map_of(PagedRam& ram) noexcept;
early::SpareStorage spare_of(Arena& arena) noexcept;

}  // namespace quarry::hosted
