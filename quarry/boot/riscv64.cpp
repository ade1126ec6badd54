// quarry/boot/riscv64.cpp: the flow of riscv64, in Linux's order. Steps named arm64:: are those of both.
#include "quarry/boot/arm64_steps.hpp"
#include "quarry/boot/bootmem.hpp"
#include "quarry/boot/riscv64_steps.hpp"

namespace quarry::boot {
namespace {

constexpr Step kSteps[] = {
    {"parse_dtb", "the tree's memory nodes become memory, but not what lies below the kernel",
     riscv64::parse_dtb},
    {"parse_early_param", "options that change memory are read", riscv64::parse_early_param},
    {"efi_init", "the UEFI map, if there is one, replaces the tree's memory", riscv64::efi_init},
    {"setup_bootmem", "memory is cut to the linear map; kernel, initrd and the tree's reservations, then CMA",
     riscv64::setup_bootmem},
    {"setup_vm_final", "the linear map is built and tables may grow", riscv64::setup_vm_final},
    {"unflatten_device_tree", "the tree becomes a tree of structures", arm64::unflatten},
    {"arch_numa_init", "memory gets its nodes", arm64::numa_init},
    {"sparse_init", "page descriptors are allocated", arm64::sparse_init, Asks::allocator},
    {"zone_sizes_init", "4 GiB end the zone of devices with 32 address bits", riscv64::zone_sizes_init},
    {"reserve_crashkernel", "memory for a crash kernel is set aside", riscv64::reserve_crashkernel},
    {"setup_per_cpu_areas", "resources, then per-CPU areas are allocated", arm64::setup_per_cpu_areas,
     Asks::allocator},
    {"mm_init", "the last boot-time allocations", arm64::mm_init, Asks::allocator},
};

constexpr auto kWithBootmem = with_bootmem(kSteps);

}  // namespace

std::span<const Step> riscv64_steps(EarlyChoice early) noexcept {
  if (early == EarlyChoice::bootmem) return kWithBootmem;
  return kSteps;
}

}  // namespace quarry::boot
