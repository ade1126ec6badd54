// The firmware's map and what the kernel made of it, memblock, and nodes.
#include <fmt/format.h>

#include <algorithm>

#include "linux/compare_sheet.hpp"

namespace quarry::lnx {
namespace {

const LoggedMap* map_named(const LogOutcomes& log, std::string_view who) {
  const auto at =
      std::find_if(log.maps.begin(), log.maps.end(), [&](const auto& map) { return map.who == who; });
  return at == log.maps.end() ? nullptr : &*at;
}

std::vector<std::string> lines_of(const std::vector<LoggedMapEntry>& entries) {
  std::vector<std::string> lines;
  lines.reserve(entries.size());
  for (const LoggedMapEntry& entry : entries)
    lines.push_back(fmt::format("{} {}", range_words(entry.range), entry.type));
  return lines;
}

ShownLines lines_of_map(const LogOutcomes& log, std::string_view who) {
  const LoggedMap* const map = map_named(log, who);
  return map == nullptr ? std::nullopt : ShownLines{lines_of(map->entries)};
}

// /sys/firmware/memmap has the names of resources.
std::string printed_type(std::string_view resource) {
  constexpr std::pair<std::string_view, std::string_view> names[] = {
      {"System RAM", "usable"},
      {"Reserved", "reserved"},
      {"ACPI Tables", "ACPI data"},
      {"ACPI Non-volatile Storage", "ACPI NVS"},
      {"Unusable memory", "unusable"},
      {"Persistent Memory", "persistent (type 7)"},
      {"Persistent Memory (legacy)", "persistent (type 12)"},
      {"Soft Reserved", "soft reserved"},
  };
  for (const auto& [name, printed] : names)
    if (name == resource) return std::string{printed};
  return "type ?";
}

void compare_memmap(Sheet& sheet, const Outcomes& ours, const Outcomes& theirs) {
  ShownLines mine;
  if (const LoggedMap* map = map_named(ours.log, "extended"); map != nullptr)
    mine = lines_of(map->entries);
  else
    mine = lines_of_map(ours.log, "BIOS-e820");
  ShownLines shown;
  if (theirs.memmap) {
    std::vector<LoggedMapEntry> entries = *theirs.memmap;
    for (LoggedMapEntry& entry : entries) entry.type = printed_type(entry.type);
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return a.range.begin() < b.range.begin(); });
    shown = lines_of(entries);
  }
  // The file has no number for a type without a name.
  if (mine && shown)
    for (std::string& line : *mine)
      if (const auto at = line.find("type "); at != std::string::npos && line.find('(') == std::string::npos)
        line = line.substr(0, at) + "type ?";
  sheet.hold_list("e820", "/sys/firmware/memmap", mine, shown);
}

// Whether the kernel's table of ours, as it is in the end, keeps to a change that was printed.
bool keeps_to(const LoggedMapChange& change, const LoggedMap& table) {
  for (const LoggedMapEntry& entry : table.entries) {
    const bool meets = entry.range.begin() < change.range.end() && change.range.begin() < entry.range.end();
    if (meets && entry.type == change.from) return change.from == change.to;
  }
  return true;
}

void compare_changes(Sheet& sheet, const Outcomes& ours, const Outcomes& theirs) {
  const LoggedMap* const table = map_named(ours.log, kFinalMap);
  for (const LoggedMapChange& change : theirs.log.map_changes) {
    const std::string what = change.to.empty() ? "removed" : "made " + change.to;
    const std::string name = fmt::format("{} {} {}", range_words(change.range), change.from, what);
    Shown mine;
    if (table != nullptr) mine = keeps_to(change, *table) ? what : "still " + change.from;
    sheet.hold("e820", name, mine, what);
  }
}

void compare_map(Sheet& sheet, const Outcomes& ours, const Outcomes& theirs) {
  const bool has_map = map_named(theirs.log, "BIOS-e820") != nullptr;
  for (const std::string_view who : {"BIOS-e820", "extended", "reserve setup_data", "user", "modified"}) {
    ShownLines mine = lines_of_map(ours.log, who), shown = lines_of_map(theirs.log, who);
    if (!mine && !shown) continue;
    // A log with the firmware's map would have the others, too.
    if (has_map && !shown) shown.emplace();
    if (!mine) mine.emplace();
    sheet.hold_list("e820", fmt::format("{} map", who), mine, shown);
  }
  compare_memmap(sheet, ours, theirs);
  compare_changes(sheet, ours, theirs);
}

// The end of all RAM may be printed more than once, before and after MTRRs cut it; that below 4G comes last.
struct EndsOfRam {
  std::optional<std::uint64_t> all, low;
};
EndsOfRam ends_of_ram(const std::vector<std::uint64_t>& last_pfns) {
  constexpr std::uint64_t pfn_4g = 1u << 20;
  EndsOfRam ends;
  if (last_pfns.empty()) return ends;
  ends.all = *std::max_element(last_pfns.begin(), last_pfns.end());
  if (*ends.all > pfn_4g && last_pfns.back() <= pfn_4g) ends.low = last_pfns.back();
  return ends;
}

void compare_last_pfn(Sheet& sheet, const LogOutcomes& ours, const LogOutcomes& theirs) {
  const EndsOfRam mine = ends_of_ram(ours.last_pfns), shown = ends_of_ram(theirs.last_pfns);
  sheet.hold_number("last_pfn", "last_pfn", mine.all, shown.all);
  sheet.hold_number("last_pfn", "last_pfn below 4G", mine.low, shown.low);
  sheet.hold_number("last_pfn", "max_arch_pfn", ours.max_arch_pfn, theirs.max_arch_pfn);
}

