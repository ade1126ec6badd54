// quarry/early/memblock_alloc.cpp: finding a place, and the ladder of what is tried when there is none.
//
//   node and mirror -> any node, mirror -> node, unmirrored -> any node, unmirrored -> again without `min`
#include "quarry/base/bits.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::early {
namespace {

constexpr PhysAddr higher(PhysAddr a, PhysAddr b) noexcept { return a < b ? b : a; }
constexpr PhysAddr lower(PhysAddr a, PhysAddr b) noexcept { return a < b ? a : b; }

constexpr TextView kNoMirrorLeft{"no mirrored memory is left: unmirrored is tried"};
constexpr TextView kNodeIsFull{"the node has no room: any node is tried"};
constexpr TextView kForgetMin{"no room above the minimum: it is dropped"};
constexpr TextView kNoAlignment{"no alignment was asked for: a cache line's is taken"};

std::optional<PhysAddr> lowest_fit(PhysRange gap, Bytes size, Bytes alignment) noexcept {
  const auto at = align_up(gap.begin().raw, alignment.raw);
  if (!at || at.value() >= gap.end().raw || gap.end().raw - at.value() < size.raw) return std::nullopt;
  return PhysAddr{at.value()};
}

std::optional<PhysAddr> highest_fit(PhysRange gap, Bytes size, Bytes alignment) noexcept {
  if (gap.end().raw < size.raw) return std::nullopt;
  const PhysAddr at{align_down(gap.end().raw - size.raw, alignment.raw)};
  if (at < gap.begin()) return std::nullopt;
  return at;
}

}  // namespace

// Which memory regions a rung may look at.
WalkBounds Memblock::bounds(const RegionTable* taken, NodeId node, Flags flags) const noexcept {
  return {&memory_.table, taken, {node, flags, config_.movable_node == MovableNode::on}};
}

Flags Memblock::choose_flags() const noexcept { return has_mirror_ ? Flags::mirror : Flags::none; }

// The first page is never given away, however low `min` is.
PhysRange Memblock::window_of(const Request& request) const noexcept {
  const bool is_limit = request.max == kAccessible || request.max == kNoLeakTrace;
  const PhysAddr end = is_limit ? config_.current_limit : lower(request.max, phys_addr_max());
  const PhysAddr begin = higher(request.min, PhysAddr{config_.page.bytes().raw});
  return {begin, higher(begin, end)};
}

Result<Request> Memblock::checked(const Request& request, TextView owner) const noexcept {
  Request sound = request;
  if (sound.alignment.raw == 0) {
    sound.alignment = config_.cache_line;
    tell_fallback(sound, owner, kNoAlignment);
  }
  if (sound.size.raw == 0 || !is_power_of_two(sound.alignment.raw)) return Error::bad_argument;
  return sound;
}

Result<PhysAddr> Memblock::find_rung(const Request& request, Flags flags) const noexcept {
  WalkBounds where = bounds(&reserved_.table, request.node, flags);
  where.window = window_of(request);
  if (config_.direction == Direction::bottom_up) {
    for (const MemoryRange& gap : FreeRanges<Walk::upwards>{where})
      if (const auto at = lowest_fit(gap.range, request.size, request.alignment)) return *at;
  } else {
    for (const MemoryRange& gap : FreeRanges<Walk::downwards>{where})
      if (const auto at = highest_fit(gap.range, request.size, request.alignment)) return *at;
  }
  return Error::no_memory;
}

Result<PhysAddr> Memblock::find_in_range_node(const Request& request, Flags flags) const noexcept {
  const auto sound = checked(request, {});
  if (!sound) return sound.error();
  return find_rung(sound.value(), flags);
}

Result<PhysAddr> Memblock::find_in_range(const Request& request) const noexcept {
  auto sound = checked(request, {});
  if (!sound) return sound.error();
  Request anywhere = sound.value();
  anywhere.node = kAnyNode;
  const Flags flags = choose_flags();
  const auto found = find_rung(anywhere, flags);
  if (found || !has(flags, Flags::mirror)) return found;
  tell_fallback(anywhere, {}, kNoMirrorLeft);
  return find_rung(anywhere, without(flags, Flags::mirror));
}

