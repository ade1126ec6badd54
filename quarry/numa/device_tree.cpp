#include "quarry/numa/device_tree.hpp"

namespace quarry::numa {
namespace {

Result<Done> refuse(Nodes& nodes, TextView why, PhysRange range) noexcept {
  const auto said = nodes.remark({.kind = Remark::Kind::refusal, .text = why, .range = range});
  if (!said) return said;
  return Error::bad_table;
}

Result<Done> add_distance(Nodes& nodes, const TreeNodes::Distance& entry) noexcept {
  const bool own = entry.from == entry.to;
  if (own ? entry.distance != kLocalDistance : entry.distance <= kLocalDistance)
    return refuse(nodes, "invalid distance in the distance map", {});
  // A number that is no node is out of every matrix: the highest id stands for it.
  const auto node = [](std::uint32_t id) { return static_cast<NodeId>(id < 0xffff ? id : 0xffff); };
  const auto there = nodes.set_distance(node(entry.from), node(entry.to), entry.distance);
  if (!there || entry.to <= entry.from) return there;
  return nodes.set_distance(node(entry.to), node(entry.from), entry.distance);
}

}  // namespace

Result<Done> draft_from_tree(Nodes& nodes, const TreeNodes& tree, std::size_t distance_width) noexcept {
  const auto cleared = nodes.reset(tree.memory.size());
  if (!cleared) return cleared;
  nodes.set_source("device tree");
  if (distance_width != 0) {
    const auto made = nodes.make_distances(distance_width);
    if (!made) return made;
  }
  const std::size_t max_nodes = nodes.config().max_nodes;
  for (const std::uint32_t node : tree.cpus) {
    const auto added =
        node < max_nodes
            ? nodes.add_cpu(static_cast<NodeId>(node))
            : nodes.remark({.kind = Remark::Kind::warning, .text = "node id of a processor is too large"});
    if (!added) return added;
  }
  for (const TreeNodes::Memory& memory : tree.memory) {
    if (memory.node >= max_nodes) return refuse(nodes, "node id of memory is too large", memory.range);
    const auto node = static_cast<NodeId>(memory.node);
    const auto marked = nodes.mark_possible(node);
    if (!marked) return marked;
    const auto added = nodes.add_block(node, memory.range);
    if (!added) return added;
  }
  for (const TreeNodes::Distance& entry : tree.distances) {
    const auto added = add_distance(nodes, entry);
    if (!added) return added;
    // A distance from a node is enough for it to be there.
    if (entry.from >= max_nodes) continue;
    if (const auto marked = nodes.mark_possible(static_cast<NodeId>(entry.from)); !marked) return marked;
  }
  return Done{};
}

}  // namespace quarry::numa
