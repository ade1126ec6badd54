// linux/struct_sizes.hpp: how large Linux's own structures are: a build's, so data.
//
// A kernel's BTF or DWARF tells most of them, and its symbols some. Others are those of Debian's 6.1 kernels of the
// architecture; where a flavour differs, its release says so. Each was seen as the argument of a logged allocation
// (memblock=debug) or in the log's own words.
#pragma once

#include <span>

#include "linux/kernel_profile.hpp"

namespace quarry::lnx {

struct StructSizes {
  Bytes word{8};       // long, and a pointer
  Bytes page{64};      // struct page; 36 on 32-bit arm
  Bytes node_data{0};  // pg_data_t, rounded as the architecture rounds it
  Bytes node_data_alignment{64};
  Bytes memoryless_node_data{0};  // pg_data_t as it is
  Bytes mem_section{16};          // struct mem_section
  Bytes section_usage{56};  // usage map of one section: header, subsections' bits, four bits a pageblock
  unsigned section_address_bits = 48;  // how far sections are counted: MAX_PHYSMEM_BITS of the build

  Bytes early_page_tables{0x10000};  // of the brk: the direct map's first tables
  Bytes resource{64};                // struct resource
  Bytes firmware_map_entry{104};     // struct firmware_map_entry
  Bytes nosave_region{32};           // struct nosave_region
  Bytes log_descriptor{24};          // struct prb_desc
  Bytes log_record_info{88};         // struct printk_info

  Bytes percpu_static{212992};   // __per_cpu_start .. __per_cpu_end: "percpu: Embedded N pages/cpu sX"
  Bytes percpu_reserved{8192};   // PERCPU_MODULE_RESERVE: rX
  Bytes percpu_dynamic{28672};   // PERCPU_DYNAMIC_RESERVE: dX
  Bytes percpu_early{12288};     // the least of it, PERCPU_DYNAMIC_EARLY_SIZE
  Bytes percpu_chunk{136};       // struct pcpu_chunk without its map of populated pages
  Bytes percpu_block{32};        // struct pcpu_block_md
  Bytes percpu_group{24};        // struct pcpu_group_info
  Bytes percpu_info{64};         // struct pcpu_alloc_info without its groups
  Bytes percpu_slot{16};         // a list head for each size of free room
  unsigned processor_masks = 4;  // cpumasks of setup_cpu_local_masks

  Bytes kernel_mapping{40};  // struct static_vm of 32-bit arm
  Bytes tree_node{208};      // struct device_node
  Bytes tree_property{96};   // struct property
  Bytes tree_alias{40};      // struct alias_prop without its stem

  Bytes hash_bucket{8};  // a list head of one pointer

  Bytes bounce_slot{24};           // struct io_tlb_slot
  Bytes bounce_area{16};           // struct io_tlb_area
  Bytes decrypted_bss{0x3000};     // used bytes of .bss..decrypted, whose 2 MiB are the last of the bss
  Bytes smp_alternatives{0x9000};  // __smp_locks .. __smp_locks_end, which follows the init sections
};
// Those of the kernel's release and architecture; what kernel.sizes names is as it says.
StructSizes struct_sizes_of(const KernelProfile& kernel);

// What there is to know of a field in bytes.
struct SizeField {
  std::string_view name;  // what kernel.sizes may have as key
  Bytes StructSizes::* field;
  std::string_view structure;  // of C, whose size it is or follows from; empty: none's
  std::string_view about;      // for people, where there is none: what it is the size of
};
// In the order in which people are told.
std::span<const SizeField> size_fields();

// Whether a boot of such a kernel asks for the field.
bool asks_for(const KernelProfile& kernel, const SizeField& field);

// Whether a field in bytes has that name.
bool is_struct_size(std::string_view name);

// Puts into kernel.sizes what the structures of its build say, by their names in C. Fields that no boot of such a
// kernel asks for are left alone. The kernel's geometry must be derived by now.
void take_structures(const std::map<std::string, std::uint64_t, std::less<>>& structures,
                     KernelProfile& kernel);

}  // namespace quarry::lnx
