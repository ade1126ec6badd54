// quarry/boot/x86_steps.hpp: the stages of x86_64's flow, for its table of steps and for tests.
//
//   map       e820 as firmware and user have it -> last_pfn            x86_map.cpp
//   early     what is reserved where, and what moves                   x86_reserve.cpp
//   EFI       mirrored memory, boot services                           x86_efi.cpp
//   nodes     SRAT, or numa=fake, or one node over everything          x86_numa.cpp
//
// Each does what the Linux 6.1 function of its name does; what only its allocations do is a hook's.
#pragma once

#include "quarry/boot/flow.hpp"

namespace quarry::boot::x86 {

// --- The map ------------------------------------------------------------------------------------------
// Errors    bad_table: there is no map at all; no_room: it does not fit.
Result<Done> e820_memory_setup(State& state) noexcept;
// mem= and memmap= in their order, then what all architectures share.
Result<Done> parse_early_param(State& state) noexcept;
Result<Done> e820_reserve_setup_data(State& state) noexcept;
// Errors    bad_argument: the user's map has fewer than two entries, and the kernel stops.
Result<Done> e820_finish_early_params(State& state) noexcept;
// The kernel's image is RAM, whatever the map says.
Result<Done> e820_add_kernel_range(State& state) noexcept;
// Page 0 and 640K..1M are no RAM, whatever the map says.
Result<Done> trim_bios_range(State& state) noexcept;
// max_pfn and max_low_pfn.
//
// Errors    no_memory: no whole usable page.
Result<Done> e820_end_of_ram_pfn(State& state) noexcept;
Result<Done> e820_memblock_setup(State& state) noexcept;

// --- Reservations -------------------------------------------------------------------------------------
// Kernel, first 64K, initrd, setup_data and BIOS: before there is memory to allocate.
Result<Done> early_reserve_memory(State& state) noexcept;
Result<Done> efi_init(State& state) noexcept;
Result<Done> reserve_brk(State& state) noexcept;
Result<Done> efi_find_mirror(State& state) noexcept;
// Those that nobody else needs come back when the kernel runs, unless efi=debug keeps them.
Result<Done> efi_reserve_boot_services(State& state) noexcept;
// The trampoline, and then all of the first 1M.
Result<Done> reserve_real_mode(State& state) noexcept;
Result<Done> init_mem_mapping(State& state) noexcept;
Result<Done> setup_log_buf(State& state) noexcept;
// Errors    no_memory: an initrd outside mapped memory has no place to move to, and the kernel stops.
Result<Done> reserve_initrd(State& state) noexcept;
Result<Done> acpi_boot_table_init(State& state) noexcept;
Result<Done> reserve_crashkernel(State& state) noexcept;

// --- Nodes and zones ----------------------------------------------------------------------------------
Result<Done> initmem_init(State& state) noexcept;
// Errors    bad_table: memory belongs to no node, which Linux 6.1 does not survive.
Result<Done> zone_sizes_init(State& state) noexcept;

}  // namespace quarry::boot::x86
