// quarry/boot/arm64_steps.hpp: the steps of the arm64 flow, one function each; arm64.cpp puts them in order.
#pragma once

#include "quarry/boot/flow.hpp"

namespace quarry::boot::arm64 {

// --- From firmware to memory (arm64_memory.cpp) -------------------------------------------------------
Result<Done> setup_machine_fdt(State& state) noexcept;
Result<Done> early_init_dt_scan(State& state) noexcept;
Result<Done> parse_early_param(State& state) noexcept;
// The entries of Machine::map replace what the tree said. They are those descriptors of the UEFI map that
// are memory at all, cacheable or write-combined: usable ones are mapped, ACPI's are mapped and reserved,
// all others are memory that is not mapped.
// UEFI's own tables, then its map; efi_init is both.
Result<Done> efi_tables(State& state) noexcept;
Result<Done> efi_memory(State& state) noexcept;
Result<Done> efi_init(State& state) noexcept;
Result<Done> memblock_init(State& state) noexcept;
Result<Done> scan_reserved_mem(State& state) noexcept;

// --- From memory to zones (arm64_zones.cpp) -----------------------------------------------------------
Result<Done> paging_init(State& state) noexcept;
Result<Done> unflatten(State& state) noexcept;
Result<Done> bootmem_limits(State& state) noexcept;
Result<Done> numa_init(State& state) noexcept;
Result<Done> early_areas(State& state) noexcept;
Result<Done> sparse_init(State& state) noexcept;
Result<Done> zone_sizes_init(State& state) noexcept;
Result<Done> reserve_cma(State& state) noexcept;
Result<Done> reserve_crashkernel(State& state) noexcept;
Result<Done> setup_per_cpu_areas(State& state) noexcept;
Result<Done> mm_init(State& state) noexcept;

// Where the linear map starts, and how much it reaches.
inline constexpr Bytes kMemstartAlign{std::uint64_t{1} << 30};
Bytes linear_region_size(const Machine& machine) noexcept;

// Whether ACPI describes the machine: it came by UEFI, and its tree says nothing but /chosen.
bool has_acpi(const State& state) noexcept;

}  // namespace quarry::boot::arm64
