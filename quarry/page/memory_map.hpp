// quarry/page/memory_map.hpp: from a frame number to its descriptor and back, in either memory model.
#pragma once

#include <type_traits>

#include "quarry/base/bits.hpp"
#include "quarry/page/flat_map.hpp"
#include "quarry/page/sparse_map.hpp"

namespace quarry::page {

// The map that geometry G asks for. Both say the same things:
//
//   init(layout, source)   takes the descriptors' memory; writes none of it. O(regions + sections).
//   find(pfn)              the descriptor, or null where there is none. O(1).
//   pfn_of(descriptor)     back again. O(runs of sections).
//   pageblock_type(pfn), set_pageblock_type(pfn, type)
//   node_of(pfn)           the node whose metadata describes it.
template <Geometry G>
using MemoryMap = std::conditional_t<G.is_flat(), FlatMap<G>, SparseMap<G>>;

// The start of the block that `page` lies in, free or not, head or tail.
//
// Errors    not_found: it lies in no block: never handed over, deferred, or without a descriptor.
// Cost      O(highest order).
template <class Map>
Result<Pfn> head_of(const Map& map, Pfn page) noexcept {
  for (unsigned raw = 0; raw <= Map::kGeometry.max_order().raw(); ++raw) {
    const Pfn start{align_down(page.raw, std::uint64_t{1} << raw)};
    const Descriptor* const head = map.find(start);
    if (head == nullptr) return Error::not_found;
    if (head->state() == State::nothing) continue;
    if (head->order().raw() < raw) return Error::not_found;  // a block that ends before `page`
    return start;
  }
  return Error::not_found;
}

}  // namespace quarry::page
