// quarry/buddy/init_impl.hpp: bodies of PageAllocator: tables for every zone, watermarks.
#pragma once

#include "quarry/buddy/page_allocator.hpp"
#include "quarry/zones/hotplug.hpp"

namespace quarry::buddy {

template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::init(zones::Layout& layout, Map& map,
                                                  page::MetadataSource source,
                                                  AllocatorConfig config) noexcept {
  check(layout_ == nullptr, "a page allocator is initialised once");
  config_ = config;
  map_ = &map;
  layout_ = &layout;
  if (const auto done = init_zones(source); !done) return done.error();
  return init_nodes(source);
}

template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::init_zones(page::MetadataSource source) noexcept {
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
    state.at_boot = zone.span();
    state.reach = zone.span();
    if (zone.type == zones::ZoneType::normal || zone.type == zones::ZoneType::movable)
      state.reach = zones::around(zone.spanned.raw == 0 ? PfnRange{} : zone.span(), config_.hotpluggable);
    if (state.reach.empty()) continue;
    state.first_part = static_cast<std::uint32_t>(part_count);
    state.part_count = ZoneFree::parts_for(state.reach);
    state.lists_row = lists_rows_++;
    part_count += state.part_count;
    if (part_count > Descriptor::kMaxParts) return Error::no_room;
  }
  const auto homes = source.take<std::uint32_t>(part_count, near);
  if (!homes) return homes.error();
  const auto free = source.take<ZoneFree>(count, near);
  if (!free) return free.error();
  for (std::size_t i = 0; i < count; ++i) {
    const ZoneState& state = states.value()[i];
    ZoneFree& pages = *::new (static_cast<void*>(free.value() + i)) ZoneFree{};
    const auto index = static_cast<std::uint32_t>(i);
    for (std::uint32_t part = 0; part < state.part_count; ++part)
      homes.value()[state.first_part + part] = index;
    if (state.part_count == 0) continue;
    const zones::Zone& zone = *state.zone;
    const auto done = pages.init({*map_, state.reach, index, state.first_part, zone.node, source});
    if (!done) return done;
    if constexpr (requires { pages.set_span(zone.span()); }) pages.set_span(zone.span());
  }
  zones_ = {states.value(), count};
  free_ = {free.value(), count};
  zone_of_part_ = {homes.value(), static_cast<std::size_t>(part_count)};
  return Done{};
}

template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::init_nodes(page::MetadataSource source) noexcept {
  if (layout_->nodes.empty()) return Done{};
  std::size_t ids = 0;
  for (const zones::Node& node : layout_->nodes)
    if (static_cast<std::size_t>(node.id) >= ids) ids = static_cast<std::size_t>(node.id) + 1;
  const auto places = source.take<std::uint32_t>(ids, layout_->nodes[0].id);
  if (!places) return places.error();
  for (std::uint32_t i = 0; i < layout_->nodes.size(); ++i)
    places.value()[static_cast<std::size_t>(layout_->nodes[i].id)] = i + 1;
  const auto cores = source.take<std::uint32_t>(layout_->nodes.size(), layout_->nodes[0].id);
  if (!cores) return cores.error();
  places_ = {places.value(), ids};
  node_cores_ = {cores.value(), layout_->nodes.size()};
  return Done{};
}

template <Geometry G, class W, class Policy, port::Cores C>
const zones::Node* PageAllocator<G, W, Policy, C>::node(NodeId id) const noexcept {
  const auto at = static_cast<std::size_t>(id);
  if (at >= places_.size() || places_[at] == 0) return nullptr;
  return &layout_->nodes[places_[at] - 1];
}

template <Geometry G, class W, class Policy, port::Cores C>
auto PageAllocator<G, W, Policy, C>::zone_of(Pfn page) const noexcept -> ZoneState* {
  if (map_->find(page) == nullptr) return nullptr;
  if constexpr (!G.is_flat())
    if (const auto plugged = map_->zone_of_section(page)) return &zones_[plugged.value()];
  // Nodes may share a section, whose descriptors are of one of them: where there is memory, that says whose it is.
  const auto ranges = zones::ranges_from(*layout_, page);
  const bool is_memory = !ranges.empty() && ranges[0].span.contains(page);
  const zones::Node* const home = node(is_memory ? ranges[0].node : map_->node_of(page));
  ZoneState* found = nullptr;
  for (std::uint32_t type = 0; home != nullptr && type < zones::kZoneTypes; ++type) {
    ZoneState& zone = zones_[home->first_zone + type];
    if (zone.part_count == 0 || !zone.at_boot.contains(page)) continue;
    if (!layout_->keeps_mirrored) return &zone;
    // Of zones that overlap the one that has the page; a page without memory is the first one's.
    const PfnRange one{page, page + PageCount{1}};
    if (found == nullptr || (is_memory && !zones::part_of(*layout_, *zone.zone, ranges[0], one).empty()))
      found = &zone;
  }
  return found;
}

template <Geometry G, class W, class Policy, port::Cores C>
bool PageAllocator<G, W, Policy, C>::is_high(const zones::Zone& zone) const noexcept {
  if (zone.type == zones::ZoneType::highmem) return true;
  const auto& highmem = layout_->ranges[static_cast<unsigned>(zones::ZoneType::highmem)];
  return zone.type == zones::ZoneType::movable && !highmem.span.empty();
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::set_min_free(std::uint64_t min_free_kbytes,
                                                  const WatermarkConfig& config) noexcept {
  PageCount lowmem;
  for (const zones::Zone& zone : layout_->zones)
    if (!is_high(zone)) lowmem.raw += zone.managed.raw;
  for (ZoneState& state : zones_) {
    const ZoneHold hold{cores_, state.lock};
    state.set_marks(watermarks_of(state.zone->managed, is_high(*state.zone) ? Memory::high : Memory::low,
                                  lowmem, min_free_kbytes, G.page_size(), config));
  }
  for (ZoneState& state : zones_) set_cpu_limits(state);
  find_nearest();
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::set_watermarks(std::uint64_t min_free_kbytes,
                                                    const WatermarkConfig& config) noexcept {
  for (const zones::Node& node : layout_->nodes) {
    PageCount managed[zones::kZoneTypes];
    for (unsigned type = 0; type < zones::kZoneTypes; ++type)
      managed[type] = layout_->zones[node.first_zone + type].managed;
    for (unsigned lower = 0; lower < zones::kZoneTypes; ++lower) {
      ZoneState& zone = zones_[node.first_zone + lower];
      const ZoneHold hold{cores_, zone.lock};
      for (unsigned requested = 0; requested < zones::kZoneTypes; ++requested)
        zone.reserve[requested] = lowmem_reserve(managed, static_cast<zones::ZoneType>(lower),
                                                 static_cast<zones::ZoneType>(requested), config)
                                      .raw;
    }
  }
  set_min_free(min_free_kbytes, config);
}

template <Geometry G, class W, class Policy, port::Cores C>
PageCount PageAllocator<G, W, Policy, C>::free_buffer_pages(NodeId id) const noexcept {
  PageCount sum;
  const zones::Node* const from = node(id);
  if (from == nullptr) return sum;
  for (const zones::ZoneRef& ref : from->zonelist) {
    if (ref.type > zones::ZoneType::normal) continue;
    const ZoneState& state = zones_[ref.zone];
    if (state.zone->managed.raw > state.high) sum.raw += state.zone->managed.raw - state.high;
  }
  return sum;
}

}  // namespace quarry::buddy
