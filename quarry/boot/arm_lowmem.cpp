// quarry/boot/arm_lowmem.cpp: the border between low and high memory, and what is decided by it.
#include "quarry/base/bits.hpp"
#include "quarry/boot/arm_steps.hpp"
#include "quarry/boot/crashkernel.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::boot::arm {
namespace {

constexpr Bytes kCrashAlign{128u << 20};
constexpr Bytes kSectionSize{1u << 20};

constexpr PhysAddr lower(PhysAddr a, PhysAddr b) noexcept { return a < b ? a : b; }

// The first bank must begin with a whole page-table entry; what comes before is not mapped.
Result<Done> align_first_bank(early::Memblock& memblock) noexcept {
  for (const early::MemoryRange& bank : memblock.memory_ranges()) {
    const std::uint64_t begin = bank.range.begin().raw;
    const auto aligned = align_up(begin, kPmdSize);
    if (!aligned || aligned.value() == begin) break;
    return memblock.mark_nomap({PhysAddr{begin}, PhysAddr{aligned.value()}});
  }
  return Done{};
}

// Where low memory ends, and how far memory may be allocated while it is being mapped: page tables must
// come from what is mapped by whole entries, so that the first bank that breaks the rule stops it.
struct Bounds {
  PhysAddr lowmem{0};
  PhysAddr allocatable{0};
};

Bounds find_bounds(const early::Memblock& memblock, PhysAddr border) noexcept {
  Bounds bounds;
  for (const early::MemoryRange& bank : memblock.memory_ranges()) {
    const PhysAddr begin = bank.range.begin(), end = bank.range.end();
    if (begin >= border) continue;
    if (end > bounds.lowmem) bounds.lowmem = lower(border, end);
    if (bounds.allocatable.raw != 0) continue;
    if (!is_aligned(begin.raw, kPmdSize))
      bounds.allocatable = begin;
    else if (!is_aligned(end.raw, kPmdSize))
      bounds.allocatable = bounds.lowmem;
  }
  if (bounds.allocatable.raw == 0) bounds.allocatable = bounds.lowmem;
  bounds.allocatable = PhysAddr{align_down(bounds.allocatable.raw, kPmdSize)};
  return bounds;
}

}  // namespace

Result<Done> adjust_lowmem_bounds(State& state) noexcept {
  early::Memblock& memblock = state.memblock;
  if (const auto done = align_first_bank(memblock); !done) return done;
  const Bounds bounds = find_bounds(memblock, lowmem_end(state));
  if (bounds.lowmem.raw == 0)
    return state.fail(Error::not_found, "no low memory: no bank begins below the lowmem border");
  state.lowmem_limit = bounds.lowmem;
  const PhysAddr end = memblock.end_of_dram();
  if (!state.machine.limits.has_highmem && end > bounds.lowmem) {
    const PhysRange lost{bounds.allocatable, end};
    const auto noted =
        state.note(Note::Kind::printed, "Ignoring RAM, consider using a HIGHMEM enabled kernel", lost);
    if (!noted) return noted;
    if (const auto done = memblock.remove(lost, "adjust_lowmem_bounds"); !done) return done;
  }
  memblock.set_current_limit(bounds.allocatable);
  return Done{};
}

// The hook runs under the limit above; it may raise it to lowmem_limit itself, once low memory is mapped.
Result<Done> paging_init(State& state) noexcept {
  early::Memblock& memblock = state.memblock;
  if (const auto hooked = state.hooks.call(HookPoint::page_tables, state); !hooked) return hooked;
  memblock.set_current_limit(state.lowmem_limit);
  memblock.allow_resize();
  const PageSize page = state.machine.geometry.page_size();
  state.min_low_pfn = page.pfn_up(memblock.start_of_dram());
  state.max_low_pfn = page.pfn_down(memblock.current_limit());
  state.max_pfn = page.pfn_down(memblock.end_of_dram());
  state.max_possible_pfn = state.max_pfn;
  return Done{};
}

Result<Done> zone_sizes_init(State& state) noexcept {
  const PageSize page = state.machine.geometry.page_size();
  const Pfn last_dma = page.pfn_down(PhysAddr{state.dma_limit.raw - 1});
  state.zone_limits = {};
  if (state.machine.limits.has_zone_dma)
    state.zone_limits.dma = last_dma < state.max_low_pfn ? last_dma : state.max_low_pfn;
  state.zone_limits.normal = state.max_low_pfn;
  if (state.machine.limits.has_highmem) state.zone_limits.highmem = state.max_pfn;
  return state.hooks.call(HookPoint::memmap, state);
}

Result<Done> unflatten(State& state) noexcept {
  if (state.machine.tree.empty()) return Done{};
  return state.hooks.call(HookPoint::unflatten, state);
}

Result<Done> reserve_crashkernel(State& state) noexcept {
  const PageSize page = state.machine.geometry.page_size();
  const Bytes ram = page.bytes_in(state.max_low_pfn - state.min_low_pfn);
  const auto wanted = parse_crashkernel(command_line_of(state), CrashkernelForm::plain, ram);
  if (!wanted || wanted.value().size.raw == 0) return Done{};
  const Bytes size = wanted.value().size;
  const PhysAddr at = wanted.value().at;
  early::Request request{.size = size};
  if (at.raw == 0) {
    request.alignment = kCrashAlign;
    request.min = PhysAddr{kCrashAlign.raw};
    request.max = lower(state.lowmem_limit, PhysAddr{UINT32_MAX});
  } else {
    request.alignment = kSectionSize;
    request.min = at;
    request.max = PhysRange::sized(at, size).end();
  }
  const auto found = state.memblock.phys_alloc_range(request, "crashkernel");
  if (!found)
    return state.note(Note::Kind::printed, "crashkernel reservation failed", {request.min, request.max},
                      size.raw);
  state.crashkernel = PhysRange::sized(found.value(), size);
  return state.note(Note::Kind::printed, "Reserving memory for crashkernel", state.crashkernel);
}

Result<Done> setup_per_cpu_areas(State& state) noexcept { return state.hooks.call(HookPoint::percpu, state); }

Result<Done> mm_init(State& state) noexcept { return state.hooks.call(HookPoint::late, state); }

}  // namespace quarry::boot::arm
