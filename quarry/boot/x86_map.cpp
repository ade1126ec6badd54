// quarry/boot/x86_map.cpp: x86's memory map from firmware to memblock.
#include "quarry/boot/command_line.hpp"
#include "quarry/boot/common_options.hpp"
#include "quarry/boot/x86_options.hpp"
#include "quarry/boot/x86_steps.hpp"
#include "quarry/early/memblock.hpp"
#include "quarry/map/e820_map.hpp"

namespace quarry::boot::x86 {
namespace {

using firmware::MapEntry;
using firmware::MapType;
using map::WhenFull;

constexpr PhysRange kBiosArea{PhysAddr{0xa0000}, PhysAddr{0x100000}};
constexpr std::uint64_t kLow = std::uint64_t{1} << 32;

Result<Done> sanitize(State& state) noexcept {
  const auto sanitized = state.map.sanitize();
  if (!sanitized) return state.fail(sanitized.error(), "the memory map cannot be sorted out");
  if (sanitized.value() == map::Sanitized::cut)
    return state.note(Note::Kind::warning, "the memory map is full, its highest entries are lost");
  return Done{};
}

// What mem= and memmap= did to the map is only sorted out when all of them are through.
Result<bool> apply_map_options(State& state, const CommandLine& line) noexcept {
  bool is_user_defined = false;
  for (const Option& option : line) {
    bool bad = false;
    if (same_name(option.name, "mem")) {
      const auto applied = apply_mem(state.map, option.value);
      if (!applied && applied.error() == Error::no_room) return applied.error();
      bad = !applied;
      is_user_defined = is_user_defined || option.has_value;
    } else if (same_name(option.name, "memmap")) {
      const auto applied = apply_memmap(state.map, option.value);
      if (!applied) return applied.error();
      bad = applied.value().has_bad_part;
      is_user_defined = is_user_defined || applied.value().changes_map;
    }
    if (!bad) continue;
    const auto noted = state.note(Note::Kind::warning, "malformed memory option ignored");
    if (!noted) return noted.error();
  }
  return is_user_defined;
}

// From the first byte of the image to the end of what brk may become.
PhysRange image_with_brk(const KernelImage& kernel) noexcept {
  PhysAddr end = kernel.whole.end();
  if (kernel.brk_space.end() > end) end = kernel.brk_space.end();
  if (kernel.brk.end() > end) end = kernel.brk.end();
  return {kernel.whole.begin(), end};
}

}  // namespace

Result<Done> e820_memory_setup(State& state) noexcept {
  const Machine& machine = state.machine;
  if (machine.map.empty() && machine.alt_mem_k == 0 && machine.ext_mem_k == 0)
    return state.fail(Error::bad_table, "no usable RAM: the firmware gives no memory map");
  // A kernel whose table has a fixed size loses what does not fit.
  state.map.set_when_full(machine.limits.max_map_entries != 0 ? WhenFull::drop_rest : WhenFull::refuse);
  const auto source = state.map.set_up(machine.map, machine.alt_mem_k, machine.ext_mem_k);
  if (!source) return state.fail(source.error(), "the firmware's memory map does not fit");
  if (machine.map.size() > state.map.capacity()) {
    const auto noted =
        state.note(Note::Kind::warning, "too many entries in the firmware's map: the last are ignored", {},
                   machine.map.size() - state.map.capacity());
    if (!noted) return noted;
  }
  for (const PhysRange& extra : machine.extra_memory) {
    const auto added = state.map.add({.base = extra.begin(), .size = extra.size(), .type = MapType::usable});
    if (!added) return state.fail(added.error(), "the memory map does not fit");
  }
  if (!machine.extra_memory.empty()) {
    const auto sorted = sanitize(state);
    if (!sorted) return sorted;
  }
  if (source.value() == map::MapSource::reported) return Done{};
  return state.note(Note::Kind::printed, "the firmware's map is none; memory by the older BIOS calls");
}

Result<Done> parse_early_param(State& state) noexcept {
  const CommandLine line{state.machine.command_line};
  const auto user_defined = apply_map_options(state, line);
  if (!user_defined) return state.fail(user_defined.error(), "the user's memory map does not fit");
  state.has_user_map = user_defined.value();
  return apply_common_options(state, line);
}

Result<Done> e820_reserve_setup_data(State& state) noexcept {
  if (state.machine.setup_data.empty()) return Done{};
  for (const Machine::Table& node : state.machine.setup_data) {
    const auto updated = state.map.update_range(node.range, MapType::usable, MapType::reserved_kern);
    if (!updated) return state.fail(updated.error(), "the memory map does not fit");
  }
  return sanitize(state);
}

Result<Done> e820_finish_early_params(State& state) noexcept {
  if (!state.has_user_map) return Done{};
  if (state.map.size() < 2)
    return state.fail(Error::bad_argument,
                      "the memory map that the command line makes has fewer than two entries");
  return sanitize(state);
}

Result<Done> e820_add_kernel_range(State& state) noexcept {
  const PhysRange image = image_with_brk(state.machine.kernel);
  if (image.empty() || state.map.maps_all(image, MapType::usable)) return Done{};
  const auto removed = state.map.remove_range(image);
  if (!removed) return state.fail(removed.error(), "the memory map does not fit");
  const auto added = state.map.add({.base = image.begin(), .size = image.size(), .type = MapType::usable});
  if (!added) return state.fail(added.error(), "the memory map does not fit");
  return state.note(Note::Kind::warning, "the kernel does not lie in usable memory; its range is made usable",
                    image);
}

Result<Done> trim_bios_range(State& state) noexcept {
  const PhysRange first_page{PhysAddr{0}, PhysAddr{4096}};
  const auto updated = state.map.update_range(first_page, MapType::usable, MapType::reserved);
  if (!updated) return state.fail(updated.error(), "the memory map does not fit");
  const auto removed = state.map.remove_range(kBiosArea, MapType::usable);
  if (!removed) return state.fail(removed.error(), "the memory map does not fit");
  return sanitize(state);
}

Result<Done> e820_end_of_ram_pfn(State& state) noexcept {
  const PageSize page = state.machine.geometry.page_size();
  for (const PhysRange& range : state.machine.uncached) {
    const auto lost = state.map.update_range(range, MapType::usable, MapType::reserved);
    if (!lost) return state.fail(lost.error(), "the memory map does not fit");
    const auto noted =
        state.note(Note::Kind::warning, "MTRRs do not cover all of memory", range, lost.value().raw);
    if (!noted) return noted;
  }
  if (!state.machine.uncached.empty()) {
    const auto sorted = sanitize(state);
    if (!sorted) return sorted;
  }
  const Pfn max_arch_pfn{std::uint64_t{1} << (state.machine.limits.phys_bits - page.shift())};
  state.max_pfn = state.map.end_of_ram(max_arch_pfn, page);
  if (state.max_pfn == Pfn{0}) return state.fail(Error::no_memory, "no usable RAM");
  state.max_possible_pfn = state.max_pfn;
  const Pfn low{kLow >> page.shift()};
  state.max_low_pfn = state.max_pfn > low ? state.map.end_of_ram(low, page) : state.max_pfn;
  return Done{};
}

Result<Done> e820_memblock_setup(State& state) noexcept {
  state.memblock.set_current_limit(PhysAddr{0x100000});
  state.memblock.allow_resize();
  for (const MapEntry& entry : state.map.entries()) {
    const PhysRange range = PhysRange::sized(entry.base, entry.size);
    if (entry.type == MapType::soft_reserved) {
      const auto reserved = state.memblock.reserve(range, "soft reserved");
      if (!reserved) return state.fail(reserved.error(), "soft-reserved memory cannot be reserved");
    }
    if (entry.type != MapType::usable && entry.type != MapType::reserved_kern) continue;
    const auto added = state.memblock.add(range, "e820");
    if (!added)
      return state.fail(added.error(), "memory cannot be added: there is no place for a larger table");
  }
  return state.memblock.trim_memory(state.machine.geometry.page_size().bytes());
}

}  // namespace quarry::boot::x86
