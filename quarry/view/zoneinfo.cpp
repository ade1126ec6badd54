#include "quarry/view/zoneinfo.hpp"

#include "quarry/base/bits.hpp"
#include "quarry/view/firmware_map.hpp"

namespace quarry::view {
namespace {

const zones::Zone* find(const zones::Layout& layout, const CountedZone& counted) noexcept {
  for (const zones::Zone& zone : layout.zones)
    if (zone.node == counted.node && zone.type == counted.type) return &zone;
  return nullptr;
}

void print_protection(TextSink& out, const zones::Layout& layout, const CountedZone& zone,
                      DeviceColumn device) noexcept {
  const char* before = "\n        protection: (";
  std::uint64_t last = 0;
  for (const zones::ZoneRange& range : layout.ranges) {
    if (!range.configured && range.type != zones::ZoneType::movable) continue;
    last = zone.stats.lowmem_reserve[static_cast<std::size_t>(range.type)].raw;
    out.put(before).dec(last);
    before = ", ";
  }
  if (device == DeviceColumn::present) out.put(before).dec(last);
  out.put(")");
}

// What each core keeps and may keep.
void print_pagesets(TextSink& out, const CountedZone& zone) noexcept {
  if (zone.on_core.empty()) return;
  out.put("\n  pagesets");
  std::uint64_t core = 0;
  for (const PageCount pages : zone.on_core) {
    out.put("\n    cpu: ").dec(core++);
    out.put("\n              count: ").dec(pages.raw);
    out.put("\n              high:  ").dec(zone.stats.cpu_limits.high);
    out.put("\n              batch: ").dec(zone.stats.cpu_limits.batch);
  }
}

// Sections that follow each other on one node.
struct Run {
  std::uint64_t first = 0, end = 0;
  NodeId node{};
};

void print_run(TextSink& out, const Geometry& geometry, const Run& run) noexcept {
  const std::uint64_t section = geometry.section_pages().raw;
  const PageSize page = geometry.page_size();
  out.put("  sections 0x").hex(run.first).put("-0x").hex(run.end - 1);
  out.put("  node ").dec(static_cast<std::uint16_t>(run.node)).put("  ");
  print_mem(out, {page.address_of(Pfn{run.first * section}), page.address_of(Pfn{run.end * section})});
  out.put('\n');
}

// Calls `each` for every run, ascending. Regions ascend, so a section that one has is not the next one's.
template <class Each>
void walk_runs(const Geometry& geometry, const zones::Layout& layout, Each each) noexcept {
  const unsigned shift = count_trailing_zeros(geometry.section_pages().raw);
  Run run;
  for (const zones::NodeRange& range : layout.node_ranges) {
    std::uint64_t first = range.span.begin().raw >> shift;
    const std::uint64_t end = ((range.span.end().raw - 1) >> shift) + 1;
    if (first < run.end) first = run.end;
    if (first >= end) continue;
    if (first == run.end && range.node == run.node && run.end != run.first) {
      run.end = end;
      continue;
    }
    if (run.end != run.first) each(run);
    run = {first, end, range.node};
  }
  if (run.end != run.first) each(run);
}

}  // namespace

void print_zoneinfo(TextSink& out, const zones::Layout& layout, std::span<const CountedZone> zones,
                    DeviceColumn device) noexcept {
  for (const CountedZone& counted : zones) {
    const zones::Zone* const zone = find(layout, counted);
    if (zone == nullptr) continue;
    out.put("Node ").dec(static_cast<std::uint16_t>(counted.node)).put(", zone ");
    const TextView name = zones::name_of(counted.type);
    for (std::size_t width = name.size(); width < 8; ++width) out.put(' ');
    out.put(name);
    out.put("\n  pages free     ").dec(counted.stats.free.raw).put("\n        boost    0");
    out.put("\n        min      ").dec(counted.stats.marks.min.raw);
    out.put("\n        low      ").dec(counted.stats.marks.low.raw);
    out.put("\n        high     ").dec(counted.stats.marks.high.raw);
    out.put("\n        spanned  ").dec(zone->spanned.raw);
    out.put("\n        present  ").dec(zone->present.raw);
    out.put("\n        managed  ").dec(zone->managed.raw);
    out.put("\n        cma      ").dec(zone->cma.raw);
    print_protection(out, layout, counted, device);
    print_pagesets(out, counted);
    out.put("\n  start_pfn:           ").dec(zone->start.raw).put('\n');
  }
}

void print_sections(TextSink& out, const Geometry& geometry, const zones::Layout& layout,
                    std::uint64_t per_root) noexcept {
  if (geometry.is_flat() || layout.node_ranges.empty()) return;
  const unsigned root_shift = count_trailing_zeros(per_root);
  std::uint64_t sections = 0, roots = 0, next_root = 0;
  walk_runs(geometry, layout, [&](const Run& run) noexcept {
    sections += run.end - run.first;
    const std::uint64_t first = run.first >> root_shift, end = ((run.end - 1) >> root_shift) + 1;
    roots += end - (first < next_root ? next_root : first);
    next_root = end;
  });
  const std::uint64_t mib = geometry.page_size().bytes_in(geometry.section_pages()).raw >> 20;
  out.put("sections of ").dec(mib).put(" MiB, ").dec(per_root).put(" to a root: ").dec(sections);
  out.put(" in ").dec(roots).put(roots == 1 ? " root\n" : " roots\n");
  walk_runs(geometry, layout, [&](const Run& run) noexcept { print_run(out, geometry, run); });
}

}  // namespace quarry::view
