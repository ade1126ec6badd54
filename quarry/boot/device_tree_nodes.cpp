// quarry/boot/device_tree_nodes.cpp: what a tree says of NUMA nodes, as numa's draft wants it.
#include "quarry/boot/device_tree_nodes.hpp"

#include "quarry/base/table.hpp"
#include "quarry/firmware/fdt_memory.hpp"
#include "quarry/numa/device_tree.hpp"

namespace quarry::boot {
namespace {

using numa::TreeNodes;

// The ranges of a memory node for this purpose: always "reg", whatever part of it is usable.
firmware::FdtRegs ranges_of(const firmware::Fdt& tree, const firmware::FdtNode& node) noexcept {
  const auto reg = node.property("reg");
  return reg ? firmware::FdtRegs{reg->bytes(), firmware::root_cells(tree)} : firmware::FdtRegs{};
}

Result<std::span<const TreeNodes::Memory>> read_memory(State& state, const firmware::Fdt& tree) noexcept {
  std::size_t count = 0;
  for (const firmware::FdtNode node : tree.root().children()) {
    const auto memory = firmware::memory_node(tree, node);
    if (!memory || !memory->numa_node) continue;
    const std::size_t ranges = ranges_of(tree, node).size();
    if (ranges == 0) return Error::bad_table;
    count += ranges;
  }
  const auto storage = state.arena.take<TreeNodes::Memory>(count);
  if (!storage) return storage.error();
  std::size_t at = 0;
  for (const firmware::FdtNode node : tree.root().children()) {
    const auto memory = firmware::memory_node(tree, node);
    if (!memory || !memory->numa_node) continue;
    for (const firmware::FdtReg reg : ranges_of(tree, node))
      storage.value()[at++] = {PhysRange::sized(reg.base, reg.size), *memory->numa_node};
  }
  return std::span<const TreeNodes::Memory>{storage.value()};
}

Result<std::span<const std::uint32_t>> read_cpus(State& state, const firmware::Fdt& tree) noexcept {
  const auto storage = state.arena.take<std::uint32_t>(firmware::count_cpus(tree));
  if (!storage) return storage.error();
  Table<std::uint32_t> cpus{storage.value()};
  if (const auto parent = tree.find("/cpus"); parent) {
    for (const firmware::FdtNode child : parent->children()) {
      const auto cpu = firmware::cpu_node(*parent, child);
      if (!cpu || !cpu->numa_node) continue;
      if (const auto pushed = cpus.push(*cpu->numa_node); !pushed) return pushed.error();
    }
  }
  return cpus.view();
}

Result<std::span<const TreeNodes::Distance>> read_distances(State& state,
                                                            const firmware::Fdt& tree) noexcept {
  const auto map = firmware::distance_map(tree);
  if (!map) return std::span<const TreeNodes::Distance>{};
  if (!map->has_matrix) return Error::bad_table;
  const auto storage = state.arena.take<TreeNodes::Distance>(map->size());
  if (!storage) return storage.error();
  for (std::size_t i = 0; i < map->size(); ++i) {
    const firmware::FdtDistance pair = (*map)[i];
    storage.value()[i] = {pair.from, pair.to, pair.distance};
  }
  return std::span<const TreeNodes::Distance>{storage.value()};
}

}  // namespace

Result<Done> draft_tree_nodes(State& state, const firmware::Fdt& tree, std::size_t distance_width) noexcept {
  const auto cpus = read_cpus(state, tree);
  if (!cpus) return cpus.error();
  const auto memory = read_memory(state, tree);
  if (!memory) return memory.error();
  const auto distances = read_distances(state, tree);
  if (!distances) return distances.error();
  const TreeNodes nodes{.cpus = cpus.value(), .memory = memory.value(), .distances = distances.value()};
  return numa::draft_from_tree(state.nodes, nodes, distance_width);
}

}  // namespace quarry::boot
