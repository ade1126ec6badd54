// linux/arm_page_tables.hpp: what 32-bit arm takes while it maps low memory, devices and vectors.
//
//   low memory   |===========|== area ==|====|-|          sections of 1 MiB (LPAE: 2 MiB); a table where one is cut,
//                                                         and for each 2 MiB of an area that devices share
//   then         vectors, a board's own registers, PCI's window, high mappings, fixed mappings, a page of zeros
//
// Source    Linux 6.1, arch/arm/mm/mmu.c, "paging_init"; dma-mapping.c, "dma_contiguous_remap" (behaviour).
#pragma once

#include "linux/struct_sizes.hpp"
#include "quarry/boot/flow.hpp"

namespace quarry::lnx {

// Raises the allocation limit to the end of low memory once that is mapped.
//
// Errors    no_memory: the kernel stops.
Result<Done> allocate_arm_page_tables(boot::State& state, const KernelProfile& kernel,
                                      const StructSizes& sizes);

}  // namespace quarry::lnx
