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

}  // namespace

// Which memory regions a rung may look at.
WalkBounds Memblock::bounds(const RegionTable* taken, NodeId node, Flags flags) const noexcept {
  return {&memory_.table, taken, {node, flags, config_.movable_node == MovableNode::on}};
}

// What one rung of the ladder searches.
WalkBounds Memblock::rung_of(const Request& request, Flags flags) const noexcept {
  WalkBounds where = bounds(&reserved_.table, request.node, flags);
  where.window = window_of(request);
  return where;
}

Flags Memblock::choose_flags() const noexcept { return has_mirror_ ? Flags::mirror : Flags::none; }

// The first page is never given away, however low `min` is.
PhysRange Memblock::window_of(const Request& request) const noexcept {
  const bool is_limit = request.max == kAccessible || request.max == kNoLeakTrace;
  const PhysAddr end = is_limit ? config_.current_limit : lower(request.max, phys_addr_max());
  const PhysAddr begin = higher(request.min, PhysAddr{config_.page.bytes().raw});
  return {begin, higher(begin, end)};
}

// Gives who asks for no alignment a cache line's.
//
// Returns   whether the request makes sense.
bool Memblock::make_sound(Request& request, TextView owner) const noexcept {
  if (request.alignment.raw == 0) {
    request.alignment = config_.cache_line;
    tell_fallback(request, owner, kNoAlignment);
  }
  return request.size.raw != 0 && is_power_of_two(request.alignment.raw);
}

// The highest fit below `top_of_all` in the free ranges of `where`, which begin where a walk downwards would.
std::optional<Memblock::Place> Memblock::highest_place(const Request& request, const WalkBounds& where,
                                                       PhysAddr top_of_all) const noexcept {
  const Regions memory = memory_.table.view(), taken = reserved_.table.view();
  std::size_t gap = first_ending_above(taken, top_of_all);
  // Mostly the window ends above all memory.
  const bool is_open = memory.empty() || memory.back().base < top_of_all;
  for (std::size_t i = is_open ? memory.size() : first_beginning_from(memory, top_of_all); i > 0; --i) {
    const Region& region = memory[i - 1];
    if (region.end() <= where.window.begin()) break;
    if (!where.filter.takes(region)) continue;
    const PhysAddr low = higher(region.base, where.window.begin());
    const PhysAddr high = lower(region.end(), top_of_all);
    PhysAddr end = gap < taken.size() ? taken[gap].base : PhysAddr{UINT64_MAX};
    while (end > low) {
      const PhysAddr floor = gap == 0 ? PhysAddr{0} : taken[gap - 1].end();
      const std::uint64_t begin = higher(floor, low).raw, top = lower(end, high).raw;
      if (top > begin && top - begin >= request.size.raw) {
        const std::uint64_t at = (top - request.size.raw) & ~(request.alignment.raw - 1);
        if (at >= begin) return Place{PhysAddr{at}, gap};
      }
      if (floor <= low) break;  // the next region of memory may share this gap
      end = taken[--gap].base;
    }
  }
  return std::nullopt;
}

// The lowest fit from `bottom_of_all` on in the free ranges of `where`.
std::optional<Memblock::Place> Memblock::lowest_place(const Request& request, WalkBounds where,
                                                      PhysAddr bottom_of_all) const noexcept {
  where.window = {bottom_of_all, where.window.end()};
  for (const MemoryRange& gap : FreeRanges<Walk::upwards>{where})
    if (const auto at = lowest_fit(gap.range, request.size, request.alignment)) return Place{*at};
  return std::nullopt;
}

std::optional<Memblock::Place> Memblock::find_place(const Request& request,
                                                    const WalkBounds& where) const noexcept {
  if (config_.direction == Direction::bottom_up) {
    PhysAddr bottom = where.window.begin();
    if (knows_bounds())
      bottom = lower(where.window.end(), floors_.of({request.size, request.alignment, where.filter, bottom}));
    return lowest_place(request, where, bottom);
  }
  PhysAddr top = where.window.end();
  if (knows_bounds())
    top = higher(where.window.begin(), ceilings_.of({request.size, request.alignment, where.filter, top}));
  return highest_place(request, where, top);
}

Result<PhysAddr> Memblock::find_rung(const Request& request, Flags flags) const noexcept {
  const auto place = find_place(request, rung_of(request, flags));
  if (!place) return Error::no_memory;
  return place->at;
}

// Whether each ceiling is where a search that knows of none ends, or above.
bool Memblock::are_ceilings_true() const noexcept {
  for (const auto& [wanted, highest] : ceilings_.known()) {
    WalkBounds where{&memory_.table, &reserved_.table, wanted.filter, {PhysAddr{0}, wanted.top}};
    const auto found = highest_place({.size = wanted.size, .alignment = wanted.alignment}, where, wanted.top);
    if (found && found->at > highest) return false;
  }
  return true;
}

