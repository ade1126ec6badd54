// quarry/early/audit.hpp: the laws of a region table, and which one is broken.
#pragma once

#include <cstddef>
#include <optional>

#include "quarry/early/region_table.hpp"

namespace quarry::early {

enum class Law : std::uint8_t {
  count_within_max,       // a table has no more regions than its storage holds
  rings_turn_inside,      // no ring of a large table is turned by more than its size
  no_empty_region,        // each region has a byte
  inside_address_space,   // no region ends above the largest address
  sorted_and_disjoint,    // each region begins at or above the end of the one before
  merged,                 // neighbours that touch differ in flags or node
  known_flags,            // no flag but the four
  total_is_sum,           // the total counts each byte once, and what trimming left uncounted
  one_node_without_numa,  // without NUMA all regions are of node 0
  // Memblock's own: where searches begin lower than asked, nothing fits above.
  nothing_fits_above_ceilings,
  // And where they begin higher than asked, nothing fits below.
  nothing_fits_below_floors,
};
const char* name_of(Law law) noexcept;

// A table as numbers, so that the audit can be shown any table.
struct AuditedTable {
  Regions regions{};
  std::size_t max = 0;
  Bytes total{};
  Bytes trimmed{};
  bool is_merged = true;  // false: an isolated range was left, and `merged` does not bind
};
struct AuditLimits {
  PhysAddr phys_addr_max{UINT64_MAX};
  bool has_numa = true;
};

// Returns   the first broken law, in the order above for each region; none when all hold.
// Cost      O(n).
std::optional<Law> audit(const AuditedTable& table, const AuditLimits& limits) noexcept;

}  // namespace quarry::early
