// quarry/firmware/memory_map.hpp: typed ranges of physical memory, as firmware reports them.
#pragma once

#include <cstdint>

#include "quarry/base/text.hpp"
#include "quarry/base/units.hpp"

namespace quarry::firmware {

// The number is the e820 type: where entries overlap, the highest number wins, so it is kept as it came,
// also when it has no name here.
//
// Source    ACPI 6.4, table 15.1; Linux 6.1, enum e820_type (names and the values from 128 up).
enum class MapType : std::uint32_t {
  usable = 1,
  reserved = 2,
  acpi = 3,
  nvs = 4,
  unusable = 5,
  pmem = 7,
  pram = 12,                   // persistent memory of before the standard (type 12)
  reserved_kern = 128,         // RAM that the kernel took for setup_data
  soft_reserved = 0xefffffff,  // specific-purpose memory
};

// One entry, exactly as reported: unaligned, overlapping, zero-sized and wrapping entries included.
struct MapEntry {
  PhysAddr base;
  Bytes size;
  MapType type = MapType::reserved;
  friend constexpr bool operator==(const MapEntry&, const MapEntry&) noexcept = default;
};

// Memory that belongs to a proximity domain: one SRAT memory affinity entry.
struct MemoryAffinity {
  PhysAddr base;
  Bytes size;
  std::uint32_t domain = 0;
  bool enabled = true;
  bool hotpluggable = false;
};

// A processor that belongs to a proximity domain: one SRAT APIC, x2APIC or GICC entry.
struct CpuAffinity {
  std::uint32_t cpu = 0;  // APIC id or ACPI processor uid
  std::uint32_t domain = 0;
  bool enabled = true;
};

}  // namespace quarry::firmware
