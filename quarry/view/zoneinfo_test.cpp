#include "quarry/view/zoneinfo.hpp"

#include "quarry/base/geometries.hpp"
#include "tests/page_sink.hpp"
#include "tests/test.hpp"

namespace quarry::view {
namespace {

using zones::ZoneType;

struct OneNode {
  zones::Zone zones[zones::kZoneTypes] = {};
  zones::NodeRange ranges[3] = {};
  zones::Layout layout;

  OneNode() noexcept {
    zones[0] = {.type = ZoneType::dma,
                .start = Pfn{1},
                .spanned = PageCount{4095},
                .present = PageCount{3998},
                .managed = PageCount{3840}};
    layout.ranges[0] = {ZoneType::dma, true, {Pfn{1}, Pfn{0x1000}}};
    layout.ranges[1] = {ZoneType::dma32, true, {}};
    layout.ranges[3] = {ZoneType::highmem, false, {}};
    layout.ranges[4] = {ZoneType::movable, false, {}};
    layout.zones = zones;
    layout.node_ranges = std::span{ranges}.first(0);
  }
};

TEST(zoneinfo_is_the_text_of_proc) {
  const OneNode machine;
  CountedZone counted{.node = NodeId{0}, .type = ZoneType::dma};
  counted.stats.free = PageCount{3000};
  counted.stats.marks = {PageCount{175}, PageCount{218}, PageCount{261}};
  counted.stats.lowmem_reserve[1] = counted.stats.lowmem_reserve[4] = PageCount{948};
  test::Page page;
  auto out = page.sink();
  print_zoneinfo(out, machine.layout, {&counted, 1}, DeviceColumn::present);
  expect(page.view() == TextView{"Node 0, zone      DMA\n"
                                 "  pages free     3000\n"
                                 "        boost    0\n"
                                 "        min      175\n"
                                 "        low      218\n"
                                 "        high     261\n"
                                 "        spanned  4095\n"
                                 "        present  3998\n"
                                 "        managed  3840\n"
                                 "        cma      0\n"
                                 "        protection: (0, 948, 948, 948)\n"
                                 "  start_pfn:           1\n"});
}

TEST(zoneinfo_has_what_each_core_keeps) {
  const OneNode machine;
  const PageCount on_core[] = {PageCount{59}, PageCount{0}};
  CountedZone counted{.node = NodeId{0}, .type = ZoneType::dma, .on_core = on_core};
  counted.stats.cpu_limits = {.batch = 63, .high = 378};
  test::Page page;
  auto out = page.sink();
  print_zoneinfo(out, machine.layout, {&counted, 1}, DeviceColumn::absent);
  expect(
      page.view().ends_with("        protection: (0, 0, 0)\n"
                            "  pagesets\n"
                            "    cpu: 0\n"
                            "              count: 59\n"
                            "              high:  378\n"
                            "              batch: 63\n"
                            "    cpu: 1\n"
                            "              count: 0\n"
                            "              high:  378\n"
                            "              batch: 63\n"
                            "  start_pfn:           1\n"));
}

TEST(sections_are_shown_in_runs_of_a_node) {
  OneNode machine;
  const std::uint64_t section = k4KSparse.section_pages().raw;
  machine.ranges[0] = {NodeId{0}, {Pfn{1}, Pfn{0x9f}}};
  machine.ranges[1] = {NodeId{0}, {Pfn{0x100}, Pfn{2 * section + 5}}};
  machine.ranges[2] = {NodeId{1}, {Pfn{2 * section + 5}, Pfn{300 * section}}};
  machine.layout.node_ranges = machine.ranges;
  test::Page page;
  auto out = page.sink();
  print_sections(out, k4KSparse, machine.layout, 256);
  expect(page.view() ==
         TextView{"sections of 128 MiB, 256 to a root: 300 in 2 roots\n"
                  "  sections 0x0-0x2  node 0  [mem 0x0000000000000000-0x0000000017ffffff]\n"
                  "  sections 0x3-0x12b  node 1  [mem 0x0000000018000000-0x000000095fffffff]\n"});
}

TEST(a_flat_map_has_no_sections) {
  OneNode machine;
  machine.ranges[0] = {NodeId{0}, {Pfn{1}, Pfn{0x9f}}};
  machine.layout.node_ranges = std::span{machine.ranges}.first(1);
  test::Page page;
  auto out = page.sink();
  print_sections(out, k4KFlat, machine.layout, 256);
  expect(page.view() == TextView{""});
}

}  // namespace
}  // namespace quarry::view
