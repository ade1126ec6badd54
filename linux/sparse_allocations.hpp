// linux/sparse_allocations.hpp: where memory is sparse: tables of sections, their usage maps, and page descriptors.
//
//   roots      one pointer for each table of sections that there may be
//   tables     one page for each run of 256 sections with a present one, on the node of the first
//   a node     usage maps of its sections, beside its node data | one block of descriptors | tables of the vmemmap
//
// Source    Linux 6.1, mm/sparse.c and sparse-vmemmap.c, "sparse_init" (behaviour).
#pragma once

#include <cstdint>
#include <set>
#include <vector>

#include "linux/struct_sizes.hpp"
#include "quarry/boot/flow.hpp"

namespace quarry::lnx {

// Where NODE_DATA of each node lies.
struct NodeDataPlace {
  NodeId node;
  PhysAddr at;
};

class SparseAllocations {
 public:
  SparseAllocations(boot::State& state, const StructSizes& sizes, std::span<const NodeDataPlace> node_data)
      : state_{&state}, sizes_{&sizes}, node_data_{node_data} {}

  // Errors    no_memory: the kernel stops.
  Result<Done> run();

 private:
  struct Section {
    std::uint64_t number;
    NodeId node;  // of the first memory in it
  };
  // Present sections in order; takes the tables of sections on the way.
  Result<std::vector<Section>> present_sections();
  // Those of one node that stand in a row.
  Result<Done> describe(std::span<const Section> sections);
  Result<Done> take_usage(NodeId node, std::size_t sections);
  // The node of the memory at an address; the first node outside memory.
  NodeId node_at(PhysAddr at) const;
  // Tables of the vmemmap that a section's descriptors need and that are not there yet.
  Result<Done> take_tables(const Section& section);

  boot::State* state_;
  const StructSizes* sizes_;
  std::span<const NodeDataPlace> node_data_;
  // Tables of the vmemmap that are there: of 256 TiB, of 512 GiB and of 1 GiB of descriptors.
  std::set<std::uint64_t> top_, upper_, middle_;
};

}  // namespace quarry::lnx
