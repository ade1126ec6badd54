#include "linux/x86_resources.hpp"

#include <algorithm>

#include "linux/boot_allocation.hpp"
#include "quarry/boot/command_line.hpp"
#include "quarry/map/e820_map.hpp"

namespace quarry::lnx {
namespace {

constexpr Purpose kResources{"resources", "no room for the resources of memory and devices"};
constexpr Purpose kFirmwareMap{"firmware map", "no room for what /sys/firmware/memmap shows"};
constexpr Purpose kNosave{"nosave regions", "no room for the regions that hibernation leaves alone"};
constexpr Bytes kTimerName{9}, kInterruptControllerName{11};

bool is_ram(firmware::MapType type) noexcept {
  return type == firmware::MapType::usable || type == firmware::MapType::reserved_kern;
}

bool has_table(const boot::Machine& machine, TextView signature) noexcept {
  return std::any_of(machine.acpi_tables.begin(), machine.acpi_tables.end(),
                     [&](const boot::Machine::Table& table) { return table.name == signature; });
}

// The firmware's map as it was before the command line and the kernel changed it.
Result<std::size_t> firmware_entries(const boot::State& state) {
  const boot::Machine& machine = state.machine;
  const auto storage = map::E820Storage::from(state.arena, 2 * machine.map.size() + 2);
  if (!storage) return storage.error();
  map::E820Map map{storage.value()};
  if (const auto set = map.set_up(machine.map, machine.alt_mem_k, machine.ext_mem_k); !set)
    return set.error();
  return map.size();
}

}  // namespace

Result<Done> allocate_devices(boot::State& state, const StructSizes& sizes) {
  const auto option = boot::CommandLine{state.machine.command_line}.last("acpi");
  if (option && option->value == "off") return Done{};
  if (has_table(state.machine, "HPET")) {
    const Bytes timer{sizes.resource.raw + kTimerName.raw};
    const auto done = take_all(state, kResources, 1, {.size = timer, .alignment = kCacheLine});
    if (!done) return done;
  }
  const std::uint64_t controllers =
      has_table(state.machine, "APIC") ? state.machine.interrupt_controllers : 0;
  if (controllers == 0) return Done{};
  const Bytes all{controllers * (sizes.resource.raw + kInterruptControllerName.raw)};
  return take_all(state, kResources, 1, {.size = all, .alignment = kCacheLine});
}

std::size_t count_nosave_regions(std::span<const firmware::MapEntry> map, Pfn limit, PageSize page) noexcept {
  std::size_t count = 0;
  Pfn last_end{};  // of the region before
  const auto add = [&](Pfn begin, Pfn end) {
    if (begin >= end) return;
    if (count == 0 || last_end != begin) ++count;
    last_end = end;
  };
  PhysAddr end_of_ram{};
  for (const firmware::MapEntry& entry : map) {
    if (!is_ram(entry.type)) continue;
    const PhysRange range = PhysRange::sized(entry.base, entry.size);
    if (end_of_ram < range.begin()) add(page.pfn_down(end_of_ram), page.pfn_up(range.begin()));
    end_of_ram = range.end();
  }
  add(page.pfn_down(end_of_ram), limit);
  return count;
}

Result<Done> allocate_resources(boot::State& state, const StructSizes& sizes) {
  const auto map = state.map.entries();
  const Bytes resources{map.size() * sizes.resource.raw};
  auto done = take_all(state, kResources, 1, {.size = resources, .alignment = kCacheLine});
  if (!done) return done;
  const auto entries = firmware_entries(state);
  if (!entries) return entries.error();
  done = take_all(state, kFirmwareMap, entries.value(),
                  {.size = sizes.firmware_map_entry, .alignment = kCacheLine});
  if (!done) return done;
  const std::size_t regions = count_nosave_regions(map, state.max_pfn, state.machine.geometry.page_size());
  return take_all(state, kNosave, regions, {.size = sizes.nosave_region, .alignment = kCacheLine});
}

}  // namespace quarry::lnx
