// The outcome half of a boot log: see boot_log.hpp. For comparisons; a broken line is one that was not seen.
#include "linux/boot_log_lines.hpp"

namespace quarry::lnx {
namespace {

// Lists of a log are headed by a line and end at the first line that is not of theirs.
enum class List { none, zones, movable, nodes };

bool read_zone(Scanner at, LogOutcomes& out) {
  const std::string_view name = at.word();
  at.spaces();
  if (at.skip("empty")) {
    out.zone_ranges.push_back({std::string{name}, {}});
    return true;
  }
  const auto range = at.mem_range();
  if (!range) return false;
  out.zone_ranges.push_back({std::string{name}, *range});
  return true;
}

bool read_node_range(Scanner at, std::vector<LoggedNodeRange>& list) {
  if (!at.skip("node")) return false;
  at.spaces();
  const auto node = at.decimal();
  if (!node || !at.skip(":")) return false;
  at.spaces();
  const auto range = at.mem_range();
  if (!range) return false;
  list.push_back({as_node(*node), *range});
  return true;
}

bool read_movable(Scanner at, LogOutcomes& out) {
  if (!at.skip("Node ")) return false;
  const auto node = at.decimal();
  if (!node || !at.skip(": ")) return false;
  const auto start = at.hex();
  if (!start) return false;
  out.movable_start.push_back({as_node(*node), {PhysAddr{*start}, PhysAddr{*start}}});
  return true;
}

// "memory[0x0]  [0x0-0xfff], 0x1000 bytes on node 0 flags: 0x0"
void read_region(Scanner at, LogOutcomes& out) {
  const bool is_memory = at.skip("memory[");
  if (!is_memory && !at.skip("reserved[")) return;
  if (!at.skip_to("[")) return;
  const auto range = at.inclusive_range();
  if (!range) return;
  LoggedRegion region{.range = *range, .flags = 0, .node = std::nullopt};
  // An empty table has one region of no size.
  if (at.skip("], ") && at.hex() == std::optional<std::uint64_t>{0}) return;
  Scanner node = at;
  if (node.skip_to("on node "))
    if (const auto number = node.decimal()) region.node = as_node(*number);
  if (at.skip_to("flags: ")) region.flags = static_cast<std::uint32_t>(at.hex().value_or(0));
  (is_memory ? out.dumps.back().memory : out.dumps.back().reserved).push_back(region);
}

// "memory size = 0x7ff7ec00 reserved size = 0x297e000"
void read_sizes(Scanner at, LogOutcomes& out) {
  const auto memory = at.hex();
  if (!memory || !at.skip_to("reserved size = ")) return;
  const auto reserved = at.hex();
  if (!reserved) return;
  out.dumps.back().memory_size = Bytes{*memory};
  out.dumps.back().reserved_size = Bytes{*reserved};
}

// Whether the line is part of a configuration.
bool read_dump(std::string_view text, LogOutcomes& out) {
  Scanner at{text};
  if (at.skip("MEMBLOCK configuration:")) {
    out.dumps.emplace_back();
    return true;
  }
  if (out.dumps.empty()) return false;
  if (at.skip("memory size = ")) {
    read_sizes(at, out);
    return true;
  }
  if (!text.starts_with("memory[0x") && !text.starts_with("reserved[0x")) return false;
  read_region(at, out);
  return true;
}

}  // namespace

LogOutcomes read_log_outcomes(std::span<const std::byte> log) {
  LogOutcomes out;
  List list = List::none;
  unsigned boots = 0;
  Messages messages{log};
  while (const auto message = messages.next()) {
    const std::string_view text = message->text;
    const Scanner at{text};
    if (text.starts_with("Linux version ") && ++boots > 1 && !out.zone_ranges.empty()) break;
    if (text.starts_with("memblock_") || text.starts_with("memblock: "))
      continue;  // debugging runs through lists
    if (text.starts_with("Zone ranges:")) {
      list = List::zones;
    } else if (text.starts_with("Movable zone start")) {
      list = List::movable;
      out.says_movable = true;
    } else if (text.starts_with("Early memory node ranges")) {
      list = List::nodes;
    } else if (!(list == List::zones && read_zone(at, out)) &&
               !(list == List::movable && read_movable(at, out)) &&
               !(list == List::nodes && read_node_range(at, out.node_ranges))) {
      list = List::none;
      if (!read_dump(text, out)) read_outcome_line(text, out);
    }
  }
  return out;
}

}  // namespace quarry::lnx
