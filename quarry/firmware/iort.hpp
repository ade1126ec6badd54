// quarry/firmware/iort.hpp: how far devices behind an I/O remapping table reach.
//
// Source    Arm DEN0049, "IO Remapping Table", revision E.b, sections 3.1.1.2 (root complex), 3.1.1.3 (named component).
#pragma once

#include "quarry/firmware/acpi.hpp"

namespace quarry::firmware {

// The last address that every component and root complex of the table reaches.
//
// Returns   2^bits - 1 of the narrowest that says so; 2^64 - 1 when none does. A width of 0 or more than 64 bits says
//           nothing, and neither does a root complex of revision 0.
// Errors    as of AcpiTable::from() with "IORT"; bad_table: a node lies outside the table, or is too short for what
//           it is.
// Cost      O(nodes).
// Source    Linux 6.1, "acpi_iort_dma_get_max_cpu_address" (behaviour).
Result<PhysAddr> lowest_iort_limit(ByteView bytes) noexcept;

}  // namespace quarry::firmware
