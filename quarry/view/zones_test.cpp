#include "quarry/view/zones.hpp"

#include "tests/page_sink.hpp"
#include "tests/test.hpp"

namespace quarry::view {

using zones::ZoneType;

namespace {

// Two nodes of 1 GiB each, as a real kernel saw them.
struct TwoNodes {
  zones::Zone zones[2 * zones::kZoneTypes] = {};
  NodeId fallback[2][2] = {{NodeId{0}, NodeId{1}}, {NodeId{1}, NodeId{0}}};
  zones::ZoneRef refs[2] = {{0, ZoneType::dma}, {zones::kZoneTypes + 1, ZoneType::dma32}};
  zones::Node nodes[2] = {};
  zones::NodeRange ranges[2] = {{NodeId{0}, {Pfn{1}, Pfn{0x9f}}}, {NodeId{1}, {Pfn{0x40000}, Pfn{0x7ffe0}}}};
  Pfn movable[2] = {Pfn{0}, Pfn{0x60000}};
  zones::UnavailableRun unavailable[1] = {};
  zones::Layout layout;

  TwoNodes() noexcept {
    zones[zones::kZoneTypes + 1] = {.type = ZoneType::dma32, .node = NodeId{1}};
    nodes[0] = {.id = NodeId{0},
                .span = {Pfn{1}, Pfn{0x40000}},
                .present = PageCount{5},
                .fallback = fallback[0],
                .zonelist = refs};
    nodes[1] = {.id = NodeId{1}, .fallback = fallback[1]};
    layout.ranges[0] = {ZoneType::dma, true, {Pfn{1}, Pfn{0x1000}}};
    layout.ranges[1] = {ZoneType::dma32, true, {Pfn{0x1000}, Pfn{0x7ffe0}}};
    layout.ranges[2] = {ZoneType::normal, true, {}};
    layout.ranges[4] = {ZoneType::movable, true, {}};
    layout.nodes = nodes;
    layout.zones = zones;
    layout.node_ranges = ranges;
    layout.movable_start = movable;
    unavailable[0] = {.node = NodeId{0}, .type = ZoneType::dma, .pages = PageCount{97}};
    layout.unavailable = unavailable;
  }
};

constexpr PageSize k4K{12};

}  // namespace

TEST(zone_ranges_read_as_the_kernel_prints_them) {
  const TwoNodes machine;
  test::Page page;
  auto out = page.sink();
  print_zone_ranges(out, k4K, machine.layout);
  expect(page.view() == TextView{"Zone ranges:\n"
                                 "  DMA      [mem 0x0000000000001000-0x0000000000ffffff]\n"
                                 "  DMA32    [mem 0x0000000001000000-0x000000007ffdffff]\n"
                                 "  Normal   empty\n"});
}

TEST(node_lines_read_as_the_kernel_prints_them) {
  const TwoNodes machine;
  test::Page page;
  auto out = page.sink();
  print_movable_starts(out, k4K, machine.layout);
  print_node_ranges(out, k4K, machine.layout);
  print_initmem(out, k4K, machine.layout);
  print_unavailable(out, machine.layout);
  expect(page.view() == TextView{"Movable zone start for each node\n"
                                 "  Node 1: 0x0000000060000000\n"
                                 "Early memory node ranges\n"
                                 "  node   0: [mem 0x0000000000001000-0x000000000009efff]\n"
                                 "  node   1: [mem 0x0000000040000000-0x000000007ffdffff]\n"
                                 "Initmem setup node 0 [mem 0x0000000000001000-0x000000003fffffff]\n"
                                 "Initmem setup node 1 as memoryless\n"
                                 "On node 0, zone DMA: 97 pages in unavailable ranges\n"});
}

TEST(zonelists_read_as_the_kernel_prints_them) {
  const TwoNodes machine;
  test::Page page;
  auto out = page.sink();
  print_zonelists(out, machine.layout, PageCount{503840});
  print_zonerefs(out, machine.layout);
  expect(page.view() == TextView{"Fallback order for Node 0: 0 1 \n"
                                 "Fallback order for Node 1: 1 0 \n"
                                 "Built 2 zonelists, mobility grouping on.  Total pages: 503840\n"
                                 "node 0 zonelist: 0/DMA 1/DMA32\n"
                                 "node 1 zonelist:\n"});
}

}  // namespace quarry::view
