// quarry/boot/machine.hpp: everything that is known about a machine before its memory system boots.
//
// A value made of views: whoever describes the machine keeps the bytes. The same description is filled
// in by a kernel from what its boot loader left, and by the tool from a tree, a log or a capture.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "quarry/base/geometry.hpp"
#include "quarry/base/range.hpp"
#include "quarry/base/text.hpp"
#include "quarry/firmware/memory_map.hpp"
#include "quarry/firmware/uefi_map.hpp"

namespace quarry::boot {

enum class Arch : std::uint8_t { x86_64, arm64, arm, riscv64 };
TextView name_of(Arch arch) noexcept;  // "x86_64" "arm64" "arm" "riscv64"

// Where the kernel's image lies, in physical memory. Half-open; empty where a part does not exist or is
// not known. `whole` is what the flow reserves, _text (arm64: _stext) up to _end without brk.
struct KernelImage {
  PhysRange whole;
  PhysRange text;            // _text (arm64: _stext) .. _etext
  PhysRange rodata;          // __start_rodata .. __end_rodata
  PhysRange data;            // _sdata .. _edata
  PhysRange bss;             // __bss_start .. __bss_stop
  PhysRange init;            // __init_begin .. __init_end, given back at the end of boot
  PhysRange brk;             // x86: what of __brk_base .. __brk_limit is in use
  PhysRange brk_space;       // x86: __brk_base .. __brk_limit, which is _end
  PhysRange page_directory;  // arm: swapper_pg_dir and what belongs to it
};

// Faults of Linux 6.1 that a machine may run into. Reproduced, each leaves a note of Kind::linux_bug in words
// that name it; mended, the memory that Linux loses is there.
enum class KnownBugs : std::uint8_t { mended, reproduced };

// What the kernel's configuration decides about physical memory: numbers, never a name of a kernel.
// The defaults are those of a 4-level x86_64 kernel of Linux 6.1.
struct Limits {
  unsigned phys_bits = 46;  // x86: MAX_PHYSMEM_BITS; arm64: PHYS_MASK_SHIFT; arm: 32 or 40 (LPAE)
  unsigned va_bits = 48;    // arm64: VA_BITS; riscv64: 39, 48 or 57 of satp: what bounds the linear map
  bool maps_below_kernel = false;  // riscv64: whether the linear map begins below the kernel (since 6.4)
  std::uint64_t page_offset = 0;   // first virtual address of the direct map
  Bytes vmalloc_size{240u << 20};  // arm: decides how much memory is low
  bool has_zone_dma = true;
  bool has_zone_dma32 = true;
  bool has_highmem = false;
  bool has_numa = true;
  bool has_numa_emulation = false;  // x86: CONFIG_NUMA_EMU, numa=fake=
  Bytes real_mode_size{28672};      // x86: the trampoline under 1M
  bool has_cma = false;
  Bytes cma_size{0};              // CMA_SIZE_MBYTES
  Bytes cma_alignment{0};         // 2^CMA_ALIGNMENT pages at most; 0: pageblock
  std::size_t max_cma_areas = 0;  // 0: no limit. Linux: 1 + CMA_AREAS
  KnownBugs known_bugs = KnownBugs::mended;
  bool has_restricted_dma = false;     // DMA_RESTRICTED_POOL
  unsigned max_nodes = 1024;           // 1 << NODES_SHIFT
  std::size_t max_map_entries = 0;     // 0: no limit. Linux's e820 table: 128 + 3 * 1024
  std::size_t max_reserved_nodes = 0;  // 0: no limit. Linux: 64
  // Capacity of memblock's first tables, of memory and of reservations. 0: as many as the description may need.
  std::size_t initial_memory_regions = 128;
  std::size_t initial_reserved_regions = 128;
  Bytes region_bytes{24};  // size of a struct memblock_region
};

// A node of memory that the description adds by hand: `--memory BASE+SIZE`.
using ExtraMemory = PhysRange;

struct Machine {
  Arch arch = Arch::x86_64;
  Geometry geometry{{.page_shift = 12, .max_order = 10, .pageblock_order = 9, .section_bits = 27}};
  Limits limits;
  TextView model;
  TextView command_line;
  unsigned cpus = 1;
  bool has_gigabyte_pages = true;      // x86: one entry of a table may map 1 GiB
  unsigned interrupt_controllers = 1;  // x86: I/O interrupt controllers that ACPI's MADT lists

  // The firmware's map in its own order (x86), or the EFI map translated to it (arm64 with UEFI).
  std::span<const firmware::MapEntry> map;
  // What older BIOS calls say, in KiB above 1M, for a map of fewer than two entries (x86).
  std::uint32_t alt_mem_k = 0;
  std::uint32_t ext_mem_k = 0;
  // Where the BIOS' own memory under 1M begins: the EBDA or the end of base memory (x86).
  PhysAddr bios_area{0x9f000};
  // The EFI map with its own types and attributes; empty without UEFI.
  std::span<const firmware::UefiDescriptor> efi_map;
  // RAM that no MTRR makes cacheable (x86): the kernel gives it up.
  std::span<const PhysRange> uncached;

  // The flattened device tree, and where the boot loader put it; how many bytes the kernel reserves
  // for it when that is more than what is kept here.
  std::span<const std::byte> tree;
  PhysAddr tree_at;
  Bytes tree_size{0};

  std::span<const ExtraMemory> extra_memory;

  // ACPI's idea of nodes, in the table's order; distances row by row, domains squared, empty without SLIT.
  std::span<const firmware::MemoryAffinity> memory_affinity;
  std::span<const firmware::CpuAffinity> cpu_affinity;
  std::span<const std::uint8_t> distances;
  // The last address that every device behind ACPI's IORT reaches (arm64). All ones: no device is limited.
  PhysAddr acpi_dma_limit{UINT64_MAX};
  // ACPI tables in RAM or beside it that the flow reserves, each with its signature as `name`.
  struct Table {
    PhysRange range;
    TextView name;
  };
  std::span<const Table> acpi_tables;
  // What else the boot loader and firmware left in memory for the kernel (x86): the nodes of setup_data,
  // headers included, and EFI's memory map and memory attributes.
  std::span<const Table> setup_data;
  std::span<const Table> efi_tables;

  KernelImage kernel;
  PhysRange initrd;
};

}  // namespace quarry::boot
