// quarry/boot/reserved_memory_event.hpp: what a kernel has to say while it takes the nodes of /reserved-memory.
//
// One event is one line of Linux's log; view/reserved_memory.hpp writes the words. A node that is simply
// reserved is no event: Linux is silent about it.
#pragma once

#include <cstdint>

#include "quarry/base/range.hpp"
#include "quarry/base/text.hpp"

namespace quarry::boot {

struct ReservedMemoryEvent {
  enum class Kind : std::uint8_t {
    // --- While the tree is walked ---------------------------------------------------------------------
    unsupported_format,  // /reserved-memory itself: its cells are not the root's, or it has no "ranges"
    malformed_reg,       // no whole ranges
    not_reserved,        // `range`: empty, or no-map over a reservation
    too_many_nodes,      // the list of nodes is full
    // --- Once all static nodes are known --------------------------------------------------------------
    overlap,           // `range` lies over `other_range`, of `other`
    malformed_size,    // of a dynamic node
    malformed_align,   // likewise
    malformed_window,  // likewise: "alloc-ranges"
    not_allocated,     // nowhere: `range` is as long as what was wanted
    // --- What drivers make of a node ------------------------------------------------------------------
    area_bypassed,    // the command line's cma= stands instead
    area_unaligned,   // base or size is no multiple of a pageblock
    areas_used_up,    // as many areas as the kernel has room for
    area_refused,     // it cannot become an area
    area_made,        // a CMA area, at `range`
    needs_no_map,     // 32-bit arm: a coherent pool has to be unmapped
    coherent_made,    // a pool of coherent memory
    restricted_made,  // a pool of bounce buffers
    initialized,      // a driver took the node; `other` is what it is compatible with
    refused,          // drivers refused it, and its memory is given back
  };
  Kind kind;
  TextView node;  // its name; empty: it is about no node
  PhysRange range{};
  TextView other{};
  PhysRange other_range{};
};

}  // namespace quarry::boot
