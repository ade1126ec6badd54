// quarry/boot/riscv64_steps.hpp: the steps of the riscv64 flow that are its own; riscv64.cpp puts all in order.
#pragma once

#include "quarry/boot/flow.hpp"

namespace quarry::boot::riscv64 {

// --- From firmware to memory (riscv64_memory.cpp) -----------------------------------------------------
Result<Done> parse_dtb(State& state) noexcept;
Result<Done> parse_early_param(State& state) noexcept;
Result<Done> efi_init(State& state) noexcept;
Result<Done> setup_bootmem(State& state) noexcept;

// --- From memory to zones (riscv64_zones.cpp) ---------------------------------------------------------
Result<Done> setup_vm_final(State& state) noexcept;
Result<Done> zone_sizes_init(State& state) noexcept;
Result<Done> reserve_crashkernel(State& state) noexcept;

// What a block of the linear map has, and so where the kernel begins and what it reserves ends.
inline constexpr Bytes kBlock{2u << 20};

// How much memory the linear map holds: a quarter of all addresses less the kernel's own 4 GiB at their end.
//
//   va_bits    39         48         57
//   bytes      124 GiB    64 TiB     32 PiB     (less 4 GiB)
//
// Source    Linux 6.1, arch/riscv/mm/init.c, "setup_vm"; KERN_VIRT_SIZE (behaviour).
Bytes linear_map_size(const Machine& machine) noexcept;

// The first address that is memory at all: the kernel's own, below which a kernel of 6.1 maps nothing.
PhysAddr lowest_memory(const Machine& machine) noexcept;

}  // namespace quarry::boot::riscv64
