// quarry/boot/contiguous.hpp: contiguous memory areas, set aside while memory is still in one piece.
//
//   cma=64M               anywhere below the DMA limit
//   cma=64M@0x58000000    there or not at all
//   cma=64M@1G-2G         inside that window
#pragma once

#include "quarry/boot/flow.hpp"

namespace quarry::boot {

// What to set aside. `base` and `limit` bound a window, or say a place when `fixed`.
struct AreaRequest {
  Bytes size{0};
  PhysAddr base{0};
  PhysAddr limit{0};   // 0: the end of memory
  Bytes alignment{0};  // 0, or a power of two; never less than a pageblock
  enum class Place : std::uint8_t { window, fixed } place = Place::window;
  NodeId node = early::kAnyNode;
  TextView name;
  Order order_per_bit{0};  // what a bit of its bitmap will stand for
};

// Where low memory ends for areas that must not lie across that border. UINT64_MAX where all memory is low.
PhysAddr highmem_start(const State& state) noexcept;

// The smallest area and what areas are multiples of: a pageblock.
Bytes area_alignment(const State& state) noexcept;

// Reserves one area and lists it in State::cma. High memory is tried first, then what lies above 4G (from
// below, so that pages are not moved into the area), then the rest.
//
// Returns   where it lies; an empty range when it cannot be had, which a note explains.
// Errors    no_room: the arena is used up. Those of Memblock but for no_memory.
// Source    Linux 6.1, "cma_declare_contiguous_nid" (behaviour), with its leak: an area found in high memory
//           is forgotten, yet stays reserved, on machines whose memory ends well above 4G.
Result<PhysRange> reserve_area(State& state, AreaRequest request) noexcept;

// The default area of cma= or of the configuration, below `limit`; nothing when the tree made one.
//
// Errors    as above.
// Source    Linux 6.1, "dma_contiguous_reserve" (behaviour).
Result<Done> reserve_default_area(State& state, PhysAddr limit) noexcept;

// One area a node of cma_pernuma=, and hugetlb_cma= spread over the nodes in pages of `gigantic`; a bit of those areas is
// a huge page (in Linux from 6.1.94 on).
//
// Errors    as above.
Result<Done> reserve_areas_per_node(State& state) noexcept;
Result<Done> reserve_hugetlb_areas(State& state, Bytes gigantic) noexcept;

}  // namespace quarry::boot
