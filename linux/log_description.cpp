#include "linux/log_description.hpp"

#include <algorithm>

namespace quarry::lnx {
namespace {

constexpr std::uint32_t kLoaderCode = 1, kLoaderData = 2;  // UEFI 2.10, EFI_MEMORY_TYPE
constexpr std::uint64_t kMiB = 1u << 20;

// The lowest region of a type that holds `bytes` from a multiple of `alignment` on.
std::optional<PhysAddr> place_in(const MachineDescription& machine, std::uint32_t type, std::uint64_t bytes,
                                 std::uint64_t alignment) {
  std::optional<PhysAddr> found;
  for (const EfiEntry& entry : machine.efi_map) {
    if (entry.type != type) continue;
    const PhysAddr at{(entry.base.raw + alignment - 1) & ~(alignment - 1)};
    const bool fits = at.raw >= entry.base.raw && at.raw - entry.base.raw <= entry.size.raw &&
                      entry.size.raw - (at.raw - entry.base.raw) >= bytes;
    if (fits && (!found || at < *found)) found = at;
  }
  return found;
}

// How many entries UEFI's table of memory attributes has is not in the log: as many as EDK II's drivers for its runtime
// make on an architecture.
Bytes attributes_size(std::uint64_t entries) {
  constexpr Bytes head{16}, entry{48};
  return Bytes{head.raw + entries * entry.raw};
}

}  // namespace

void take_log(const LogInputs& log, MachineDescription& into) {
  into.efi_map = log.efi_map;
  into.map = log.e820.empty() ? map_of_efi(log.efi_map) : log.e820;
  into.map_source = !log.e820.empty() ? "e820" : log.efi_map.empty() ? "" : "efi";
  into.memory_affinity = log.memory_affinity;
  into.cpu_affinity = log.cpu_affinity;
  into.acpi_tables = log.acpi_tables;
  if (log.e820.empty() && !log.efi_map.empty()) {
    // ACPI's tables lie in memory of their own there; what is reserved by itself is UEFI's list of reservations.
    constexpr Bytes list_head{16};
    into.acpi_tables.clear();
    if (log.efi_memory_attributes)
      into.acpi_tables.push_back(
          {"MEMATTR", PhysRange::sized(*log.efi_memory_attributes, attributes_size(21))});
    if (log.efi_memory_reservations)
      into.acpi_tables.push_back({"MEMRESERVE", PhysRange::sized(*log.efi_memory_reservations, list_head)});
  }
  if (!log.e820.empty() && log.efi_memory_attributes)
    into.efi_tables.push_back(
        {"EFI memory attributes", PhysRange::sized(*log.efi_memory_attributes, attributes_size(22))});
  if (!log.release.empty()) into.has_kasan = log.has_kasan;
  into.command_line = log.command_line;
  into.origins = log.origins;
  into.model = log.model;
  if (log.cpus) into.cpus = *log.cpus;
  if (log.ramdisk) into.initrd = *log.ramdisk;
}

void place_x86_kernel(const LogInputs& log, MachineDescription& into) {
  // The brk holds early page tables, and a page of strings where there is an SMBIOS to take them from.
  constexpr Bytes table_bytes{0x10000}, string_bytes{0x1000};
  const Bytes brk{table_bytes.raw + (log.has_smbios ? string_bytes.raw : 0)};
  const Symbols& symbols = into.kernel.symbols;
  constexpr std::uint64_t linked_for = 0xffffffff80000000;
  PhysAddr base{symbols.text - linked_for};
  if (!symbols.known()) base = PhysAddr{16 * kMiB};
  const std::uint64_t bytes = symbols.end - symbols.text;
  if (const auto at = place_in(into, kLoaderCode, bytes, 2 * kMiB)) base = *at;
  // A kernel that stands in for another may be the larger one, and reach into what lay behind that.
  const PhysRange whole = PhysRange::sized(base, Bytes{bytes});
  if (whole.begin() < into.initrd.end() && into.initrd.begin() < whole.end()) {
    base = PhysAddr{(into.initrd.end().raw + 2 * kMiB - 1) & ~(2 * kMiB - 1)};
    into.notes.emplace_back("the kernel that stands in does not fit before the initrd: it is put behind it");
  }
  into.image = image_at(into.kernel, base, brk);
}

void place_uefi_arm64(Bytes initrd, MachineDescription& into) {
  constexpr std::uint64_t image_alignment = std::uint64_t{64} << 10, tree_room = 2 * kMiB;
  const Symbols& symbols = into.kernel.symbols;
  if (const auto at = place_in(into, kLoaderCode, symbols.end - symbols.text, image_alignment))
    into.image = image_at(into.kernel, *at);
  const auto tree = place_in(into, kLoaderData, tree_room, 4096);
  if (!tree) return;
  into.tree_at = *tree;
  if (initrd.raw != 0 && into.initrd.empty())
    into.initrd = PhysRange::sized(*tree + Bytes{tree_room}, initrd);
}

}  // namespace quarry::lnx
