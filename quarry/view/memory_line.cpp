#include "quarry/view/memory_line.hpp"

namespace quarry::view {

void print_memory_line(TextSink& out, const MemoryLine& line) noexcept {
  const auto kib = [&](Bytes bytes, TextView what) { out.dec(bytes.raw >> 10).put("K ").put(what); };
  out.put("Memory: ").dec(line.available.raw >> 10).put("K/").dec(line.physical.raw >> 10);
  out.put("K available (");
  kib(line.kernel_code, "kernel code, ");
  kib(line.rwdata, "rwdata, ");
  kib(line.rodata, "rodata, ");
  kib(line.init, "init, ");
  kib(line.bss, "bss, ");
  kib(line.reserved, "reserved, ");
  kib(line.cma_reserved, "cma-reserved");
  if (line.has_highmem) {
    out.put(", ");
    kib(line.highmem, "highmem");
  }
  out.put(")\n");
}

}  // namespace quarry::view
