// What is said of /reserved-memory, node by node.
#include <fmt/format.h>

#include <algorithm>

#include "linux/compare_sheet.hpp"
#include "linux/reserved_memory_lines.hpp"

namespace quarry::lnx {
namespace {

const std::vector<std::string>* find(const std::vector<ReservedMemoryLines>& nodes, std::string_view name) {
  const auto found =
      std::find_if(nodes.begin(), nodes.end(), [&](const auto& node) { return node.node == name; });
  return found == nodes.end() ? nullptr : &found->lines;
}

}  // namespace

void compare_reserved_memory(Sheet& sheet, const LogOutcomes& ours, const LogOutcomes& theirs) {
  const auto mine = lines_by_node(ours.reserved_memory_lines);
  const auto shown = lines_by_node(theirs.reserved_memory_lines);
  const auto hold = [&](const std::string& name) {
    const auto *own = find(mine, name), *other = find(shown, name);
    ShownLines lines = std::vector<std::string>{};
    if (other != nullptr)
      lines = *other;
    else if (!theirs.managed_kib)
      lines = std::nullopt;  // the log may end before it comes to this node
    sheet.hold_list("reserved_memory", name.empty() ? "nodes among each other" : fmt::format("node {}", name),
                    own == nullptr ? std::vector<std::string>{} : *own, lines);
  };
  for (const auto& node : shown) hold(node.node);
  for (const auto& node : mine)
    if (find(shown, node.node) == nullptr) hold(node.node);
}

}  // namespace quarry::lnx
