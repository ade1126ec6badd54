// quarry/numa/srat.hpp: a draft of the nodes from ACPI's affinity tables.
#pragma once

#include <cstdint>
#include <span>

#include "quarry/firmware/memory_map.hpp"
#include "quarry/numa/nodes.hpp"

namespace quarry::numa {

// What SRAT and SLIT say, decoded, in the tables' order. Distances row by row, domains squared.
struct AcpiTables {
  std::span<const firmware::MemoryAffinity> memory;
  std::span<const firmware::CpuAffinity> cpus;
  std::span<const std::uint8_t> distances;
};

// Starts a new draft: processors first, then memory; the domains become nodes in order of appearance.
// Disabled entries count for nothing; a range that ends before it begins is remarked on and ignored.
//
// Errors    not_found: no enabled memory entry; bad_table: more domains than max_nodes (with a refusal);
//           no_room: the arena is used up.
// Source    ACPI 6.4, 5.2.16; Linux 6.1, "acpi_numa_init" (order and refusals, behaviour).
Result<Done> draft_from_srat(Nodes& nodes, const AcpiTables& tables) noexcept;

// Adds SLIT's distances to a draft. A table that breaks the rules is not used, with a remark that says so:
// it must be square, 10 to itself, more than 10 to others. Domains that SRAT did not name are skipped.
//
// Errors    no_room: the arena is used up.
// Source    ACPI 6.4, 5.2.17; Linux 6.1, "slit_valid" and "acpi_numa_slit_init" (behaviour).
Result<Done> add_slit(Nodes& nodes, std::span<const std::uint8_t> distances) noexcept;

}  // namespace quarry::numa
