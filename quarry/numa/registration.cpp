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

// Whether memory of the node is left: what a table gives it may have been taken out of the map.
bool owns_memory(const early::Memblock& memblock, NodeId node) noexcept {
  for (const early::Region& region : memblock.memory().view())
    if (region.node == node) return true;
  return false;
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
  nodes.settle(cpus);
  return Done{};
}

Result<PhysRange> adopt_orphans(const Nodes& nodes, early::Memblock& memblock) noexcept {
  PhysRange first{};
  NodeId lowest = early::kAnyNode;
  for (const Block& block : nodes.blocks())
    if (lowest == early::kAnyNode || index_of(block.node) < index_of(lowest)) lowest = block.node;
  if (lowest == early::kAnyNode) return first;
  for (bool is_done = false; !is_done;) {
    is_done = true;
    for (const early::Region& region : memblock.memory().view()) {
      if (index_of(region.node) < nodes.config().max_nodes) continue;
      const PhysRange range = region.range();
      if (first.empty()) first = range;
      if (const auto set = memblock.set_node(range, lowest); !set) return set.error();
      is_done = false;
      break;  // regions may have merged
    }
  }
  return first;
}

Result<Done> apply_strictly(Nodes& nodes, early::Memblock& memblock, unsigned cpus, Strays strays) noexcept {
  if (!has_nodes(nodes)) return Error::not_found;
  const auto set = set_memory_nodes(nodes, memblock);
  if (!set) return set;
  if (strays == Strays::adopt)
    if (const auto adopted = adopt_orphans(nodes, memblock); !adopted) return adopted.error();
  for (const early::Region& region : memblock.memory().view()) {
    if (index_of(region.node) < nodes.config().max_nodes) continue;
    const auto said = nodes.remark(
        {.kind = Remark::Kind::refusal, .text = "memory that belongs to no node", .range = region.range()});
    if (!said) return said;
    return Error::bad_table;
  }
  nodes.settle(cpus);
  for (Node& node : nodes.draft_nodes()) {
    node.online = node.possible;
    node.has_memory = owns_memory(memblock, node.id);
  }
  return Done{};
}

}  // namespace quarry::numa
