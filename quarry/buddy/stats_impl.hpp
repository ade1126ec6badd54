// quarry/buddy/stats_impl.hpp: bodies of PageAllocator: one zone, counted.
#pragma once

#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

template <Geometry G, class Watcher>
ZoneStats PageAllocator<G, Watcher>::stats(std::uint32_t zone) const noexcept {
  check(zone < zones_.size(), "no such zone");
  const ZoneState& state = zones_[zone];
  ZoneStats stats;
  stats.free = PageCount{state.free};
  stats.free_cma = PageCount{state.free_cma};
  stats.deferred = PageCount{state.deferred};
  stats.managed = state.zone->managed;
  stats.marks = state.marks;
  for (unsigned type = 0; type < zones::kZoneTypes; ++type)
    stats.lowmem_reserve[type] = PageCount{state.reserve[type]};
  stats.allocs = state.count.allocs, stats.frees = state.count.frees, stats.failures = state.count.failures;
  stats.fallbacks = state.count.fallbacks, stats.splits = state.count.splits,
  stats.merges = state.count.merges;

  for (const Part& part : parts_of(state))
    for (unsigned order = 0; order < Part::kOrders; ++order)
      for (unsigned type = 0; type < page::kMigrateTypes; ++type)
        stats.free_blocks[order][type] += part.count(Order{order}, static_cast<MigrateType>(type));
  // Sections are whole blocks of the highest order, and nobody can have changed the type of theirs.
  stats.free_blocks[G.max_order_][page::index_of(MigrateType::movable)] += state.deferred >> G.max_order_;
  for (unsigned order = 0; order < Part::kOrders; ++order)
    for (unsigned type = 0; type < page::index_of(MigrateType::isolate); ++type)
      if (stats.free_blocks[order][type] != 0) stats.largest_free = Order{order};
  count_pageblocks(state, stats);
  return stats;
}

// A hole's descriptors belong to the zone of the memory behind it, and behind all memory to the last.
// Source    Linux 6.1, "memmap_init"; the steps are those of "pagetypeinfo_showblockcount_print".
template <Geometry G, class Watcher>
void PageAllocator<G, Watcher>::count_pageblocks(const ZoneState& zone, ZoneStats& stats) const noexcept {
  const PfnRange span = zone.zone->span();
  const std::uint64_t step = G.pageblock_order().pages().raw;
  const std::span<const zones::NodeRange> ranges = layout_->node_ranges;
  std::size_t next = 0;
  for (Pfn at = span.begin(); at < span.end(); at = at + PageCount{step}) {
    if (map_->find(at) == nullptr) {
      const Pfn present = map_->next_present(at, span.end());
      const std::uint64_t holes = align_down(present.raw - at.raw, step);
      if (holes > step) at = Pfn{at.raw + holes - step};
      continue;
    }
    while (next < ranges.size() && ranges[next].span.end() <= at) ++next;
    if (ranges.empty()) return;
    const zones::NodeRange& range = next < ranges.size() ? ranges[next] : ranges.back();
    Pfn owner = at < range.span.begin() ? range.span.begin() : at;
    if (owner >= range.span.end()) owner = Pfn{range.span.end().raw - 1};
    if (range.node != zone.zone->node || !span.contains(owner)) continue;
    if (zones::part_of(*layout_, *zone.zone, range, {owner, owner + PageCount{1}}).empty()) continue;
    ++stats.pageblocks[page::index_of(map_->pageblock_type(at))];
  }
}

}  // namespace quarry::buddy
