// quarry/boot/device_tree.cpp: /memory, /chosen and the reservation block.
#include "quarry/boot/device_tree.hpp"

#include "quarry/base/bits.hpp"
#include "quarry/early/memblock.hpp"
#include "quarry/firmware/fdt_memory.hpp"

namespace quarry::boot {
namespace {

constexpr std::size_t kMostUsableRanges = 2;
constexpr TextView kScan = "early_init_dt_scan_memory";

// Whether a physical address is 32 bits wide: sizes are cut to it as the addresses are.
bool is_narrow(MemoryReach reach) noexcept { return reach.highest.raw <= UINT32_MAX; }

Result<Done> ignored(State& state, TextView what, std::uint64_t base, std::uint64_t end) noexcept {
  return state.note(Note::Kind::printed, what, {PhysAddr{base}, PhysAddr{end < base ? UINT64_MAX : end}});
}

}  // namespace

Result<firmware::Fdt> tree_of(State& state) noexcept {
  if (state.machine.tree.empty()) return state.fail(Error::not_found, "the machine has no device tree");
  firmware::FdtFault fault{};
  auto tree = firmware::Fdt::from(state.machine.tree, &fault);
  if (!tree) return state.fail(fault.error, fault.what);
  return tree;
}

CommandLine command_line_of(const State& state) noexcept {
  if (!state.machine.command_line.empty()) return CommandLine{state.machine.command_line};
  const auto tree = firmware::Fdt::from(state.machine.tree);
  if (!tree) return CommandLine{TextView{}};
  return CommandLine{firmware::chosen(tree.value()).bootargs.value_or(TextView{})};
}

Result<Done> reserve_tree(State& state) noexcept {
  const Machine& machine = state.machine;
  const Bytes kept{machine.tree.size()};
  const Bytes size = machine.tree_size < kept ? kept : machine.tree_size;
  if (size.raw == 0) return Done{};
  return state.memblock.reserve(PhysRange::sized(machine.tree_at, size), "device tree");
}

Result<Done> add_memory(State& state, PhysAddr from, Bytes bytes, MemoryReach reach) noexcept {
  const std::uint64_t page = state.machine.geometry.page_size().bytes().raw;
  std::uint64_t base = from.raw, size = bytes.raw;
  const std::uint64_t head = base & (page - 1);
  if (size < page - head || base > UINT64_MAX - page)
    return ignored(state, "Ignoring memory block", base, base + size);
  if (head != 0) {
    size -= page - head;
    base += page - head;
  }
  size &= ~(page - 1);
  if (base > reach.highest.raw) return ignored(state, "Ignoring memory block", base, base + size);

  // A range that wraps is not seen to be too long here: memblock itself ends it at the last address.
  const std::uint64_t last = base + size - 1;
  if (last > reach.highest.raw) {
    const auto noted = ignored(state, "Ignoring memory range", reach.highest.raw + 1, base + size);
    if (!noted) return noted;
    size = reach.highest.raw - base + 1;
  }
  if (is_narrow(reach) && reproduces_bugs(state.machine) && last >= reach.highest.raw) {
    const auto noted =
        state.note(Note::Kind::linux_bug, "the last page below 4 GiB is lost",
                   {PhysAddr{(std::uint64_t{1} << 32) - page}, PhysAddr{std::uint64_t{1} << 32}});
    if (!noted) return noted;
  }
  if (base + size < reach.lowest.raw) return ignored(state, "Ignoring memory block", base, base + size);
  if (base < reach.lowest.raw) {
    const auto noted = ignored(state, "Ignoring memory range", base, reach.lowest.raw);
    if (!noted) return noted;
    size -= reach.lowest.raw - base;
    base = reach.lowest.raw;
  }
  if (is_narrow(reach) && size > UINT32_MAX && reproduces_bugs(state.machine)) {
    // The size of all 4 GiB is 0 in 32 bits, and so is the memory that a kernel of that width then has.
    const auto noted = state.note(Note::Kind::linux_bug, "the size of this range is 0 in 32 bits",
                                  PhysRange::sized(PhysAddr{base}, Bytes{size}));
    if (!noted) return noted;
    size &= UINT32_MAX;
  }
  return state.memblock.add(PhysRange::sized(PhysAddr{base}, Bytes{size}), kScan);
}

Result<Done> scan_memory(State& state, const firmware::Fdt& tree, MemoryReach reach) noexcept {
  bool found = false;
  for (const firmware::FdtNode node : tree.root().children()) {
    const auto memory = firmware::memory_node(tree, node);
    if (!memory || !memory->available) continue;
    for (const firmware::FdtReg reg : memory->regs) {
      if (reg.size.raw == 0) continue;
      found = true;
      if (const auto added = add_memory(state, reg.base, reg.size, reach); !added) return added;
      if (!memory->hotpluggable) continue;
      const auto marked = state.memblock.mark_hotplug(PhysRange::sized(reg.base, reg.size));
      if (!marked) return marked;
    }
  }
  return found ? Result<Done>{Done{}} : Error::not_found;
}

void find_initrd(State& state, const firmware::Fdt& tree) noexcept {
  const firmware::FdtChosen chosen = firmware::chosen(tree);
  state.initrd.range = state.machine.initrd;
  if (chosen.initrd_start && chosen.initrd_end && *chosen.initrd_start <= *chosen.initrd_end)
    state.initrd.range = {*chosen.initrd_start, *chosen.initrd_end};
}

Result<Done> cap_to_usable_range(State& state, const firmware::Fdt& tree) noexcept {
  const firmware::FdtChosen chosen = firmware::chosen(tree);
  if (!chosen.has_usable_range || chosen.usable_range.empty()) return Done{};
  const firmware::FdtReg first = chosen.usable_range[0];
  if (const auto capped = state.memblock.cap_memory_range(PhysRange::sized(first.base, first.size)); !capped)
    return capped;
  for (std::size_t i = 1; i < kMostUsableRanges && i < chosen.usable_range.size(); ++i) {
    const firmware::FdtReg more = chosen.usable_range[i];
    if (more.size.raw == 0) break;
    const auto added = state.memblock.add(PhysRange::sized(more.base, more.size),
                                          "early_init_dt_check_for_usable_mem_range");
    if (!added) return added;
  }
  return Done{};
}

Result<Done> reserve_memreserve(State& state, const firmware::Fdt& tree) noexcept {
  for (const firmware::FdtReservation entry : tree.reservations()) {
    const auto reserved = state.memblock.reserve(PhysRange::sized(entry.base, entry.size), "/memreserve/");
    if (!reserved) return reserved;
  }
  return Done{};
}

Result<Done> reserve_elfcorehdr(State& state, const firmware::Fdt& tree) noexcept {
  const firmware::FdtChosen chosen = firmware::chosen(tree);
  if (!chosen.has_elfcorehdr || chosen.elfcorehdr.empty()) return Done{};
  const firmware::FdtReg reg = chosen.elfcorehdr[0];
  if (reg.size.raw == 0) return Done{};
  const PhysRange range = PhysRange::sized(reg.base, reg.size);
  if (state.memblock.is_region_reserved(range))
    return state.note(Note::Kind::warning, "elfcorehdr is overlapped", range);
  if (const auto reserved = state.memblock.reserve(range, "elfcorehdr"); !reserved) return reserved;
  state.elfcorehdr = range;
  return state.note(Note::Kind::printed, "Reserving memory for elfcorehdr", range);
}

Bytes largest_hole(const early::Memblock& memblock, PhysRange window) noexcept {
  std::uint64_t largest = 0;
  for (const early::MemoryRange& hole : memblock.free_ranges()) {
    const std::uint64_t begin =
        hole.range.begin() < window.begin() ? window.begin().raw : hole.range.begin().raw;
    const std::uint64_t end = hole.range.end() < window.end() ? hole.range.end().raw : window.end().raw;
    if (begin < end && end - begin > largest) largest = end - begin;
  }
  return Bytes{largest};
}

}  // namespace quarry::boot
