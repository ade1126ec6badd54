// quarry/view/mem_info.hpp: why a request failed: first in the words in which Linux says it, then in ours.
//
//   quarry: page allocation failure: order:10, mode:0xcc0(GFP_KERNEL), nodemask=(null)
//   Mem-Info:
//   Node 0 DMA free:15360kB boost:0kB min:340kB low:424kB high:508kB …
//   lowmem_reserve[]: 0 1953 1953 1953 1953
//   Node 0 DMA: 0*4kB 1*8kB (U) … 3*4096kB (M) = 15360kB
//   …
//   Node 0 DMA: 3840 pages are free, 5793 would have to be: min 85 + lowmem reserve 1953 + …; 1953 too few
#pragma once

#include "quarry/buddy/request.hpp"
#include "quarry/view/slab_memory.hpp"
#include "quarry/view/zoneinfo.hpp"

namespace quarry::view {

// A populated zone at the moment of the failure.
struct RefusingZone {
  CountedZone counted{};
  PageCount present{};
  PageCount local{};           // kept by the core that asked
  buddy::Obstacle obstacle{};  // what PageAllocator::obstacle() says of this zone and the request
};

struct FailedRequest {
  TextView who = "quarry";
  Order order{0};
  buddy::Request request{};
};

// The line that names the request.
//
// Source    Linux 6.1, "warn_alloc" (format).
void print_failure(TextSink& out, const FailedRequest& failed) noexcept;

// Zones up to the highest that the request allows, as far as this memory system has what Linux shows: no reclaim, no
// page cache. With several nodes or without, each line begins with its node.
//
// Source    Linux 6.1, mm/page_alloc.c, "__show_free_areas"; lib/show_mem.c, "__show_mem" (format).
void print_mem_info(TextSink& out, const Geometry& geometry, const zones::Layout& layout,
                    std::span<const RefusingZone> zones, const FailedRequest& failed, DeviceColumn device,
                    const SlabMemory& slab) noexcept;

// One sentence a zone, in the order of `zones`: what forbids it to serve, and by how much.
void print_obstacles(TextSink& out, Order max_order, std::span<const RefusingZone> zones,
                     const FailedRequest& failed) noexcept;

}  // namespace quarry::view
