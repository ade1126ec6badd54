#include "quarry/view/slabinfo.hpp"

namespace quarry::view {

void print_slabinfo_header(TextSink& out) noexcept {
  out.put("slabinfo - version: 2.1\n");
  out.put("# name            <active_objs> <num_objs> <objsize> <objperslab> <pagesperslab>");
  out.put(" : tunables <limit> <batchcount> <sharedfactor>");
  out.put(" : slabdata <active_slabs> <num_slabs> <sharedavail>\n");
}

void print_slabinfo_line(TextSink& out, const slab::CacheStats& cache) noexcept {
  const std::uint64_t active = cache.active_objects + cache.at_hand;
  out.left(cache.name, 17).put(' ').dec(active, 6).put(' ').dec(cache.total_objects, 6);
  out.put(' ').dec(cache.size, 6).put(' ').dec(cache.objects_per_slab, 4);
  out.put(' ').dec(cache.pages_per_slab.raw, 4);
  out.put(" : tunables ").dec(0, 4).put(' ').dec(0, 4).put(' ').dec(0, 4);
  out.put(" : slabdata ").dec(cache.total_slabs, 6).put(' ').dec(cache.total_slabs, 6).put(' ').dec(0, 6);
  out.put('\n');
}

}  // namespace quarry::view
