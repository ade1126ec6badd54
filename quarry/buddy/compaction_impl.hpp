// quarry/buddy/compaction_impl.hpp: bodies of Compactor.
#pragma once

#include "quarry/buddy/compaction.hpp"

namespace quarry::buddy {

template <class Allocator>
Result<Done> Compactor<Allocator>::init(page::MetadataSource source) noexcept {
  check(scanners_.empty(), "a compactor is initialised once");
  const std::size_t count = allocator_->zone_count();
  const auto taken = source.template take<Scanners>(count, NodeId::first);
  if (!taken) return taken.error();
  for (std::size_t i = 0; i < count; ++i) ::new (static_cast<void*>(taken.value() + i)) Scanners{};
  scanners_ = {taken.value(), count};
  return Done{};
}

template <class Allocator>
Pressure Compactor<Allocator>::pressure(const Pressure& rest) noexcept {
  rest_ = rest;
  Pressure hooks;
  hooks.self = this;
  hooks.compact = [](void* self, Order order, const Request& request) noexcept {
    return static_cast<Compactor*>(self)->compact(order, request) == Compacted::success;
  };
  if (rest.reclaim != nullptr)
    hooks.reclaim = [](void* self, Order order, const Request& request) noexcept {
      const Pressure& to = static_cast<Compactor*>(self)->rest_;
      return to.reclaim(to.self, order, request);
    };
  return hooks;
}

template <class Allocator>
Compacted Compactor<Allocator>::compact(Order order, const Request& request) noexcept {
  std::uint32_t idle = 0;
  if (!is_busy_.exchange_if(idle, 1)) return Compacted::skipped;
  const Compacted result = compact_zones(order, request);
  is_busy_.store_release(0);
  return result;
}

template <class Allocator>
Compacted Compactor<Allocator>::compact_zones(Order order, const Request& request) noexcept {
  Compacted best = Compacted::skipped;
  for (const zones::Node& node : allocator_->layout().nodes) {
    if (node.id != request.node) continue;
    const auto zonelist = request.placement == Placement::nearest ? node.zonelist : node.no_fallback;
    for (const zones::ZoneRef ref : zonelist) {
      if (ref.type > request.highest) continue;
      Scanners& scanners = scanners_[ref.zone];
      const bool is_out = is_deferred(scanners, order);
      const Compacted result = is_out ? Compacted::deferred : compact_zone(ref.zone, order);
      if (!is_out) note_result(scanners, order, result);
      if (result > best) best = result;
      if (result == Compacted::success) return result;
    }
  }
  return best;
}

template <class Allocator>
Compacted Compactor<Allocator>::compact_zone(std::uint32_t zone, Order order) noexcept {
  check(zone < scanners_.size(), "no such zone");
  ++stats_.calls;
  if (!is_suitable(zone, order)) return Compacted::skipped;
  Scanners& scanners = scanners_[zone];
  const PfnRange span = allocator_->layout().zones[zone].span();
  const bool is_stale = scanners.migrate < span.begin() || span.end() <= scanners.migrate;
  if (!scanners.is_running || is_stale) begin(scanners, span);
  for (std::uint32_t left = config_.pageblocks_per_call; left != 0; --left) {
    const Pfn next = start_of(scanners.migrate) + pageblock();
    const Pfn end = next < span.end() ? next : span.end();
    ++stats_.pageblocks;
    const bool has_moved = clear_pageblock(zone, scanners, end, order);
    scanners.migrate = end;
    // What was moved away lies on a core's lists, and merges when it comes back from there.
    if (has_moved) allocator_->drain_all();
    if (has_moved && allocator_->has_free_block(zone, order)) {
      ++stats_.successes;
      return Compacted::success;
    }
    bool has_target = false;
    for (unsigned at = 0; at < order.raw(); ++at) {
      const Target& target = scanners.free[at];
      has_target = has_target || (target.at < target.end && end < target.end);
    }
    if (!has_target || end == span.end()) {
      scanners.is_running = false;
      return Compacted::complete;
    }
  }
  return Compacted::partial;
}

template <class Allocator>
void Compactor<Allocator>::begin(Scanners& scanners, PfnRange span) noexcept {
  scanners.is_running = true;
  scanners.migrate = span.begin();
  const Pfn last = start_of(Pfn{span.end().raw - 1});
  for (Target& target : scanners.free) target = {last < span.begin() ? span.begin() : last, span.end()};
}

// Source    Linux 6.1, "compaction_suitable".
template <class Allocator>
bool Compactor<Allocator>::is_suitable(std::uint32_t zone, Order order) const noexcept {
  if (order == Order{0} || !kGeometry.allows(order)) return false;
  if (!allocator_->layout().zones[zone].is_populated()) return false;
  if (allocator_->has_free_block(zone, order)) return false;
  const ZoneStats stats = allocator_->stats(zone);
  if (stats.deferred.raw != 0) return false;
  const bool is_costly = order.raw() > 3;
  const PageCount mark = is_costly ? stats.marks.low : stats.marks.min;
  if (stats.free.raw < mark.raw + (std::uint64_t{2} << order.raw())) return false;
  const std::int64_t index = fragmentation_index(stats, order);
  return !is_costly || index < 0 || index > config_.threshold;
}

// Source    Linux 6.1, "compaction_deferred".
template <class Allocator>
bool Compactor<Allocator>::is_deferred(Scanners& scanners, Order order) const noexcept {
  if (order.raw() < scanners.order_failed) return false;
  if (++scanners.considered < 1u << scanners.shift) return true;
  scanners.considered = 1u << scanners.shift;
  return false;
}

// Source    Linux 6.1, "defer_compaction", "compaction_defer_reset".
template <class Allocator>
void Compactor<Allocator>::note_result(Scanners& scanners, Order order, Compacted result) noexcept {
  if (result == Compacted::complete) {
    scanners.considered = 0;
    if (scanners.shift < kMostDeferred) ++scanners.shift;
    if (order.raw() < scanners.order_failed) scanners.order_failed = order.raw();
  } else if (result == Compacted::success) {
    scanners.considered = scanners.shift = 0;
    if (order.raw() >= scanners.order_failed) scanners.order_failed = order.raw() + 1;
  }
}

template <class Allocator>
bool Compactor<Allocator>::is_ours(std::uint32_t zone, Pfn page) const noexcept {
  const auto at = allocator_->zone_at(page);
  return at && at.value() == zone;
}

// Moves away what the pageblock at the migrate scanner holds, up to `end`.
//
// Returns   whether anything was moved.
template <class Allocator>
bool Compactor<Allocator>::clear_pageblock(std::uint32_t zone, Scanners& scanners, Pfn end,
                                           Order wanted) noexcept {
  auto& map = allocator_->map();
  if (!is_ours(zone, scanners.migrate)) return false;
  if (map.pageblock_type(scanners.migrate) == MigrateType::isolate) return false;
  bool has_moved = false;
  for (Pfn at = scanners.migrate; at < end;) {
    if (const auto free = allocator_->free_block_at(zone, at)) {
      at = free.value().page + free.value().order.pages();
      continue;
    }
    const auto* const head = map.find(at);
    if (head == nullptr || head->state() == page::State::nothing) {
      const auto start = page::head_of(map, at);
      at = start ? start.value() + map.at(start.value()).order().pages() : at + PageCount{1};
      continue;
    }
    const Order order = head->order();
    const bool may = head->state() == page::State::allocated && head->list() == MigrateType::movable &&
                     head->references() == 1 && order < wanted;
    if (may && is_ours(zone, at) && move(zone, scanners, at, order)) has_moved = true;
    at = at + order.pages();
  }
  return has_moved;
}

template <class Allocator>
bool Compactor<Allocator>::move(std::uint32_t zone, Scanners& scanners, Pfn from, Order order) noexcept {
  const auto to = target_for(zone, scanners.free[order.raw()], start_of(from) + pageblock(), order);
  if (!to) return false;
  const bool has_moved = mover_.move != nullptr && mover_.move(mover_.self, from, to.value(), order);
  const auto freed = allocator_->free_pages(has_moved ? from : to.value(), order);
  check(static_cast<bool>(freed), "a mover left the old place, or the new one, in use");
  ++(has_moved ? stats_.moved : stats_.refused);
  return has_moved;
}

// Takes the next free block of `order` in a pageblock at or above `above`, from the zone's end downwards.
//
// Errors    no_memory: there is none; the target stays empty.
template <class Allocator>
Result<Pfn> Compactor<Allocator>::target_for(std::uint32_t zone, Target& target, Pfn above,
                                             Order order) noexcept {
  const Pfn begin = allocator_->layout().zones[zone].start;
  while (above < target.end) {
    if (!is_target(zone, start_of(Pfn{target.end.raw - 1}))) target.at = target.end;
    while (target.at < target.end) {
      const auto block = allocator_->free_block_at(zone, target.at);
      if (!block) {
        const auto start = page::head_of(allocator_->map(), target.at);
        target.at = start ? start.value() + allocator_->map().at(start.value()).order().pages()
                          : target.at + PageCount{1};
        continue;
      }
      const Pfn page = block.value().page;
      target.at = page + (block.value().order < order ? block.value().order : order).pages();
      if (allocator_->alloc_at(page, order, MigrateType::movable)) return page;
    }
    target.end = start_of(Pfn{target.end.raw - 1});
    if (target.end <= begin) target.end = begin;
    target.at = target.end <= begin ? begin : Pfn{target.end.raw - pageblock().raw};
    if (target.at < begin) target.at = begin;
  }
  target.at = target.end;
  return Error::no_memory;
}

// Whole free pageblocks are what is wanted, not what to fill up; and only movable ones take movable pages in.
// Source    Linux 6.1, "suitable_migration_target".
template <class Allocator>
bool Compactor<Allocator>::is_target(std::uint32_t zone, Pfn pageblock) const noexcept {
  const Pfn begin = allocator_->layout().zones[zone].start;
  const Pfn first = pageblock < begin ? begin : pageblock;
  if (!is_ours(zone, first)) return false;
  const MigrateType type = allocator_->map().pageblock_type(first);
  if (type != MigrateType::movable && type != MigrateType::cma) return false;
  const auto block = allocator_->free_block_at(zone, first);
  return !block || block.value().order < kGeometry.pageblock_order();
}

}  // namespace quarry::buddy