std::vector<std::string> lines_of(const std::vector<LoggedRegion>& regions) {
  std::vector<std::string> lines;
  for (const LoggedRegion& region : regions) {
    std::string line = range_words(region.range);
    if (region.node) line += fmt::format(" node {}", *region.node);
    if (region.flags != 0) line += fmt::format(" flags {:#x}", region.flags);
    lines.push_back(std::move(line));
  }
  return lines;
}

ShownLines shown(const std::optional<std::vector<LoggedRegion>>& regions) {
  return regions ? ShownLines{lines_of(*regions)} : std::nullopt;
}

void compare_memblock(Sheet& sheet, const Outcomes& ours, const Outcomes& theirs) {
  const auto& mine = ours.log.dumps;
  const auto& shown_dumps = theirs.log.dumps;
  const auto bytes = [](std::optional<Bytes> size) {
    return size ? Shown{fmt::format("{:#x}", size->raw)} : std::nullopt;
  };
  for (std::size_t i = 0; i < std::max(mine.size(), shown_dumps.size()); ++i) {
    const LoggedMemblock none;
    const bool is_mine = i < mine.size(), is_shown = i < shown_dumps.size();
    const LoggedMemblock& a = is_mine ? mine[i] : none;
    const LoggedMemblock& b = is_shown ? shown_dumps[i] : none;
    const auto list = [](bool known, const std::vector<LoggedRegion>& regions) {
      return known ? ShownLines{lines_of(regions)} : std::nullopt;
    };
    const std::string where = fmt::format("configuration {}", i + 1);
    sheet.hold_list("memblock.memory", where, list(is_mine, a.memory), list(is_shown, b.memory));
    sheet.hold("memblock.memory", where + " size", bytes(a.memory_size), bytes(b.memory_size));
    sheet.hold_list("memblock.reserved", where, list(is_mine, a.reserved), list(is_shown, b.reserved));
    sheet.hold("memblock.reserved", where + " size", bytes(a.reserved_size), bytes(b.reserved_size));
  }
  sheet.hold_list("memblock.memory", "after the boot", shown(ours.late_memory), shown(theirs.late_memory));
  sheet.hold_list("memblock.reserved", "after the boot", shown(ours.late_reserved),
                  shown(theirs.late_reserved));
}

ShownLines lines_of(const std::vector<LoggedNodeRange>& ranges) {
  if (ranges.empty()) return std::nullopt;
  std::vector<std::string> lines;
  lines.reserve(ranges.size());
  for (const LoggedNodeRange& range : ranges)
    lines.push_back(fmt::format("{} {}", range.node, range_words(range.range)));
  return lines;
}

ShownLines lines_of(const std::vector<LoggedAffinity>& entries) {
  if (entries.empty()) return std::nullopt;
  std::vector<std::string> lines;
  lines.reserve(entries.size());
  for (const LoggedAffinity& entry : entries)
    lines.push_back(fmt::format("node {} domain {} {}", entry.node, entry.domain, range_words(entry.range)));
  return lines;
}

std::string words_of(const std::vector<unsigned>& numbers) {
  std::string text;
  for (const unsigned number : numbers) text += fmt::format("{}{}", text.empty() ? "" : " ", number);
  return text;
}

template <class Value>
std::optional<Value> value_at(const std::vector<std::pair<unsigned, Value>>& values, unsigned node) {
  for (const auto& [key, value] : values)
    if (key == node) return value;
  return std::nullopt;
}

void compare_node_files(Sheet& sheet, const NodesOutcome& ours, const NodesOutcome& theirs) {
  for (const auto& [name, mine] : ours.masks) {
    Shown mask;
    for (const auto& [key, value] : theirs.masks)
      if (key == name) mask = value;
    sheet.hold("nodes", name, mine, mask);
  }
  std::vector<unsigned> nodes;
  for (const auto& [node, distances] : ours.distances) nodes.push_back(node);
  for (const auto& [node, distances] : theirs.distances)
    if (std::find(nodes.begin(), nodes.end(), node) == nodes.end()) nodes.push_back(node);
  for (const unsigned node : nodes) {
    const auto words = [&](const NodesOutcome& out) -> Shown {
      const auto distances = value_at(out.distances, node);
      return distances ? Shown{words_of(*distances)} : std::nullopt;
    };
    sheet.hold("nodes", fmt::format("node {} distances", node), words(ours), words(theirs));
  }
}

void compare_nodes(Sheet& sheet, const Outcomes& ours, const Outcomes& theirs) {
  sheet.hold_list("nodes", "SRAT memory", lines_of(ours.log.affinity), lines_of(theirs.log.affinity));
  sheet.hold_list("nodes", "the only node", lines_of(ours.log.faked), lines_of(theirs.log.faked));
  sheet.hold_list("nodes", "emulated nodes", lines_of(ours.log.emulated), lines_of(theirs.log.emulated));
  sheet.hold_list("nodes", "early memory node ranges", lines_of(ours.log.node_ranges),
                  lines_of(theirs.log.node_ranges));
  sheet.hold_list("nodes", "initmem setup", lines_of(ours.log.initmem), lines_of(theirs.log.initmem));
  compare_node_files(sheet, ours.nodes, theirs.nodes);
}

}  // namespace

void compare_early(Sheet& sheet, const Outcomes& ours, const Outcomes& theirs) {
  compare_map(sheet, ours, theirs);
  compare_last_pfn(sheet, ours.log, theirs.log);
  compare_memblock(sheet, ours, theirs);
  compare_nodes(sheet, ours, theirs);
}

}  // namespace quarry::lnx
