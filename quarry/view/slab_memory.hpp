// quarry/view/slab_memory.hpp: how much memory caches and kmalloc have, as /proc/meminfo counts it.
#pragma once

#include "quarry/base/geometry.hpp"
#include "quarry/base/text.hpp"

namespace quarry::view {

// Pages of slabs, whether their objects are in use or not. Those of caches whose memory reclaim can win back are the one,
// everybody else's the other, and so is what kmalloc has from the page allocator as it is.
struct SlabMemory {
  PageCount reclaimable{}, unreclaimable{};
};

// Cache: a slab::KmemCache, the first of all that follow it. `large` is Kmalloc::large_pages().
//
// Source    Linux 6.1, mm/slab.h, "account_slab"; mm/slab_common.c, "__kmalloc_large_node" (behaviour).
template <class Cache>
SlabMemory slab_memory(Cache* first, PageCount large) noexcept {
  SlabMemory memory{.unreclaimable = large};
  for (Cache* cache = first; cache != nullptr; cache = cache->next()) {
    using Kind = decltype(cache->memory());
    PageCount& into = cache->memory() == Kind::reclaimable ? memory.reclaimable : memory.unreclaimable;
    into.raw += cache->stats().pages.raw;
  }
  return memory;
}

// A line of /proc/meminfo.
//
// Source    Linux 6.1, fs/proc/meminfo.c, "show_val_kb" (format).
void print_meminfo_line(TextSink& out, TextView name, PageCount pages, PageSize size) noexcept;
// Its lines Slab, SReclaimable and SUnreclaim.
void print_slab_memory(TextSink& out, const SlabMemory& memory, PageSize size) noexcept;

}  // namespace quarry::view
