#include "quarry/view/buddyinfo.hpp"

namespace quarry::view {

using page::MigrateType;

namespace {

constexpr MigrateType kTypes[] = {MigrateType::unmovable,  MigrateType::movable, MigrateType::reclaimable,
                                  MigrateType::highatomic, MigrateType::cma,     MigrateType::isolate};

bool is_shown(MigrateType type, CmaColumn cma) noexcept {
  return type != MigrateType::cma || cma == CmaColumn::present;
}

void print_zone_name(TextSink& out, const CountedZone& zone, std::size_t node_width) noexcept {
  out.put("Node ").dec(static_cast<std::uint16_t>(zone.node), node_width);
  out.put(", zone ").right(zones::name_of(zone.type), 8);
}

}  // namespace

TextView name_of(MigrateType type) noexcept {
  constexpr const char* names[page::kMigrateTypes] = {"Unmovable",  "Movable", "Reclaimable",
                                                      "HighAtomic", "CMA",     "Isolate"};
  return names[page::index_of(type)];
}

void print_buddyinfo(TextSink& out, Order max_order, std::span<const CountedZone> zones) noexcept {
  for (const auto& zone : zones) {
    print_zone_name(out, zone, 0);
    out.put(' ');
    for (unsigned order = 0; order <= max_order.raw(); ++order) {
      std::uint64_t blocks = 0;
      for (const std::uint64_t count : zone.stats.free_blocks[order]) blocks += count;
      out.dec(blocks, 6).put(' ');
    }
    out.put('\n');
  }
}

void print_pagetypeinfo(TextSink& out, const Geometry& geometry, CmaColumn cma,
                        std::span<const CountedZone> zones) noexcept {
  out.put("Page block order: ").dec(geometry.pageblock_order().raw());
  out.put("\nPages per block:  ").dec(geometry.pageblock_order().pages().raw).put("\n\n");
  out.left("Free pages count per migrate type at order", 43).put(' ');
  for (unsigned order = 0; order <= geometry.max_order().raw(); ++order) out.dec(order, 6).put(' ');
  out.put('\n');
  for (const auto& zone : zones) {
    for (const MigrateType type : kTypes) {
      if (!is_shown(type, cma)) continue;
      print_zone_name(out, zone, 4);
      out.put(", type ").right(name_of(type), 12).put(' ');
      for (unsigned order = 0; order <= geometry.max_order().raw(); ++order)
        out.dec(zone.stats.free_blocks[order][page::index_of(type)], 6).put(' ');
      out.put('\n');
    }
  }
  out.put('\n').left("Number of blocks type", 23);
  for (const MigrateType type : kTypes)
    if (is_shown(type, cma)) out.right(name_of(type), 12).put(' ');
  out.put('\n');
  for (const auto& zone : zones) {
    print_zone_name(out, zone, 0);
    out.put(' ');
    for (const MigrateType type : kTypes)
      if (is_shown(type, cma)) out.dec(zone.stats.pageblocks[page::index_of(type)], 12).put(' ');
    out.put('\n');
  }
}

}  // namespace quarry::view
