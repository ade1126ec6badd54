#include "cli/timeline.hpp"

#include <fmt/format.h>

#include "cli/sizes.hpp"
#include "cli/text.hpp"

namespace quarry::cli {

void TimelineReader::expect_deferred(const std::vector<PageCount>& pages_of_nodes) {
  const zones::Layout& layout = early_.layout();
  std::uint64_t all = 0;
  deferred_.clear();
  for (std::size_t node = 0; node < layout.nodes.size(); ++node) {
    const std::size_t first = deferred_.size();
    for (unsigned type = 0; type < zones::kZoneTypes; ++type)
      if (layout.zones[layout.nodes[node].first_zone + type].is_populated()) deferred_.push_back(0);
    // They lie in the highest zone of their node.
    if (deferred_.size() != first) deferred_.back() = pages_of_nodes[node].raw, all += deferred_.back();
  }
  if (all == 0) deferred_.clear();
}

TimelineEntry TimelineReader::begin(const memory::Moment& moment) {
  TimelineEntry entry;
  entry.step = to_string(memory::name_of(moment.step));
  entry.function = to_string(memory::linux_name_of(moment.step));
  entry.given = moment.given.raw, entry.total = moment.total.raw;
  entry.free = moment.free.raw, entry.cma = moment.cma.raw;
  return entry;
}

TimelineZone TimelineReader::zone_of(const zones::Zone& zone, std::uint64_t free) {
  return {static_cast<int>(zone.node), to_string(zones::name_of(zone.type)), zone.managed.raw, zone.cma.raw,
          free};
}

void TimelineReader::without_deferred(TimelineEntry& entry) const {
  for (std::size_t i = 0; i < deferred_.size(); ++i) {
    const std::uint64_t pages = deferred_[i];
    entry.zones[i].managed -= pages, entry.zones[i].free -= pages;
    entry.total -= pages, entry.free -= pages;
  }
}

void TimelineReader::finish(memory::HandOverStep step, TimelineEntry entry) {
  if (!deferred_.empty() && step == memory::HandOverStep::boot_memory) {
    // Between the last moment and this one.
    TimelineEntry now = entries_.back();
    now.step = "deferred pages", now.function = "page_alloc_init_late", now.given = 0;
    for (std::size_t i = 0; i < deferred_.size(); ++i) {
      now.zones[i].managed += deferred_[i], now.zones[i].free += deferred_[i];
      now.given += deferred_[i];
    }
    now.total += now.given, now.free += now.given;
    deferred_.clear();
    entries_.push_back(std::move(now));
  }
  without_deferred(entry);
  entry.given = entry.total - (entries_.empty() ? 0 : entries_.back().total);
  entries_.push_back(std::move(entry));
}

std::vector<std::string> timeline_lines(const std::vector<TimelineEntry>& timeline, const TextStyle& style) {
  const auto row = [](const auto&... columns) {
    return fmt::format("  {:<15} {:<24} {:>12} {:>13} {:>13} {:>11}", columns...);
  };
  std::vector<std::string> lines;
  lines.push_back(style.in(Ink::faint, row("step", "stands for", "given", "total", "free", "cma")));
  for (const TimelineEntry& entry : timeline) {
    const bool is_news = entry.given != 0 || entry.step == "watermarks" || &entry == &timeline.front();
    if (!is_news && !style.verbose) continue;
    lines.push_back(row(entry.step, entry.function, grouped(entry.given), grouped(entry.total),
                        grouped(entry.free), grouped(entry.cma)));
    if (!style.verbose) continue;
    for (const TimelineZone& zone : entry.zones)
      lines.push_back(
          style.in(Ink::faint, row("", fmt::format("node {} {}", zone.node, zone.zone), "",
                                   grouped(zone.managed), grouped(zone.free), grouped(zone.cma))));
  }
  return lines;
}

}  // namespace quarry::cli