bool Memblock::are_floors_true() const noexcept {
  for (const auto& [wanted, lowest] : floors_.known()) {
    WalkBounds where{&memory_.table, &reserved_.table, wanted.filter, {wanted.bottom, PhysAddr{UINT64_MAX}}};
    const auto found =
        lowest_place({.size = wanted.size, .alignment = wanted.alignment}, where, wanted.bottom);
    if (found && found->at < lowest) return false;
  }
  return true;
}

Result<PhysAddr> Memblock::find_in_range_node(const Request& request, Flags flags) const noexcept {
  Request sound = request;
  if (!make_sound(sound, {})) return Error::bad_argument;
  return find_rung(sound, flags);
}

Result<PhysAddr> Memblock::find_in_range(const Request& request) const noexcept {
  Request anywhere = request;
  if (!make_sound(anywhere, {})) return Error::bad_argument;
  anywhere.node = kAnyNode;
  const Flags flags = choose_flags();
  const auto found = find_rung(anywhere, flags);
  if (found || !has(flags, Flags::mirror)) return found;
  tell_fallback(anywhere, {}, kNoMirrorLeft);
  return find_rung(anywhere, without(flags, Flags::mirror));
}

Result<PhysAddr> Memblock::find_and_reserve(const Request& request, Flags flags) noexcept {
  if (!knows_bounds()) {
    ceilings_.forget();
    floors_.forget();
  }
  bounds_of_ = memory_.table.version();
  const WalkBounds where = rung_of(request, flags);
  const auto found = find_place(request, where);
  if (!found) return Error::no_memory;
  const auto [at, gap] = *found;
  if (config_.direction == Direction::top_down)
    ceilings_.learn({request.size, request.alignment, where.filter, where.window.end()}, at);
  else
    floors_.learn({request.size, request.alignment, where.filter, where.window.begin()}, at);
  const PhysRange range = PhysRange::sized(at, request.size);
  if (gap && !reserved_.table.empty()) {
    const Region whole{range.begin(), range.size(), Flags::none, known(kAnyNode)};
    if (reserved_.table.add_between(*gap, whole)) return at;
  }
  const auto taken = add_range(reserved_, range, Flags::none, kAnyNode);
  if (!taken) return taken.error();
  return at;
}

// A rung also fails when the reservation has no room; if all do, that is the reason to report.
Result<Memblock::Found> Memblock::climb(const Request& request, NodePolicy policy, TextView owner) noexcept {
  Error why = Error::no_memory;
  const bool may_leave_node = request.node != kAnyNode && policy == NodePolicy::preferred;
  for (Flags flags = choose_flags();; flags = without(flags, Flags::mirror)) {
    const bool gave_up_mirror = has_mirror_ && !has(flags, Flags::mirror);
    const auto here = find_and_reserve(request, flags);
    if (here) return Found{here.value(), gave_up_mirror ? Rung::unmirrored : Rung::as_asked};
    if (here.error() != Error::no_memory) why = here.error();
    if (may_leave_node) {
      tell_fallback(request, owner, kNodeIsFull);
      Request any = request;
      any.node = kAnyNode;
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
  Request sound = request;
  if (!make_sound(sound, owner)) return Error::bad_argument;
  return told(sound, climb(sound, policy, owner), owner);
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
  Request sound = request;
  if (!make_sound(sound, owner)) return Error::bad_argument;
  if (sound.max > config_.current_limit) sound.max = config_.current_limit;
  auto found = climb(sound, policy, owner);
  bool below_min = false;
  if (!found && sound.min.raw != 0) {
    tell_fallback(sound, owner, kForgetMin);
    sound.min = PhysAddr{0};
    found = climb(sound, policy, owner);
    below_min = true;
  }
  sound.min = request.min;
  sound.max = request.max;
  if (!found) return told(sound, found, owner);
  const PhysRange range = PhysRange::sized(found.value().at, sound.size);
  if (contents == Contents::zeroed && !zero(range)) {
    take_out(reserved_, range);
    return told(sound, Error::out_of_range, owner);
  }
  return told(sound, Found{found.value().at, found.value().rung, below_min}, owner);
}

// Returns   false when there is a direct map and the range is not in it.
bool Memblock::zero(PhysRange range) const noexcept {
  if (direct_map_.map == nullptr) return true;
  std::byte* const memory = direct_map_.at(range);
  if (memory == nullptr) return false;
  for (std::size_t i = 0; i < range.size().raw; ++i) memory[i] = std::byte{0};
  return true;
}

// What is not mapped was not written either.
void Memblock::keep_zero(PhysRange freed) const noexcept {
  if (config_.free_memory == FreeMemory::stays_zero) static_cast<void>(zero(freed));
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
  take_out(reserved_, range);  // undoes the reservation just made, for which there is room
  observer_.tell({.action = Action::free, .range = range, .owner = owner});
  if (!split) return split.error();
  observer_.tell({.action = Action::remove, .range = range, .owner = owner, .pieces = split.value()});
  return at;
}

Result<PhysAddr> Memblock::told(const Request& request, const Result<Found>& found,
                                TextView owner) const noexcept {
  if (!observer_.listens()) return found ? Result<PhysAddr>{found.value().at} : found.error();
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
