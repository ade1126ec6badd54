// quarry/zones/layout.cpp: ranges, spans and counts of nodes and zones.
#include "quarry/zones/layout.hpp"

#include "quarry/zones/movable.hpp"
#include "quarry/zones/unavailable.hpp"
#include "quarry/zones/zonelist.hpp"

namespace quarry::zones {
namespace {

constexpr std::size_t kMovable = static_cast<std::size_t>(ZoneType::movable);
constexpr ZoneType type_of(std::size_t index) noexcept { return static_cast<ZoneType>(index); }

constexpr Pfn clamp(Pfn at, Pfn low, Pfn high) noexcept { return at < low ? low : at > high ? high : at; }

std::size_t index_of(std::span<const Node> nodes, NodeId id) noexcept {
  std::size_t low = 0, high = nodes.size();
  while (low < high) {
    const std::size_t middle = low + (high - low) / 2;
    if (nodes[middle].id < id)
      low = middle + 1;
    else
      high = middle;
  }
  return low < nodes.size() && nodes[low].id == id ? low : nodes.size();
}

struct Maker {
  const Input& input;
  Arena& arena;
  Layout& layout;
  std::span<Node> nodes;
  std::span<Zone> zones;
  std::span<Pfn> movable;
  std::size_t highest = 0;  // the zone type that movable frames come from

  PageSize page() const noexcept { return input.geometry.page_size(); }
  NodeId first_node() const noexcept { return input.nodes[0].id; }

  Result<Done> list_nodes() noexcept;
  Result<Done> list_ranges() noexcept;
  void limit_zones() noexcept;
  void place_movable() noexcept;
  PfnRange span_of(const Node& node, std::size_t type, Pfn movable_start) const noexcept;
  void size_zones() noexcept;
  void count_present() noexcept;
  void share_mirrored() noexcept;
};

Result<Done> Maker::list_nodes() noexcept {
  if (input.nodes.empty()) return Error::bad_argument;
  for (std::size_t i = 1; i < input.nodes.size(); ++i)
    if (input.nodes[i].id <= input.nodes[i - 1].id) return Error::bad_argument;
  const auto all = arena.take<Node>(input.nodes.size());
  if (!all) return all.error();
  const auto each = arena.take<Zone>(input.nodes.size() * kZoneTypes);
  if (!each) return each.error();
  const auto starts = arena.take<Pfn>(input.nodes.size());
  if (!starts) return starts.error();
  nodes = all.value(), zones = each.value(), movable = starts.value();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const PossibleNode& from = input.nodes[i];
    nodes[i].id = from.id, nodes[i].online = from.online, nodes[i].has_cpu = from.has_cpu;
    nodes[i].first_zone = static_cast<std::uint32_t>(i * kZoneTypes);
    for (std::size_t type = 0; type < kZoneTypes; ++type) {
      zones[i * kZoneTypes + type].type = type_of(type);
      zones[i * kZoneTypes + type].node = from.id;
    }
  }
  return Done{};
}

// Whole frames of each region, and the span of each node around its own.
Result<Done> Maker::list_ranges() noexcept {
  const auto all = arena.take<NodeRange>(input.memory.size());
  if (!all) return all.error();
  std::size_t count = 0;
  for (const early::Region& region : input.memory) {
    const PfnRange pages = PfnRange::inside(region.range(), page());
    if (pages.empty()) continue;
    const bool is_orphan = region.node == early::kAnyNode;
    if (is_orphan && input.orphans == Orphans::refuse) return Error::out_of_range;
    const NodeId id = is_orphan ? first_node() : region.node;
    const std::size_t at = index_of(nodes, id);
    if (at == nodes.size()) return Error::out_of_range;
    PfnRange& span = nodes[at].span;
    span = span.empty() ? pages : PfnRange{span.begin(), pages.end()};
    all.value()[count++] = {id, pages, has(region.flags, early::Flags::mirror)};
  }
  layout.node_ranges = all.value().first(count);
  return Done{};
}

// Zone types stand one upon the other from the first frame of memory on; one whose limit is not above
// that of the one below is empty.
void Maker::limit_zones() noexcept {
  Pfn start = input.memory.empty() ? Pfn{} : page().pfn_down(input.memory.front().base);
  for (std::size_t type = 0; type < kZoneTypes; ++type) {
    ZoneRange& range = layout.ranges[type];
    range.type = type_of(type);
    range.configured = type == kMovable || input.limits[type].configured;
    if (type == kMovable || !range.configured) continue;
    const Pfn end = input.limits[type].end < start ? start : input.limits[type].end;
    range.span = {start, end};
    start = end;
    if (!range.span.empty()) highest = type;
  }
}

void Maker::place_movable() noexcept {
  const MovableInput request{.request = input.movable,
                             .geometry = input.geometry,
                             .memory = input.memory,
                             .ranges = layout.node_ranges,
                             .nodes = nodes,
                             .lowest = layout.ranges[highest].span.begin(),
                             .first_node = first_node()};
  layout.unmirrored_kernel = find_movable_starts(request, movable);
}

// What of a node a zone type spans. A Movable zone cuts off whatever lies above its start, unless mirrored
// memory decides: then Normal and Movable share their span and divide its frames.
PfnRange Maker::span_of(const Node& node, std::size_t type, Pfn movable_start) const noexcept {
  const Pfn low = node.span.begin(), high = node.span.end();
  if (type == kMovable) {
    if (movable_start == Pfn{}) return {};
    const Pfn end = clamp(high, Pfn{}, layout.ranges[highest].span.end());
    return movable_start < end ? PfnRange{movable_start, end} : PfnRange{};
  }
  if (!layout.ranges[type].configured) return {};
  const PfnRange reach = layout.ranges[type].span;
  const Pfn begin = clamp(low, reach.begin(), reach.end());
  Pfn end = clamp(high, reach.begin(), reach.end());
  if (movable_start != Pfn{}) {
    if (begin >= movable_start) return {};
    if (!input.movable.mirror && end > movable_start) end = movable_start;
  }
  return begin < end ? PfnRange{begin, end} : PfnRange{};
}

void Maker::size_zones() noexcept {
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].span.empty()) continue;
    for (std::size_t type = 0; type < kZoneTypes; ++type) {
      const PfnRange span = span_of(nodes[i], type, movable[i]);
      if (span.empty()) continue;
      Zone& zone = zones[i * kZoneTypes + type];
      zone.start = span.begin();
      zone.spanned = span.size();
    }
  }
}

