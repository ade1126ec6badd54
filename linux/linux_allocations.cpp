#include "linux/linux_allocations.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "quarry/early/memblock.hpp"

namespace quarry::lnx {
namespace {

using boot::Arch;
constexpr Bytes kCacheLine{64};
constexpr Bytes kPage{4096};

// Ends the step that asked: what for, how much, and how much there was at most.
Error short_of(boot::State& state, const Result<PhysAddr>& answer, TextView what, Bytes size) {
  return state.fail(answer.error(), what, size, boot::largest_hole(state.memblock));
}

}  // namespace

StructSizes struct_sizes_of(const KernelProfile& kernel) {
  StructSizes sizes;
  switch (kernel.arch) {
    case Arch::x86_64:
      sizes.node_data = Bytes{0x2b000};
      // 52 where the processor has five-level tables and the kernel uses them; no description tells of that.
      sizes.section_address_bits = kernel.limits.phys_bits;
      break;
    case Arch::arm64:
      sizes.node_data = Bytes{0x2c80};
      sizes.section_address_bits = 48;
      break;
    case Arch::arm: sizes.page = Bytes{36}; break;
    case Arch::riscv64: sizes.section_address_bits = 56; break;
  }
  if (!kernel.geometry.is_flat()) {
    constexpr std::uint64_t header = 16, bits_per_block = 4;
    const std::uint64_t pages = kernel.geometry.section_pages().raw;
    const std::uint64_t subsections = (pages << kernel.geometry.page_shift_) >> 21;
    const std::uint64_t blocks = pages >> kernel.geometry.pageblock_order_;
    sizes.section_usage = Bytes{header + std::max<std::uint64_t>(8, subsections / 8) +
                                std::max<std::uint64_t>(8, blocks * bits_per_block / 8)};
  }
  return sizes;
}

Result<Done> LinuxAllocations::at(void* self, boot::HookPoint point, boot::State& state) noexcept {
  auto& model = *static_cast<LinuxAllocations*>(self);
  switch (point) {
    case boot::HookPoint::numa_distance: return model.numa_distance(state);
    case boot::HookPoint::node_data: return model.node_data(state);
    case boot::HookPoint::memmap:
      return model.kernel_.geometry.is_flat() ? model.flat_memmap(state) : model.sparse_memmap(state);
    case boot::HookPoint::page_tables:
    case boot::HookPoint::log_buffer:
    case boot::HookPoint::unflatten:
    case boot::HookPoint::percpu:
    case boot::HookPoint::late: return Done{};
  }
  return Done{};
}

Result<Done> LinuxAllocations::numa_distance(boot::State& state) noexcept {
  const std::uint64_t width = state.nodes.distance_count();
  if (width == 0) return Done{};
  early::Request request{.size = Bytes{width * width}, .alignment = kPage};
  const bool is_x86 = kernel_.arch == Arch::x86_64;
  if (is_x86) request.max = state.machine.geometry.page_size().address_of(state.max_pfn);
  const auto at = is_x86 ? state.memblock.phys_alloc_range(request, "numa distances")
                         : state.memblock.alloc_try_nid_raw(request, "numa distances");
  if (!at) return short_of(state, at, "no room for the distances between nodes", request.size);
  state.numa_distance = PhysRange::sized(at.value(), request.size);
  return Done{};
}

Result<Done> LinuxAllocations::node_data(boot::State& state) noexcept {
  if (sizes_.node_data.raw == 0) return Done{};  // a flat machine's node is part of the kernel
  for (const numa::Node& node : state.nodes.nodes()) {
    if (!node.has_memory) continue;
    const auto at = state.memblock.phys_alloc_try_nid(
        {.size = sizes_.node_data, .alignment = sizes_.node_data_alignment, .node = node.id}, "node data");
    if (!at) return short_of(state, at, "no room for a node's data", sizes_.node_data);
  }
  return Done{};
}

Result<Done> LinuxAllocations::sparse_node(boot::State& state, NodeId node, std::uint64_t sections) noexcept {
  const early::Request usage{
      .size = Bytes{sections * sizes_.section_usage.raw}, .alignment = kCacheLine, .node = node};
  const auto used = state.memblock.alloc_try_nid_raw(usage, "section usage maps");
  if (!used) return short_of(state, used, "no room for the usage maps of sections", usage.size);
  const Bytes block{state.machine.geometry.section_pages().raw * sizes_.page.raw};
  const early::Request map{.size = Bytes{sections * block.raw},
                           .alignment = block,
                           .min = kernel_.arch == Arch::x86_64 ? PhysAddr{16u << 20} : PhysAddr{},
                           .node = node};
  const auto at = state.memblock.alloc_exact_nid_raw(map, "page descriptors");
  if (at) return Done{};
  // Without one block for all, Linux takes the descriptors of each section where there is room.
  for (std::uint64_t section = 0; section < sections; ++section) {
    early::Request one = map;
    one.size = block;
    if (const auto piece = state.memblock.alloc_try_nid_raw(one, "page descriptors"); !piece)
      return short_of(state, piece, "no room for page descriptors", one.size);
  }
  return Done{};
}

Result<Done> LinuxAllocations::sparse_memmap(boot::State& state) noexcept {
  const Geometry& geometry = state.machine.geometry;
  const unsigned section_shift = geometry.section_bits_;
  const std::uint64_t per_root = kPage.raw / sizes_.mem_section.raw;
  const std::uint64_t roots = (std::uint64_t{1} << (sizes_.section_address_bits - section_shift)) / per_root;
  const auto table = state.memblock.alloc_try_nid_raw(
      {.size = Bytes{roots * sizeof(std::uint64_t)}, .alignment = kCacheLine}, "section roots");
  if (!table)
    return short_of(state, table, "no room for the roots of sections", Bytes{roots * sizeof(std::uint64_t)});

  // Each present section once, with the node of the first memory in it; runs of one node in address order.
  std::map<std::uint64_t, NodeId> present;
  std::set<std::uint64_t> known_roots;
  for (const early::Region& region : state.memblock.memory().view()) {
    if (region.size.raw == 0) continue;
    for (std::uint64_t at = region.base.raw >> section_shift; at <= (region.end().raw - 1) >> section_shift;
         ++at) {
      if (known_roots.insert(at / per_root).second) {
        const early::Request root{.size = kPage, .alignment = kCacheLine, .node = region.node};
        if (const auto piece = state.memblock.alloc_try_nid_raw(root, "section tables"); !piece)
          return short_of(state, piece, "no room for a table of sections", root.size);
      }
      present.emplace(at, region.node);
    }
  }
  std::uint64_t count = 0;
  for (auto at = present.begin(); at != present.end(); ++at) {
    ++count;
    const auto next = std::next(at);
    if (next != present.end() && next->second == at->second) continue;
    if (const auto done = sparse_node(state, at->second, count); !done) return done;
    count = 0;
  }
  return Done{};
}

Result<Done> LinuxAllocations::flat_memmap(boot::State& state) noexcept {
  const auto regions = state.memblock.memory().view();
  if (regions.empty()) return Done{};
  const Geometry& geometry = state.machine.geometry;
  const std::uint64_t block = geometry.max_order().pages().raw;
  const std::uint64_t begin = geometry.page_size().pfn_down(regions.front().base).raw & ~(block - 1);
  const std::uint64_t end =
      (geometry.page_size().pfn_down(regions.back().end()).raw + block - 1) & ~(block - 1);
  const early::Request map{.size = Bytes{(end - begin) * sizes_.page.raw}, .alignment = kCacheLine};
  const auto at = state.memblock.alloc_try_nid_raw(map, "page descriptors");
  if (!at) return short_of(state, at, "no room for page descriptors", map.size);
  return Done{};
}

}  // namespace quarry::lnx
