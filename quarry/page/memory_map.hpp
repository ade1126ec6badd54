// quarry/page/memory_map.hpp: from a frame number to its descriptor and back, in either memory model.
#pragma once

#include <type_traits>

#include "quarry/base/bits.hpp"
#include "quarry/page/flat_map.hpp"
#include "quarry/page/sparse_map.hpp"

namespace quarry::page {

namespace detail {

template <Geometry G, class Extra, bool is_flat>
struct MapOf {
  using type = SparseMap<G, Extra>;
};
template <Geometry G, class Extra>
struct MapOf<G, Extra, true> {
  using type = FlatMap<G, Extra>;
};

}  // namespace detail

// The map that geometry G asks for. Both say the same things:
//
//   init(layout, source)   takes the descriptors' memory; writes none of it. O(regions + sections).
//   find(pfn)              the descriptor, or null where there is none. O(1).
//   pfn_of(descriptor)     back again. O(runs of sections).
//   pageblock_type(pfn), set_pageblock_type(pfn, type)
//   node_of(pfn)           the node whose metadata describes it.
//   extension_base(pfn)    where the page extensions of its section or array begin
//
// Map::Descriptor is what it describes frames with: sixteen bytes, or more with an embedder's Extra behind them.
// Sections come and go while the machine runs: see SparseMap. A flat map stays as it is.
template <Geometry G, class Extra = NoExtra>
using MemoryMap = typename detail::MapOf<G, Extra, G.is_flat()>::type;

// The start of the block that `page` lies in, free or not, head or tail.
//
// Errors    not_found: it lies in no block: never handed over, deferred, or without a descriptor.
// Cost      O(highest order).
template <class Map>
Result<Pfn> head_of(const Map& map, Pfn page) noexcept {
  for (unsigned raw = 0; raw <= Map::kGeometry.max_order().raw(); ++raw) {
    const Pfn start{align_down(page.raw, std::uint64_t{1} << raw)};
    const auto* const head = map.find(start);
    if (head == nullptr) return Error::not_found;
    if (head->state() == State::nothing) continue;
    // Of a slab any frame is found, but the head's number follows from its order.
    const Pfn first{align_down(start.raw, head->order().pages().raw)};
    if ((page - first) >= head->order().pages()) return Error::not_found;  // a block that ends before `page`
    return first;
  }
  return Error::not_found;
}

}  // namespace quarry::page