void Maker::count_present() noexcept {
  for (const NodeRange& range : layout.node_ranges) {
    const std::size_t first = index_of(nodes, range.node) * kZoneTypes;
    for (std::size_t type = 0; type < kZoneTypes; ++type) {
      Zone& zone = zones[first + type];
      zone.present.raw += intersection(range.span, zone.span()).size().raw;
    }
  }
}

// Where Movable lies over other zones, each range counts in the zone that has it.
void Maker::share_mirrored() noexcept {
  for (Zone& zone : zones) {
    if (zone.type != ZoneType::normal && zone.type != ZoneType::movable) continue;
    zone.present = PageCount{0};
    for (const NodeRange& range : layout.node_ranges)
      if (range.node == zone.node) zone.present.raw += part_of(layout, zone, range, range.span).size().raw;
  }
}

}  // namespace

TextView name_of(ZoneType type) noexcept {
  switch (type) {
    case ZoneType::dma: return "DMA";
    case ZoneType::dma32: return "DMA32";
    case ZoneType::normal: return "Normal";
    case ZoneType::highmem: return "HighMem";
    case ZoneType::movable: return "Movable";
  }
  return "?";
}

Result<Layout> lay_out(const Input& input, Arena& arena) noexcept {
  Layout layout{};
  Maker make{.input = input, .arena = arena, .layout = layout, .nodes = {}, .zones = {}, .movable = {}};
  if (const auto done = make.list_nodes(); !done) return done.error();
  if (const auto done = make.list_ranges(); !done) return done.error();
  make.limit_zones();
  make.place_movable();
  make.size_zones();
  make.count_present();
  layout.keeps_mirrored = input.movable.mirror && !input.movable.movable_node;
  layout.nodes = make.nodes;
  layout.zones = make.zones;
  if (layout.keeps_mirrored) make.share_mirrored();
  for (std::size_t i = 0; i < make.nodes.size(); ++i)
    for (std::size_t type = 0; type < kZoneTypes; ++type)
      make.nodes[i].present.raw += make.zones[i * kZoneTypes + type].present.raw;

  const auto runs =
      count_unavailable(input.geometry, input.memory, layout.node_ranges, make.nodes, make.zones, arena);
  if (!runs) return runs.error();
  layout.unavailable = runs.value();
  const auto built = build_zonelists(make.nodes, make.zones, input.distances, input.cpu_penalty, arena);
  if (!built) return built.error();
  layout.movable_start = make.movable;
  check(audit(layout) == nullptr, "a layout that breaks its own laws");
  return layout;
}

