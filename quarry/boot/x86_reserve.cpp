// quarry/boot/x86_reserve.cpp: what x86 keeps its boot-time allocator away from, and in which order.
#include "quarry/base/bits.hpp"
#include "quarry/boot/x86_steps.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::boot::x86 {
namespace {

constexpr PhysAddr kOneMegabyte{0x100000};
constexpr PhysRange kFirst64K{PhysAddr{0}, PhysAddr{0x10000}};

Result<Done> reserve(State& state, PhysRange range, TextView owner) noexcept {
  if (range.empty()) return Done{};
  const auto reserved = state.memblock.reserve(range, owner);
  if (!reserved) return state.fail(reserved.error(), "a reservation has no room in its table");
  return Done{};
}

Result<Done> reserve_all(State& state, std::span<const Machine::Table> tables) noexcept {
  for (const Machine::Table& table : tables) {
    const auto reserved = reserve(state, table.range, table.name);
    if (!reserved) return reserved;
  }
  return Done{};
}

// The pages that a run of bytes touches, to the end of the last one.
PhysRange to_page_end(PhysRange range, PageSize page) noexcept {
  if (range.empty()) return range;
  const auto end = align_up(range.end().raw, page.bytes().raw);
  return {range.begin(), end ? PhysAddr{end.value()} : PhysAddr{UINT64_MAX}};
}

// Whether the direct map reaches all frames of `range`: RAM does, and the first 1M always.
bool is_mapped(const early::Memblock& memblock, PhysRange range, PageSize page) noexcept {
  const PfnRange wanted{page.pfn_down(range.begin()), page.pfn_down(range.end())};
  Pfn covered = wanted.begin();
  if (covered < page.pfn_down(kOneMegabyte)) covered = page.pfn_down(kOneMegabyte);
  for (const early::Region& region : memblock.memory().view()) {
    const PfnRange frames = PfnRange::inside(region.range(), page);
    if (frames.begin() <= covered && covered < frames.end()) covered = frames.end();
  }
  return covered >= wanted.end();
}

}  // namespace

Result<Done> early_reserve_memory(State& state) noexcept {
  const Machine& machine = state.machine;
  if (machine.kernel.whole.empty()) {
    const auto noted =
        state.note(Note::Kind::not_modelled, "where the kernel lies is not known; it takes no memory");
    if (!noted) return noted;
  }
  const auto kernel = reserve(state, machine.kernel.whole, "kernel image");
  if (!kernel) return kernel;
  const auto low = reserve(state, kFirst64K, "first 64K");
  if (!low) return low;
  const auto initrd = reserve(state, to_page_end(machine.initrd, machine.geometry.page_size()), "initrd");
  if (!initrd) return initrd;
  const auto data = reserve_all(state, machine.setup_data);
  if (!data) return data;
  const PhysAddr bios = machine.bios_area < kOneMegabyte ? machine.bios_area : kOneMegabyte;
  return reserve(state, {bios, kOneMegabyte}, "BIOS");
}

Result<Done> efi_init(State& state) noexcept {
  const auto reserved = reserve_all(state, state.machine.efi_tables);
  if (!reserved) return reserved;
  if (state.movable.movable_node) state.memblock.set_direction(early::Direction::bottom_up);
  return Done{};
}

Result<Done> reserve_brk(State& state) noexcept {
  return reserve(state, state.machine.kernel.brk, "kernel brk");
}

Result<Done> reserve_real_mode(State& state) noexcept {
  const Bytes size = state.machine.limits.real_mode_size;
  const PageSize page = state.machine.geometry.page_size();
  if (size.raw != 0) {
    const auto at = state.memblock.phys_alloc_range(
        {.size = size, .alignment = page.bytes(), .min = PhysAddr{0}, .max = kOneMegabyte},
        "real-mode trampoline");
    const auto noted =
        at ? Result<Done>{Done{}}
           : state.note(Note::Kind::printed, "no memory under 1M for the real-mode trampoline");
    if (!noted) return noted;
    if (at) state.real_mode = PhysRange::sized(at.value(), size);
  }
  return reserve(state, {PhysAddr{0}, kOneMegabyte}, "low 1M");
}

Result<Done> init_mem_mapping(State& state) noexcept {
  const auto tables = state.hooks.call(HookPoint::page_tables, state);
  if (!tables) return tables;
  state.max_low_pfn = state.max_pfn;
  state.memblock.set_current_limit(state.machine.geometry.page_size().address_of(state.max_pfn));
  return Done{};
}

Result<Done> setup_log_buf(State& state) noexcept { return state.hooks.call(HookPoint::log_buffer, state); }

Result<Done> reserve_initrd(State& state) noexcept {
  const PhysRange given = state.machine.initrd;
  if (given.empty()) return Done{};
  const PageSize page = state.machine.geometry.page_size();
  const PhysRange taken = to_page_end(given, page);
  if (is_mapped(state.memblock, taken, page)) {
    state.initrd = {.range = given, .is_valid = true, .why = ""};
    return Done{};
  }
  const Bytes size = to_page_end({PhysAddr{0}, PhysAddr{given.size().raw}}, page).size();
  const auto at = state.memblock.phys_alloc_range(
      {.size = size, .alignment = page.bytes(), .min = PhysAddr{0}, .max = page.address_of(state.max_pfn)},
      "initrd");
  if (!at)
    return state.fail(at.error(),
                      "the initrd lies outside mapped memory, and there is no place to move it to", size,
                      largest_hole(state.memblock));
  const auto freed = state.memblock.free(taken, "initrd");
  if (!freed) return state.fail(freed.error(), "the initrd's old place cannot be freed");
  state.initrd = {.range = PhysRange::sized(at.value(), given.size()),
                  .is_valid = true,
                  .why = "moved into mapped memory"};
  return state.note(Note::Kind::printed, "initrd moved into mapped memory", state.initrd.range);
}

// What leads to the tables (the pointer and the list) is not reserved itself: it is read once.
Result<Done> acpi_boot_table_init(State& state) noexcept {
  for (const Machine::Table& table : state.machine.acpi_tables) {
    if (table.name == "RSDP" || table.name == "RSDT" || table.name == "XSDT") continue;
    const auto reserved = reserve(state, table.range, table.name);
    if (!reserved) return reserved;
  }
  return Done{};
}

}  // namespace quarry::boot::x86
