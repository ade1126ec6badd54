// quarry/slab/page_source.hpp: what slabs ask of whoever owns the pages.
#pragma once

#include <bit>
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

// A piece of memory and the descriptors of its pages.
template <class D, unsigned kPageShift>
struct DirectRam {
  std::uintptr_t begin = 0, bytes = 0;
  D* first = nullptr;
  Pfn first_page{};

  // Null where `pointer` is elsewhere.
  [[gnu::always_inline]] D* descriptor_of(const void* pointer) const noexcept {
    const std::uintptr_t offset = reinterpret_cast<std::uintptr_t>(pointer) - begin;
    if (offset >= bytes) [[unlikely]]
      return nullptr;
    D* const found = first + (offset >> kPageShift);
    if (found == nullptr) __builtin_unreachable();  // where there are bytes there are descriptors
    return found;
  }
  D* descriptor_of(Pfn page) const noexcept {
    const std::uint64_t at = page.raw - first_page.raw;
    return at < bytes >> kPageShift ? first + at : nullptr;
  }
  // The memory of a page and those behind it, all of which are here if the first is; null where it is elsewhere.
  std::byte* memory_of(Pfn page) const noexcept {
    const std::uint64_t at = page.raw - first_page.raw;
    return at < bytes >> kPageShift
               ? std::bit_cast<std::byte*>(begin + (static_cast<std::uintptr_t>(at) << kPageShift))
               : nullptr;
  }
};

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
//   direct_ram()                    frames whose memory and whose descriptors both stand in a row: as many as possible, whole
//                                   blocks of the highest order only
//   home_of(core)                   the node whose memory is nearest to a core
//   Cores, cores()                  the cores that call (quarry/port/platform.hpp); pages are asked for with nothing held
//
// Law: a frame that is not the first of its block has a descriptor of state `nothing` (page/descriptor.hpp); slabs write theirs,
//      and clear them before the block goes back.
// Law: map() gives the same answer for as long as the block is allocated, aligned to a page.
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
      { p.direct_ram().descriptor_of(pointer) } noexcept -> std::convertible_to<const page::Descriptor*>;
      { p.home_of(0u) } noexcept -> std::same_as<NodeId>;
      { p.cores() } noexcept -> std::same_as<const typename P::Cores&>;
      requires port::Cores<typename P::Cores>;
    };

// The node of the core that asks.
inline constexpr NodeId kHere{0xffff};

// Where an object or a block should lie, and how hard to try.
struct Where {
  NodeId node = kHere;
  buddy::Placement placement = buddy::Placement::nearest;
  buddy::Urgency urgency = buddy::Urgency::normal;
  buddy::Effort effort = buddy::Effort::full;  // no_wait: no pressure hook is called
};

// The node that is asked, where it may be that of the core that runs.
template <class P>
NodeId node_asked(P& pages, NodeId node) noexcept {
  return node == kHere ? pages.home_of(pages.cores().this_core()) : node;
}

// The same in one word, so that what is known when compiled travels as a number.
constexpr std::uint64_t pack(const Where& where) noexcept {
  return std::uint64_t{static_cast<std::uint8_t>(where.placement)} |
         std::uint64_t{static_cast<std::uint8_t>(where.urgency)} << 8 |
         std::uint64_t{static_cast<std::uint8_t>(where.effort)} << 16 |
         std::uint64_t{static_cast<std::uint16_t>(where.node)} << 24;
}
constexpr Where unpack_where(std::uint64_t word) noexcept {
  const auto byte = [word](unsigned at) noexcept { return static_cast<std::uint8_t>(word >> 8 * at); };
  return {.node = static_cast<NodeId>(static_cast<std::uint16_t>(word >> 24)),
          .placement = static_cast<buddy::Placement>(byte(0)),
          .urgency = static_cast<buddy::Urgency>(byte(1)),
          .effort = static_cast<buddy::Effort>(byte(2))};
}

// The descriptor of a frame that has one.
template <PageSource P>
page::Descriptor& known(P& pages, Pfn page) noexcept {
  page::Descriptor* const found = pages.find(page);
  check(found != nullptr, "this frame has no descriptor");
  return *found;
}

// The first frame of the block that `page` lies in.
//
//   block of 8   |head|tail|tail|tail|tail|tail|tail|tail|
//   pfn           ..000 ..001 ..010 ..011 ..100 ..101 ..110 ..111
//
// A block is aligned to its size, so its head is `page` with some of the lowest set bits cleared; on the way
// there stand only tails, whose descriptors say `nothing`. A slab's tails say how many bits.
//
// Errors    not_found: no block covers `page`.
// Cost      one descriptor in a slab, and one for each bit cleared in another block.
template <PageSource P>
Result<Pfn> head_of(P& pages, Pfn page) noexcept {
  const std::uint64_t reach = P::kGeometry.max_order().pages().raw;
  for (std::uint64_t at = page.raw; page.raw - at < reach; at &= at - 1) {
    const page::Descriptor* const descriptor = pages.find(Pfn{at});
    if (descriptor == nullptr) return Error::not_found;
    if (descriptor->state() != page::State::nothing) {
      const Pfn head{align_down(at, descriptor->order().pages().raw)};
      if ((page - head) >= descriptor->order().pages()) return Error::not_found;
      return head;
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
