// kernel/x86_64/machine.cpp: the loader's words become a boot::Machine.
#include "core_tables.hpp"
#include "cpu.hpp"
#include "firmware.hpp"
#include "kernel/console.hpp"
#include "local_apic.hpp"
#include "quarry/base/geometries.hpp"
#include "serial.hpp"

extern "C" {
extern std::byte image_begin[], text_end[], rodata_end[], bss_begin[], image_end[];
}

namespace kernel {

using quarry::Arena, quarry::Bytes, quarry::PhysAddr, quarry::PhysRange, quarry::TextView;
using quarry::firmware::MapEntry, quarry::firmware::MapType;

namespace x86 {
namespace {

constexpr PhysRange kBootMapped{PhysAddr{0}, PhysAddr{std::uint64_t{1} << 32}};

constinit CoreTables boot_core_tables{};
constinit BootInfo info{};
constinit std::span<const std::uint32_t> cores_apic_ids{};
constexpr std::uint32_t kOnlyCore = 0;

// The image lies where it is linked.
PhysAddr at(const std::byte* symbol) noexcept { return PhysAddr{reinterpret_cast<std::uint64_t>(symbol)}; }

[[noreturn]] void refuse(TextView why) noexcept {
  console().put("quarry: ").put(why).put('\n');
  arch::power_off(1);
}

TextView text_at(std::uint64_t physical) noexcept {
  return physical == 0 ? TextView{} : TextView{seen_at<char>(physical, 1).data()};
}

PhysRange first_module(const StartInfo& start) noexcept {
  if (start.module_count == 0) return {};
  const auto module = seen_at<StartInfo::Module>(start.modules, 1)[0];
  return PhysRange::sized(PhysAddr{module.base}, Bytes{module.size});
}

// The first free place for the boot storage: in RAM behind the image, under 4 GiB, not where the initrd lies.
PhysRange place_storage(std::span<const StartInfo::MapEntry> map, PhysRange initrd, Bytes size) noexcept {
  constexpr std::uint64_t page = 4096;
  const auto up = [](std::uint64_t address) { return (address + page - 1) & ~(page - 1); };
  for (const StartInfo::MapEntry& entry : map) {
    if (entry.type != static_cast<std::uint32_t>(MapType::usable)) continue;
    const PhysRange ram = PhysRange::sized(PhysAddr{entry.base}, Bytes{entry.size});
    std::uint64_t begin = up(ram.begin() < at(image_end) ? at(image_end).raw : ram.begin().raw);
    for (unsigned tries = 0; tries < 2; ++tries) {
      const PhysRange place = PhysRange::sized(PhysAddr{begin}, size);
      if (place.end() <= ram.end() && place.end() <= kBootMapped.end() && !place.overlaps(initrd))
        return place;
      begin = up(initrd.end().raw < begin ? begin : initrd.end().raw);
    }
  }
  return {};
}

std::span<const MapEntry> copy_map(std::span<const StartInfo::MapEntry> map, Arena& arena) noexcept {
  const auto entries = arena.take<MapEntry>(map.size());
  if (!entries) refuse("the firmware's map has no room in the boot storage");
  for (std::size_t i = 0; i < map.size(); ++i)
    entries.value()[i] = {PhysAddr{map[i].base}, Bytes{map[i].size}, MapType{map[i].type}};
  return entries.value();
}

TextView copy_text(TextView text, Arena& arena) noexcept {
  const auto bytes = arena.take_bytes(text.size() + 1, 1);
  if (!bytes) refuse("the command line has no room in the boot storage");
  char* const copy = reinterpret_cast<char*>(bytes.value());
  __builtin_memcpy(copy, text.data(), text.size());
  return {copy, text.size()};
}

// The processor that runs this is core 0, the others follow in the order of the MADT.
std::span<const std::uint32_t> order_cores(std::span<std::uint32_t> ids) noexcept {
  for (std::uint32_t& id : ids) {
    if (id != LocalApic::id()) continue;
    const std::uint32_t mine = id;
    for (std::uint32_t* before = &id; before != ids.data(); --before) *before = before[-1];
    ids[0] = mine;
    return ids;
  }
  return {&kOnlyCore, 1};
}

quarry::boot::KernelImage image_in(PhysRange storage) noexcept {
  return {.whole = {at(image_begin), at(image_end)},
          .text = {at(image_begin), at(text_end)},
          .rodata = {at(text_end), at(rodata_end)},
          .data = {at(rodata_end), at(bss_begin)},
          .bss = {at(bss_begin), at(image_end)},
          .init = {},
          .brk = storage,
          .brk_space = storage,
          .page_directory = {}};
}

void describe_limits(quarry::boot::Machine& machine) noexcept {
  machine.arch = quarry::boot::Arch::x86_64;
  machine.geometry = quarry::k4KSparse;
  machine.limits.max_map_entries = 0;
  machine.limits.initial_memory_regions = 0;
  machine.limits.initial_reserved_regions = 0;
  machine.limits.max_reserved_nodes = 0;
  machine.limits.phys_bits = 52;
  machine.limits.page_offset = arch::kDirectMap;
  constexpr std::uint16_t extended_bios_segment = 0x40e;
  const auto segment = seen_at<std::uint16_t>(extended_bios_segment, 1)[0];
  const PhysAddr bios{std::uint64_t{segment} << 4};
  if (PhysAddr{0x80000} <= bios && bios < PhysAddr{0xa0000}) machine.bios_area = bios;
  machine.has_gigabyte_pages = arch::largest_page_bits() == 30;
}

}  // namespace

const BootInfo& describe_machine(const StartInfo& start) noexcept {
  if (start.magic != StartInfo::kMagic) refuse("this is not the PVH boot protocol");
  if (start.version < 1) refuse("the loader gives no memory map (PVH version 0)");
  const auto map = seen_at<StartInfo::MapEntry>(start.map, start.map_count);
  const PhysAddr rsdp{start.rsdp};
  const TextView command_line = text_at(start.command_line);
  const AcpiSize acpi_size = measure_acpi(rsdp);
  const Bytes own{map.size() * sizeof(MapEntry) + command_line.size() + acpi_size.bytes + 4096};
  const Bytes shared = boot_storage_size({.map_entries = map.size(), .nodes = acpi_size.nodes});
  const PhysRange place = place_storage(map, first_module(start), Bytes{own.raw + shared.raw});
  if (place.empty())
    refuse("no memory behind the kernel's image for the boot-time tables: give it more (-m)");

  std::byte* const memory = reinterpret_cast<std::byte*>(arch::kDirectMap + place.begin().raw);
  __builtin_memset(memory, 0, static_cast<std::size_t>(place.size().raw));
  Arena arena{{memory, static_cast<std::size_t>(own.raw)}};
  const auto acpi = read_acpi(rsdp, arena);
  if (!acpi) refuse("ACPI's tables have no room in the boot storage");
  cores_apic_ids = order_cores(acpi.value().apic_ids);

  quarry::boot::Machine& machine = info.machine;
  describe_limits(machine);
  machine.model = "PVH";
  machine.command_line = copy_text(command_line, arena);
  machine.cpus = static_cast<unsigned>(cores_apic_ids.size());
  machine.interrupt_controllers = acpi.value().io_apics;
  machine.map = copy_map(map, arena);
  machine.memory_affinity = acpi.value().memory;
  machine.cpu_affinity = acpi.value().cpus;
  machine.distances = acpi.value().distances;
  machine.acpi_tables = acpi.value().tables;
  machine.kernel = image_in(place);
  machine.initrd = first_module(start);
  info.storage = {memory + own.raw, static_cast<std::size_t>(shared.raw)};
  info.boot_mapped = kBootMapped;
  return info;
}

std::span<const std::uint32_t> apic_ids() noexcept { return cores_apic_ids; }

extern "C" [[noreturn]] void x86_main(std::uint32_t start_info) noexcept {
  start_serial();
  use_core_tables(boot_core_tables, 0);
  set_up_paging(quarry::vm::kPageAttributes);
  LocalApic::enable();
  main(describe_machine(seen_at<StartInfo>(start_info, 1)[0]));
}

}  // namespace x86

unsigned arch::core_count() noexcept { return static_cast<unsigned>(x86::apic_ids().size()); }

unsigned arch::largest_page_bits() noexcept {
  constexpr std::uint32_t extended_features = 0x8000'0001, gigabyte_pages = 1u << 26;
  return (x86::cpuid(extended_features).d & gigabyte_pages) != 0 ? 30 : 21;
}

// The image, where it is linked; and the local APIC's page, beside the RAM of the direct map.
std::span<const arch::Mapping> arch::mappings() noexcept {
  static constinit Mapping all[5] = {};
  const quarry::boot::KernelImage& image = x86::info.machine.kernel;
  const PhysRange apic{PhysAddr{0xfee0'0000}, PhysAddr{0xfee0'1000}};
  all[0] = {image.text.begin().raw, image.text, MapAs::code};
  all[1] = {image.rodata.begin().raw, image.rodata, MapAs::constants};
  all[2] = {image.data.begin().raw, image.data, MapAs::data};
  all[3] = {image.bss.begin().raw, image.bss, MapAs::data};
  all[4] = {kDirectMap + apic.begin().raw, apic, MapAs::device};
  return all;
}

}  // namespace kernel
