// Zones, their pages and watermarks, and the order in which they are asked.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "linux/compare_sheet.hpp"

namespace quarry::lnx {
namespace {

ShownLines lines_of_ranges(const LogOutcomes& log) {
  if (log.zone_ranges.empty()) return std::nullopt;
  std::vector<std::string> lines;
  for (const LoggedZone& zone : log.zone_ranges)
    if (zone.name != "Device")  // of memory that drivers bring, never of RAM
      lines.push_back(fmt::format("{} {}", zone.name, range_words(zone.range)));
  return lines;
}

ShownLines lines_of_movable(const LogOutcomes& log) {
  if (!log.says_movable) return std::nullopt;
  std::vector<std::string> lines;
  for (const LoggedNodeRange& start : log.movable_start)
    lines.push_back(fmt::format("node {} {:#x}", start.node, start.range.begin().raw));
  return lines;
}

// Kernels before 5.11 say nothing of unavailable ranges; later ones say nothing if there are none.
ShownLines lines_of_unavailable(const LogOutcomes& log) {
  if (log.unavailable.empty()) return std::nullopt;
  std::vector<std::string> lines;
  for (const LoggedUnavailable& run : log.unavailable)
    lines.push_back(fmt::format("{}{}: {}", run.node ? fmt::format("node {} ", *run.node) : std::string{},
                                run.zone, run.pages));
  return lines;
}

// What older logs say of zones, where there is no file of them.
std::vector<ZoneOutcome> zones_shown(const Outcomes& outcomes) {
  if (outcomes.zones) return *outcomes.zones;
  std::vector<ZoneOutcome> zones;
  for (const LoggedZonePages& pages : outcomes.log.zone_pages) {
    if (pages.zone.empty()) continue;
    ZoneOutcome zone;
    zone.node = pages.node;
    zone.name = pages.zone;
    zone.present = pages.pages;
    zones.push_back(zone);
  }
  return zones;
}

const ZoneOutcome* find(const std::vector<ZoneOutcome>& zones, unsigned node, std::string_view name) {
  for (const ZoneOutcome& zone : zones)
    if (zone.node == node && zone.name == name) return &zone;
  return nullptr;
}

Shown marks_of(const ZoneOutcome& zone) {
  if (!zone.min || !zone.low || !zone.high) return std::nullopt;
  return fmt::format("min {}, low {}, high {}", *zone.min, *zone.low, *zone.high);
}

Shown protection_of(const ZoneOutcome& zone) {
  return zone.protection ? Shown{fmt::format("({})", fmt::join(*zone.protection, ", "))} : std::nullopt;
}

void compare_zone(Sheet& sheet, const ZoneOutcome& ours, const ZoneOutcome& theirs) {
  const std::string name = fmt::format("node {} {}", theirs.node, theirs.name);
  sheet.hold_number("zones", name + " start_pfn", ours.start_pfn, theirs.start_pfn);
  sheet.hold_number("zones", name + " spanned", ours.spanned, theirs.spanned);
  sheet.hold_number("present", name + " present", ours.present, theirs.present);
  sheet.hold_number("managed", name + " managed", ours.managed, theirs.managed);
  sheet.hold("watermarks", name + " watermarks", marks_of(ours), marks_of(theirs));
  sheet.hold("protection", name + " protection", protection_of(ours), protection_of(theirs));
  sheet.hold_number("cma", name + " cma", ours.cma, theirs.cma);
}

// A zone that one side does not have at all, where the other side shows zones.
ZoneOutcome without_pages(const ZoneOutcome& like) {
  ZoneOutcome zone;
  zone.node = like.node;
  zone.name = like.name;
  zone.present = 0;
  zone.spanned = 0;
  return zone;
}

// Of a zone that theirs says nothing about.
ZoneOutcome unsaid(const ZoneOutcome& like) {
  ZoneOutcome zone;
  zone.node = like.node;
  zone.name = like.name;
  return zone;
}

void compare_all_zones(Sheet& sheet, const Outcomes& ours, const Outcomes& theirs) {
  const auto mine = zones_shown(ours), shown = zones_shown(theirs);
  for (const ZoneOutcome& zone : mine) {
    if (!zone.is_populated()) continue;
    const ZoneOutcome* const other = find(shown, zone.node, zone.name);
    const bool says_zones = theirs.zones || !shown.empty();
    compare_zone(sheet, zone, other != nullptr ? *other : says_zones ? without_pages(zone) : unsaid(zone));
  }
  if (!ours.zones) return;
  for (const ZoneOutcome& zone : shown) {
    const ZoneOutcome* const other = find(mine, zone.node, zone.name);
    if (zone.is_populated() && (other == nullptr || !other->is_populated()))
      compare_zone(sheet, without_pages(zone), zone);
  }
  for (const LoggedZonePages& pages : theirs.log.zone_pages) {
    if (!pages.zone.empty()) continue;
    std::uint64_t present = 0;
    for (const ZoneOutcome& zone : mine)
      if (zone.node == pages.node) present += zone.present.value_or(0);
    sheet.hold_number("present", fmt::format("node {} present", pages.node), present, pages.pages);
  }
}

ShownLines lines_of_fallback(const LogOutcomes& log) {
  if (log.fallback_order.empty()) return std::nullopt;
  std::vector<std::string> lines;
  for (const auto& order : log.fallback_order)
    lines.push_back(fmt::format("node {}: {}", order[0], fmt::join(order.begin() + 1, order.end(), " ")));
  return lines;
}

}  // namespace

void compare_zones(Sheet& sheet, const Outcomes& ours, const Outcomes& theirs) {
  sheet.hold_list("zones", "zone ranges", lines_of_ranges(ours.log), lines_of_ranges(theirs.log));
  sheet.hold_list("zones", "movable zone start", lines_of_movable(ours.log), lines_of_movable(theirs.log));
  sheet.hold_list("zones", "unavailable ranges", lines_of_unavailable(ours.log),
                  lines_of_unavailable(theirs.log));
  compare_all_zones(sheet, ours, theirs);
  sheet.hold_number("watermarks", "min_free_kbytes", ours.min_free_kib, theirs.min_free_kib);
  sheet.hold_list("fallback", "fallback order", lines_of_fallback(ours.log), lines_of_fallback(theirs.log));
  sheet.hold_number("zonelists", "zonelists", ours.log.zonelists, theirs.log.zonelists);
  sheet.hold_number("zonelists", "total pages", ours.log.total_pages, theirs.log.total_pages);
  const auto policy = [](const LogOutcomes& log) {
    return log.policy_zone.empty() ? std::nullopt : Shown{log.policy_zone};
  };
  sheet.hold("zonelists", "policy zone", policy(ours.log), policy(theirs.log));
}

}  // namespace quarry::lnx
