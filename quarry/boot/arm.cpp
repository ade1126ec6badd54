// quarry/boot/arm.cpp: the flow of 32-bit arm, in Linux's order.
#include "quarry/boot/arm_steps.hpp"
#include "quarry/boot/bootmem.hpp"

namespace quarry::boot {
namespace {

constexpr Step kSteps[] = {
    {"setup_machine_fdt", "banks of the tree, or of tags, become memory; the tree is reserved",
     arm::setup_machine},
    {"parse_early_param", "mem= replaces all memory; vmalloc= moves the lowmem border",
     arm::parse_early_param},
    {"setup_dma_zone", "devices' reach is known", arm::setup_dma_zone},
    {"adjust_lowmem_bounds", "low memory and the reach of the first page tables are found",
     arm::adjust_lowmem_bounds},
    {"arm_memblock_init", "kernel, initrd, page directory and the tree's reservations are taken, then CMA",
     arm::memblock_init},
    {"adjust_lowmem_bounds", "the same again: reservations may have taken memory away",
     arm::adjust_lowmem_bounds},
    {"paging_init", "low memory is mapped, all of it can be allocated", arm::paging_init},
    {"zone_sizes_init", "low and high memory become zones, page descriptors are allocated",
     arm::zone_sizes_init, Asks::allocator},
    {"unflatten_device_tree", "the tree becomes a tree of structures", arm::unflatten, Asks::allocator},
    {"reserve_crashkernel", "memory for a crash kernel is set aside", arm::reserve_crashkernel},
    {"setup_per_cpu_areas", "per-CPU areas are allocated", arm::setup_per_cpu_areas, Asks::allocator},
    {"mm_init", "the last boot-time allocations", arm::mm_init, Asks::allocator},
};

constexpr auto kWithBootmem = with_bootmem(kSteps);

}  // namespace

std::span<const Step> arm_steps(EarlyChoice early) noexcept {
  if (early == EarlyChoice::bootmem) return kWithBootmem;
  return kSteps;
}

}  // namespace quarry::boot
