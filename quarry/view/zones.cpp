#include "quarry/view/zones.hpp"

#include "quarry/view/firmware_map.hpp"

namespace quarry::view {
namespace {

PhysRange bytes_of(PageSize page_size, PfnRange pages) noexcept {
  return {page_size.address_of(pages.begin()), page_size.address_of(pages.end())};
}

std::uint64_t number_of(NodeId node) noexcept { return static_cast<std::uint16_t>(node); }

}  // namespace

void print_zone_ranges(TextSink& out, PageSize page_size, const zones::Layout& layout) noexcept {
  out.put("Zone ranges:\n");
  for (const auto& range : layout.ranges) {
    if (!range.configured || range.type == zones::ZoneType::movable) continue;
    out.put("  ").left(zones::name_of(range.type), 8).put(' ');
    if (range.span.empty())
      out.put("empty");
    else
      print_mem(out, bytes_of(page_size, range.span));
    out.put('\n');
  }
}

void print_movable_starts(TextSink& out, PageSize page_size, const zones::Layout& layout) noexcept {
  out.put("Movable zone start for each node\n");
  for (std::size_t i = 0; i < layout.movable_start.size(); ++i) {
    const Pfn start = layout.movable_start[i];
    if (start.raw == 0) continue;
    out.put("  Node ").dec(number_of(layout.nodes[i].id));
    out.put(": 0x").hex(page_size.address_of(start).raw, 16).put('\n');
  }
}

void print_node_ranges(TextSink& out, PageSize page_size, const zones::Layout& layout) noexcept {
  out.put("Early memory node ranges\n");
  for (const auto& range : layout.node_ranges) {
    out.put("  node ").dec(number_of(range.node), 3).put(": ");
    print_mem(out, bytes_of(page_size, range.span));
    out.put('\n');
  }
}

void print_initmem(TextSink& out, PageSize page_size, const zones::Layout& layout) noexcept {
  for (const auto& node : layout.nodes) {
    out.put("Initmem setup node ").dec(number_of(node.id));
    if (node.present.raw == 0) {
      out.put(" as memoryless\n");
      continue;
    }
    print_mem(out.put(' '), bytes_of(page_size, node.span));
    out.put('\n');
  }
}

void print_unavailable(TextSink& out, const zones::Layout& layout) noexcept {
  for (const auto& run : layout.unavailable) {
    out.put("On node ").dec(number_of(run.node)).put(", zone ").put(zones::name_of(run.type));
    out.put(": ").dec(run.pages.raw).put(" pages in unavailable ranges\n");
  }
}

void print_zonelists(TextSink& out, const zones::Layout& layout, PageCount total) noexcept {
  std::size_t online = 0;
  for (const auto& node : layout.nodes) online += node.online;
  for (const auto& node : layout.nodes) {
    if (online < 2) continue;
    out.put("Fallback order for Node ").dec(number_of(node.id)).put(": ");
    for (const NodeId next : node.fallback) out.dec(number_of(next)).put(' ');
    out.put('\n');
  }
  out.put("Built ").dec(online).put(" zonelists, mobility grouping on.  Total pages: ");
  out.dec(total.raw).put('\n');
}

void print_zonerefs(TextSink& out, const zones::Layout& layout) noexcept {
  for (const auto& node : layout.nodes) {
    out.put("node ").dec(number_of(node.id)).put(" zonelist:");
    for (const auto& ref : node.zonelist) {
      out.put(' ').dec(number_of(layout.zones[ref.zone].node)).put('/').put(zones::name_of(ref.type));
    }
    out.put('\n');
  }
}

}  // namespace quarry::view
