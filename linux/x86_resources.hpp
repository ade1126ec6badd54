// linux/x86_resources.hpp: names and ranges that x86 keeps for /proc/iomem, /sys/firmware/memmap and hibernation.
//
// Source    Linux 6.1, "acpi_parse_hpet", "io_apic_init_mappings", "e820__reserve_resources",
//           "firmware_map_add_early" and "e820__register_nosave_regions" (behaviour).
#pragma once

#include "linux/struct_sizes.hpp"
#include "quarry/boot/flow.hpp"

namespace quarry::lnx {

// A timer that ACPI describes, and interrupt controllers: a resource and a name each.
//
// Errors    of both: no_memory: the kernel stops. no_room: the arena is used up.
Result<Done> allocate_devices(boot::State& state, const StructSizes& sizes);

// A resource for each entry of the map, an object for each of the firmware's own, and each run of frames that
// hibernation must leave alone.
Result<Done> allocate_resources(boot::State& state, const StructSizes& sizes);

// How many runs of frames are no RAM: runs that touch are one.
std::size_t count_nosave_regions(std::span<const firmware::MapEntry> map, Pfn limit, PageSize page) noexcept;

}  // namespace quarry::lnx
