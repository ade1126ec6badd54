// linux/linux_allocations.hpp: what Linux itself allocates while it boots: sizes and moments, as hooks of the flow.
//
//   page_tables    tables of the direct map               x86_page_tables
//   log_buffer     log_buf_len=                           log_buffer
//   numa_distance  the distance matrix                    here
//   node_data      NODE_DATA of nodes with memory         here
//   memmap         sections, descriptors; other nodes     sparse_allocations, here
//   devices        timer, interrupt controllers           x86_resources
//   resources      resources, firmware's map, nosave      x86_resources
//   command_line   copies                                 command_line_copies
//   percpu         per-CPU areas, processor masks         percpu_first_chunk
//   late_log_...   gigantic pages, unknown options, log   gigantic_pages, command_line_copies, log_buffer
//   hashes         dentries, inodes                       system_hashes
//   late           entry areas' tables, bounce buffer     here, swiotlb; what comes back later: given_back
//
// x86_64 has all of it. arm64 has its own page_tables (arm64_page_tables) and unflatten (device_tree_copy), and what is
// generic at the moments that its flow has. So has arm: arm_page_tables, device_tree_copy, flat_memmap.
#pragma once

#include <vector>

#include "linux/log_buffer.hpp"
#include "linux/sparse_allocations.hpp"
#include "linux/struct_sizes.hpp"
#include "quarry/boot/flow.hpp"

namespace quarry::lnx {

// The hooks of Linux mode. Everything goes through State::allocator, so observers see it under its owner's name.
class LinuxAllocations {
 public:
  explicit LinuxAllocations(const KernelProfile& kernel)
      : kernel_{kernel},
        sizes_{struct_sizes_of(kernel)},
        log_{sizes_, kernel.log_buf_shift, kernel.log_cpu_buf_shift} {}
  LinuxAllocations(const LinuxAllocations&) = delete;
  LinuxAllocations& operator=(const LinuxAllocations&) = delete;
  // Good while this object stays where it is.
  boot::Hooks hooks() noexcept { return {this, &LinuxAllocations::at}; }
  // Pages of DMA memory that were taken when zones were cut; 0 where the architecture does not count them.
  PageCount dma_reserve() const noexcept { return dma_reserve_; }

 private:
  static Result<Done> at(void* self, boot::HookPoint point, boot::State& state) noexcept;
  Result<Done> any_arch(boot::HookPoint point, boot::State& state);
  Result<Done> x86_only(boot::HookPoint point, boot::State& state);
  Result<Done> arm64_only(boot::HookPoint point, boot::State& state);
  Result<Done> arm_only(boot::HookPoint point, boot::State& state);
  Result<Done> riscv64_only(boot::HookPoint point, boot::State& state);
  Result<Done> numa_distance(boot::State& state);
  Result<Done> node_data(boot::State& state);
  Result<Done> memmap(boot::State& state);
  Result<Done> flat_memmap(boot::State& state);
  bool has_node_data(const numa::Node& node) const;
  Result<Done> memoryless_nodes(boot::State& state);
  Result<Done> late(boot::State& state);

  KernelProfile kernel_;
  StructSizes sizes_;
  LogBuffer log_;
  std::vector<NodeDataPlace> node_data_;
  PageCount dma_reserve_;
  PhysRange flat_memmap_;
};

}  // namespace quarry::lnx
