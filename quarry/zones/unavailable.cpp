// quarry/zones/unavailable.cpp: holes, measured in sections or pageblocks that hold some memory.
#include "quarry/zones/unavailable.hpp"

#include "quarry/base/arena_list.hpp"
#include "quarry/base/bits.hpp"

namespace quarry::zones {
namespace {

constexpr Pfn clamp(Pfn at, PfnRange into) noexcept {
  return at < into.begin() ? into.begin() : at > into.end() ? into.end() : at;
}

// Units of frames whose descriptors exist when any frame of the unit is memory.
class Units {
 public:
  Units(const Geometry& geometry, early::Regions memory) noexcept
      : page_{geometry.page_size()},
        is_flat_{geometry.is_flat()},
        unit_{(is_flat_ ? geometry.pageblock_order().pages() : geometry.section_pages()).raw},
        memory_{memory} {}

  // How many frames of [begin, end) lie in units that hold memory.
  PageCount count(Pfn begin, Pfn end) const noexcept {
    std::uint64_t pages = 0;
    for (std::size_t i = first_reaching(begin); i < memory_.size() && begin < end; ++i) {
      const PfnRange described = described_by(memory_[i]);
      if (described.empty()) continue;
      const Pfn from = described.begin() < begin ? begin : described.begin();
      const Pfn to = described.end() < end ? described.end() : end;
      if (described.begin() >= end) break;
      if (from >= to) continue;
      pages += (to - from).raw;
      begin = to;
    }
    return PageCount{pages};
  }

  // The end of the unit that holds the frame before `end`.
  Pfn round_up(Pfn end) const noexcept {
    const auto rounded = align_up(end.raw, unit_);
    return rounded ? Pfn{rounded.value()} : end;
  }
  bool is_flat() const noexcept { return is_flat_; }

 private:
  // Sections count whole frames of memory, a flat map any byte of it.
  PfnRange described_by(const early::Region& region) const noexcept {
    const PfnRange pages =
        is_flat_ ? PfnRange::covering(region.range(), page_) : PfnRange::inside(region.range(), page_);
    if (pages.empty()) return {};
    return {Pfn{align_down(pages.begin().raw, unit_)}, round_up(pages.end())};
  }

  // Regions are sorted, so that their rounded ends are as well: halve until one reaches past `from`.
  std::size_t first_reaching(Pfn from) const noexcept {
    std::size_t low = 0, high = memory_.size();
    while (low < high) {
      const std::size_t middle = low + (high - low) / 2;
      if (round_up(page_.pfn_up(memory_[middle].end())) <= from)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }

  PageSize page_;
  bool is_flat_;
  std::uint64_t unit_;
  early::Regions memory_;
};

const Node& node_of(std::span<const Node> nodes, NodeId id) noexcept {
  std::size_t low = 0, high = nodes.size();
  while (high - low > 1) {
    const std::size_t middle = low + (high - low) / 2;
    if (id < nodes[middle].id)
      high = middle;
    else
      low = middle;
  }
  check(nodes[low].id == id, "memory on a node that is not listed");
  return nodes[low];
}

Result<Done> charge(Zone& zone, PageCount pages, ArenaList<UnavailableRun>& runs, Arena& arena) noexcept {
  if (pages.raw == 0) return Done{};
  zone.unavailable = PageCount{zone.unavailable.raw + pages.raw};
  const auto pushed = runs.push(arena, {zone.node, zone.type, pages});
  if (!pushed) return pushed.error();
  return Done{};
}

Result<std::span<const UnavailableRun>> as_span(const ArenaList<UnavailableRun>& runs,
                                                Arena& arena) noexcept {
  const auto all = arena.take<UnavailableRun>(runs.size());
  if (!all) return all.error();
  std::size_t at = 0;
  for (const UnavailableRun& run : runs) all.value()[at++] = run;
  return std::span<const UnavailableRun>{all.value()};
}

}  // namespace

Result<std::span<const UnavailableRun>> count_unavailable(const Geometry& geometry, early::Regions memory,
                                                          std::span<const NodeRange> ranges,
                                                          std::span<const Node> nodes, std::span<Zone> zones,
                                                          Arena& arena) noexcept {
  const Units units{geometry, memory};
  ArenaList<UnavailableRun> runs;
  Pfn hole{};                   // everything below has been looked at
  std::uint32_t last_type = 0;  // the zone type that was populated last
  for (const NodeRange& range : ranges) {
    const std::uint32_t first = node_of(nodes, range.node).first_zone;
    for (std::uint32_t type = 0; type < kZoneTypes; ++type) {
      Zone& zone = zones[first + type];
      if (!zone.is_populated()) continue;
      last_type = type;
      const Pfn begin = clamp(range.span.begin(), zone.span());
      const Pfn end = clamp(range.span.end(), zone.span());
      if (begin >= end) continue;
      if (hole < begin)
        if (const auto done = charge(zone, units.count(hole, begin), runs, arena); !done) return done.error();
      hole = end;
    }
  }
  if (!ranges.empty() && !units.is_flat()) {
    const NodeRange& last = ranges.back();
    Zone& zone = zones[node_of(nodes, last.node).first_zone + last_type];
    const Pfn end = units.round_up(last.span.end());
    if (hole < end)
      if (const auto done = charge(zone, units.count(hole, end), runs, arena); !done) return done.error();
  }
  return as_span(runs, arena);
}

}  // namespace quarry::zones
