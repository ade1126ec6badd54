#include "linux/reserved_memory_lines.hpp"

#include <algorithm>
#include <optional>

namespace quarry::lnx {
namespace {

constexpr std::string_view kSpeakers[] = {
    "OF: reserved mem: ", "OF: fdt: Reserved memory: ", "Reserved memory: ", "cma: Not enough slots"};
constexpr std::string_view kOverlap = "OVERLAP DETECTED!";
constexpr std::string_view kOverlaps = " overlaps with ";

// Where a node's name stands in a line: behind `before`, up to `after`.
struct Naming {
  std::string_view before, after;
};
constexpr Naming kNamings[] = {{"initialized node ", ", compatible id"},
                               {"OF: reserved mem: node ", " compatible matching fail"},
                               {"for node '", "': "},
                               {"property in '", "'"},
                               {"bypass ", " node, using"}};

std::optional<std::string> named_in(std::string_view line) {
  for (const Naming& naming : kNamings) {
    const std::size_t at = line.find(naming.before);
    if (at == std::string_view::npos) continue;
    const std::string_view name = line.substr(at + naming.before.size());
    const std::size_t end = name.find(naming.after);
    if (end != std::string_view::npos) return std::string{name.substr(0, end)};
  }
  return std::nullopt;
}

// Lines that are about the whole, and about no node that comes later.
bool is_of_the_whole(std::string_view line) {
  return line.find(kOverlap) != std::string_view::npos || line.find(kOverlaps) != std::string_view::npos ||
         line.find("not enough space") != std::string_view::npos ||
         line.find("unsupported node format") != std::string_view::npos;
}

}  // namespace

bool is_reserved_memory_line(std::string_view line, std::string_view before) {
  // Kernels from 6.6 on list every node, whether it is taken by a driver or not.
  if (line.starts_with("OF: reserved mem: 0x")) return false;
  for (const std::string_view speaker : kSpeakers)
    if (line.starts_with(speaker)) return true;
  return before.ends_with(kOverlap) && line.find(kOverlaps) != std::string_view::npos;
}

std::vector<ReservedMemoryLines> lines_by_node(const std::vector<std::string>& lines) {
  std::vector<ReservedMemoryLines> nodes;
  std::vector<std::string> pending;
  const auto add = [&](const std::string& name, std::vector<std::string> what) {
    auto node = std::find_if(nodes.begin(), nodes.end(), [&](const auto& one) { return one.node == name; });
    if (node == nodes.end()) node = nodes.insert(nodes.end(), {name, {}});
    node->lines.insert(node->lines.end(), what.begin(), what.end());
  };
  for (const std::string& line : lines) {
    if (is_of_the_whole(line)) {
      add("", {line});
      continue;
    }
    pending.push_back(line);
    if (const auto name = named_in(line)) {
      add(*name, pending);
      pending.clear();
    }
  }
  if (!pending.empty()) add("", pending);
  return nodes;
}

}  // namespace quarry::lnx
