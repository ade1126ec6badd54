// quarry/early/bootmem_alloc.cpp: which nodes are tried for an allocation, in which order.
//
//   any node    from the goal on -> any node
//   a node      it, from the goal on -> any, from the goal on -> it -> any
#include "quarry/early/bootmem.hpp"

namespace quarry::early {
namespace {

constexpr TextView kNodeIsFull{"the node has no room: any node is tried"};
constexpr TextView kForgetGoal{"no room from the goal on: it is dropped"};
constexpr TextView kForgetLimit{"goal and size go past the limit: it is dropped"};
constexpr TextView kNotHigh{"no room on the node above 32-bit DMA: anywhere is tried"};

constexpr PhysAddr kNone{0};

constexpr bool goes_on(const Result<PhysAddr>& got) noexcept {
  return !got && got.error() == Error::no_memory;
}

constexpr TextView reason_of(const BootmemPlace& place) noexcept {
  if (place.is_packed) return "behind the last allocation, in the same page";
  switch (place.rung) {
    case BootmemPlace::Rung::start: return "first place on the node that fits";
    case BootmemPlace::Rung::goal: return "first place from the goal on that fits";
    case BootmemPlace::Rung::hint: return "first place from the hint on that fits";
    case BootmemPlace::Rung::before_hint:
      return "nothing fits from the hint on: searched once more before it";
  }
  return {};
}

}  // namespace

Result<PhysAddr> Bootmem::take(BootmemData& data, const BootmemPlace& place, const Asker& asker) noexcept {
  const PhysAddr base = config_.page.address_of(data.node_min_pfn());
  const PhysRange range{base + place.begin, base + place.end};
  if (direct_map_.map != nullptr && config_.contents == BootmemContents::zeroed) {
    std::byte* const memory = direct_map_.at(range);
    if (memory == nullptr) return Error::out_of_range;
    for (std::size_t i = 0; i < range.size().raw; ++i) memory[i] = std::byte{0};
  }
  check(place.first >= place.last || data.map.next_set(place.first, place.last) == place.last,
        "what is handed out was free");
  data.map.set(place.first, place.last);
  data.last_end_off = place.end;
  data.hint_idx = PageCount{config_.page.pfn_up(PhysAddr{place.end.raw}).raw};
  check(data.hint_idx <= data.pages.size(), "an allocation ends on its node");
  observer_.tell({.action = Action::alloc,
                  .range = range,
                  .node = data.node,
                  .owner = asker.owner,
                  .reason = reason_of(place),
                  .size = asker.request.size,
                  .alignment = asker.request.alignment});
  return range.begin();
}

Result<PhysAddr> Bootmem::try_node(BootmemData& data, const Asker& asker, PhysAddr goal,
                                   PhysAddr limit) noexcept {
  const auto place =
      find_place(data, {asker.request.size, asker.request.alignment, goal, limit}, config_.page);
  if (!place) return place.error();
  return take(data, place.value(), asker);
}

Result<PhysAddr> Bootmem::try_any(const Asker& asker, PhysAddr goal, PhysAddr limit) noexcept {
  for (BootmemData& data : nodes_) {
    if (goal != kNone && data.node_low_pfn() <= config_.page.pfn_down(goal)) continue;
    if (limit != kNone && data.node_min_pfn() >= config_.page.pfn_down(limit)) break;
    const auto got = try_node(data, asker, goal, limit);
    if (!goes_on(got)) return got;
  }
  return Error::no_memory;
}

Result<PhysAddr> Bootmem::climb_any(const Asker& asker, PhysAddr limit) noexcept {
  const auto got = try_any(asker, asker.request.goal, limit);
  if (!goes_on(got) || asker.request.goal == kNone) return got;
  tell_fallback(asker, kForgetGoal);
  return try_any(asker, kNone, limit);
}

Result<PhysAddr> Bootmem::climb_node(const Asker& asker, PhysAddr limit) noexcept {
  BootmemData stranger{.node = asker.node, .is_handed_over = true};
  BootmemData* const known = record(asker.node);
  BootmemData& own = known != nullptr ? *known : stranger;
  for (PhysAddr goal = asker.request.goal;; goal = kNone) {
    const std::uint64_t size = asker.request.size.raw;
    if (limit != kNone && (size > limit.raw || goal.raw > limit.raw - size)) {
      tell_fallback(asker, kForgetLimit);
      limit = kNone;
    }
    const auto here = try_node(own, asker, goal, limit);
    if (!goes_on(here)) return here;
    tell_fallback(asker, kNodeIsFull);
    const auto there = try_any(asker, goal, limit);
    if (!goes_on(there) || goal == kNone) return there;
    tell_fallback(asker, kForgetGoal);
  }
}

Result<PhysAddr> Bootmem::alloc(const BootmemRequest& request, TextView owner) noexcept {
  const Asker asker{request, kAnyNode, owner};
  return counted(climb_any(asker, kNone), asker);
}

Result<PhysAddr> Bootmem::alloc_low(const BootmemRequest& request, TextView owner) noexcept {
  const Asker asker{request, kAnyNode, owner};
  return counted(climb_any(asker, config_.low_limit), asker);
}

Result<PhysAddr> Bootmem::alloc_node(NodeId node, const BootmemRequest& request, TextView owner) noexcept {
  return alloc_node_limit(node, request, kNone, owner);
}

Result<PhysAddr> Bootmem::alloc_low_node(NodeId node, const BootmemRequest& request,
                                         TextView owner) noexcept {
  return alloc_node_limit(node, request, kNone, owner);
}

Result<PhysAddr> Bootmem::alloc_node_limit(NodeId node, const BootmemRequest& request, PhysAddr limit,
                                           TextView owner) noexcept {
  const Asker asker{request, node, owner};
  return counted(climb_node(asker, limit), asker);
}

Result<PhysAddr> Bootmem::alloc_node_high(NodeId node, const BootmemRequest& request,
                                          TextView owner) noexcept {
  const Asker asker{request, node, owner};
  BootmemData* const data = record(node);
  const PageSize page = config_.page;
  if (config_.max_dma32_pfn && data != nullptr && page.pfn_down(request.goal) < *config_.max_dma32_pfn) {
    // Linux means 128 MiB above, but shifts so that nothing is left of them with pages of 4 KiB.
    const PageCount above{std::uint64_t{128} >> (20 - page.shift())};
    if (data->node_low_pfn() > *config_.max_dma32_pfn + above) {
      const auto high = try_node(*data, asker, page.address_of(*config_.max_dma32_pfn), kNone);
      if (!goes_on(high)) return counted(high, asker);
      tell_fallback(asker, kNotHigh);
    }
  }
  return counted(climb_node(asker, kNone), asker);
}

Result<PhysAddr> Bootmem::counted(const Result<PhysAddr>& got, const Asker& asker) noexcept {
  if (got) {
    ++allocations_;
    asked_ = Bytes{asked_.raw + asker.request.size.raw};
    return got;
  }
  ++failures_;
  observer_.tell({.action = Action::alloc_failed,
                  .range = {asker.request.goal, kAnywhere},
                  .node = asker.node,
                  .owner = asker.owner,
                  .size = asker.request.size,
                  .alignment = asker.request.alignment});
  return got;
}

void Bootmem::tell_fallback(const Asker& asker, TextView reason) const noexcept {
  observer_.tell({.action = Action::fallback,
                  .range = {asker.request.goal, kAnywhere},
                  .node = asker.node,
                  .owner = asker.owner,
                  .reason = reason,
                  .size = asker.request.size,
                  .alignment = asker.request.alignment});
}

}  // namespace quarry::early
