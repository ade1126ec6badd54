// quarry/slab/page_source.hpp: what slabs ask of whoever owns the pages.
#pragma once

#include <concepts>
#include <cstddef>
#include <span>

#include "quarry/base/geometry.hpp"
#include "quarry/base/range.hpp"
#include "quarry/base/result.hpp"
#include "quarry/buddy/request.hpp"
#include "quarry/page/descriptor.hpp"
#include "quarry/port/core_hold.hpp"
#include "quarry/port/one_core.hpp"
#include "quarry/zones/zones.hpp"

namespace quarry::slab {

// The page allocator, its memory map and the port's direct map, seen as one object.
//
//   kGeometry                       page size and highest order
//   alloc_pages(order, request)     the first frame of a block aligned to its size; its descriptor is `allocated`
//   free_pages(pfn, order)          and back
//   find(pfn)                       the frame's descriptor, null where there is none
//   node_of(pfn)                    the node whose memory it is
//   nodes()                         the online nodes, by id, with their spans and fallback orders
//   map(pages)                      the memory of the frames, in one piece; null where it is not mapped
//   pfn_of(pointer)                 the frame that map() shows there. Errors: out_of_range
//   Cores, cores()                  the cores that call (quarry/port/platform.hpp); pages are asked for with nothing held
//
// Law: a frame that is not the first of its block has a descriptor of state `nothing` (page/descriptor.hpp).
// Law: map() gives the same answer for as long as the block is allocated.
template <class P>
concept PageSource =
    requires(P& p, const buddy::Request& request, Order order, Pfn pfn, const void* pointer) {
      { P::kGeometry } -> std::convertible_to<Geometry>;
      { p.alloc_pages(order, request) } noexcept -> std::same_as<Result<Pfn>>;
      { p.free_pages(pfn, order) } noexcept -> std::same_as<Result<Done>>;
      { p.find(pfn) } noexcept -> std::same_as<page::Descriptor*>;
      { p.node_of(pfn) } noexcept -> std::same_as<NodeId>;
      { p.nodes() } noexcept -> std::convertible_to<std::span<const zones::Node>>;
      { p.map(PfnRange{}) } noexcept -> std::same_as<std::byte*>;
      { p.pfn_of(pointer) } noexcept -> std::same_as<Result<Pfn>>;
      { p.cores() } noexcept -> std::same_as<const typename P::Cores&>;
      requires port::Cores<typename P::Cores>;
    };

// Where an object or a block should lie, and how hard to try.
struct Where {
  NodeId node{};
  buddy::Placement placement = buddy::Placement::nearest;
  buddy::Urgency urgency = buddy::Urgency::normal;
};

// The first frame of the block that `page` lies in.
//
//   block of 8   |head|tail|tail|tail|tail|tail|tail|tail|
//   pfn           ..000 ..001 ..010 ..011 ..100 ..101 ..110 ..111
//
// A block is aligned to its size, so its head is `page` with some of the lowest set bits cleared; on the way
// there stand only tails, whose descriptors say `nothing`. No tail is ever written to be found again.
//
// Errors    not_found: no block covers `page`.
// Cost      one descriptor for each bit cleared: at most four in a slab of order 3.
template <PageSource P>
Result<Pfn> head_of(P& pages, Pfn page) noexcept {
  const std::uint64_t reach = P::kGeometry.max_order().pages().raw;
  for (std::uint64_t at = page.raw; page.raw - at < reach; at &= at - 1) {
    const page::Descriptor* const descriptor = pages.find(Pfn{at});
    if (descriptor == nullptr) return Error::not_found;
    if (descriptor->state() != page::State::nothing) {
      if (page.raw - at >= descriptor->order().pages().raw) return Error::not_found;
      return Pfn{at};
    }
    if (at == 0) break;
  }
  return Error::not_found;
}

// The node's place in the layout; null for a node that is not online.
template <PageSource P>
const zones::Node* find_node(P& pages, NodeId wanted) noexcept {
  const std::span<const zones::Node> nodes = pages.nodes();
  const std::size_t raw = static_cast<std::size_t>(wanted);
  if (raw < nodes.size() && nodes[raw].id == wanted) return &nodes[raw];  // ids are dense on most machines
  for (const zones::Node& node : nodes)
    if (node.id == wanted) return &node;
  return nullptr;
}

}  // namespace quarry::slab
