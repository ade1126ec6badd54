// quarry/boot/x86_64.cpp: the order of x86_64's boot, as setup_arch of Linux 6.1 has it.
#include "quarry/boot/bootmem.hpp"
#include "quarry/boot/x86_steps.hpp"

namespace quarry::boot {
namespace {

// A moment at which Linux only allocates.
template <HookPoint kPoint>
Result<Done> hook(State& state) noexcept {
  return state.hooks.call(kPoint, state);
}

constexpr Step kSteps[] = {
    {"early_reserve_memory", "reserve kernel, first 64K, initrd, setup_data and BIOS",
     x86::early_reserve_memory},
    {"e820__memory_setup", "sort out the firmware's map", x86::e820_memory_setup},
    {"parse_early_param", "apply mem=, memmap= and what else shapes memory", x86::parse_early_param},
    {"efi_init", "reserve EFI's own tables; movable_node allocates upwards", x86::efi_init},
    {"e820__reserve_setup_data", "mark setup_data in the map", x86::e820_reserve_setup_data},
    {"e820__finish_early_params", "sort out the user's map", x86::e820_finish_early_params},
    {"e820_add_kernel_range", "make the kernel's range usable, whatever the map says",
     x86::e820_add_kernel_range},
    {"trim_bios_range", "page 0 and 640K..1M are no RAM", x86::trim_bios_range},
    {"e820__end_of_ram_pfn", "find the end of RAM", x86::e820_end_of_ram_pfn},
    {"reserve_brk", "reserve what the kernel's brk took", x86::reserve_brk},
    {"e820__memblock_setup", "make the map memblock's memory, in whole pages", x86::e820_memblock_setup},
    {"efi_find_mirror", "mark mirrored memory", x86::efi_find_mirror},
    {"efi_reserve_boot_services", "keep boot services' memory until late", x86::efi_reserve_boot_services},
    {"reserve_real_mode", "place the trampoline and take the first 1M", x86::reserve_real_mode},
    {"init_mem_mapping", "build the direct map", x86::init_mem_mapping},
    {"setup_log_buf", "a larger log buffer, if one was asked for", x86::setup_log_buf},
    {"reserve_initrd", "keep the initrd, or move it to where it is mapped", x86::reserve_initrd},
    {"acpi_boot_table_init", "reserve the ACPI tables", x86::acpi_boot_table_init},
    {"initmem_init", "register nodes", x86::initmem_init},
    {"reserve_crashkernel", "set memory aside for a crash kernel", x86::reserve_crashkernel},
    {"zone_sizes_init", "page descriptors, and where zones end", x86::zone_sizes_init, Asks::allocator},
    {"acpi_boot_init", "resources of timers and interrupt controllers", hook<HookPoint::devices>,
     Asks::allocator},
    {"e820__reserve_resources", "the map becomes resources", hook<HookPoint::resources>, Asks::allocator},
    {"setup_command_line", "copies of the command line", hook<HookPoint::command_line>, Asks::allocator},
    {"setup_per_cpu_areas", "place the per-CPU areas", hook<HookPoint::percpu>, Asks::allocator},
    {"setup_log_buf (late)", "options are parsed; many processors want a larger log buffer",
     hook<HookPoint::late_log_buffer>, Asks::allocator},
    {"vfs_caches_init_early", "hash tables that are sized by memory", hook<HookPoint::hashes>,
     Asks::allocator},
    {"mm_init", "the last allocations before the hand-over", hook<HookPoint::late>, Asks::allocator},
};

constexpr auto kWithBootmem = with_bootmem(kSteps);

}  // namespace

std::span<const Step> x86_64_steps(EarlyChoice early) noexcept {
  if (early == EarlyChoice::bootmem) return kWithBootmem;
  return kSteps;
}

}  // namespace quarry::boot
