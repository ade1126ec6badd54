// quarry/boot/arm64.cpp: the flow of arm64, in Linux's order.
#include "quarry/boot/arm64_steps.hpp"
#include "quarry/boot/bootmem.hpp"

namespace quarry::boot {
namespace {

constexpr Step kSteps[] = {
    {"setup_machine_fdt", "the device tree is reserved where it lies", arm64::setup_machine_fdt},
    {"early_init_dt_scan_nodes", "the tree's memory nodes become memory", arm64::early_init_dt_scan},
    {"parse_early_param", "options that change memory are read", arm64::parse_early_param},
    {"efi_config_parse_tables", "UEFI's own tables are reserved where they lie", arm64::efi_tables},
    {"efi_init", "the UEFI map, if there is one, replaces the tree's memory", arm64::efi_memory},
    {"arm64_memblock_init", "memory is cut to the linear map; initrd and kernel are reserved",
     arm64::memblock_init},
    {"early_init_fdt_scan_reserved_mem", "the tree's reservations are taken and placed",
     arm64::scan_reserved_mem},
    {"paging_init", "the linear map is built and tables may grow", arm64::paging_init},
    {"unflatten_device_tree", "the tree becomes a tree of structures", arm64::unflatten},
    {"bootmem_init", "the first and last frames of memory are known", arm64::bootmem_limits},
    {"arch_numa_init", "memory gets its nodes", arm64::numa_init},
    {"dma_pernuma_cma_reserve", "areas for gigantic pages and for each node are set aside",
     arm64::early_areas},
    {"sparse_init", "page descriptors are allocated", arm64::sparse_init, Asks::allocator},
    {"zone_sizes_init", "devices' reach decides where zones end", arm64::zone_sizes_init},
    {"dma_contiguous_reserve", "the default CMA area is set aside", arm64::reserve_cma},
    {"reserve_crashkernel", "memory for a crash kernel is set aside", arm64::reserve_crashkernel},
    {"setup_per_cpu_areas", "per-CPU areas are allocated", arm64::setup_per_cpu_areas, Asks::allocator},
    {"mm_init", "the last boot-time allocations", arm64::mm_init, Asks::allocator},
};

constexpr auto kWithBootmem = with_bootmem(kSteps);

}  // namespace

std::span<const Step> arm64_steps(EarlyChoice early) noexcept {
  if (early == EarlyChoice::bootmem) return kWithBootmem;
  return kSteps;
}

}  // namespace quarry::boot
