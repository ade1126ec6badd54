#include "linux/linux_allocations.hpp"

#include "linux/arm64_page_tables.hpp"
#include "linux/arm_page_tables.hpp"
#include "linux/boot_allocation.hpp"
#include "linux/command_line_copies.hpp"
#include "linux/device_tree_copy.hpp"
#include "linux/flat_memmap.hpp"
#include "linux/gigantic_pages.hpp"
#include "linux/given_back.hpp"
#include "linux/percpu_first_chunk.hpp"
#include "linux/riscv64_page_tables.hpp"
#include "linux/riscv64_resources.hpp"
#include "linux/swiotlb.hpp"
#include "linux/system_hashes.hpp"
#include "linux/x86_page_tables.hpp"
#include "linux/x86_resources.hpp"
#include "quarry/early/memblock.hpp"

namespace quarry::lnx {
namespace {

using boot::Arch;
using boot::HookPoint;

constexpr Purpose kDistances{"numa distances", "no room for the distances between nodes"};
constexpr Purpose kResources{"resources", "no room for the resources of memory"};
constexpr Purpose kNodeData{"node data", "no room for a node's data"};

}  // namespace

Result<Done> LinuxAllocations::at(void* self, HookPoint point, boot::State& state) noexcept {
  auto& model = *static_cast<LinuxAllocations*>(self);
  const auto done = model.any_arch(point, state);
  if (!done) return done;
  switch (model.kernel_.arch) {
    case Arch::x86_64: return model.x86_only(point, state);
    case Arch::arm64: return model.arm64_only(point, state);
    case Arch::arm: return model.arm_only(point, state);
    case Arch::riscv64: return model.riscv64_only(point, state);
  }
  return done;
}

Result<Done> LinuxAllocations::any_arch(HookPoint point, boot::State& state) {
  switch (point) {
    case HookPoint::numa_distance: return numa_distance(state);
    case HookPoint::node_data: return node_data(state);
    case HookPoint::memmap: return memmap(state);
    default: return Done{};
  }
}

Result<Done> LinuxAllocations::x86_only(HookPoint point, boot::State& state) {
  switch (point) {
    case HookPoint::page_tables: return X86PageTables{state, sizes_, kernel_}.map_everything();
    case HookPoint::log_buffer: return log_.set_up_early(state);
    case HookPoint::devices: return allocate_devices(state, sizes_);
    case HookPoint::resources: return allocate_resources(state, sizes_);
    case HookPoint::command_line: return allocate_command_lines(state);
    case HookPoint::percpu: return allocate_percpu(state, sizes_);
    case HookPoint::late_log_buffer: {
      if (const auto done = allocate_gigantic_pages(state); !done) return done;
      if (const auto done = print_unknown_options(state); !done) return done;
      return log_.set_up_late(state);
    }
    case HookPoint::hashes: return allocate_early_hashes(state, sizes_, dma_reserve_);
    case HookPoint::late: return late(state);
    default: return Done{};
  }
}

// arm64's flow has fewer moments: what Linux allocates between two of them belongs to the later one.
Result<Done> LinuxAllocations::arm64_only(HookPoint point, boot::State& state) {
  switch (point) {
    case HookPoint::page_tables: return Arm64PageTables{state, kernel_}.map_everything();
    case HookPoint::unflatten: return allocate_device_tree(state, sizes_);
    case HookPoint::percpu: {
      const Bytes resources{state.memblock.memory().view().size() * sizes_.resource.raw};
      const auto done = take_all(state, kResources, 1, {.size = resources, .alignment = kCacheLine});
      if (!done) return done;
      if (const auto copied = allocate_command_lines(state); !copied) return copied;
      return allocate_percpu(state, sizes_);
    }
    case HookPoint::late: {
      if (const auto done = allocate_gigantic_pages(state); !done) return done;
      if (const auto done = log_.set_up_early(state); !done) return done;
      if (const auto done = log_.set_up_late(state); !done) return done;
      if (const auto done = allocate_early_hashes(state, sizes_, PageCount{0}); !done) return done;
      if (const auto done = allocate_stack_depot(state, sizes_, PageCount{0}); !done) return done;
      return allocate_swiotlb(state, sizes_);
    }
    default: return Done{};
  }
}

// As arm64 but for page tables and resources.
Result<Done> LinuxAllocations::riscv64_only(HookPoint point, boot::State& state) {
  if (point == HookPoint::page_tables) return Riscv64PageTables{state, kernel_}.map_everything();
  if (point != HookPoint::percpu) return arm64_only(point, state);
  if (const auto done = allocate_riscv64_resources(state, sizes_); !done) return done;
  if (const auto copied = allocate_command_lines(state); !copied) return copied;
  return allocate_percpu(state, sizes_);
}

Result<Done> LinuxAllocations::arm_only(HookPoint point, boot::State& state) {
  switch (point) {
    case HookPoint::page_tables: return allocate_arm_page_tables(state, kernel_, sizes_);
    case HookPoint::unflatten: return allocate_device_tree(state, sizes_);
    case HookPoint::percpu: {
      if (const auto copied = allocate_command_lines(state); !copied) return copied;
      return allocate_percpu(state, sizes_);
    }
    case HookPoint::late: {
      if (const auto done = log_.set_up_early(state); !done) return done;
      if (const auto done = log_.set_up_late(state); !done) return done;
      if (const auto done = allocate_early_hashes(state, sizes_, PageCount{0}); !done) return done;
      if (const auto done = allocate_stack_depot(state, sizes_, PageCount{0}); !done) return done;
      if (kernel_.has("CONFIG_ARM_LPAE"))
        if (const auto done = allocate_swiotlb(state, sizes_); !done) return done;
      if (const auto done = list_initrd_end(state); !done) return done;
      return free_unused_memmap(state, sizes_, flat_memmap_);
    }
    default: return Done{};
  }
}

Result<Done> LinuxAllocations::numa_distance(boot::State& state) {
  // Only x86 knows of nodes before it makes room.
  const std::uint64_t width =
      kernel_.arch == Arch::x86_64 ? state.nodes.distance_count() : state.machine.limits.max_nodes;
  if (width == 0) return Done{};
  early::Request request{.size = Bytes{width * width}, .alignment = kPage};
  const bool is_x86 = kernel_.arch == Arch::x86_64;
  if (is_x86) request.max = state.machine.geometry.page_size().address_of(state.max_pfn);
  const auto at = is_x86 ? take_between(state, kDistances, request) : take(state, kDistances, request);
  if (!at) return at.error();
  state.numa_distance = PhysRange::sized(at.value(), request.size);
  return Done{};
}

// x86 waits with nodes that have no memory until their zones are made; others set up each node that a table names.
bool LinuxAllocations::has_node_data(const numa::Node& node) const {
  return kernel_.arch == Arch::x86_64 ? node.has_memory : node.online;
}

Result<Done> LinuxAllocations::node_data(boot::State& state) {
  node_data_.clear();
  if (sizes_.node_data.raw == 0) return Done{};  // a flat machine's node is part of the kernel
  for (const numa::Node& node : state.nodes.nodes()) {
    if (!has_node_data(node)) continue;
    const auto at = state.allocator.phys_alloc_try_nid(
        {.size = sizes_.node_data, .alignment = sizes_.node_data_alignment, .node = node.id},
        kNodeData.owner);
    if (!at) return state.fail(at.error(), kNodeData.lack, sizes_.node_data, boot::largest_hole(state));
    node_data_.push_back({node.id, at.value()});
  }
  return Done{};
}

Result<Done> LinuxAllocations::memmap(boot::State& state) {
  if (kernel_.geometry.is_flat()) return flat_memmap(state);
  if (kernel_.arch == Arch::x86_64) dma_reserve_ = lnx::dma_reserve(state);
  if (const auto done = SparseAllocations{state, sizes_, node_data_}.run(); !done) return done;
  return memoryless_nodes(state);
}

// Nodes that a table names, but without memory: each gets its data from wherever there is room.
Result<Done> LinuxAllocations::memoryless_nodes(boot::State& state) {
  if (sizes_.memoryless_node_data.raw == 0) return Done{};
  std::uint64_t count = 0;
  for (const numa::Node& node : state.nodes.nodes()) count += node.possible && !has_node_data(node);
  return take_all(state, kNodeData, count, {.size = sizes_.memoryless_node_data, .alignment = kCacheLine});
}

Result<Done> LinuxAllocations::flat_memmap(boot::State& state) {
  const auto array = allocate_flat_memmap(state, sizes_);
  if (!array) return array.error();
  flat_memmap_ = array.value();
  if (kernel_.arch != Arch::arm) return Done{};
  std::uint64_t ranges = 0;  // of memory that is mapped
  for ([[maybe_unused]] const early::MemoryRange& memory : state.memblock.memory_ranges()) ++ranges;
  return take_all(state, kResources, ranges, {.size = sizes_.resource, .alignment = kCacheLine});
}

// Entry areas of the processors are mapped where nothing else is: a table of each level below the top one.
Result<Done> LinuxAllocations::late(boot::State& state) {
  constexpr std::uint64_t levels = 3;
  const auto tables = take_all(state, kPageTables, levels, {.size = kPage, .alignment = kPage});
  if (!tables) return tables;
  if (const auto done = allocate_stack_depot(state, sizes_, dma_reserve_); !done) return done;
  if (const auto done = allocate_swiotlb(state, sizes_); !done) return done;
  if (const auto done = list_initrd_end(state); !done) return done;
  return list_x86_given_back(state, sizes_);
}

}  // namespace quarry::lnx
