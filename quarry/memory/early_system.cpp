#include "quarry/memory/early_system.hpp"

#include <new>

namespace quarry::memory {
namespace {

early::Config memblock_config(const boot::Machine& machine, const EarlyConfig& config) noexcept {
  early::Config result;
  result.page = machine.geometry.page_size();
  // phys_addr_t is 32 bits wide on a 32-bit kernel without LPAE, and 64 on all others.
  result.phys_addr_bits = machine.limits.phys_bits <= 32 && boot::reproduces_bugs(machine) ? 32 : 64;
  result.region_bytes = machine.limits.region_bytes;
  result.numa = machine.limits.has_numa ? early::Numa::present : early::Numa::absent;
  if (config.fresh_ram == FreshRam::zero) result.free_memory = early::FreeMemory::stays_zero;
  result.spare = config.spare;
  return result;
}

boot::BootmemSetup bootmem_setup(const EarlyConfig& config) noexcept {
  const bool is_mapped = config.direct_map.map != nullptr;
  return {.direct_map = is_mapped ? config.direct_map : config.bitmap_map,
          .observer = config.bootmem_observer,
          .contents = is_mapped && config.fresh_ram == FreshRam::anything
                          ? early::BootmemContents::zeroed
                          : early::BootmemContents::as_it_was};
}

// How many entries the kernel's own map may come to have. Sanitising n entries makes fewer than 2n, and each
// option of the command line or fixed update splits at most one entry into three.
std::size_t map_capacity(const boot::Machine& machine) noexcept {
  if (machine.arch != boot::Arch::x86_64) return 0;
  if (machine.limits.max_map_entries != 0) return machine.limits.max_map_entries;
  constexpr std::size_t fixed_updates = 32;
  std::size_t options = 1;
  for (const char c : machine.command_line) options += c == ' ' || c == ',';
  return 2 * (machine.map.size() + machine.acpi_tables.size() + options + fixed_updates);
}

// What a first table of regions holds when the machine does not say: all that is known to be coming, and some more.
std::size_t capacity(std::size_t said, std::size_t expected) noexcept {
  constexpr std::size_t some = 128;
  return said != 0 ? said : expected + some;
}

}  // namespace

EarlySystem::EarlySystem(const boot::Machine& machine, Arena& arena, const EarlyConfig& config,
                         early::Storage regions, const map::E820Storage& entries) noexcept
    : direct_map_{config.direct_map},
      fresh_ram_{config.fresh_ram},
      memblock_{memblock_config(machine, config), regions, config.direct_map, config.observer},
      map_{entries},
      state_{.machine = machine,
             .arena = arena,
             .memblock = memblock_,
             .map = map_,
             .observer = config.observer,
             .hooks = config.hooks,
             .early = config.early,
             .bootmem = bootmem_setup(config)},
      steps_{config.steps} {}

Result<EarlySystem*> EarlySystem::make(const boot::Machine& machine, Arena& arena,
                                       const EarlyConfig& config) noexcept {
  const boot::Limits& limits = machine.limits;
  const auto memory = arena.take<early::Region>(capacity(limits.initial_memory_regions, machine.map.size()));
  if (!memory) return memory.error();
  const auto reserved = arena.take<early::Region>(
      capacity(limits.initial_reserved_regions, machine.acpi_tables.size() + machine.setup_data.size()));
  if (!reserved) return reserved.error();
  const auto entries = map::E820Storage::from(arena, map_capacity(machine));
  if (!entries) return entries.error();
  const auto self = arena.take_bytes(sizeof(EarlySystem), alignof(EarlySystem));
  if (!self) return self.error();
  const early::Storage regions{.memory = memory.value(), .reserved = reserved.value(), .physmem = {}};
  return ::new (static_cast<void*>(self.value()))
      EarlySystem{machine, arena, config, regions, entries.value()};
}

Result<Done> EarlySystem::cut_zones() noexcept {
  auto layout = zones::lay_out(state_);
  if (!layout) return layout.error();
  layout_ = layout.value();
  return Done{};
}

}  // namespace quarry::memory
