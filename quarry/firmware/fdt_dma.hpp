// quarry/firmware/fdt_dma.hpp: the highest address that every DMA master of a device tree can reach.
#pragma once

#include "quarry/firmware/fdt.hpp"

namespace quarry::firmware {

// The depth of the deepest nodes in Linux's unflattened tree, the root's being 0: others do not exist for it.
inline constexpr std::size_t kMaxFdtDepth = 62;

// The lowest of the limits that the tree's "dma-ranges" state, in CPU addresses: the last reachable byte.
//
// Returns   the limit; 2^64 - 1 when no bus is limited. 0 when a bus has "dma-ranges" without one whole
//           entry, which Linux reads so, too.
// Cost      O(bytes), and for each entry of a "dma-ranges" the translation through the buses above it.
//           Nodes deeper than kMaxFdtDepth are not looked at, and nothing below a disabled node is.
// Source    Linux 6.1, "of_dma_get_max_cpu_address" (behaviour). A "dma-mem" interconnect, which moves a
//           few SoCs' DMA parent elsewhere, is not followed.
PhysAddr lowest_dma_limit(const Fdt& tree) noexcept;

}  // namespace quarry::firmware
