// quarry/buddy/stats_impl.hpp: bodies of PageAllocator: one zone, counted.
#pragma once

#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

template <Geometry G, class W, class Policy, port::Cores C>
ZoneStats PageAllocator<G, W, Policy, C>::stats(std::uint32_t zone) const noexcept {
  check(zone < zones_.size(), "no such zone");
  const ZoneState& state = zones_[zone];
  ZoneStats stats;
  count_pageblocks(state, stats);
  count_blocks(state, stats.free_blocks);
  const ZoneHold hold{cores_, state.lock};
  stats.free = PageCount{state.free};
  stats.free_cma = PageCount{state.free_cma};
  stats.deferred = PageCount{state.deferred};
  stats.managed = state.zone->managed;
  stats.marks = state.marks();
  for (unsigned type = 0; type < zones::kZoneTypes; ++type)
    stats.lowmem_reserve[type] = PageCount{state.reserve[type]};
  stats.highatomic = PageCount{state.highatomic};
  stats.isolated_pageblocks = state.isolated;
  stats.cpu_limits = state.cpu_limits();
  stats.allocs = state.count.allocs, stats.frees = state.count.frees, stats.failures = state.count.failures;
  for (unsigned core = 0; has_cpu_lists(state) && core < cores_on_lists_; ++core) {
    const Lists& lists = lists_of(state, core);
    const CpuEvents events = lists.events();
    stats.on_cores.raw += lists.pages();
    stats.allocs += events.allocs, stats.frees += events.frees;
    stats.refills += events.refills, stats.spills += events.spills;
  }
  stats.fallbacks = state.count.tally.fallbacks, stats.splits = state.count.tally.splits,
  stats.merges = state.count.tally.merges;

  // Sections are whole blocks of the highest order, and nobody can have changed the type of theirs.
  stats.free_blocks[G.max_order_][page::index_of(MigrateType::movable)] += state.deferred >> G.max_order_;
  for (unsigned order = 0; order <= G.max_order_; ++order)
    for (unsigned type = 0; type < page::index_of(MigrateType::isolate); ++type)
      if (stats.free_blocks[order][type] != 0) stats.largest_free = Order{order};
  return stats;
}

// Others get the lock in between: where they take and give meanwhile, the sums are of no one moment.
template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::count_blocks(const ZoneState& zone, BlockCounts& counts) const noexcept {
  std::uint32_t next = 0;
  do {
    const ZoneHold hold{cores_, zone.lock};
    if (zone.part_count != 0) next = pages_of(zone).count_blocks(next, counts);
  } while (next != 0);
}

// Source    Linux 6.1, "__zone_watermark_ok", in the order in which it looks.
template <Geometry G, class W, class Policy, port::Cores C>
Obstacle PageAllocator<G, W, Policy, C>::obstacle(std::uint32_t zone, Order order,
                                                  const Request& request) const noexcept {
  const ZoneState& state = zones_[zone];
  Obstacle found;
  if (state.zone->type > request.highest) {
    found.why = Obstacle::Why::too_high;
    return found;
  }
  Search what = search_for(order, request, state);
  Mark mark = Mark::low;
  if (request.effort != Effort::fast_only) {
    what.urgency = request.urgency;
    mark = request.urgency == Urgency::unlimited ? Mark::none : Mark::min;
  }
  found.free = PageCount{state.free};
  found.needed = PageCount{mark == Mark::none ? order.pages().raw : least_free(state, what, mark) + 1};
  if (state.zone->managed.raw == 0)
    found.why = Obstacle::Why::empty;
  else if (mark == Mark::none && is_at_hand(state, what))
    found.why = Obstacle::Why::none;
  else if (found.free < found.needed)
    found.why = Obstacle::Why::below_mark;
  else if (!has_block(state, what) && ((order != Order{0} && !counts_at_hand()) || !is_at_hand(state, what)))
    found.why = Obstacle::Why::no_block;
  return found;
}

// A hole's descriptors belong to the zone of the memory behind it, and behind all memory to the last.
// Source    Linux 6.1, "memmap_init"; the steps are those of "pagetypeinfo_showblockcount_print".
template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::count_pageblocks(const ZoneState& zone,
                                                      ZoneStats& stats) const noexcept {
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
    if constexpr (!G.is_flat()) {
      if (!map_->is_online(at)) continue;
      if (const auto plugged = map_->zone_of_section(at)) {
        if (plugged.value() == zone.index) ++stats.pageblocks[page::index_of(map_->pageblock_type(at))];
        continue;
      }
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
