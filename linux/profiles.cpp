// Link addresses are those of Debian 12's packages linux-image-RELEASE; a kernel of another build moves them.
#include "linux/profiles.hpp"

namespace quarry::lnx {
namespace {

constexpr std::string_view kX86Config =
    "CONFIG_PGTABLE_LEVELS=5\nCONFIG_NR_CPUS=8192\nCONFIG_NUMA=y\nCONFIG_NODES_SHIFT=10\nCONFIG_SPARSEMEM=y\n"
    "CONFIG_SPARSEMEM_VMEMMAP=y\nCONFIG_TRANSPARENT_HUGEPAGE=y\nCONFIG_HUGETLB_PAGE=y\nCONFIG_CMA=n\n"
    "CONFIG_ZONE_DMA=y\nCONFIG_ZONE_DMA32=y\nCONFIG_PHYSICAL_START=0x1000000\nCONFIG_LOG_BUF_SHIFT=17\n"
    "CONFIG_RANDOMIZE_BASE=y\nCONFIG_RANDOMIZE_MEMORY=y\nCONFIG_TRANSPARENT_HUGEPAGE_ALWAYS=y\n"
    "CONFIG_ZONE_DEVICE=y\nCONFIG_EFI=y\nCONFIG_DEFERRED_STRUCT_PAGE_INIT=y\n";

constexpr std::string_view kX86GenericConfig =
    "CONFIG_PGTABLE_LEVELS=5\nCONFIG_NR_CPUS=8192\nCONFIG_NUMA=y\nCONFIG_NUMA_EMU=y\nCONFIG_NODES_SHIFT=10\n"
    "CONFIG_SPARSEMEM=y\nCONFIG_SPARSEMEM_VMEMMAP=y\nCONFIG_TRANSPARENT_HUGEPAGE=y\nCONFIG_HUGETLB_PAGE=y\n"
    "CONFIG_CMA=n\nCONFIG_ZONE_DMA=y\nCONFIG_ZONE_DMA32=y\nCONFIG_PHYSICAL_START=0x1000000\n"
    "CONFIG_LOG_BUF_SHIFT=17\nCONFIG_RANDOMIZE_BASE=y\nCONFIG_RANDOMIZE_MEMORY=y\nCONFIG_PAGE_EXTENSION=y\n"
    "CONFIG_TRANSPARENT_HUGEPAGE_ALWAYS=y\nCONFIG_ZONE_DEVICE=y\nCONFIG_EFI=y\nCONFIG_DEFERRED_STRUCT_PAGE_"
    "INIT=y\n";

constexpr std::string_view kArm64Config =
    "CONFIG_PGTABLE_LEVELS=4\nCONFIG_ARM64_VA_BITS=48\nCONFIG_ARM64_PA_BITS=48\nCONFIG_NR_CPUS=256\n"
    "CONFIG_NUMA=y\nCONFIG_NODES_SHIFT=4\nCONFIG_ARCH_FORCE_MAX_ORDER=11\nCONFIG_SPARSEMEM=y\n"
    "CONFIG_SPARSEMEM_VMEMMAP=y\nCONFIG_TRANSPARENT_HUGEPAGE=y\nCONFIG_HUGETLB_PAGE=y\nCONFIG_CMA=y\n"
    "CONFIG_CMA_SIZE_MBYTES=64\nCONFIG_CMA_SIZE_SEL_MBYTES=y\nCONFIG_CMA_ALIGNMENT=8\nCONFIG_DMA_CMA=y\n"
    "CONFIG_DMA_PERNUMA_CMA=y\nCONFIG_ZONE_DMA=y\nCONFIG_ZONE_DMA32=y\nCONFIG_EFI=y\nCONFIG_LOG_BUF_SHIFT="
    "17\nCONFIG_RANDOMIZE_BASE=y\nCONFIG_TRANSPARENT_HUGEPAGE_ALWAYS=y\nCONFIG_DEFERRED_STRUCT_PAGE_INIT=y\n";

constexpr std::string_view kArm64GenericConfig =
    "CONFIG_PGTABLE_LEVELS=4\nCONFIG_ARM64_VA_BITS=48\nCONFIG_ARM64_PA_BITS=48\nCONFIG_NR_CPUS=256\n"
    "CONFIG_NUMA=y\nCONFIG_NODES_SHIFT=4\nCONFIG_ARCH_FORCE_MAX_ORDER=11\nCONFIG_SPARSEMEM=y\n"
    "CONFIG_SPARSEMEM_VMEMMAP=y\nCONFIG_TRANSPARENT_HUGEPAGE=y\nCONFIG_HUGETLB_PAGE=y\nCONFIG_CMA=y\n"
    "CONFIG_CMA_SIZE_MBYTES=64\nCONFIG_CMA_SIZE_SEL_MBYTES=y\nCONFIG_CMA_ALIGNMENT=8\nCONFIG_DMA_CMA=y\n"
    "CONFIG_DMA_PERNUMA_CMA=y\nCONFIG_ZONE_DMA=y\nCONFIG_ZONE_DMA32=y\nCONFIG_EFI=y\nCONFIG_LOG_BUF_SHIFT="
    "17\nCONFIG_RANDOMIZE_BASE=y\nCONFIG_TRANSPARENT_HUGEPAGE_ALWAYS=y\nCONFIG_DEFERRED_STRUCT_PAGE_INIT=y\n"
    "CONFIG_PAGE_EXTENSION=y\n";

constexpr std::string_view kArmConfig =
    "CONFIG_PGTABLE_LEVELS=2\nCONFIG_ARM_LPAE=n\nCONFIG_PAGE_OFFSET=0xC0000000\nCONFIG_NR_CPUS=8\n"
    "CONFIG_HIGHMEM=y\nCONFIG_ARCH_FORCE_MAX_ORDER=12\nCONFIG_FLATMEM=y\nCONFIG_CMA=y\n"
    "CONFIG_CMA_SIZE_MBYTES=16\nCONFIG_CMA_SIZE_SEL_MBYTES=y\nCONFIG_CMA_ALIGNMENT=8\nCONFIG_DMA_CMA=y\n"
    "CONFIG_ZONE_DMA=y\nCONFIG_EFI=y\nCONFIG_LOG_BUF_SHIFT=17\nCONFIG_PAGE_EXTENSION=y\n";

constexpr std::string_view kArmLpaeConfig =
    "CONFIG_PGTABLE_LEVELS=3\nCONFIG_ARM_LPAE=y\nCONFIG_PAGE_OFFSET=0xC0000000\nCONFIG_NR_CPUS=8\n"
    "CONFIG_HIGHMEM=y\nCONFIG_ARCH_FORCE_MAX_ORDER=12\nCONFIG_FLATMEM=y\nCONFIG_TRANSPARENT_HUGEPAGE=y\n"
    "CONFIG_HUGETLB_PAGE=y\nCONFIG_CMA=y\nCONFIG_CMA_SIZE_MBYTES=16\nCONFIG_CMA_SIZE_SEL_MBYTES=y\n"
    "CONFIG_CMA_ALIGNMENT=8\nCONFIG_DMA_CMA=y\nCONFIG_ZONE_DMA=y\nCONFIG_EFI=y\nCONFIG_LOG_BUF_SHIFT=17\n"
    "CONFIG_PAGE_EXTENSION=y\nCONFIG_TRANSPARENT_HUGEPAGE_ALWAYS=y\n";

constexpr Symbols kX86Cloud{.text = 0xffffffff81000000,
                            .stext = 0xffffffff81000000,
                            .etext = 0xffffffff81e01ef2,
                            .rodata_start = 0xffffffff82000000,
                            .rodata_end = 0xffffffff82827000,
                            .init_begin = 0xffffffff8301a000,
                            .init_end = 0xffffffff832a7000,
                            .sdata = 0xffffffff82a00000,
                            .edata = 0xffffffff82c45e00,
                            .bss_start = 0xffffffff832b1000,
                            .bss_stop = 0xffffffff83800000,
                            .brk_base = 0xffffffff83800000,
                            .brk_limit = 0xffffffff83830000,
                            .end = 0xffffffff83830000};

constexpr Symbols kX86Generic{.text = 0xffffffff81000000,
                              .stext = 0xffffffff81000000,
                              .etext = 0xffffffff81e01d32,
                              .rodata_start = 0xffffffff82000000,
                              .rodata_end = 0xffffffff828eb000,
                              .init_begin = 0xffffffff83044000,
                              .init_end = 0xffffffff83306000,
                              .sdata = 0xffffffff82a00000,
                              .edata = 0xffffffff82c48980,
                              .bss_start = 0xffffffff83310000,
                              .bss_stop = 0xffffffff84400000,
                              .brk_base = 0xffffffff84400000,
                              .brk_limit = 0xffffffff84430000,
                              .end = 0xffffffff84430000};

constexpr Symbols kArm64Cloud{.text = 0xffff800008000000,
                              .stext = 0xffff800008010000,
                              .etext = 0xffff800008be0000,
                              .rodata_start = 0xffff800008be0000,
                              .rodata_end = 0xffff800009384000,
                              .init_begin = 0xffff800009390000,
                              .init_end = 0xffff800009810000,
                              .einittext = 0xffff8000093f4c0c,
                              .sdata = 0xffff800009810000,
                              .edata = 0xffff800009a09a00,
                              .bss_start = 0xffff800009a0a000,
                              .bss_stop = 0xffff800009a9d018,
                              .swapper_pg_dir = 0xffff80000938f000,
                              .end = 0xffff800009ab0000};

constexpr Symbols kArm64Generic{.text = 0xffff800008000000,
                                .stext = 0xffff800008010000,
                                .etext = 0xffff800008d00000,
                                .rodata_start = 0xffff800008d00000,
                                .rodata_end = 0xffff80000964d000,
                                .init_begin = 0xffff800009660000,
                                .init_end = 0xffff800009cb0000,
                                .einittext = 0xffff8000096d5f98,
                                .sdata = 0xffff800009cb0000,
                                .edata = 0xffff800009f6da00,
                                .bss_start = 0xffff800009f6e000,
                                .bss_stop = 0xffff80000a00add8,
                                .swapper_pg_dir = 0xffff800009658000,
                                .end = 0xffff80000a010000};

constexpr Symbols kArmmp{.text = 0xc0208000,
                         .stext = 0xc0300000,
                         .etext = 0xc0e00000,
                         .rodata_start = 0xc0e00000,
                         .rodata_end = 0xc11a5000,
                         .init_begin = 0xc1200000,
                         .init_end = 0xc1400000,
                         .sdata = 0xc1400000,
                         .edata = 0xc15a90b4,
                         .bss_start = 0xc15a90b4,
                         .bss_stop = 0xc1607588,
                         .swapper_pg_dir = 0xc0204000,
                         .end = 0xc1607588};

constexpr Symbols kArmmpLpae{.text = 0xc0208000,
                             .stext = 0xc0400000,
                             .etext = 0xc1000000,
                             .rodata_start = 0xc1000000,
                             .rodata_end = 0xc13aa000,
                             .init_begin = 0xc1400000,
                             .init_end = 0xc1600000,
                             .sdata = 0xc1600000,
                             .edata = 0xc17ad0c8,
                             .bss_start = 0xc17ad0c8,
                             .bss_stop = 0xc180d288,
                             .swapper_pg_dir = 0xc0203000,
                             .end = 0xc180d288};

// Debian has no 6.1 of this architecture. Sizes and configuration are those of its first kernel that has one; the
// linked addresses are where `_start` is the block that a loader fills.
constexpr std::string_view kRiscv64Config =
    "CONFIG_PGTABLE_LEVELS=5\nCONFIG_NR_CPUS=128\nCONFIG_NUMA=y\nCONFIG_NODES_SHIFT=2\nCONFIG_SPARSEMEM=y\n"
    "CONFIG_SPARSEMEM_VMEMMAP=y\nCONFIG_TRANSPARENT_HUGEPAGE=y\nCONFIG_HUGETLB_PAGE=y\nCONFIG_CMA=n\n"
    "CONFIG_ZONE_DMA32=y\nCONFIG_EFI=y\nCONFIG_LOG_BUF_SHIFT=17\nCONFIG_PAGE_EXTENSION=y\n"
    "CONFIG_TRANSPARENT_HUGEPAGE_ALWAYS=y\nCONFIG_DEFERRED_STRUCT_PAGE_INIT=y\nCONFIG_STRICT_KERNEL_RWX=y\n";

constexpr Symbols kRiscv64{.text = 0xffffffff80002000,
                           .stext = 0xffffffff80002000,
                           .etext = 0xffffffff80a76978,
                           .rodata_start = 0xffffffff81000000,
                           .rodata_end = 0xffffffff81a00000,
                           .init_begin = 0xffffffff80c00000,
                           .init_end = 0xffffffff80e9fd68,
                           .einittext = 0xffffffff80c5c0b0,
                           .sdata = 0xffffffff81c00000,
                           .edata = 0xffffffff81db8e00,
                           .bss_start = 0xffffffff81db9000,
                           .bss_stop = 0xffffffff81e6a338,
                           .swapper_pg_dir = 0xffffffff81dca000,
                           .end = 0xffffffff81e6b000};

constexpr Bytes kSixMiB{6u << 20};

constexpr BuiltinKernel kKernels[] = {
    {"6.1.0-56-cloud-amd64", boot::Arch::x86_64, kX86Cloud, Bytes{0}, Bytes{0}, kX86Config},
    {"6.1.0-56-amd64", boot::Arch::x86_64, kX86Generic, Bytes{0}, Bytes{0}, kX86GenericConfig},
    {"6.1.0-56-cloud-arm64", boot::Arch::arm64, kArm64Cloud, Bytes{0}, Bytes{0x5000}, kArm64Config},
    {"6.1.0-56-arm64", boot::Arch::arm64, kArm64Generic, Bytes{0}, Bytes{0x5000}, kArm64GenericConfig},
    {"6.1.0-50-armmp", boot::Arch::arm, kArmmp, kSixMiB, Bytes{0x4000}, kArmConfig},
    {"6.1.0-50-armmp-lpae", boot::Arch::arm, kArmmpLpae, kSixMiB, Bytes{0x5000}, kArmLpaeConfig},
    {"6.12.107+deb13-riscv64", boot::Arch::riscv64, kRiscv64, Bytes{0}, Bytes{0}, kRiscv64Config},
};

}  // namespace

std::span<const BuiltinKernel> builtin_kernels() { return kKernels; }

}  // namespace quarry::lnx
