#include "linux/kernel_options.hpp"

namespace quarry::lnx {
namespace {

using boot::Arch;

constexpr auto flag = KernelOption::Kind::flag;
constexpr auto number = KernelOption::Kind::number;

constexpr KernelOption kOptions[] = {
    {"CONFIG_NR_CPUS", number, "processors at most"},
    {"CONFIG_NUMA", flag, "more than one node"},
    {"CONFIG_NUMA_EMU", flag, "numa=fake=", Arch::x86_64},
    {"CONFIG_NODES_SHIFT", number, "nodes at most, as a power of two"},
    {"CONFIG_SPARSEMEM", flag, "memory in sections; else one flat array"},
    {"CONFIG_ZONE_DMA", flag, ""},
    {"CONFIG_ZONE_DMA32", flag, ""},
    {"CONFIG_HIGHMEM", flag, "memory above the direct map", Arch::arm},
    {"CONFIG_ARCH_FORCE_MAX_ORDER", number, "orders; from 6.4 on the largest order"},
    {"CONFIG_FORCE_MAX_ZONEORDER", number, "the same, by its name before 6.1"},
    {"CONFIG_HUGETLB_PAGE", flag, "pageblocks are of huge pages"},
    {"CONFIG_TRANSPARENT_HUGEPAGE", flag, "raises min_free_kbytes"},
    {"CONFIG_TRANSPARENT_HUGEPAGE_ALWAYS", flag, "on from the start"},
    {"CONFIG_TRANSPARENT_HUGEPAGE_MADVISE", flag, "on where asked for"},
    {"CONFIG_PAGE_EXTENSION", flag, "struct mem_section is twice as long"},
    {"CONFIG_DEFERRED_STRUCT_PAGE_INIT", flag, "most page descriptors are set up late"},
    {"CONFIG_CMA", flag, ""},
    {"CONFIG_CMA_AREAS", number, "areas beside the default one"},
    {"CONFIG_DMA_CMA", flag, "a default area"},
    {"CONFIG_CMA_SIZE_MBYTES", number, "that area's, in MiB"},
    {"CONFIG_CMA_ALIGNMENT", number, "that area's, as an order"},
    {"CONFIG_DMA_RESTRICTED_POOL", flag, "restricted-dma-pool in trees"},
    {"CONFIG_PGTABLE_LEVELS", number, ""},
    {"CONFIG_PAGE_OFFSET", number, "where the direct map begins", Arch::arm},
    {"CONFIG_ARM_LPAE", flag, "page tables of 64-bit entries", Arch::arm},
    {"CONFIG_ARM64_16K_PAGES", flag, "", Arch::arm64},
    {"CONFIG_ARM64_64K_PAGES", flag, "", Arch::arm64},
    {"CONFIG_ARM64_VA_BITS", number, "", Arch::arm64},
    {"CONFIG_ARM64_PA_BITS", number, "", Arch::arm64},
    {"CONFIG_EFI", flag, "the tables of UEFI are kept"},
    {"CONFIG_RANDOMIZE_BASE", flag, "KASLR"},
    {"CONFIG_RANDOMIZE_MEMORY", flag, "KASLR of the direct map", Arch::x86_64},
    {"CONFIG_LOG_BUF_SHIFT", number, "bytes of the log's buffer, as a power of two"},
    {"CONFIG_LOG_CPU_MAX_BUF_SHIFT", number, "bytes that each processor adds"},
};

}  // namespace

std::span<const KernelOption> kernel_options() { return kOptions; }

}  // namespace quarry::lnx
