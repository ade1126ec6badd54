#include "quarry/numa/registration.hpp"

#include "quarry/numa/meminfo.hpp"

namespace quarry::numa {
namespace {

constexpr PhysRange kEverything{PhysAddr{0}, PhysAddr{UINT64_MAX}};

bool has_nodes(const Nodes& nodes) noexcept {
  if (!nodes.blocks().empty()) return true;
  for (const Node& node : nodes.nodes())
    if (node.possible) return true;
  return false;
}

bool holds_reservations(const early::Memblock& memblock, NodeId node) noexcept {
  for (const early::Region& region : memblock.reserved().view())
    if (region.node == node) return true;
  return false;
}

Result<Done> pin_kernel_nodes(const Nodes& nodes, early::Memblock& memblock) noexcept {
  for (const Block& block : nodes.blocks()) {
    const auto set = memblock.set_reserved_node(block.range, block.node);
    if (!set) return set;
  }
  for (const Block& block : nodes.blocks()) {
    if (!holds_reservations(memblock, block.node)) continue;
    const auto cleared = memblock.clear_hotplug(block.range);
    if (!cleared) return cleared;
  }
  return Done{};
}

Result<Done> set_memory_nodes(const Nodes& nodes, early::Memblock& memblock) noexcept {
  for (const Block& block : nodes.blocks()) {
    const auto set = memblock.set_node(block.range, block.node);
    if (!set) return set;
  }
  return Done{};
}

}  // namespace

Result<Done> forget_nodes(early::Memblock& memblock) noexcept {
  const auto memory = memblock.set_node(kEverything, early::kAnyNode);
  if (!memory) return memory;
  const auto reserved = memblock.set_reserved_node(kEverything, early::kAnyNode);
  if (!reserved) return reserved;
  return memblock.clear_hotplug(kEverything);
}

Result<Done> mark_hotplug(early::Memblock& memblock,
                          std::span<const firmware::MemoryAffinity> memory) noexcept {
  for (const firmware::MemoryAffinity& entry : memory) {
    if (!entry.enabled || !entry.hotpluggable) continue;
    const auto marked = memblock.mark_hotplug(PhysRange::sized(entry.base, entry.size));
    if (!marked) return marked;
  }
  return Done{};
}

Result<Done> draft_single_node(Nodes& nodes, PhysRange range) noexcept {
  const auto cleared = nodes.reset(1);
  if (!cleared) return cleared;
  nodes.set_source("none");
  const auto marked = nodes.mark_possible(NodeId{0});
  if (!marked) return marked;
  return nodes.add_block(NodeId{0}, range);
}

Result<Done> apply(Nodes& nodes, early::Memblock& memblock, PhysAddr end_of_ram, unsigned cpus) noexcept {
  if (!has_nodes(nodes)) return Error::not_found;
  const auto set = set_memory_nodes(nodes, memblock);
  if (!set) return set;
  const auto pinned = pin_kernel_nodes(nodes, memblock);
  if (!pinned) return pinned;
  const Coverage covered =
      coverage(nodes.blocks(), memblock.memory().view(), end_of_ram, nodes.config().page);
  if (!covered.covers) {
    const auto said = nodes.remark({.kind = Remark::Kind::refusal,
                                    .text = "nodes do not cover all memory, not used",
                                    .range = {PhysAddr{0}, end_of_ram}});
    if (!said) return said;
    return Error::bad_table;
  }
  nodes.settle(kNodeMinSize, cpus);
  return Done{};
}

Result<Done> apply_strictly(Nodes& nodes, early::Memblock& memblock, unsigned cpus) noexcept {
  if (!has_nodes(nodes)) return Error::not_found;
  const auto set = set_memory_nodes(nodes, memblock);
  if (!set) return set;
  for (const early::Region& region : memblock.memory().view()) {
    if (index_of(region.node) < nodes.config().max_nodes) continue;
    const auto said = nodes.remark(
        {.kind = Remark::Kind::refusal, .text = "memory that belongs to no node", .range = region.range()});
    if (!said) return said;
    return Error::bad_table;
  }
  nodes.settle(Bytes{1}, cpus);
  for (Node& node : nodes.draft_nodes()) node.online = node.possible;
  return Done{};
}

}  // namespace quarry::numa