PfnRange part_of(const Layout& layout, const Zone& zone, const NodeRange& range, PfnRange pages) noexcept {
  const PfnRange part = intersection(intersection(range.span, pages), zone.span());
  if (!layout.keeps_mirrored || part.empty()) return part;
  const std::size_t at = index_of(layout.nodes, zone.node);
  if (at == layout.nodes.size()) return part;
  const Zone& movable = layout.zones[layout.nodes[at].first_zone + kMovable];
  if (movable.span().empty()) return part;
  if (zone.type == ZoneType::movable) return range.is_mirrored ? PfnRange{} : part;
  if (range.is_mirrored || part.end() <= movable.start) return part;
  return part.begin() < movable.start ? PfnRange{part.begin(), movable.start} : PfnRange{};
}

std::span<const NodeRange> ranges_from(const Layout& layout, Pfn page) noexcept {
  std::size_t first = 0, count = layout.node_ranges.size();
  while (count != 0) {
    const std::size_t half = count >> 1;
    const bool is_below = layout.node_ranges[first + half].span.end() <= page;
    first += is_below ? half + 1 : 0;
    count = is_below ? count - half - 1 : half;
  }
  return layout.node_ranges.subspan(first);
}

CountedPages counted_pages(const Layout& layout, const Geometry& geometry, Bytes descriptor,
                           PageCount dma_reserve) noexcept {
  const unsigned shift = geometry.page_size().shift();
  CountedPages counted;
  std::size_t lowest = 0;  // the zone type that pays for what was reserved below
  while (lowest < kMovable && !layout.ranges[lowest].configured) ++lowest;
  bool has_high = false;
  for (const ZoneRange& range : layout.ranges)
    has_high = has_high || (range.type == ZoneType::highmem && !range.span.empty());
  for (const Zone& zone : layout.zones) {
    const bool is_high = zone.type == ZoneType::highmem || (has_high && zone.type == ZoneType::movable);
    std::uint64_t pages = zone.present.raw;
    const bool is_sparse_zone = zone.spanned.raw > pages + (pages >> 4) && !geometry.is_flat();
    const std::uint64_t bytes = (is_sparse_zone ? pages : zone.spanned.raw) * descriptor.raw;
    const std::uint64_t own = (bytes >> shift) + ((bytes & ((std::uint64_t{1} << shift) - 1)) != 0 ? 1 : 0);
    if (!is_high && pages >= own) pages -= own;
    if (zone.type == type_of(lowest) && pages > dma_reserve.raw) pages -= dma_reserve.raw;
    counted.all.raw += pages;
    if (!is_high)
      counted.kernel.raw += pages;
    else if (counted.kernel.raw > 2 * own)
      counted.kernel.raw -= own;
  }
  return counted;
}

const char* audit(const Layout& layout) noexcept {
  if (layout.zones.size() != layout.nodes.size() * kZoneTypes) return "each node has all zone types";
  if (layout.movable_start.size() != layout.nodes.size()) return "each node has a movable start";
  for (const Node& node : layout.nodes) {
    std::uint64_t present = 0;
    for (std::uint32_t type = 0; type < kZoneTypes; ++type) {
      const Zone& zone = layout.zones[node.first_zone + type];
      if (zone.node != node.id || zone.type != type_of(type)) return "a node's zones stand together, by type";
      if (zone.present > zone.spanned) return "present is at most spanned";
      if (zone.spanned.raw == 0 && zone.start != Pfn{}) return "a zone that spans nothing starts at 0";
      if (zone.spanned.raw != 0 &&
          (zone.span().begin() < node.span.begin() || zone.span().end() > node.span.end()))
        return "a zone lies in its node";
      present += zone.present.raw;
    }
    if (present != node.present.raw) return "a node's frames are those of its zones";
    if (node.fallback.empty() || node.fallback[0] != node.id) return "a node asks itself first";
    if (node.no_fallback.size() > node.zonelist.size()) return "a node's own zones are in its zonelist";
  }
  return nullptr;
}

}  // namespace quarry::zones
