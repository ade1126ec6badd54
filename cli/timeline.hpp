// cli/timeline.hpp: the hand-over of one boot, moment by moment and zone by zone.
#pragma once

#include <string>
#include <vector>

#include "cli/boot_report.hpp"
#include "cli/terminal.hpp"
#include "quarry/memory/early_system.hpp"
#include "quarry/memory/timeline.hpp"

namespace quarry::cli {

// Records moments as they come; afterwards they are the report's.
class TimelineReader {
 public:
  // `early` outlives this.
  explicit TimelineReader(const memory::EarlySystem& early) : early_{early} {}

  // The kernel brings most descriptors up later than the library counts their pages: from now on they count from there.
  void expect_deferred(const std::vector<PageCount>& pages_of_nodes);
  // What each zone has at that moment; `free_of` gives the free pages of zone i of the layout.
  template <class FreeOf>
  void add(const memory::Moment& moment, FreeOf free_of) {
    TimelineEntry entry = begin(moment);
    const auto& zones = early_.layout().zones;
    for (std::uint32_t i = 0; i < zones.size(); ++i)
      if (zones[i].is_populated()) entry.zones.push_back(zone_of(zones[i], free_of(i).raw));
    finish(moment.step, std::move(entry));
  }
  std::vector<TimelineEntry> take() { return std::move(entries_); }

 private:
  static TimelineEntry begin(const memory::Moment& moment);
  static TimelineZone zone_of(const zones::Zone& zone, std::uint64_t free);
  void finish(memory::HandOverStep step, TimelineEntry entry);
  void without_deferred(TimelineEntry& entry) const;

  const memory::EarlySystem& early_;
  std::vector<std::uint64_t> deferred_;  // by populated zone; empty: none are, or no longer
  std::vector<TimelineEntry> entries_;
};

// A table with a line a step that changed something; verbosely with the managed pages of every zone.
std::vector<std::string> timeline_lines(const std::vector<TimelineEntry>& timeline, const TextStyle& style);

}  // namespace quarry::cli
