// quarry/early/bootmem_audit.hpp: the laws of bootmem's records, and which one is broken.
#pragma once

#include <optional>
#include <span>

#include "quarry/early/bootmem_node.hpp"

namespace quarry::early {

enum class BootmemLaw : std::uint8_t {
  sorted_by_address,   // no node begins below the one before it
  one_record_a_node,   // no two records are of one node
  inside_addresses,    // a node's last byte has an address
  map_covers_node,     // the map counts the node's pages, and has whole longs for them
  no_map_handed_over,  // what the page allocator has, no map tells of
  padding_is_set,      // the bits after the last page's are 1: the hand-over relies on it
  hint_inside_node,    // hint_idx is a page of the node, or its end
  offset_inside_node,  // last_end_off is a byte of the node, or its end
};
const char* name_of(BootmemLaw law) noexcept;

// Returns   the first broken law; none when all hold.
// Cost      O(nodes^2).
std::optional<BootmemLaw> audit(std::span<const BootmemData> nodes, PageSize page, LongBits width) noexcept;

}  // namespace quarry::early
