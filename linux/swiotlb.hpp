// linux/swiotlb.hpp: the low buffer through which devices reach memory that is too high for them.
//
// Source    Linux 6.1, kernel/dma/swiotlb.c, "swiotlb_init_remap"; arch/x86/kernel/pci-dma.c (behaviour).
#pragma once

#include <optional>

#include "linux/struct_sizes.hpp"
#include "quarry/boot/flow.hpp"

namespace quarry::lnx {

// How the buffer is divided: slots of 2 KiB, in areas with a lock each.
struct BounceBuffer {
  std::uint64_t slots = 0;
  std::uint64_t areas = 0;
  Bytes size() const noexcept { return Bytes{slots << 11}; }
};

// The buffer that the kernel makes for a machine; none: all of its memory is low, or the command line forbids it.
std::optional<BounceBuffer> bounce_buffer_of(const boot::State& state) noexcept;

// Takes it, half as large as long as there is no room. If there is none for a small one either, the kernel goes on
// without, with a warning.
//
// Errors    no_memory: there is room for the buffer, but not for what describes it; the kernel stops.
Result<Done> allocate_swiotlb(boot::State& state, const StructSizes& sizes);

}  // namespace quarry::lnx
