// The outcome half of a boot log: see boot_log.hpp. For comparisons; a broken line is one that was not seen.
#include <algorithm>

#include "linux/boot_log.hpp"
#include "linux/log_scanner.hpp"

namespace quarry::lnx {
namespace {

// Lists of a log are headed by a line and end at the first line that is not of theirs.
enum class List { none, zones, movable, nodes };

unsigned as_node(std::uint64_t number) noexcept {
  return static_cast<unsigned>(std::min<std::uint64_t>(number, 65535));
}

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
  if (out.dumps.empty()) return;
  const bool is_memory = at.skip("memory[");
  if (!is_memory && !at.skip("reserved[")) return;
  if (!at.skip_to("[")) return;
  const auto range = at.inclusive_range();
  if (!range) return;
  LoggedRegion region{.range = *range, .flags = 0, .node = std::nullopt};
  Scanner node = at;
  if (node.skip_to("on node "))
    if (const auto number = node.decimal()) region.node = as_node(*number);
  if (at.skip_to("flags: ")) region.flags = static_cast<std::uint32_t>(at.hex().value_or(0));
  (is_memory ? out.dumps.back().memory : out.dumps.back().reserved).push_back(region);
}

// "On node 0, zone DMA: 1 pages in unavailable ranges"
void read_unavailable(Scanner at, LogOutcomes& out) {
  LoggedUnavailable entry;
  if (const auto node = at.decimal()) entry.node = as_node(*node);
  if (!at.skip(", zone ") && !at.skip(" zone ")) return;
  const std::string_view name = at.word();
  at.spaces();
  const auto pages = at.decimal();
  if (name.empty() || !pages || !at.skip(" pages in unavailable ranges")) return;
  entry.zone = name.substr(0, name.size() - 1);
  entry.pages = *pages;
  out.unavailable.push_back(entry);
}

void read_fallback(Scanner at, LogOutcomes& out) {
  const auto node = at.decimal();
  if (!node || !at.skip(":")) return;
  std::vector<unsigned> order{as_node(*node)};
  at.spaces();
  while (const auto next = at.decimal()) {
    order.push_back(as_node(*next));
    at.spaces();
  }
  out.fallback_order.push_back(std::move(order));
}

void read_memory_line(std::string_view text, Scanner at, LogOutcomes& out) {
  const auto managed = at.decimal();
  if (!managed || !(at.skip("K/") || at.skip("k/"))) return;
  const auto total = at.decimal();
  if (!total || out.managed_kib) return;
  out.managed_kib = managed;
  out.total_kib = total;
  out.memory_line = text;
}

void read_node_data(Scanner at, LogOutcomes& out) {
  const bool has_node = at.skip("(");
  const auto node = has_node ? at.decimal() : std::optional<std::uint64_t>{out.node_data.size()};
  if (!node || !at.skip_to("[mem ")) return;
  if (const auto range = at.inclusive_range()) out.node_data.push_back({as_node(*node), *range});
}

void read_zone_pages(std::string_view text, LogOutcomes& out) {
  Scanner at{text};
  const std::string_view zone = at.word();
  if (!at.skip(" zone: ")) return;
  const auto pages = at.decimal();
  if (pages && at.skip(" pages, LIFO")) out.zone_pages.push_back({std::string{zone}, *pages});
}

void read_single(std::string_view text, LogOutcomes& out) {
  Scanner at{text};
  if (at.skip("MEMBLOCK configuration:"))
    out.dumps.emplace_back();
  else if (text.starts_with("memory[0x") || text.starts_with("reserved[0x"))
    read_region(at, out);
  else if (at.skip("On node "))
    read_unavailable(at, out);
  else if (at.skip("Fallback order for Node "))
    read_fallback(at, out);
  else if (at.skip("Memory: "))
    read_memory_line(text, at, out);
  else if (at.skip("NODE_DATA") || at.skip("NUMA: NODE_DATA"))
    read_node_data(at, out);
  else if (at.skip("Initmem setup node ")) {
    const auto node = at.decimal();
    at.spaces();
    const auto range = at.mem_range();
    if (node && range) out.initmem.push_back({as_node(*node), *range});
  } else if (at.skip("last_pfn = ")) {
    const auto pfn = at.hex();
    if (pfn && (!out.last_pfn || *out.last_pfn < *pfn)) out.last_pfn = pfn;
  } else if (at.skip("e820: remove ")) {
    if (const auto range = at.mem_range()) out.e820_removed.push_back(*range);
  } else {
    read_zone_pages(text, out);
  }
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
    if (text.starts_with("Zone ranges:"))
      list = List::zones;
    else if (text.starts_with("Movable zone start"))
      list = List::movable;
    else if (text.starts_with("Early memory node ranges"))
      list = List::nodes;
    else if (!(list == List::zones && read_zone(at, out)) &&
             !(list == List::movable && read_movable(at, out)) &&
             !(list == List::nodes && read_node_range(at, out.node_ranges))) {
      list = List::none;
      read_single(text, out);
    }
  }
  return out;
}

}  // namespace quarry::lnx
