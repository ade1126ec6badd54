#include "quarry/boot/reserved_memory_drivers.hpp"

#include "quarry/base/bits.hpp"
#include "quarry/boot/contiguous.hpp"
#include "quarry/boot/device_tree.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::boot {
namespace {

using firmware::FdtReservedNode;
using Kind = ReservedMemoryEvent::Kind;

constexpr TextView kShared = "shared-dma-pool";
constexpr TextView kRestricted = "restricted-dma-pool";

// What a driver answers.
enum class Answer : std::uint8_t { takes, refuses };

// Whether the node has its memory for itself. Linux does not look.
bool is_alone(const State& state, const ReservedMemoryEntry& entry) noexcept {
  const PhysRange range = PhysRange::sized(entry.base, entry.size);
  if (entry.ground == Ground::shared) return false;
  for (const ReservedMemory& other : state.reserved_memory)
    if (&other != entry.outcome && other.is_taken && other.range.overlaps(range)) return false;
  return true;
}

Result<Answer> refuse(State& state, Kind kind, TextView node) noexcept {
  if (const auto said = say(state, {.kind = kind, .node = node}); !said) return said.error();
  return Answer::refuses;
}

Result<Answer> take(State& state, Kind kind, TextView node, PhysRange range) noexcept {
  if (const auto said = say(state, {.kind = kind, .node = node, .range = range}); !said) return said.error();
  return Answer::takes;
}

Result<Answer> offer_area(State& state, const ReservedMemoryEntry& entry, PhysRange range) noexcept {
  const FdtReservedNode& node = *entry.node;
  const TextView name = node.name();
  const Limits& limits = state.machine.limits;
  if (node.cma_default && command_line_of(state).has("cma")) return refuse(state, Kind::area_bypassed, name);
  if (!node.reusable || node.no_map) return Answer::refuses;
  if (!is_aligned(range.begin().raw | range.size().raw, area_alignment(state).raw))
    return refuse(state, Kind::area_unaligned, name);
  if (limits.max_cma_areas != 0 && state.cma.size() >= limits.max_cma_areas) {
    if (const auto said = say(state, {.kind = Kind::areas_used_up, .node = name}); !said) return said.error();
    return refuse(state, Kind::area_refused, name);
  }
  if (range.empty() || !state.memblock.is_region_reserved(range))
    return refuse(state, Kind::area_refused, name);
  if (!reproduces_bugs(state.machine) && !(is_alone(state, entry) && state.memblock.is_region_memory(range)))
    return refuse(state, Kind::area_refused, name);
  const auto listed =
      state.cma.push(state.arena, {.name = name, .range = range, .is_default = node.cma_default});
  if (!listed) return listed.error();
  return take(state, Kind::area_made, name, range);
}

Result<Answer> offer_coherent(State& state, const ReservedMemoryEntry& entry, PhysRange range) noexcept {
  const FdtReservedNode& node = *entry.node;
  if (node.reusable) return Answer::refuses;
  if (state.machine.arch == Arch::arm && !node.no_map) return refuse(state, Kind::needs_no_map, node.name());
  return take(state, Kind::coherent_made, node.name(), range);
}

Result<Answer> offer_restricted(State& state, const ReservedMemoryEntry& entry, PhysRange range) noexcept {
  const FdtReservedNode& node = *entry.node;
  if (node.reusable || node.cma_default || node.dma_default || node.no_map) return Answer::refuses;
  return take(state, Kind::restricted_made, node.name(), range);
}

struct Driver {
  TextView compatible;
  bool (*is_built_in)(const Limits& limits) noexcept;
  Result<Answer> (*offer)(State& state, const ReservedMemoryEntry& entry, PhysRange range) noexcept;
  TextView status;
};

constexpr Driver kDrivers[] = {
    {kShared, [](const Limits& limits) noexcept { return limits.has_cma; }, offer_area,
     "created CMA memory pool"},
    {kShared, [](const Limits&) noexcept { return true; }, offer_coherent, "created DMA memory pool"},
    {kRestricted, [](const Limits& limits) noexcept { return limits.has_restricted_dma; }, offer_restricted,
     "created restricted DMA pool"},
};

// Linux takes the memory from whoever else has reserved a part of it, too.
Result<Done> give_back(State& state, const ReservedMemoryEntry& entry, PhysRange range) noexcept {
  entry.outcome->is_taken = false;
  entry.outcome->status = "compatible matching fail";
  if (!is_alone(state, entry)) {
    if (!reproduces_bugs(state.machine)) return Done{};
    const auto noted = state.note(Note::Kind::linux_bug,
                                  "a refused node gives back memory that others have reserved, too", range);
    if (!noted) return noted;
  }
  static_cast<void>(entry.node->no_map ? state.memblock.clear_nomap(range)
                                       : state.memblock.free(range, entry.node->name()));
  return Done{};
}

}  // namespace

bool wants_area(const State& state, const FdtReservedNode& node) noexcept {
  return state.machine.limits.has_cma && node.compatible_with(kShared) && node.reusable && !node.no_map;
}

Result<Done> ask_drivers(State& state, const ReservedMemoryEntry& entry) noexcept {
  const FdtReservedNode& node = *entry.node;
  const PhysRange range = PhysRange::sized(entry.base, entry.size);
  bool was_asked = false;
  for (const Driver& driver : kDrivers) {
    if (!driver.is_built_in(state.machine.limits) || !node.compatible_with(driver.compatible)) continue;
    was_asked = true;
    const auto answer = driver.offer(state, entry, range);
    if (!answer) return answer.error();
    if (answer.value() == Answer::refuses) continue;
    entry.outcome->status = driver.status;
    return say(state, {.kind = Kind::initialized, .node = node.name(), .other = driver.compatible});
  }
  if (!was_asked) return Done{};
  if (const auto given = give_back(state, entry, range); !given) return given;
  return say(state, {.kind = Kind::refused, .node = node.name()});
}

Result<Done> say(State& state, const ReservedMemoryEvent& event) noexcept {
  const auto pushed = state.reserved_memory_events.push(state.arena, event);
  if (!pushed) return pushed.error();
  return Done{};
}

}  // namespace quarry::boot
