#include "quarry/numa/srat.hpp"

namespace quarry::numa {
namespace {

Error refuse(Nodes& nodes, TextView why, PhysRange range) noexcept {
  const auto said = nodes.remark({.kind = Remark::Kind::refusal, .text = why, .range = range});
  return said ? Error::bad_table : said.error();
}

Result<Done> add_memory(Nodes& nodes, const firmware::MemoryAffinity& entry) noexcept {
  const auto node = nodes.node_of_domain(entry.domain);
  if (!node) {
    if (node.error() != Error::out_of_range) return node.error();
    return refuse(nodes, "too many proximity domains", PhysRange::sized(entry.base, entry.size));
  }
  // The sum of base and size wraps in the kernel; such an entry names its node and no memory.
  if (entry.size.raw > UINT64_MAX - entry.base.raw) {
    const auto said = nodes.remark({.kind = Remark::Kind::warning,
                                    .text = "affinity range wraps, ignored",
                                    .range = PhysRange::sized(entry.base, entry.size),
                                    .node = node.value()});
    if (!said) return said;
  } else {
    const auto added = nodes.add_block(node.value(), PhysRange::sized(entry.base, entry.size));
    if (!added) return added;
  }
  return nodes.mark_possible(node.value());
}

bool is_valid(std::span<const std::uint8_t> distances, std::size_t domains) noexcept {
  for (std::size_t from = 0; from < domains; ++from)
    for (std::size_t to = 0; to < domains; ++to) {
      const std::uint8_t distance = distances[from * domains + to];
      if (from == to ? distance != kLocalDistance : distance <= kLocalDistance) return false;
    }
  return true;
}

}  // namespace

Result<Done> draft_from_srat(Nodes& nodes, const AcpiTables& tables) noexcept {
  const auto cleared = nodes.reset(tables.memory.size());
  if (!cleared) return cleared;
  nodes.set_source("SRAT");
  for (const firmware::CpuAffinity& cpu : tables.cpus) {
    if (!cpu.enabled) continue;
    const auto node = nodes.node_of_domain(cpu.domain);
    if (!node) {
      if (node.error() != Error::out_of_range) return node.error();
      return refuse(nodes, "too many proximity domains", {});
    }
    const auto added = nodes.add_cpu(node.value());
    if (!added) return added;
  }
  std::size_t enabled = 0;
  for (const firmware::MemoryAffinity& entry : tables.memory) {
    if (!entry.enabled) continue;
    const auto added = add_memory(nodes, entry);
    if (!added) return added;
    ++enabled;
  }
  if (enabled == 0) return Error::not_found;
  return Done{};
}

Result<Done> add_slit(Nodes& nodes, std::span<const std::uint8_t> distances) noexcept {
  if (distances.empty()) return Done{};
  std::size_t domains = 0;
  while (domains * domains < distances.size()) ++domains;
  if (domains * domains != distances.size() || !is_valid(distances, domains))
    return nodes.remark({.kind = Remark::Kind::warning, .text = "SLIT table looks invalid, not used"});
  for (std::size_t from = 0; from < domains; ++from) {
    const NodeId from_node = nodes.known_node_of_domain(static_cast<std::uint32_t>(from));
    if (from_node == early::kAnyNode) continue;
    for (std::size_t to = 0; to < domains; ++to) {
      const NodeId to_node = nodes.known_node_of_domain(static_cast<std::uint32_t>(to));
      if (to_node == early::kAnyNode) continue;
      const auto set = nodes.set_distance(from_node, to_node, distances[from * domains + to]);
      if (!set) return set;
    }
  }
  return Done{};
}

}  // namespace quarry::numa
