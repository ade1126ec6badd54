// quarry/buddy/init_impl.hpp: bodies of PageAllocator: tables for every zone, watermarks.
#pragma once

#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

template <Geometry G, class Watcher>
Result<Done> PageAllocator<G, Watcher>::init(zones::Layout& layout, Map& map, page::MetadataSource source,
                                             AllocatorConfig config) noexcept {
  check(layout_ == nullptr, "a page allocator is initialised once");
  config_ = config;
  map_ = &map;
  layout_ = &layout;
  if (const auto done = init_zones(source); !done) return done.error();
  return init_nodes(source);
}

template <Geometry G, class Watcher>
Result<Done> PageAllocator<G, Watcher>::init_zones(page::MetadataSource source) noexcept {
  const std::size_t count = layout_->zones.size();
  const NodeId near = layout_->nodes.empty() ? NodeId::first : layout_->nodes[0].id;
  const auto states = source.take<ZoneState>(count, near);
  if (!states) return states.error();
  std::uint64_t part_count = 0;
  for (std::size_t i = 0; i < count; ++i) {
    zones::Zone& zone = layout_->zones[i];
    ZoneState& state = *::new (static_cast<void*>(states.value() + i)) ZoneState{};
    zone.managed = PageCount{0};
    state.zone = &zone;
    state.index = static_cast<std::uint32_t>(i);
    if (zone.spanned.raw == 0) continue;
    const std::uint64_t last = (zone.span().end().raw - 1) >> Part::kShift;
    state.first_part = static_cast<std::uint32_t>(part_count);
    state.part_count = static_cast<std::uint32_t>(last - (zone.start.raw >> Part::kShift) + 1);
    part_count += state.part_count;
    if (part_count > Descriptor::kMaxParts) return Error::no_room;
  }
  const auto parts = source.take<Part>(part_count, near);
  if (!parts) return parts.error();
  Part* next = parts.value();
  for (std::size_t i = 0; i < count; ++i) {
    const ZoneState& state = states.value()[i];
    Pfn begin = state.zone->start;
    for (std::uint32_t made = 0; made < state.part_count; ++made, ++next) {
      const Pfn zone_end = state.zone->span().end();
      const Pfn cut{(begin.raw & ~(Part::kMaxPages - 1)) + Part::kMaxPages};
      const Pfn end = cut < zone_end ? cut : zone_end;
      ::new (static_cast<void*>(next))
          Part{*map_, PfnRange{begin, end}, state.first_part + made, static_cast<std::uint32_t>(i)};
      begin = end;
    }
  }
  zones_ = {states.value(), count};
  parts_ = {parts.value(), static_cast<std::size_t>(part_count)};
  return Done{};
}

template <Geometry G, class Watcher>
Result<Done> PageAllocator<G, Watcher>::init_nodes(page::MetadataSource source) noexcept {
  if (layout_->nodes.empty()) return Done{};
  std::size_t ids = 0;
  for (const zones::Node& node : layout_->nodes)
    if (static_cast<std::size_t>(node.id) >= ids) ids = static_cast<std::size_t>(node.id) + 1;
  const auto places = source.take<std::uint32_t>(ids, layout_->nodes[0].id);
  if (!places) return places.error();
  for (std::uint32_t i = 0; i < layout_->nodes.size(); ++i)
    places.value()[static_cast<std::size_t>(layout_->nodes[i].id)] = i + 1;
  places_ = {places.value(), ids};
  return Done{};
}

template <Geometry G, class Watcher>
const zones::Node* PageAllocator<G, Watcher>::node(NodeId id) const noexcept {
  const auto at = static_cast<std::size_t>(id);
  if (at >= places_.size() || places_[at] == 0) return nullptr;
  return &layout_->nodes[places_[at] - 1];
}

template <Geometry G, class Watcher>
bool PageAllocator<G, Watcher>::is_high(const zones::Zone& zone) const noexcept {
  if (zone.type == zones::ZoneType::highmem) return true;
  const auto& highmem = layout_->ranges[static_cast<unsigned>(zones::ZoneType::highmem)];
  return zone.type == zones::ZoneType::movable && !highmem.span.empty();
}

template <Geometry G, class Watcher>
void PageAllocator<G, Watcher>::set_watermarks(std::uint64_t min_free_kbytes,
                                               const WatermarkConfig& config) noexcept {
  PageCount lowmem;
  for (const zones::Zone& zone : layout_->zones)
    if (!is_high(zone)) lowmem.raw += zone.managed.raw;
  for (ZoneState& state : zones_)
    state.marks = watermarks_of(state.zone->managed, is_high(*state.zone) ? Memory::high : Memory::low,
                                lowmem, min_free_kbytes, G.page_size(), config);
  for (const zones::Node& node : layout_->nodes) {
    PageCount managed[zones::kZoneTypes];
    for (unsigned type = 0; type < zones::kZoneTypes; ++type)
      managed[type] = layout_->zones[node.first_zone + type].managed;
    for (unsigned lower = 0; lower < zones::kZoneTypes; ++lower)
      for (unsigned requested = 0; requested < zones::kZoneTypes; ++requested)
        zones_[node.first_zone + lower].reserve[requested] =
            lowmem_reserve(managed, static_cast<zones::ZoneType>(lower),
                           static_cast<zones::ZoneType>(requested), config)
                .raw;
  }
}

template <Geometry G, class Watcher>
PageCount PageAllocator<G, Watcher>::free_buffer_pages(NodeId id) const noexcept {
  PageCount sum;
  const zones::Node* const from = node(id);
  if (from == nullptr) return sum;
  for (const zones::ZoneRef& ref : from->zonelist) {
    if (ref.type > zones::ZoneType::normal) continue;
    const ZoneState& state = zones_[ref.zone];
    if (state.zone->managed > state.marks.high) sum.raw += state.zone->managed.raw - state.marks.high.raw;
  }
  return sum;
}

}  // namespace quarry::buddy
