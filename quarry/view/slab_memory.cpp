#include "quarry/view/slab_memory.hpp"

namespace quarry::view {

void print_meminfo_line(TextSink& out, TextView name, PageCount pages, PageSize size) noexcept {
  constexpr std::size_t name_width = 16, number_width = 8;
  out.left(name, name_width).dec(size.bytes_in(pages).raw >> 10, number_width).put(" kB\n");
}

void print_slab_memory(TextSink& out, const SlabMemory& memory, PageSize size) noexcept {
  print_meminfo_line(out, "Slab:", PageCount{memory.reclaimable.raw + memory.unreclaimable.raw}, size);
  print_meminfo_line(out, "SReclaimable:", memory.reclaimable, size);
  print_meminfo_line(out, "SUnreclaim:", memory.unreclaimable, size);
}

}  // namespace quarry::view
