// quarry/zones/from_boot.cpp: what a flow decided, as input of a layout.
#include "quarry/early/memblock.hpp"
#include "quarry/zones/layout.hpp"

namespace quarry::zones {
namespace {

unsigned distance_between(const void* self, NodeId from, NodeId to) noexcept {
  return static_cast<const numa::Nodes*>(self)->distance(from, to);
}

// Nodes as registered; a machine without nodes is one.
Result<std::span<const PossibleNode>> nodes_of(const boot::State& state) noexcept {
  std::size_t count = 0;
  for (const numa::Node& node : state.nodes.nodes()) count += node.possible || node.online ? 1u : 0u;
  const auto nodes = state.arena.take<PossibleNode>(count == 0 ? 1 : count);
  if (!nodes) return nodes.error();
  std::size_t at = 0;
  for (const numa::Node& node : state.nodes.nodes())
    if (node.possible || node.online)
      nodes.value()[at++] = {.id = node.id, .online = node.online, .has_cpu = node.cpus != 0};
  return std::span<const PossibleNode>{nodes.value()};
}

constexpr std::size_t place(ZoneType type) noexcept { return static_cast<std::size_t>(type); }

}  // namespace

Result<Layout> lay_out(const boot::State& state) noexcept {
  const auto nodes = nodes_of(state);
  if (!nodes) return nodes.error();
  const boot::Limits& has = state.machine.limits;
  const boot::ZoneLimits& ends = state.zone_limits;
  const bool has_nodes = !state.nodes.nodes().empty();
  Input input{.geometry = state.machine.geometry,
              .memory = state.memblock.memory().view(),
              .limits = {},
              .movable = state.movable,
              .nodes = nodes.value(),
              .distances = {.self = &state.nodes, .between = has_nodes ? &distance_between : nullptr},
              .orphans = has_nodes ? Orphans::refuse : Orphans::join_first_node};
  input.limits[place(ZoneType::dma)] = {has.has_zone_dma, ends.dma};
  input.limits[place(ZoneType::dma32)] = {has.has_zone_dma32, ends.dma32};
  input.limits[place(ZoneType::normal)] = {true, ends.normal};
  input.limits[place(ZoneType::highmem)] = {has.has_highmem, ends.highmem};
  return lay_out(input, state.arena);
}

}  // namespace quarry::zones
