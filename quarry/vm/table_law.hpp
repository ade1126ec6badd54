// quarry/vm/table_law.hpp: what must be true of a tree of page tables at all times.
#pragma once

#include "quarry/base/text.hpp"
#include "quarry/vm/address.hpp"

namespace quarry::vm {

// In the order audit() tries them, entry by entry.
enum class TableLaw : std::uint8_t {
  holds,
  absent_is_zero,       // an entry that is not in force holds nothing, or is a window that is shut
  leaf_is_allowed,      // no larger page than the processor has
  leaf_is_aligned,      // to its own size, and inside physical memory
  leaf_is_as_written,   // its bits are those that its address and access make
  table_is_mapped,      // the direct map reaches every table
  table_is_as_written,  // its entry's bits are those that its address makes
  no_table_is_empty,    // but the root
  tables_are_counted,   // as many as were taken and not given back
};

TextView name_of(TableLaw law) noexcept;

struct TableFinding {
  TableLaw broken = TableLaw::holds;
  std::uint64_t offset =
      0;  // of the entry's first byte in what the tree translates; 0 for a law about counts
  constexpr explicit operator bool() const noexcept { return broken != TableLaw::holds; }
};

}  // namespace quarry::vm