Result<PhysAddr> Memblock::find_and_reserve(const Request& request, Flags flags) noexcept {
  const auto found = find_rung(request, flags);
  if (!found) return found;
  const auto taken =
      add_range(reserved_, PhysRange::sized(found.value(), request.size), Flags::none, kAnyNode);
  if (!taken) return taken.error();
  return found;
}

// A rung also fails when the reservation has no room; if all do, that is the reason to report.
Result<Memblock::Found> Memblock::climb(const Request& request, NodePolicy policy, TextView owner) noexcept {
  Error why = Error::no_memory;
  const bool may_leave_node = request.node != kAnyNode && policy == NodePolicy::preferred;
  Request any = request;
  any.node = kAnyNode;
  for (Flags flags = choose_flags();; flags = without(flags, Flags::mirror)) {
    const bool gave_up_mirror = has_mirror_ && !has(flags, Flags::mirror);
    const auto here = find_and_reserve(request, flags);
    if (here) return Found{here.value(), gave_up_mirror ? Rung::unmirrored : Rung::as_asked};
    if (here.error() != Error::no_memory) why = here.error();
    if (may_leave_node) {
      tell_fallback(request, owner, kNodeIsFull);
      const auto there = find_and_reserve(any, flags);
      if (there) return Found{there.value(), gave_up_mirror ? Rung::unmirrored_any_node : Rung::any_node};
      if (there.error() != Error::no_memory) why = there.error();
    }
    if (!has(flags, Flags::mirror)) return why;
    tell_fallback(request, owner, kNoMirrorLeft);
  }
}

Result<PhysAddr> Memblock::alloc_range_nid(const Request& request, NodePolicy policy,
                                           TextView owner) noexcept {
  const auto sound = checked(request, owner);
  if (!sound) return sound.error();
  return told(sound.value(), climb(sound.value(), policy, owner), owner);
}

Result<PhysAddr> Memblock::phys_alloc_range(const Request& request, TextView owner) noexcept {
  Request anywhere = request;
  anywhere.node = kAnyNode;
  return alloc_range_nid(anywhere, NodePolicy::preferred, owner);
}

Result<PhysAddr> Memblock::phys_alloc_try_nid(const Request& request, TextView owner) noexcept {
  Request open = request;
  open.min = PhysAddr{0};
  open.max = kAccessible;
  return alloc_range_nid(open, NodePolicy::preferred, owner);
}

Result<PhysAddr> Memblock::alloc_internal(const Request& request, NodePolicy policy, Contents contents,
                                          TextView owner) noexcept {
  const auto sound = checked(request, owner);
  if (!sound) return sound.error();
  Request at_most = sound.value();
  if (at_most.max > config_.current_limit) at_most.max = config_.current_limit;
  auto found = climb(at_most, policy, owner);
  bool below_min = false;
  if (!found && at_most.min.raw != 0) {
    tell_fallback(at_most, owner, kForgetMin);
    at_most.min = PhysAddr{0};
    found = climb(at_most, policy, owner);
    below_min = true;
  }
  if (!found) return told(sound.value(), found, owner);
  const PhysRange range = PhysRange::sized(found.value().at, at_most.size);
  if (contents == Contents::zeroed && !zero(range)) {
    reserved_.table.remove(range);
    return told(sound.value(), Error::out_of_range, owner);
  }
  return told(sound.value(), Found{found.value().at, found.value().rung, below_min}, owner);
}

// Returns   false when there is a direct map and the range is not in it.
bool Memblock::zero(PhysRange range) const noexcept {
  if (direct_map_.map == nullptr) return true;
  std::byte* const memory = direct_map_.at(range);
  if (memory == nullptr) return false;
  for (std::size_t i = 0; i < range.size().raw; ++i) memory[i] = std::byte{0};
  return true;
}

