#include "quarry/numa/nodes.hpp"

namespace quarry::numa {

Result<Done> Nodes::reset(std::size_t max_blocks) noexcept {
  if (nodes_.empty()) {
    const auto taken = arena_->take<Node>(config_.max_nodes);
    if (!taken) return taken.error();
    nodes_ = taken.value();
  }
  if (blocks_.capacity() < max_blocks) {
    const auto taken = arena_->take<Block>(max_blocks);
    if (!taken) return taken.error();
    blocks_ = Table<Block>{taken.value()};
  }
  blocks_.clear();
  for (std::size_t i = 0; i < nodes_.size(); ++i) nodes_[i] = Node{.id = static_cast<NodeId>(i)};
  node_count_ = 0;
  distance_count_ = 0;
  return Done{};
}

Result<Done> Nodes::add_block(NodeId node, PhysRange range) noexcept {
  if (range.empty()) return Done{};
  if (index_of(node) >= config_.max_nodes) return Error::out_of_range;
  return blocks_.push({range, node});
}

Result<Done> Nodes::mark_possible(NodeId node) noexcept {
  const std::size_t index = index_of(node);
  if (index >= nodes_.size()) return Error::out_of_range;
  nodes_[index].possible = true;
  if (index >= node_count_) node_count_ = index + 1;
  return Done{};
}

NodeId Nodes::known_node_of_domain(std::uint32_t domain) const noexcept {
  for (const DomainNode& known : domains_)
    if (known.domain == domain) return known.node;
  return early::kAnyNode;
}

Result<NodeId> Nodes::node_of_domain(std::uint32_t domain) noexcept {
  const NodeId known = known_node_of_domain(domain);
  if (known != early::kAnyNode) return known;
  if (domains_.size() >= config_.max_nodes) return Error::out_of_range;
  const auto node = static_cast<NodeId>(domains_.size());
  const auto pushed = domains_.push(*arena_, {domain, node});
  if (!pushed) return pushed.error();
  return node;
}

Result<Done> Nodes::add_cpu(NodeId node) noexcept {
  const auto marked = mark_possible(node);
  if (marked) ++nodes_[index_of(node)].cpus;
  return marked;
}

Result<Done> Nodes::make_distances(std::size_t count) noexcept {
  check(count <= config_.max_nodes, "a distance matrix wider than there can be nodes");
  if (distances_.size() < count * count) {
    const auto taken = arena_->take<std::uint8_t>(count * count);
    if (!taken) return taken.error();
    distances_ = taken.value();
  }
  distance_count_ = count;
  for (std::size_t from = 0; from < count; ++from)
    for (std::size_t to = 0; to < count; ++to)
      distances_[from * count + to] = from == to ? kLocalDistance : kRemoteDistance;
  return Done{};
}

Result<Done> Nodes::set_distance(NodeId from, NodeId to, std::uint64_t distance) noexcept {
  if (distance_count_ == 0) {
    std::size_t count = node_count_;
    for (const Block& block : blocks_)
      if (index_of(block.node) >= count) count = index_of(block.node) + 1;
    const auto made = make_distances(count);
    if (!made) return made;
  }
  if (index_of(from) >= distance_count_ || index_of(to) >= distance_count_)
    return remark({.kind = Remark::Kind::warning,
                   .text = "distance to a node that does not exist, ignored",
                   .node = from,
                   .other_node = to});
  if (distance > UINT8_MAX || (from == to && distance != kLocalDistance))
    return remark(
        {.kind = Remark::Kind::warning, .text = "invalid distance, ignored", .node = from, .other_node = to});
  distances_[index_of(from) * distance_count_ + index_of(to)] = static_cast<std::uint8_t>(distance);
  return Done{};
}

Result<Done> Nodes::remark(const Remark& remark) noexcept {
  const auto pushed = remarks_.push(*arena_, remark);
  if (!pushed) return pushed.error();
  return Done{};
}

void Nodes::settle(unsigned cpus) noexcept {
  for (const Block& block : blocks_)
    check(static_cast<bool>(mark_possible(block.node)), "a block on a node that cannot be");
  unsigned placed = 0;
  for (Node& node : draft_nodes()) {
    PhysAddr begin{UINT64_MAX};
    PhysAddr end{0};
    for (const Block& block : blocks_) {
      if (block.node != node.id) continue;
      if (block.range.begin() < begin) begin = block.range.begin();
      if (block.range.end() > end) end = block.range.end();
    }
    node.span = begin < end ? PhysRange{begin, end} : PhysRange{};
    node.has_memory = !node.span.empty();
    node.online = node.has_memory || node.cpus != 0;
    placed += node.cpus;
  }
  // Processors that no table places go round the nodes that have memory.
  bool progress = true;
  while (placed < cpus && progress) {
    progress = false;
    for (Node& node : draft_nodes()) {
      if (!node.has_memory || placed == cpus) continue;
      ++node.cpus, ++placed;
      progress = true;
    }
  }
}

std::size_t Nodes::online_count() const noexcept {
  std::size_t count = 0;
  for (const Node& node : nodes()) count += node.online;
  return count;
}

unsigned Nodes::distance(NodeId from, NodeId to) const noexcept {
  if (index_of(from) >= distance_count_ || index_of(to) >= distance_count_)
    return from == to ? kLocalDistance : kRemoteDistance;
  return distances_[index_of(from) * distance_count_ + index_of(to)];
}

NodeId Nodes::node_of(PhysAddr at) const noexcept {
  for (const Block& block : blocks_)
    if (block.range.contains(at)) return block.node;
  return early::kAnyNode;
}

}  // namespace quarry::numa
