// quarry/view/memory_line.hpp: the line that sums a boot up.
#pragma once

#include "quarry/base/text.hpp"
#include "quarry/base/units.hpp"

namespace quarry::view {

// What the line says. `kernel_*` are the image's own sections; `highmem` is printed only where there is any zone
// for it.
struct MemoryLine {
  Bytes available, physical;
  Bytes kernel_code, rwdata, rodata, init, bss;
  Bytes reserved, cma_reserved;
  Bytes highmem;
  bool has_highmem = false;
};

// "Memory: 2040936K/2097148K available (11264K kernel code, …)".
//
// Source    Linux 6.1, mm/page_alloc.c, "mem_init_print_info" (format).
void print_memory_line(TextSink& out, const MemoryLine& line) noexcept;

}  // namespace quarry::view
