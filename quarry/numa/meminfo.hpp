// quarry/numa/meminfo.hpp: blocks as tables give them, made to fit the memory there is.
//
//   table      |--0--|  |----0----|     |---1---|  |--1--|          |--1--|
//   memory     |=====================|  |==================|
//   cleaned    |---------0-----------|  |-------1----------|        dropped: no memory under it
//
// Pure: blocks and memory in, blocks and a verdict out.
#pragma once

#include <span>

#include "quarry/base/table.hpp"
#include "quarry/early/regions.hpp"
#include "quarry/numa/nodes.hpp"

namespace quarry::numa {

// Frames of `span` that no memory region covers; a region loses its partial frames.
PageCount absent_pages(early::Regions memory, PfnRange span, PageSize page) noexcept;
// The same, counting as memory only what belongs to `node`.
PageCount absent_pages_of(early::Regions memory, NodeId node, PfnRange span, PageSize page) noexcept;

// Drops blocks without memory under them, cuts the others at the end of RAM, joins those of one node
// with no other node between them. `nodes` gets a remark for every join, self-overlap and refusal.
//
// Errors    bad_table: blocks of different nodes overlap, and a remark names both; no_room.
// Source    Linux 6.1, x86 "numa_cleanup_meminfo" (behaviour).
Result<Done> clean_up(Nodes& nodes, Table<Block>& blocks, early::Regions memory,
                      PhysAddr end_of_ram) noexcept;

// Whether the blocks hold all memory but for less than 1 MiB. Regions have their nodes by now.
//
// Returns   the frames that no node has; `covers` is true when they are few enough.
// Source    Linux 6.1, x86 "numa_meminfo_cover_memory" (behaviour).
struct Coverage {
  bool covers;
  PageCount in_nodes;
  PageCount in_memory;
};
Coverage coverage(std::span<const Block> blocks, early::Regions memory, PhysAddr end_of_ram,
                  PageSize page) noexcept;

}  // namespace quarry::numa
