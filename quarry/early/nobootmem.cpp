#include "quarry/early/nobootmem.hpp"

#include "quarry/base/bits.hpp"

namespace quarry::early {
namespace {

constexpr PhysAddr kNone{0};

constexpr PhysAddr lower(PhysAddr a, PhysAddr b) noexcept { return a < b ? a : b; }

}  // namespace

Nobootmem::Nobootmem(const NobootmemConfig& config, Memblock& memblock, DirectMap direct_map) noexcept
    : config_{config}, memblock_{memblock}, direct_map_{direct_map} {}

Result<Done> Nobootmem::reserve(PhysAddr at, Bytes size, BootmemReserve how, TextView owner) noexcept {
  if (size.raw > UINT64_MAX - at.raw) return Error::overflow;
  const PhysRange range = PhysRange::sized(at, size);
  if (how == BootmemReserve::exclusive && memblock_.is_region_reserved(range)) return Error::busy;
  return memblock_.reserve(range, owner);
}

Result<Done> Nobootmem::reserve_node(NodeId, PhysAddr at, Bytes size, BootmemReserve how,
                                     TextView owner) noexcept {
  return reserve(at, size, how, owner);
}

Result<Done> Nobootmem::free(PhysAddr at, Bytes size, TextView owner) noexcept {
  return memblock_.free(PhysRange::sized(at, size), owner);
}

Result<Done> Nobootmem::free_node(NodeId, PhysAddr at, Bytes size, TextView owner) noexcept {
  return free(at, size, owner);
}

// One rung: __alloc_memory_core_early. `limit` 0 is the current limit. A limit of 1 means something else to
// memblock, but 2 says the same here: nothing fits below the end of the first page.
Result<PhysAddr> Nobootmem::try_core(const BootmemRequest& request, NodeId node, PhysAddr limit,
                                     TextView owner) noexcept {
  PhysAddr max = limit == kNone ? kAccessible : lower(limit, memblock_.current_limit());
  if (max == kNoLeakTrace) max = PhysAddr{2};
  const Request rung{request.size, request.alignment, request.goal, max, node};
  std::byte* memory = nullptr;
  if (direct_map_.map != nullptr) {
    // Looked at before it is taken: giving it back could want room in a full table.
    const auto found = find(rung);
    if (found) memory = direct_map_.at(PhysRange::sized(found.value(), request.size));
    if (found && memory == nullptr) return Error::out_of_range;
  }
  const auto at = memblock_.alloc_range_nid(rung, NodePolicy::exact, owner);
  if (!at || direct_map_.map == nullptr) return at;
  check(memory != nullptr, "what can be allocated can be found");
  for (std::size_t i = 0; i < request.size.raw; ++i) memory[i] = std::byte{0};
  return at;
}

// Where alloc_range_nid will find it.
Result<PhysAddr> Nobootmem::find(const Request& rung) const noexcept {
  if (memblock_.has_mirror()) {
    const auto mirrored = memblock_.find_in_range_node(rung, Flags::mirror);
    if (mirrored) return mirrored;
  }
  return memblock_.find_in_range_node(rung, Flags::none);
}

// For kAnyNode the second try would be the first one again.
Result<PhysAddr> Nobootmem::climb(const BootmemRequest& request, NodeId node, PhysAddr limit,
                                  TextView owner) noexcept {
  BootmemRequest rung = request;
  for (;;) {
    auto got = try_core(rung, node, limit, owner);
    if (!got && got.error() == Error::no_memory && node != kAnyNode)
      got = try_core(rung, kAnyNode, limit, owner);
    if (got || got.error() != Error::no_memory || rung.goal == kNone) return got;
    rung.goal = kNone;
  }
}

Result<PhysAddr> Nobootmem::alloc(const BootmemRequest& request, TextView owner) noexcept {
  return climb(request, kAnyNode, kAnywhere, owner);
}
Result<PhysAddr> Nobootmem::alloc_low(const BootmemRequest& request, TextView owner) noexcept {
  return climb(request, kAnyNode, memblock_.config().low_limit, owner);
}
Result<PhysAddr> Nobootmem::alloc_node(NodeId node, const BootmemRequest& request, TextView owner) noexcept {
  return climb(request, node, kNone, owner);
}
Result<PhysAddr> Nobootmem::alloc_node_high(NodeId node, const BootmemRequest& request,
                                            TextView owner) noexcept {
  return alloc_node(node, request, owner);
}
Result<PhysAddr> Nobootmem::alloc_low_node(NodeId node, const BootmemRequest& request,
                                           TextView owner) noexcept {
  return climb(request, node, memblock_.config().low_limit, owner);
}
Result<PhysAddr> Nobootmem::alloc_node_limit(NodeId node, const BootmemRequest& request, PhysAddr limit,
                                             TextView owner) noexcept {
  return climb(request, node, limit, owner);
}

// Each block is as large as its begin is aligned and what is left allows.
PageCount Nobootmem::release(PfnRange pages, PageReceiver receiver) const noexcept {
  for (std::uint64_t at = pages.begin().raw, end = pages.end().raw; at < end;) {
    unsigned order = config_.max_order.raw();
    if (const unsigned aligned = count_trailing_zeros(at); aligned < order) order = aligned;
    while (std::uint64_t{1} << order > end - at) --order;
    receiver({.first = Pfn{at}, .order = Order{order}});
    at += std::uint64_t{1} << order;
  }
  return pages.size();
}

Result<Handover> Nobootmem::free_all(PageReceiver receiver) noexcept {
  const auto cleared = memblock_.clear_hotplug({PhysAddr{0}, kAnywhere});
  if (!cleared) return cleared.error();
  Handover all{};
  for (const MemoryRange& gap : memblock_.free_ranges()) {
    const PfnRange whole = PfnRange::inside(gap.range, page());
    const Pfn end = whole.end() < config_.max_low_pfn ? whole.end() : config_.max_low_pfn;
    if (whole.begin() < end) all.pages.raw += release({whole.begin(), end}, receiver).raw;
  }
  totalram_pages_.raw += all.pages.raw;
  return all;
}

PageCount Nobootmem::free_late(PhysAddr at, Bytes size, PageReceiver receiver, TextView owner) noexcept {
  const PfnRange pages = memblock_.free_late(PhysRange::sized(at, size), owner);
  for (Pfn page = pages.begin(); page < pages.end(); ++page.raw) receiver({.first = page});
  totalram_pages_.raw += pages.size().raw;
  return pages.size();
}

}  // namespace quarry::early
