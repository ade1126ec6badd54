// quarry/early/bootmem_node.hpp: what bootmem knows of one node, and where an allocation fits on it.
#pragma once

#include <optional>

#include "quarry/base/table.hpp"
#include "quarry/early/bootmem_map.hpp"
#include "quarry/early/region.hpp"

namespace quarry::early {

// Linux's struct bootmem_data.
struct BootmemData {
  NodeId node = kAnyNode;
  PfnRange pages{};             // from node_min_pfn to node_low_pfn
  BootmemMap map{};             // node_bootmem_map: bit i is page node_min_pfn + i
  std::optional<Pfn> map_at{};  // where it lies; none: in memory of the caller
  bool is_handed_over = false;  // the page allocator has the pages; there is no map
  Bytes last_end_off{};         // where the last allocation ended, from the node's begin
  PageCount hint_idx{};         // the next search begins here, from the node's begin

  constexpr Pfn node_min_pfn() const noexcept { return pages.begin(); }
  constexpr Pfn node_low_pfn() const noexcept { return pages.end(); }
};

// Page numbers of a free or a reservation. `last` may lie below `first`: a free inside one page.
struct BootmemPages {
  std::uint64_t first = 0, last = 0;
};
enum class BootmemChange : std::uint8_t { free, reserve, reserve_exclusive };

// One attempt on one node. 0 as goal or limit: none.
struct BootmemAttempt {
  Bytes size{};
  Bytes alignment{};
  PhysAddr goal{};
  PhysAddr limit{};
};

// Where it fits.
struct BootmemPlace {
  enum class Rung : std::uint8_t { start, goal, hint, before_hint };
  Bytes begin{}, end{};               // from the node's begin
  std::uint64_t first = 0, last = 0;  // the bits to set, [first, last)
  Rung rung = Rung::start;
  bool is_packed = false;  // it goes on where the last allocation ended
};

// Finds the place for an allocation on a node.
//
//   limit and goal are rounded down to pages. The search begins at the goal, if that lies inside
//   (min, top), or at the node's begin; or at the hint, if that is further up. When the hint's pass fails,
//   a second one begins where the first would have begun without the hint. Nothing is searched below a goal.
//
//   min             goal                hint                         top = limit or low
//   |----------------|-------------------|============ first =========|
//                    |======================= second =================|
//
// It wants as many free pages in a row as the size needs, at a multiple of the alignment. If the last
// allocation ended inside the page before them, it begins there, after it, and takes fewer of them.
//
// Errors    bad_argument: size 0, alignment no power of two, goal + size above the limit.
//           no_memory: nothing fits.
// Cost      O(words of bitmap passed).
// Source    Linux 4.19, "alloc_bootmem_bdata" (behaviour).
Result<BootmemPlace> find_place(const BootmemData& data, const BootmemAttempt& attempt,
                                PageSize page) noexcept;

}  // namespace quarry::early