Result<PhysAddr> Memblock::alloc_try_nid(const Request& request, TextView owner) noexcept {
  return alloc_internal(request, NodePolicy::preferred, Contents::zeroed, owner);
}
Result<PhysAddr> Memblock::alloc_try_nid_raw(const Request& request, TextView owner) noexcept {
  return alloc_internal(request, NodePolicy::preferred, Contents::raw, owner);
}
Result<PhysAddr> Memblock::alloc_exact_nid_raw(const Request& request, TextView owner) noexcept {
  return alloc_internal(request, NodePolicy::exact, Contents::raw, owner);
}
Result<PhysAddr> Memblock::alloc(Bytes size, Bytes alignment, TextView owner) noexcept {
  return alloc_try_nid({.size = size, .alignment = alignment}, owner);
}
Result<PhysAddr> Memblock::alloc_node(Bytes size, Bytes alignment, NodeId node, TextView owner) noexcept {
  return alloc_try_nid({.size = size, .alignment = alignment, .node = node}, owner);
}
Result<PhysAddr> Memblock::alloc_low(Bytes size, Bytes alignment, TextView owner) noexcept {
  return alloc_try_nid({.size = size, .alignment = alignment, .max = config_.low_limit}, owner);
}
Result<PhysAddr> Memblock::alloc_from(Bytes size, Bytes alignment, PhysAddr min, TextView owner) noexcept {
  return alloc_try_nid({.size = size, .alignment = alignment, .min = min}, owner);
}

Result<PhysAddr> Memblock::steal(Bytes size, Bytes alignment, TextView owner) noexcept {
  const auto at = phys_alloc_range({.size = size, .alignment = alignment}, owner);
  if (!at) return at;
  const PhysRange range = PhysRange::sized(at.value(), size);
  // While it is still reserved, so that a memory table that has to grow for this does not grow into it.
  const auto split = remove_range(memory_, range);
  reserved_.table.remove(range);  // undoes the reservation just made, for which there is room
  observer_.tell({.action = Action::free, .range = range, .owner = owner});
  if (!split) return split.error();
  observer_.tell({.action = Action::remove, .range = range, .owner = owner, .pieces = split.value()});
  return at;
}

Result<PhysAddr> Memblock::told(const Request& request, const Result<Found>& found,
                                TextView owner) const noexcept {
  Event event{.action = found ? Action::alloc : Action::alloc_failed,
              .range = found ? PhysRange::sized(found.value().at, request.size) : window_of(request),
              .node = request.node,
              .owner = owner,
              .size = request.size,
              .alignment = request.alignment};
  if (request.max == kNoLeakTrace) event.leak = LeakTrace::untraced;
  if (found) event.reason = reason_of(found.value());
  observer_.tell(event);
  if (!found) return found.error();
  return found.value().at;
}

void Memblock::tell_fallback(const Request& request, TextView owner, TextView reason) const noexcept {
  observer_.tell({.action = Action::fallback,
                  .range = window_of(request),
                  .node = request.node,
                  .owner = owner,
                  .reason = reason,
                  .size = request.size,
                  .alignment = request.alignment});
}

TextView Memblock::reason_of(const Found& found) const noexcept {
  switch (found.rung) {
    case Rung::as_asked:
      if (found.below_min) return "below the minimum, where there was no room";
      return config_.direction == Direction::bottom_up ? "lowest place that fits" : "highest place that fits";
    case Rung::any_node:
      return found.below_min ? "any node, below the minimum" : "any node: the wanted one has no room";
    case Rung::unmirrored:
      return found.below_min ? "unmirrored, below the minimum" : "unmirrored: no mirrored memory is left";
    case Rung::unmirrored_any_node:
      return found.below_min ? "unmirrored, any node, below the minimum" : "unmirrored, any node";
  }
  return {};
}

}  // namespace quarry::early
