#include "linux/struct_sizes.hpp"

#include <algorithm>

namespace quarry::lnx {
namespace {

using boot::Arch;

constexpr SizeField kFields[] = {
    {"word", &StructSizes::word, "", "a long, and a pointer"},
    {"page", &StructSizes::page, "page", ""},
    {"node_data", &StructSizes::node_data, "pglist_data", ""},
    {"node_data_alignment", &StructSizes::node_data_alignment, "", "what nodes' data are aligned to"},
    {"memoryless_node_data", &StructSizes::memoryless_node_data, "pglist_data", ""},
    {"mem_section", &StructSizes::mem_section, "mem_section", ""},
    {"section_usage", &StructSizes::section_usage, "mem_section_usage", ""},
    {"resource", &StructSizes::resource, "resource", ""},
    {"firmware_map_entry", &StructSizes::firmware_map_entry, "firmware_map_entry", ""},
    {"nosave_region", &StructSizes::nosave_region, "nosave_region", ""},
    {"log_descriptor", &StructSizes::log_descriptor, "prb_desc", ""},
    {"log_record_info", &StructSizes::log_record_info, "printk_info", ""},
    {"percpu_static", &StructSizes::percpu_static, "", "__per_cpu_start to __per_cpu_end"},
    {"percpu_reserved", &StructSizes::percpu_reserved, "", "PERCPU_MODULE_RESERVE"},
    {"percpu_dynamic", &StructSizes::percpu_dynamic, "", "PERCPU_DYNAMIC_RESERVE"},
    {"percpu_early", &StructSizes::percpu_early, "", "PERCPU_DYNAMIC_EARLY_SIZE"},
    {"percpu_chunk", &StructSizes::percpu_chunk, "pcpu_chunk", ""},
    {"percpu_block", &StructSizes::percpu_block, "pcpu_block_md", ""},
    {"percpu_group", &StructSizes::percpu_group, "pcpu_group_info", ""},
    {"percpu_info", &StructSizes::percpu_info, "pcpu_alloc_info", ""},
    {"percpu_slot", &StructSizes::percpu_slot, "list_head", ""},
    {"kernel_mapping", &StructSizes::kernel_mapping, "static_vm", ""},
    {"tree_node", &StructSizes::tree_node, "device_node", ""},
    {"tree_property", &StructSizes::tree_property, "property", ""},
    {"tree_alias", &StructSizes::tree_alias, "alias_prop", ""},
    {"hash_bucket", &StructSizes::hash_bucket, "hlist_bl_head", ""},
    {"bounce_slot", &StructSizes::bounce_slot, "io_tlb_slot", ""},
    {"bounce_area", &StructSizes::bounce_area, "io_tlb_area", ""},
    {"early_page_tables", &StructSizes::early_page_tables, "", "first tables of the direct map, of the brk"},
    {"decrypted_bss", &StructSizes::decrypted_bss, "", "used bytes of .bss..decrypted"},
    {"smp_alternatives", &StructSizes::smp_alternatives, "", "__smp_locks to __smp_locks_end"},
};

const SizeField* find_named(std::string_view name) {
  for (const SizeField& known : kFields)
    if (known.name == name) return &known;
  return nullptr;
}

// Debian's `cloud-amd64` and `cloud-arm64` have fewer drivers, and so fewer per-CPU variables.
bool is_cloud(const KernelProfile& kernel) { return kernel.release.find("-cloud-") != std::string::npos; }

// Words of 32 bits; with LPAE physical addresses have 64.
void set_arm(StructSizes& sizes, bool is_lpae) {
  sizes.log_descriptor = Bytes{12};
  sizes.page = Bytes{36};
  sizes.word = Bytes{4};
  sizes.resource = Bytes{is_lpae ? 40u : 32u};
  sizes.kernel_mapping = Bytes{is_lpae ? 48u : 40u};
  sizes.tree_node = Bytes{108};
  sizes.tree_property = Bytes{48};
  sizes.tree_alias = Bytes{20};
  sizes.hash_bucket = Bytes{4};
  sizes.bounce_slot = Bytes{is_lpae ? 16u : 12u};
  sizes.bounce_area = Bytes{12};
  sizes.percpu_static = Bytes{is_lpae ? 45204u : 45012u};
  sizes.percpu_dynamic = Bytes{20480};
  sizes.percpu_chunk = Bytes{92};
  sizes.percpu_group = Bytes{12};
  sizes.percpu_info = Bytes{32};
  sizes.percpu_slot = Bytes{8};
  sizes.processor_masks = 0;
}

// Four bits for each pageblock, in whole words.
std::uint64_t pageblock_bits_of_section(const KernelProfile& kernel) {
  constexpr std::uint64_t bits_per_block = 4;
  const std::uint64_t blocks = kernel.geometry.section_pages().raw >> kernel.geometry.pageblock_order_;
  return std::max<std::uint64_t>(8, blocks * bits_per_block / 8);
}

// A size of the structure as it is kept: behind it, or after rounding.
std::uint64_t kept_size(const SizeField& field, std::uint64_t bytes, const KernelProfile& kernel) {
  const auto up_to = [&](std::uint64_t unit) { return (bytes + unit - 1) & ~(unit - 1); };
  constexpr std::uint64_t cache_line = 64, page = 4096;
  if (field.name == "node_data") return up_to(kernel.arch == Arch::x86_64 ? page : cache_line);
  if (field.name == "section_usage") return bytes + pageblock_bits_of_section(kernel);
  return bytes;
}

}  // namespace

StructSizes struct_sizes_of(const KernelProfile& kernel) {
  StructSizes sizes;
  switch (kernel.arch) {
    case Arch::x86_64:
      sizes.node_data = Bytes{0x2b000};
      sizes.memoryless_node_data = Bytes{174208};
      // 52 where the processor has five levels of tables and the kernel uses them.
      sizes.section_address_bits = kernel.limits.phys_bits;
      if (!is_cloud(kernel)) sizes.percpu_static = Bytes{217088};
      break;
    case Arch::arm64:
      sizes.node_data = Bytes{0x2c80};
      sizes.section_address_bits = 48;
      sizes.percpu_static = Bytes{is_cloud(kernel) ? 85864u : 87272u};
      sizes.processor_masks = 0;
      break;
    case Arch::arm: set_arm(sizes, kernel.has("CONFIG_ARM_LPAE")); break;
    case Arch::riscv64:  // node data and per-CPU variables as in 6.12: no kernel of 6.1 was seen
      sizes.node_data = Bytes{0x2440};
      sizes.section_address_bits = 56;
      sizes.percpu_static = Bytes{90712};
      sizes.processor_masks = 0;
      break;
  }
  // A pointer to page extensions, and the structure's size is a power of two.
  if (kernel.has("CONFIG_PAGE_EXTENSION")) sizes.mem_section = Bytes{32};
  if (!kernel.geometry.is_flat()) {
    constexpr std::uint64_t header = 16;
    const std::uint64_t pages = kernel.geometry.section_pages().raw;
    const std::uint64_t subsections = (pages << kernel.geometry.page_shift_) >> 21;
    sizes.section_usage =
        Bytes{header + std::max<std::uint64_t>(8, subsections / 8) + pageblock_bits_of_section(kernel)};
  }
  for (const auto& [name, bytes] : kernel.sizes)
    if (const SizeField* const known = find_named(name); known != nullptr) sizes.*known->field = Bytes{bytes};
  return sizes;
}

std::span<const SizeField> size_fields() { return kFields; }

bool asks_for(const KernelProfile& kernel, const SizeField& field) {
  const bool is_x86 = kernel.arch == Arch::x86_64, is_arm = kernel.arch == Arch::arm;
  const std::string_view name = field.name;
  if (name == "kernel_mapping") return is_arm;
  if (name == "node_data" || name == "node_data_alignment") return !is_arm;
  if (name == "memoryless_node_data") return is_x86;
  if (name == "mem_section" || name == "section_usage") return !kernel.geometry.is_flat();
  if (name.starts_with("tree_")) return !is_x86;
  for (const std::string_view only :
       {"firmware_map_entry", "nosave_region", "early_page_tables", "decrypted_bss", "smp_alternatives"})
    if (name == only) return is_x86;
  return true;
}

void take_structures(const std::map<std::string, std::uint64_t, std::less<>>& structures,
                     KernelProfile& kernel) {
  for (const SizeField& field : kFields) {
    if (field.structure.empty()) continue;
    const auto found = structures.find(field.structure);
    if (found == structures.end() || !asks_for(kernel, field)) continue;
    kernel.sizes.insert_or_assign(std::string{field.name}, kept_size(field, found->second, kernel));
  }
}

bool is_struct_size(std::string_view name) { return find_named(name) != nullptr; }

}  // namespace quarry::lnx
