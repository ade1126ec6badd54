// quarry/boot/arm_memory.cpp: banks, and what lies in them before anything is allocated.
#include "quarry/base/bits.hpp"
#include "quarry/boot/arm_steps.hpp"
#include "quarry/boot/common_options.hpp"
#include "quarry/boot/contiguous.hpp"
#include "quarry/boot/initrd.hpp"
#include "quarry/boot/reserved_memory.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::boot::arm {
namespace {

Result<Done> ignored(State& state, TextView what, std::uint64_t begin, std::uint64_t end) noexcept {
  return state.note(Note::Kind::printed, what, {PhysAddr{begin}, PhysAddr{end < begin ? begin : end}});
}

// One bank of tags or of mem=: whole pages, not below the kernel's own idea of RAM, and in 32 bits not
// the last page of them.
//
// Source    Linux 6.1, "arm_add_memory" (behaviour).
Result<Done> add_bank(State& state, PhysAddr from, Bytes bytes) noexcept {
  const std::uint64_t page = state.machine.geometry.page_size().bytes().raw;
  const PhysRange asked = PhysRange::sized(from, bytes);
  const auto aligned = align_up(from.raw, page);
  if (!aligned || aligned.value() >= asked.end().raw)
    return ignored(state, "Ignoring empty memory", from.raw, from.raw);
  std::uint64_t begin = aligned.value(), end = asked.end().raw;
  if (is_narrow(state.machine) && begin > UINT32_MAX)
    return ignored(state, "Ignoring memory outside 32-bit physical address space", begin, end);
  if (is_narrow(state.machine) && end > UINT32_MAX) {
    const auto noted =
        ignored(state, "Truncating memory to fit in 32-bit physical address space", begin, end);
    if (!noted) return noted;
    // Linux's last address is the last byte: the page that it is in is lost.
    end = reproduces_bugs(state.machine) ? UINT32_MAX : std::uint64_t{UINT32_MAX} + 1;
  }
  const std::uint64_t lowest = phys_offset(state).raw;
  if (begin < lowest) {
    const auto noted =
        ignored(state, "Ignoring memory below PHYS_OFFSET", begin, end < lowest ? end : lowest);
    if (!noted || end <= lowest) return noted;
    begin = lowest;
  }
  const std::uint64_t size = (end - begin) & ~(page - 1);
  if (size == 0) return Done{};
  return state.memblock.add(PhysRange::sized(PhysAddr{begin}, Bytes{size}), "arm_add_memory");
}

// The first mem= forgets all memory that firmware told of; each adds a bank.
Result<Done> apply_mem(State& state, TextView value, bool is_first) noexcept {
  early::Memblock& memblock = state.memblock;
  ValueReader reader{value};
  const auto size = reader.size();
  if (is_first && !memblock.memory().empty()) {
    const auto removed = memblock.remove({memblock.start_of_dram(), memblock.end_of_dram()}, "early_mem");
    if (!removed) return removed;
  }
  PhysAddr start = phys_offset(state);
  if (reader.take('@'))
    if (const auto at = reader.size(); at) start = PhysAddr{at.value()};
  return add_bank(state, start, Bytes{size ? size.value() : 0});
}

}  // namespace

Result<Done> setup_machine(State& state) noexcept {
  const Machine& machine = state.machine;
  state.initrd.range = machine.initrd;
  if (!machine.tree.empty()) {
    const auto tree = tree_of(state);
    if (!tree) return tree.error();
    find_initrd(state, tree.value());
    const auto found = scan_memory(state, tree.value(), reach(state));
    if (!found && found.error() != Error::not_found) return found;
    if (const auto done = cap_to_usable_range(state, tree.value()); !done) return done;
    if (const auto done = reserve_tree(state); !done) return done;
  }
  for (const ExtraMemory& bank : machine.extra_memory)
    if (const auto done = add_bank(state, bank.begin(), bank.size()); !done) return done;
  if (!state.memblock.memory().empty() || command_line_of(state).has("mem")) return Done{};
  return state.fail(Error::not_found, "no memory: neither the tree nor tags have a usable bank");
}

Result<Done> parse_early_param(State& state) noexcept {
  const CommandLine line = command_line_of(state);
  bool is_first = true;
  for (const Option& option : line) {
    if (!same_name(option.name, "mem")) continue;
    if (const auto done = apply_mem(state, option.value, is_first); !done) return done;
    is_first = false;
  }
  return apply_common_options(state, line);
}

// One past what DMA reaches; no board of the multi-platform kernels limits it but those with all RAM below.
Result<Done> setup_dma_zone(State& state) noexcept {
  state.dma_limit = PhysAddr{std::uint64_t{1} << 32};
  return Done{};
}

Result<PhysAddr> steal(State& state, Bytes size, Bytes alignment, TextView owner) noexcept {
  early::Memblock& memblock = state.memblock;
  const auto at = memblock.phys_alloc_range({.size = size, .alignment = alignment}, owner);
  if (!at) return at;
  const PhysRange range = PhysRange::sized(at.value(), size);
  if (const auto freed = memblock.free(range, owner); !freed) return freed.error();
  if (const auto removed = memblock.remove(range, owner); !removed) return removed.error();
  return at;
}

Result<Done> memblock_init(State& state) noexcept {
  early::Memblock& memblock = state.memblock;
  if (const auto done = memblock.reserve(state.machine.kernel.whole, "kernel image"); !done) return done;
  if (const auto done = reserve_initrd(state); !done) return done;
  const PhysRange directory = state.machine.kernel.page_directory;
  if (const auto done = memblock.reserve(directory, "swapper_pg_dir"); !done) return done;
  if (const auto done = state.hooks.call(HookPoint::board_reserve, state); !done) return done;
  if (!state.machine.tree.empty()) {
    const auto tree = tree_of(state);
    if (!tree) return tree.error();
    if (const auto done = scan_reserved_memory(state, tree.value()); !done) return done;
  }
  return reserve_default_area(state, PhysAddr{UINT32_MAX});
}

}  // namespace quarry::boot::arm
