#include "linux/struct_sizes.hpp"

#include <algorithm>

namespace quarry::lnx {
namespace {

using boot::Arch;

struct Named {
  std::string_view name;
  Bytes StructSizes::* field;
};
constexpr Named kNamed[] = {
    {"word", &StructSizes::word},
    {"page", &StructSizes::page},
    {"node_data", &StructSizes::node_data},
    {"node_data_alignment", &StructSizes::node_data_alignment},
    {"memoryless_node_data", &StructSizes::memoryless_node_data},
    {"mem_section", &StructSizes::mem_section},
    {"section_usage", &StructSizes::section_usage},
    {"early_page_tables", &StructSizes::early_page_tables},
    {"resource", &StructSizes::resource},
    {"firmware_map_entry", &StructSizes::firmware_map_entry},
    {"nosave_region", &StructSizes::nosave_region},
    {"log_descriptor", &StructSizes::log_descriptor},
    {"log_record_info", &StructSizes::log_record_info},
    {"percpu_static", &StructSizes::percpu_static},
    {"percpu_reserved", &StructSizes::percpu_reserved},
    {"percpu_dynamic", &StructSizes::percpu_dynamic},
    {"percpu_early", &StructSizes::percpu_early},
    {"percpu_chunk", &StructSizes::percpu_chunk},
    {"percpu_block", &StructSizes::percpu_block},
    {"percpu_group", &StructSizes::percpu_group},
    {"percpu_info", &StructSizes::percpu_info},
    {"percpu_slot", &StructSizes::percpu_slot},
    {"kernel_mapping", &StructSizes::kernel_mapping},
    {"tree_node", &StructSizes::tree_node},
    {"tree_property", &StructSizes::tree_property},
    {"tree_alias", &StructSizes::tree_alias},
    {"hash_bucket", &StructSizes::hash_bucket},
    {"bounce_slot", &StructSizes::bounce_slot},
    {"bounce_area", &StructSizes::bounce_area},
    {"decrypted_bss", &StructSizes::decrypted_bss},
    {"smp_alternatives", &StructSizes::smp_alternatives},
};

const Named* find_named(std::string_view name) {
  for (const Named& known : kNamed)
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
  sizes.bounce_slot = Bytes{16};
  sizes.bounce_area = Bytes{12};
  sizes.percpu_static = Bytes{is_lpae ? 45204u : 45012u};
  sizes.percpu_dynamic = Bytes{20480};
  sizes.percpu_chunk = Bytes{92};
  sizes.percpu_group = Bytes{12};
  sizes.percpu_slot = Bytes{8};
  sizes.processor_masks = 0;
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
    constexpr std::uint64_t header = 16, bits_per_block = 4;
    const std::uint64_t pages = kernel.geometry.section_pages().raw;
    const std::uint64_t subsections = (pages << kernel.geometry.page_shift_) >> 21;
    const std::uint64_t blocks = pages >> kernel.geometry.pageblock_order_;
    sizes.section_usage = Bytes{header + std::max<std::uint64_t>(8, subsections / 8) +
                                std::max<std::uint64_t>(8, blocks * bits_per_block / 8)};
  }
  for (const auto& [name, bytes] : kernel.sizes)
    if (const Named* const known = find_named(name); known != nullptr) sizes.*known->field = Bytes{bytes};
  return sizes;
}

bool is_struct_size(std::string_view name) { return find_named(name) != nullptr; }

}  // namespace quarry::lnx
