// quarry/firmware/madt.hpp: how many processors there are.
//
// Source    ACPI 6.4, section 5.2.12, "Multiple APIC Description Table".
#pragma once

#include "quarry/firmware/acpi.hpp"

namespace quarry::firmware {

// Enabled processors by kind, and those that are only described.
struct MadtCpus {
  unsigned local_apic = 0;
  unsigned x2apic = 0;
  unsigned gicc = 0;
  unsigned disabled = 0;
  constexpr unsigned enabled() const noexcept { return local_apic + x2apic + gicc; }
};

// An entry whose APIC id is the broadcast (255, or 2^32 - 1 for an x2APIC) is no processor.
//
// Errors    as of AcpiTable::from() with "APIC"; truncated_table or bad_table: an entry is cut off, or
//           shorter than its type.
Result<MadtCpus> count_madt_cpus(ByteView bytes) noexcept;

}  // namespace quarry::firmware
