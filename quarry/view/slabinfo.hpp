// quarry/view/slabinfo.hpp: caches in the text of /proc/slabinfo.
#pragma once

#include "quarry/base/text.hpp"
#include "quarry/slab/stats.hpp"

namespace quarry::view {

// The two lines at the top of the file.
void print_slabinfo_header(TextSink& out) noexcept;

// One cache's line. As in Linux, every slab counts as active, the tunables of another age are 0, and what a core has at hand is
// active too: Linux looks for free objects in the partial slabs of nodes alone, so those of a core's own slabs, which no
// other core can have, are not among them. Here these are CacheStats::at_hand. The arrays in which cores keep them are objects
// of three caches, kmem_cache_cpu-1k, -512 and -128, with lines of their own; Linux keeps its slabs' heads in per-CPU memory.
//
// Source    Linux 6.1, mm/slab_common.c, "cache_show" (format).
void print_slabinfo_line(TextSink& out, const slab::CacheStats& cache) noexcept;

// The whole file. Cache: a slab::KmemCache, the first of all that follow it.
template <class Cache>
void print_slabinfo(TextSink& out, Cache* first) noexcept {
  print_slabinfo_header(out);
  for (Cache* cache = first; cache != nullptr; cache = cache->next())
    print_slabinfo_line(out, cache->stats());
}

}  // namespace quarry::view
