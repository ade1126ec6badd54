// linux/percpu_first_chunk.hpp: where Linux puts the first per-CPU areas, and what it keeps to find them.
//
//   embedded   |area 0|..|area 1|..|area 2|..|      one block for each group of near processors; the rest of each
//                      ^^ given back                unit is given back
//   by pages   |p|p|p|p|p|...                       page for page, mapped together somewhere else
//
// Source    Linux 6.1, mm/percpu.c, "pcpu_build_alloc_info", "pcpu_embed_first_chunk", "pcpu_page_first_chunk" and
//           "pcpu_setup_first_chunk"; arch/x86/kernel/setup_percpu.c (behaviour).
#pragma once

#include <vector>

#include "linux/struct_sizes.hpp"
#include "quarry/boot/flow.hpp"

namespace quarry::lnx {

// Processors of one node, by number. Their areas lie in one block.
struct PercpuGroup {
  NodeId node;  // of the first
  std::vector<unsigned> processors;
};

// How areas are laid out. All sizes in bytes.
struct PercpuLayout {
  Bytes static_size, reserved, dynamic;
  Bytes unit;                     // from one area to the next
  std::uint64_t units_per_block;  // how many areas an allocation of the atom's size holds
  std::vector<PercpuGroup> groups;

  Bytes area() const noexcept { return Bytes{static_size.raw + reserved.raw + dynamic.raw}; }
  std::uint64_t units_of(const PercpuGroup& group) const noexcept;
  std::uint64_t units() const noexcept;
};

// `atom`: what an allocation of areas is a multiple of.
PercpuLayout lay_out_percpu(const StructSizes& sizes, Bytes dynamic, Bytes atom,
                            std::vector<PercpuGroup> groups);

// Processors of one node are a group; on arm64 those of nodes that are as near as a node is to itself.
std::vector<PercpuGroup> group_processors(const boot::State& state);

// Errors    no_memory: the kernel stops.
Result<Done> allocate_percpu(boot::State& state, const StructSizes& sizes);

}  // namespace quarry::lnx
