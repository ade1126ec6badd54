// quarry/boot/x86_numa.cpp: x86's way to its nodes: ACPI first, one node over everything if that fails.
#include "quarry/boot/x86_options.hpp"
#include "quarry/boot/x86_steps.hpp"
#include "quarry/early/memblock.hpp"
#include "quarry/numa/fake.hpp"
#include "quarry/numa/meminfo.hpp"
#include "quarry/numa/registration.hpp"
#include "quarry/numa/srat.hpp"

namespace quarry::boot::x86 {
namespace {

constexpr std::uint64_t kDmaEnd = 16u << 20;
constexpr std::uint64_t kDma32End = std::uint64_t{1} << 32;

PhysAddr end_of_ram(const State& state) noexcept {
  return state.machine.geometry.page_size().address_of(state.max_pfn);
}

// A whole description was not used, as opposed to our own memory running out.
bool is_refusal(Error error) noexcept { return error == Error::bad_table || error == Error::not_found; }

Result<Done> drop_distances(State& state) noexcept {
  state.nodes.forget_distances();
  if (state.numa_distance.empty()) return Done{};
  const auto freed = state.memblock.free(state.numa_distance, "NUMA distances");
  state.numa_distance = {};
  return freed;
}

Result<Done> place_distances(State& state) noexcept {
  if (state.nodes.distance_count() == 0) return Done{};
  return state.hooks.call(HookPoint::numa_distance, state);
}

Result<Done> draft_acpi(State& state) noexcept {
  const Machine& machine = state.machine;
  const auto drafted = numa::draft_from_srat(
      state.nodes, {.memory = machine.memory_affinity, .cpus = machine.cpu_affinity, .distances = {}});
  if (!drafted) return drafted;
  const auto marked = numa::mark_hotplug(state.memblock, machine.memory_affinity);
  if (!marked) return marked;
  const PageSize page = machine.geometry.page_size();
  for (const firmware::MemoryAffinity& entry : machine.memory_affinity) {
    const Pfn end = page.pfn_up(PhysRange::sized(entry.base, entry.size).end());
    if (entry.enabled && end > state.max_possible_pfn) state.max_possible_pfn = end;
  }
  const auto distances = numa::add_slit(state.nodes, machine.distances);
  if (!distances) return distances;
  return place_distances(state);
}

Result<Done> draft_dummy(State& state) noexcept {
  return numa::draft_single_node(state.nodes, {PhysAddr{0}, end_of_ram(state)});
}

Result<Done> emulate(State& state, const NumaOptions& options) noexcept {
  if (!options.fake) return Done{};
  if (!state.machine.limits.has_numa_emulation)
    return state.note(Note::Kind::warning, "numa=fake= ignored: the kernel has no NUMA emulation");
  const auto split = numa::split_into_fake_nodes(state.nodes, *options.fake, state.memblock.memory().view(),
                                                 end_of_ram(state), state.machine.cpus);
  if (!split) return split.error();
  if (!split.value()) return state.note(Note::Kind::warning, "numa=fake= cannot be met, ignored");
  // The fake nodes' matrix takes the place of the physical one's.
  if (!state.numa_distance.empty()) {
    const auto freed = state.memblock.free(state.numa_distance, "NUMA distances");
    if (!freed) return freed;
    state.numa_distance = {};
  }
  return place_distances(state);
}

using Draft = Result<Done> (*)(State& state) noexcept;

// One attempt at nodes, from a clean memblock to node data.
Result<Done> register_nodes(State& state, Draft draft, const NumaOptions& options) noexcept {
  const auto forgotten = numa::forget_nodes(state.memblock);
  if (!forgotten) return forgotten;
  const auto dropped = drop_distances(state);
  if (!dropped) return dropped;
  const auto drafted = draft(state);
  if (!drafted) return drafted;
  state.memblock.set_direction(early::Direction::top_down);
  const auto clean =
      numa::clean_up(state.nodes, state.nodes.draft(), state.memblock.memory().view(), end_of_ram(state));
  if (!clean) return clean;
  const auto emulated = emulate(state, options);
  if (!emulated) return emulated;
  const auto applied = numa::apply(state.nodes, state.memblock, end_of_ram(state), state.machine.cpus);
  if (!applied) return applied;
  return state.hooks.call(HookPoint::node_data, state);
}

Result<Done> one_node_without_numa(State& state) noexcept {
  const auto drafted = draft_dummy(state);
  if (!drafted) return drafted;
  const auto set = state.memblock.set_node({PhysAddr{0}, PhysAddr{UINT64_MAX}}, NodeId{0});
  if (!set) return set;
  state.nodes.settle(state.machine.cpus);
  return state.hooks.call(HookPoint::node_data, state);
}

}  // namespace

Result<Done> initmem_init(State& state) noexcept {
  if (!state.machine.limits.has_numa) return one_node_without_numa(state);
  const NumaOptions options = parse_numa_options(CommandLine{state.machine.command_line});
  if (options.is_malformed) {
    const auto noted = state.note(Note::Kind::warning, "malformed numa=fake= ignored");
    if (!noted) return noted;
  }
  if (!options.is_off && !options.ignores_acpi && !state.machine.memory_affinity.empty()) {
    const auto registered = register_nodes(state, draft_acpi, options);
    if (registered || !is_refusal(registered.error())) return registered;
    const auto noted = state.note(Note::Kind::warning, "the SRAT's nodes are not used");
    if (!noted) return noted;
  }
  const TextView why = options.is_off ? "NUMA turned off" : "no NUMA configuration found";
  const auto noted = state.note(Note::Kind::printed, why);
  if (!noted) return noted;
  return register_nodes(state, draft_dummy, options);
}

Result<Done> zone_sizes_init(State& state) noexcept {
  const auto memmap = state.hooks.call(HookPoint::memmap, state);
  if (!memmap) return memmap;
  const PageSize page = state.machine.geometry.page_size();
  const auto up_to = [&](std::uint64_t end) {
    const Pfn limit{end >> page.shift()};
    return limit < state.max_low_pfn ? limit : state.max_low_pfn;
  };
  state.dma_limit = PhysAddr{kDmaEnd};
  state.dma32_limit = PhysAddr{kDma32End};
  if (state.machine.limits.has_zone_dma) state.zone_limits.dma = up_to(kDmaEnd);
  if (state.machine.limits.has_zone_dma32) state.zone_limits.dma32 = up_to(kDma32End);
  state.zone_limits.normal = state.max_low_pfn;
  if (!reproduces_bugs(state.machine))
    if (const auto adopted = numa::adopt_orphans(state.nodes, state.memblock); !adopted)
      return adopted.error();
  for (const early::Region& region : state.memblock.memory().view()) {
    if (region.node != early::kAnyNode) continue;
    // Nodes end where the kernel's physical addresses do, and memblock has what lies beyond nevertheless.
    const bool is_beyond =
        state.machine.limits.phys_bits < 64 && region.base.raw >> state.machine.limits.phys_bits != 0;
    const Error error = state.fail(
        Error::bad_table, is_beyond ? "memory beyond the addresses that the kernel can use belongs to no node"
                                    : "memory belongs to no node");
    state.failure.where = region.range();
    return error;
  }
  return Done{};
}

}  // namespace quarry::boot::x86
