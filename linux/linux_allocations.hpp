// linux/linux_allocations.hpp: what Linux itself allocates while it boots: sizes and moments, as hooks of the flow.
//
// Modelled: the distance matrix, NODE_DATA of each node with memory, and page descriptors with what belongs to them:
// where memory is sparse, section roots and tables, usage maps and a vmemmap of one block for each node's present
// sections; where it is flat, one node_mem_map. Tables of the direct map and of the vmemmap, the unflattened tree and what
// comes after the descriptors (zones' bitmaps, per-CPU areas, hashes, the log's buffer) are not modelled.
#pragma once

#include "linux/kernel_profile.hpp"
#include "quarry/boot/flow.hpp"

namespace quarry::lnx {

// Sizes of Linux's own structures: a build's, so data.
struct StructSizes {
  Bytes page{64};      // struct page; 36 on 32-bit arm
  Bytes node_data{0};  // pg_data_t, rounded as the architecture rounds it
  Bytes node_data_alignment{64};
  Bytes mem_section{16};    // struct mem_section
  Bytes section_usage{56};  // usage map of one section: header, subsections' bits, four bits a pageblock
  unsigned section_address_bits = 48;  // how far sections are counted: MAX_PHYSMEM_BITS of the build
};
StructSizes struct_sizes_of(const KernelProfile& kernel);

// The hooks of Linux mode. Everything goes through memblock, so the observer sees it under its owner's name.
class LinuxAllocations {
 public:
  explicit LinuxAllocations(const KernelProfile& kernel) : kernel_{kernel}, sizes_{struct_sizes_of(kernel)} {}
  // Good while this object stays where it is.
  boot::Hooks hooks() noexcept { return {this, &LinuxAllocations::at}; }

 private:
  static Result<Done> at(void* self, boot::HookPoint point, boot::State& state) noexcept;
  Result<Done> numa_distance(boot::State& state) noexcept;
  Result<Done> node_data(boot::State& state) noexcept;
  Result<Done> sparse_memmap(boot::State& state) noexcept;
  Result<Done> sparse_node(boot::State& state, NodeId node, std::uint64_t sections) noexcept;
  Result<Done> flat_memmap(boot::State& state) noexcept;

  KernelProfile kernel_;
  StructSizes sizes_;
};

}  // namespace quarry::lnx
