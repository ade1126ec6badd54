// quarry/boot/riscv64_zones.cpp: the linear map, zones, and a place for a crash kernel.
#include "quarry/base/bits.hpp"
#include "quarry/boot/crashkernel.hpp"
#include "quarry/boot/device_tree.hpp"
#include "quarry/boot/riscv64_steps.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::boot::riscv64 {
namespace {

// Linux's limit is the last address that has 32 bits, and so a byte less than it might be.
constexpr PhysAddr kLowMax{(std::uint64_t{1} << 32) - 1};

struct Window {
  PhysAddr min, max;
};

Result<PhysAddr> place(State& state, Bytes size, Window window) noexcept {
  const PhysAddr low = window.max < kLowMax ? window.max : kLowMax;
  early::Request request{.size = size, .alignment = kBlock, .min = window.min, .max = low};
  const auto at = state.memblock.phys_alloc_range(request, "crashkernel");
  if (at) return at;
  request.max = window.max;
  return state.memblock.phys_alloc_range(request, "crashkernel");
}

// Where the linear map begins at the kernel, what lies as far above it as the map is long has no address. Linux does
// not look.
Result<Done> note_what_is_not_mapped(State& state) noexcept {
  const PhysAddr begin =
      state.machine.limits.maps_below_kernel ? state.memblock.start_of_dram() : lowest_memory(state.machine);
  const PhysAddr end = PhysRange::sized(begin, linear_map_size(state.machine)).end();
  const PhysAddr last = state.memblock.end_of_dram();
  if (last <= end) return Done{};
  return state.note(Note::Kind::warning,
                    "memory lies beyond the linear map: the kernel faults where it uses it", {end, last});
}

}  // namespace

Result<Done> setup_vm_final(State& state) noexcept {
  if (const auto noted = note_what_is_not_mapped(state); !noted) return noted;
  if (const auto hooked = state.hooks.call(HookPoint::page_tables, state); !hooked) return hooked;
  // Not earlier: a table that grew would lie where nothing is mapped yet.
  state.memblock.allow_resize();
  return Done{};
}

Result<Done> zone_sizes_init(State& state) noexcept {
  const PageSize page = state.machine.geometry.page_size();
  state.zone_limits = {};
  if (state.machine.limits.has_zone_dma32) state.zone_limits.dma32 = page.pfn_down(state.dma32_limit);
  state.zone_limits.normal = state.max_low_pfn;
  return Done{};
}

// Source    Linux 6.1, arch/riscv/mm/init.c, "reserve_crashkernel" (behaviour).
Result<Done> reserve_crashkernel(State& state) noexcept {
  const auto asked =
      parse_crashkernel(command_line_of(state), CrashkernelForm::plain, state.memblock.phys_mem_size());
  if (!asked || asked.value().size.raw == 0) return Done{};
  if (!state.elfcorehdr.empty())
    return state.note(Note::Kind::printed, "crashkernel: ignoring reservation request", state.elfcorehdr);
  const auto size = align_up(asked.value().size.raw, state.machine.geometry.page_size().bytes().raw);
  if (!size) return Done{};
  const PhysAddr at = asked.value().at;
  const PhysRange there = PhysRange::sized(at, Bytes{size.value()});
  const Window window = at.raw != 0 ? Window{there.begin(), there.end()}
                                    : Window{state.memblock.start_of_dram(), state.memblock.end_of_dram()};
  const auto placed = place(state, there.size(), window);
  if (!placed)
    return state.note(Note::Kind::printed, "crashkernel: couldn't allocate", {window.min, window.max},
                      size.value());
  state.crashkernel = PhysRange::sized(placed.value(), there.size());
  return state.note(Note::Kind::printed, "crashkernel: reserved", state.crashkernel);
}

}  // namespace quarry::boot::riscv64
