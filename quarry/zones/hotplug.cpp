#include "quarry/zones/hotplug.hpp"

namespace quarry::zones {

namespace {

Node& node_of(Layout& layout, std::uint32_t zone) noexcept {
  for (Node& node : layout.nodes)
    if (zone - node.first_zone < kZoneTypes) return node;
  check(false, "a zone without a node");
  return layout.nodes[0];
}

void set_span(Zone& zone, PfnRange span) noexcept {
  zone.start = span.empty() ? Pfn{} : span.begin();
  zone.spanned = span.size();
}

}  // namespace

std::uint32_t zone_for(const Layout& layout, const Node& node, PfnRange pages, OnlineTo to) noexcept {
  const auto normal = static_cast<std::uint32_t>(ZoneType::normal);
  const std::uint32_t movable = node.first_zone + static_cast<std::uint32_t>(ZoneType::movable);
  if (to == OnlineTo::movable) return movable;
  std::uint32_t kernel = 0;
  while (kernel < normal && !layout.zones[node.first_zone + kernel].span().overlaps(pages)) ++kernel;
  kernel += node.first_zone;
  if (to == OnlineTo::kernel) return kernel;
  const bool in_kernel = layout.zones[kernel].span().overlaps(pages);
  const bool in_movable = layout.zones[movable].span().overlaps(pages);
  return in_movable && !in_kernel ? movable : kernel;
}

void grow(Layout& layout, std::uint32_t zone, PfnRange pages) noexcept {
  Zone& grown = layout.zones[zone];
  Node& node = node_of(layout, zone);
  set_span(grown, around(grown.span(), pages));
  grown.present.raw += pages.size().raw;
  node.span = around(node.span, pages);
  node.present.raw += pages.size().raw;
}

void shrink(Layout& layout, std::uint32_t zone, PfnRange pages, PfnRange left) noexcept {
  Zone& shrunk = layout.zones[zone];
  Node& node = node_of(layout, zone);
  check(shrunk.present >= pages.size() && node.present >= pages.size(), "more pages leave than there are");
  shrunk.present.raw -= pages.size().raw;
  node.present.raw -= pages.size().raw;
  set_span(shrunk, left);
  PfnRange span;
  for (std::uint32_t type = 0; type < kZoneTypes; ++type)
    span = around(span, layout.zones[node.first_zone + type].span());
  node.span = span;
}

}  // namespace quarry::zones
