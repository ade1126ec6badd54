// kernel/x86_64/firmware.hpp: what the emulator's loader and its ACPI tables say of this machine.
#pragma once

#include "kernel/arch.hpp"
#include "quarry/base/arena.hpp"
#include "quarry/firmware/acpi.hpp"

namespace kernel::x86 {

// The PVH boot protocol's hvm_start_info and what it leads to.
//
// Source    Xen, xen/include/public/arch-x86/hvm/start_info.h (layout, version 1).
struct StartInfo {
  static constexpr std::uint32_t kMagic = 0x336e'c578;
  std::uint32_t magic, version, flags, module_count;
  std::uint64_t modules, command_line, rsdp, map;
  std::uint32_t map_count, reserved;

  struct MapEntry {
    std::uint64_t base, size;
    std::uint32_t type, reserved;
  };
  struct Module {
    std::uint64_t base, size, command_line, reserved;
  };
};

// Physical memory under 4 GiB, which the boot tables show.
template <class T>
std::span<const T> seen_at(std::uint64_t physical, std::size_t count) noexcept {
  return {reinterpret_cast<const T*>(arch::kDirectMap + physical), count};
}

// ACPI's part, each list in memory of the arena.
struct AcpiLists {
  std::span<std::uint32_t> apic_ids;  // usable processors, in the MADT's order
  std::span<quarry::boot::Machine::Table> tables;
  std::span<quarry::firmware::MemoryAffinity> memory;
  std::span<quarry::firmware::CpuAffinity> cpus;
  std::span<const std::uint8_t> distances;
  unsigned io_apics = 0;
};
// How many bytes those lists take at most, and how many nodes there may be.
struct AcpiSize {
  std::size_t bytes = 0;
  std::size_t nodes = 1;
};
AcpiSize measure_acpi(quarry::PhysAddr rsdp) noexcept;
// A machine without ACPI, or with tables that cannot be read, has one processor and one node: then lists are empty.
//
// Errors    no_room: the arena is too small.
quarry::Result<AcpiLists> read_acpi(quarry::PhysAddr rsdp, quarry::Arena& arena) noexcept;

// All of it as quarry wants it. Stops with a message if the protocol is another or memory is too small.
const BootInfo& describe_machine(const StartInfo& start) noexcept;
// APIC ids by number of core; the one that boots is first.
std::span<const std::uint32_t> apic_ids() noexcept;

}  // namespace kernel::x86
