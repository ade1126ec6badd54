#include "linux/processors.hpp"

#include <algorithm>

#include "quarry/firmware/fdt.hpp"
#include "quarry/numa/nodes.hpp"

namespace quarry::lnx {
namespace {

// With numa=fake a processor is on the first fake node that was cut out of its own node's memory.
NodeId fake_node_of(const boot::State& state, std::uint32_t domain) {
  NodeId first = early::kAnyNode;
  for (const firmware::MemoryAffinity& entry : state.machine.memory_affinity) {
    if (!entry.enabled || entry.domain != domain) continue;
    const PhysRange memory = PhysRange::sized(entry.base, entry.size);
    for (const numa::Block& block : state.nodes.blocks())
      if (memory.contains(block.range.begin()) && (first == early::kAnyNode || block.node < first))
        first = block.node;
  }
  return first == early::kAnyNode ? NodeId{0} : first;
}

}  // namespace

namespace {

// numa-node-id of each processor of the tree; without one, or without nodes, it is on node 0.
std::vector<NodeId> nodes_in_tree(const boot::State& state, std::size_t processors) {
  std::vector<NodeId> result(processors, NodeId{0});
  const auto tree = firmware::Fdt::from(state.machine.tree);
  if (!tree || !(state.nodes.source() == "device tree")) return result;
  const auto all = tree.value().find("/cpus");
  if (!all) return result;
  std::size_t cpu = 0;
  for (const firmware::FdtNode node : all->children()) {
    if (!(node.base_name() == "cpu") || cpu >= processors) continue;
    const auto id = node.number("numa-node-id");
    if (id && *id < state.machine.limits.max_nodes) result[cpu] = static_cast<NodeId>(*id);
    ++cpu;
  }
  return result;
}

}  // namespace

std::vector<NodeId> nodes_of_processors(const boot::State& state) {
  if (state.machine.arch != boot::Arch::x86_64 && state.machine.memory_affinity.empty())
    return nodes_in_tree(state, std::max(state.machine.cpus, 1u));
  std::vector<NodeId> with_memory;
  for (const numa::Node& node : state.nodes.nodes())
    if (node.has_memory) with_memory.push_back(node.id);
  if (with_memory.empty()) with_memory.push_back(NodeId{0});
  std::vector<NodeId> result;
  for (unsigned cpu = 0; cpu < std::max(state.machine.cpus, 1u); ++cpu)
    result.push_back(with_memory[cpu % with_memory.size()]);

  const TextView source = state.nodes.source();
  const bool is_fake = source == "fake";
  if ((source != "SRAT" && !is_fake) || state.machine.memory_affinity.empty()) return result;
  std::size_t cpu = 0;
  for (const firmware::CpuAffinity& entry : state.machine.cpu_affinity) {
    if (!entry.enabled || cpu >= result.size()) continue;
    const NodeId node =
        is_fake ? fake_node_of(state, entry.domain) : state.nodes.known_node_of_domain(entry.domain);
    if (node != early::kAnyNode) result[cpu] = node;
    ++cpu;
  }
  return result;
}

unsigned possible_node_count(const boot::State& state) noexcept {
  unsigned count = 1;
  for (const numa::Node& node : state.nodes.nodes())
    if (node.possible || node.has_memory) count = static_cast<unsigned>(node.id) + 1;
  return count;
}

}  // namespace quarry::lnx
