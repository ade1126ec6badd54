// quarry/view/reserved_memory.hpp: what the kernel says of /reserved-memory, line by line.
#pragma once

#include <cstddef>

#include "quarry/base/text.hpp"
#include "quarry/boot/reserved_memory_event.hpp"

namespace quarry::view {

// How many hexadecimal digits an address has: 8 where physical addresses are 32 bits wide, else 16.
inline constexpr std::size_t kNarrowAddress = 8;
inline constexpr std::size_t kWideAddress = 16;

// "OF: reserved mem: initialized node linux,cma, compatible id shared-dma-pool". An overlap takes two lines.
//
// Source    Linux 6.1, drivers/of/fdt.c, drivers/of/of_reserved_mem.c, kernel/dma (formats).
void print_reserved_memory(TextSink& out, const boot::ReservedMemoryEvent& event,
                           std::size_t digits) noexcept;

}  // namespace quarry::view
