// quarry/boot/arm_steps.hpp: the steps of the 32-bit arm flow; arm.cpp puts them in order.
#pragma once

#include "quarry/boot/device_tree.hpp"
#include "quarry/boot/flow.hpp"

namespace quarry::boot::arm {

// --- From firmware to memory (arm_memory.cpp) ----------------------------------------------------------
Result<Done> setup_machine(State& state) noexcept;
Result<Done> parse_early_param(State& state) noexcept;
Result<Done> setup_dma_zone(State& state) noexcept;
Result<Done> memblock_init(State& state) noexcept;

// Takes memory away for good, from the top of what may be allocated now: afterwards it is no memory any more,
// and the kernel never maps it. For the board_reserve hook alone; later, low memory is mapped already.
//
// Returns   where it lies.
// Errors    no_memory: there is no such free range; nothing changed. no_room: a table is full.
// Source    Linux 6.1, "arm_memblock_steal" (behaviour).
Result<PhysAddr> steal(State& state, Bytes size, Bytes alignment, TextView owner) noexcept;

// --- Low memory and high memory (arm_lowmem.cpp) -------------------------------------------------------
Result<Done> adjust_lowmem_bounds(State& state) noexcept;
Result<Done> paging_init(State& state) noexcept;
Result<Done> zone_sizes_init(State& state) noexcept;
Result<Done> unflatten(State& state) noexcept;
Result<Done> reserve_crashkernel(State& state) noexcept;
Result<Done> setup_per_cpu_areas(State& state) noexcept;
Result<Done> mm_init(State& state) noexcept;

// --- The map of a 32-bit kernel (arm_layout.cpp) -------------------------------------------------------
//
//   virtual    |--- user ---|==== low memory ====|8M|---- vmalloc ----|        0xff800000
//              0      page_offset                   <- vmalloc_size ->
//   physical            phys_offset          lowmem_end
inline constexpr std::uint64_t kVmallocEnd = 0xff80'0000;
inline constexpr std::uint64_t kVmallocGap = 8u << 20;
inline constexpr std::uint64_t kPmdSize = 2u << 20;

// 0xc0000000 unless the machine says otherwise.
std::uint64_t page_offset(const Machine& machine) noexcept;
// Whether physical addresses are 32 bits wide: no LPAE.
bool is_narrow(const Machine& machine) noexcept;
// Where the kernel believes that RAM begins: what it maps at page_offset. It follows from where the image
// was unpacked: the last multiple of 128 MiB below it, or the first bank's start where that is no RAM.
PhysAddr phys_offset(const State& state) noexcept;
// Where low memory ends at the latest. vmalloc= and the configuration decide.
PhysAddr lowmem_end(const State& state) noexcept;
// vmalloc= within its bounds, or what the configuration says.
Bytes vmalloc_size(const State& state) noexcept;
MemoryReach reach(const State& state) noexcept;

}  // namespace quarry::boot::arm
