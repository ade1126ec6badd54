#include "cli/zone_notes.hpp"

#include <fmt/format.h>

#include <vector>

namespace quarry::cli {
namespace {

// The zones of one node that begin there.
struct Beginning {
  int node;
  std::string zones;
};

std::vector<Beginning> beginnings(const BootReport& report, std::uint64_t first, std::uint64_t last) {
  std::vector<Beginning> found;
  for (const auto& node : report.nodes) {
    std::string zones;
    for (const auto& zone : node.zones) {
      const std::uint64_t start = zone.start_pfn * report.page_size;
      if (first <= start && start <= last) zones += (zones.empty() ? "" : " ") + zone.name;
    }
    if (!zones.empty()) found.push_back({node.id, std::move(zones)});
  }
  return found;
}

}  // namespace

std::string zones_that_begin(const BootReport& report, std::uint64_t first, std::uint64_t last,
                             std::size_t room) {
  const auto found = beginnings(report, first, last);
  if (found.empty()) return {};
  std::string all;
  for (const auto& [node, zones] : found) {
    if (!all.empty()) all += ", ";
    all += report.nodes.size() == 1 ? zones : fmt::format("node {} {}", node, zones);
  }
  if (all.size() <= room) return all;
  if (report.nodes.size() == 1) return all.substr(0, room);
  if (found.size() == 1) return fmt::format("node {}", found.front().node);
  const int span = found.back().node - found.front().node + 1;
  if (span == static_cast<int>(found.size()))
    return fmt::format("nodes {}-{}", found.front().node, found.back().node);
  return fmt::format("{} nodes", found.size());
}

}  // namespace quarry::cli
