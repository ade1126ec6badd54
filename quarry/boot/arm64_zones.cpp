// quarry/boot/arm64_zones.cpp: nodes, zones, and what is set aside once both are known.
#include "quarry/base/bits.hpp"
#include "quarry/boot/arm64_steps.hpp"
#include "quarry/boot/contiguous.hpp"
#include "quarry/boot/crashkernel.hpp"
#include "quarry/boot/device_tree.hpp"
#include "quarry/boot/device_tree_nodes.hpp"
#include "quarry/boot/hugepages.hpp"
#include "quarry/early/memblock.hpp"
#include "quarry/firmware/fdt_dma.hpp"
#include "quarry/numa/registration.hpp"
#include "quarry/numa/srat.hpp"

namespace quarry::boot::arm64 {
namespace {

constexpr unsigned kMostDmaBits = 32;
constexpr Bytes kCrashAlign{2u << 20};

// One past the last address that fits in `bits` bits and is memory; where memory starts above them, devices
// are taken to see it through an offset: 32 bits, or no limit at all.
PhysAddr zone_end(const early::Memblock& memblock, unsigned bits) noexcept {
  std::uint64_t last = bits >= 64 ? UINT64_MAX : (std::uint64_t{1} << bits) - 1;
  const std::uint64_t start = memblock.start_of_dram().raw;
  if (start > UINT32_MAX)
    last = UINT64_MAX;
  else if (start > last)
    last = UINT32_MAX;
  const std::uint64_t end = memblock.end_of_dram().raw;
  return PhysAddr{last < end ? last + 1 : end};
}

// How many bits the narrowest bus of the tree, or of ACPI, has; 32 at most.
Result<unsigned> zone_dma_bits(State& state) noexcept {
  PhysAddr limit{UINT64_MAX};
  if (has_acpi(state)) {
    limit = state.machine.acpi_dma_limit;
  } else if (!state.machine.tree.empty()) {
    const auto tree = tree_of(state);
    if (!tree) return tree.error();
    limit = firmware::lowest_dma_limit(tree.value());
  }
  const unsigned bits = 64 - count_leading_zeros(limit.raw);
  return bits < kMostDmaBits ? bits : kMostDmaBits;
}

using Draft = Result<Done> (*)(State& state);

Result<Done> draft_acpi(State& state) noexcept {
  const Machine& machine = state.machine;
  const auto drafted =
      numa::draft_from_srat(state.nodes, {machine.memory_affinity, machine.cpu_affinity, machine.distances});
  if (!drafted) return drafted;
  if (const auto done = numa::mark_hotplug(state.memblock, machine.memory_affinity); !done) return done;
  return numa::add_slit(state.nodes, machine.distances);
}

Result<Done> draft_tree(State& state) noexcept {
  const auto tree = tree_of(state);
  if (!tree) return tree.error();
  return draft_tree_nodes(state, tree.value(), state.machine.limits.max_nodes);
}

Result<Done> draft_one(State& state) noexcept {
  return numa::draft_single_node(state.nodes, {state.memblock.start_of_dram(), state.memblock.end_of_dram()});
}

// One range without a node, be it the firmware's flash in the UEFI map, costs Linux all nodes.
Result<Done> note_stray(State& state, const Result<Done>& registered) noexcept {
  if (registered || registered.error() != Error::bad_table) return Done{};
  const numa::Remark* refusal = nullptr;
  for (const numa::Remark& remark : state.nodes.remarks())
    if (remark.kind == numa::Remark::Kind::refusal) refusal = &remark;
  if (refusal == nullptr) return Done{};
  return state.note(Note::Kind::linux_bug, "memory of no node makes the kernel refuse every node",
                    refusal->range);
}

// Linux allocates the distance matrix before it knows of a node, and gives it back when there are none.
Result<Done> attempt(State& state, Draft draft) noexcept {
  state.numa_distance = {};
  if (const auto hooked = state.hooks.call(HookPoint::numa_distance, state); !hooked) return hooked;
  auto done = draft(state);
  const auto strays = reproduces_bugs(state.machine) ? numa::Strays::refuse : numa::Strays::adopt;
  if (done) done = numa::apply_strictly(state.nodes, state.memblock, state.machine.cpus, strays);
  if (const auto noted = note_stray(state, done); !noted) return noted;
  if (done || state.numa_distance.empty()) return done;
  const auto freed = state.memblock.free(state.numa_distance, "numa_free_distance");
  if (!freed) return freed;
  state.numa_distance = {};
  return done;
}

bool is_refusal(Error error) noexcept { return error == Error::bad_table || error == Error::not_found; }

bool is_numa_off(const State& state) noexcept {
  const auto option = command_line_of(state).last("numa");
  return option && option->value.starts_with("off");
}

Result<Done> reserve_low(State& state, Bytes size) noexcept {
  const early::Request request{.size = size, .alignment = kCrashAlign, .max = state.dma_limit};
  const auto at = state.memblock.phys_alloc_range(request, "crashkernel low");
  if (!at) return at.error();
  state.crashkernel_low = PhysRange::sized(at.value(), size);
  return Done{};
}

struct Crashkernel {
  Bytes size{0};
  Bytes low{0};
  PhysAddr at{0};
  PhysAddr max{0};
};

// Reads crashkernel= in one of its forms. A size of 0: there is none, or it makes no sense.
Crashkernel read_crashkernel(const State& state) noexcept {
  const CommandLine line = command_line_of(state);
  const Bytes ram = state.memblock.phys_mem_size();
  const auto plain = parse_crashkernel(line, CrashkernelForm::plain, ram);
  if (plain) return {.size = plain.value().size, .at = plain.value().at, .max = state.dma_limit};
  if (plain.error() != Error::not_found) return {};
  const auto high = parse_crashkernel(line, CrashkernelForm::high, Bytes{0});
  if (!high) return {};
  const auto low = parse_crashkernel(line, CrashkernelForm::low, Bytes{0});
  if (!low && low.error() != Error::not_found) return {};
  return {.size = high.value().size,
          .low = low ? low.value().size : Bytes{0},
          .max = PhysAddr{std::uint64_t{1} << state.machine.limits.phys_bits}};
}

}  // namespace

Result<Done> paging_init(State& state) noexcept {
  if (const auto hooked = state.hooks.call(HookPoint::page_tables, state); !hooked) return hooked;
  const PhysRange first = state.machine.kernel.page_directory;
  if (!first.empty())
    if (const auto freed = state.memblock.free(first, "init_pg_dir"); !freed) return freed;
  state.memblock.allow_resize();
  return Done{};
}

Result<Done> unflatten(State& state) noexcept {
  if (has_acpi(state)) return Done{};
  return state.hooks.call(HookPoint::unflatten, state);
}

Result<Done> bootmem_limits(State& state) noexcept {
  const PageSize page = state.machine.geometry.page_size();
  state.min_low_pfn = page.pfn_up(state.memblock.start_of_dram());
  state.max_pfn = page.pfn_down(state.memblock.end_of_dram());
  state.max_low_pfn = state.max_pfn;
  state.max_possible_pfn = state.max_pfn;
  return Done{};
}

Result<Done> numa_init(State& state) noexcept {
  if (!state.machine.limits.has_numa) return Done{};
  Result<Done> done = Error::not_found;
  if (!is_numa_off(state)) done = attempt(state, has_acpi(state) ? draft_acpi : draft_tree);
  if (!done && is_refusal(done.error())) done = attempt(state, draft_one);
  if (!done) return done;
  return state.hooks.call(HookPoint::node_data, state);
}

Result<Done> early_areas(State& state) noexcept {
  const HugepageSizes sizes = hugepage_sizes(state.machine);
  if (const auto done = reserve_hugetlb_areas(state, sizes.view().back()); !done) return done;
  return reserve_areas_per_node(state);
}

Result<Done> sparse_init(State& state) noexcept { return state.hooks.call(HookPoint::memmap, state); }

Result<Done> zone_sizes_init(State& state) noexcept {
  const Limits& limits = state.machine.limits;
  const PageSize page = state.machine.geometry.page_size();
  state.zone_limits = {};
  state.dma_limit = PhysAddr{};
  state.dma32_limit = zone_end(state.memblock, 32);
  if (limits.has_zone_dma) {
    const auto bits = zone_dma_bits(state);
    if (!bits) return bits.error();
    state.dma_limit = zone_end(state.memblock, bits.value());
    state.zone_limits.dma = page.pfn_down(state.dma_limit);
  }
  if (limits.has_zone_dma32) {
    state.zone_limits.dma32 = page.pfn_down(state.dma32_limit);
    if (state.dma_limit.raw == 0) state.dma_limit = state.dma32_limit;
  }
  if (state.dma_limit.raw == 0) state.dma_limit = PhysAddr{std::uint64_t{1} << limits.phys_bits};
  state.zone_limits.normal = state.max_pfn;
  return Done{};
}

Result<Done> reserve_cma(State& state) noexcept { return reserve_default_area(state, state.dma_limit); }

Result<Done> reserve_crashkernel(State& state) noexcept {
  Crashkernel wanted = read_crashkernel(state);
  const auto size = align_up(wanted.size.raw, state.machine.geometry.page_size().bytes().raw);
  if (wanted.size.raw == 0 || !size) return Done{};
  wanted.size = Bytes{size.value()};
  if (wanted.at.raw != 0) wanted.max = PhysRange::sized(wanted.at, wanted.size).end();
  const early::Request request{
      .size = wanted.size, .alignment = kCrashAlign, .min = wanted.at, .max = wanted.max};
  const auto at = state.memblock.phys_alloc_range(request, "crashkernel");
  if (!at)
    return state.note(Note::Kind::printed, "cannot allocate crashkernel", {wanted.at, wanted.max},
                      wanted.size.raw);
  const PhysRange range = PhysRange::sized(at.value(), wanted.size);
  if (range.begin() >= state.dma_limit && wanted.low.raw != 0 && !reserve_low(state, wanted.low)) {
    if (const auto freed = state.memblock.free(range, "crashkernel"); !freed) return freed;
    return state.note(Note::Kind::printed, "cannot allocate crashkernel low memory", {}, wanted.low.raw);
  }
  state.crashkernel = range;
  return state.note(Note::Kind::printed, "crashkernel reserved", range);
}

Result<Done> setup_per_cpu_areas(State& state) noexcept { return state.hooks.call(HookPoint::percpu, state); }

Result<Done> mm_init(State& state) noexcept { return state.hooks.call(HookPoint::late, state); }

}  // namespace quarry::boot::arm64
