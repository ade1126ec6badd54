// quarry/firmware/srat.hpp: which memory and which processor belong to which proximity domain.
//
// Source    ACPI 6.4, section 5.2.16, "System Resource Affinity Table".
#pragma once

#include "quarry/base/table.hpp"
#include "quarry/firmware/acpi.hpp"
#include "quarry/firmware/memory_map.hpp"

namespace quarry::firmware {

// Processor entries of types 0 (local APIC), 2 (local x2APIC) and 3 (GICC), memory entries of type 1. Other
// types are skipped. Disabled entries are kept and say so.
class Srat {
 public:
  static constexpr std::size_t kFirstEntry = 48;

  // Walks the whole table once; afterwards it can be read without failure.
  //
  // Errors    as of AcpiTable::from() with "SRAT"; truncated_table or bad_table: an entry is cut off, or
  //           shorter than its type.
  static Result<Srat> from(ByteView bytes) noexcept;

  std::uint8_t revision() const noexcept { return table_.revision(); }
  std::size_t memory_count() const noexcept { return memory_; }
  std::size_t cpu_count() const noexcept { return cpus_; }

  // Appends the entries in the table's order. In revision 1 a domain has eight bits.
  //
  // Errors    no_room: `out` is too small. Nothing changed.
  Result<Done> memory(Table<MemoryAffinity>& out) const noexcept;
  Result<Done> cpus(Table<CpuAffinity>& out) const noexcept;

 private:
  explicit Srat(AcpiTable table) noexcept : table_{table} {}
  AcpiTable table_;
  std::size_t memory_ = 0;
  std::size_t cpus_ = 0;
};

}  // namespace quarry::firmware
