#include "quarry/zones/layout.hpp"

#include "quarry/base/geometries.hpp"
#include "tests/test.hpp"

namespace quarry::zones {
namespace {

constexpr std::uint64_t kM = 1u << 20, kG = 1u << 30;
constexpr NodeId node(unsigned id) { return static_cast<NodeId>(id); }

early::Region region(std::uint64_t begin, std::uint64_t end, unsigned id,
                     early::Flags flags = early::Flags::none) {
  return {PhysAddr{begin}, Bytes{end - begin}, flags, node(id)};
}

// An x86 machine: DMA to 16M, DMA32 to 4G, Normal to the end of memory.
struct TestLayout {
  std::byte bytes[16 << 10];
  Arena arena{bytes};
  PossibleNode nodes[4] = {{node(0)}, {node(1)}, {node(2)}, {node(3)}};
  Result<Layout> made = Error::no_room;

  Input input(early::Regions memory, std::size_t count) {
    Input in{.geometry = k4KSparse, .memory = memory, .limits = {}, .nodes = {nodes, count}};
    const Pfn end{memory.empty() ? 0 : memory.back().end().raw >> 12};
    in.limits[0] = {true, Pfn{0x1000}};
    in.limits[1] = {true, end.raw < 0x10'0000 ? end : Pfn{0x10'0000}};
    in.limits[2] = {true, end};
    return in;
  }
  TestLayout(early::Regions memory, std::size_t count, boot::MovableRequest movable = {}) {
    Input in = input(memory, count);
    in.movable = movable;
    made = lay_out(in, arena);
  }
  const Zone& zone(std::size_t at, ZoneType type) const {
    return made.value().zones[at * kZoneTypes + static_cast<std::size_t>(type)];
  }
};

}  // namespace

TEST(a_pc_has_three_zones_with_the_hole_below_1m_absent) {
  const early::Region memory[] = {region(0x1000, 0x9f000, 0), region(kM, 3 * kG, 0),
                                  region(4 * kG, 5 * kG, 0)};
  const TestLayout test{memory, 1};
  const Zone& dma = test.zone(0, ZoneType::dma);
  expect_equal(dma.start, Pfn{1});
  expect_equal(dma.spanned, PageCount{4095});
  expect_equal(dma.present, PageCount{3998});
  expect_equal(dma.unavailable, PageCount{98});
  const Zone& dma32 = test.zone(0, ZoneType::dma32);
  expect_equal(dma32.spanned, PageCount{0xff000});
  expect_equal(dma32.present, PageCount{0xc0000 - 0x1000});
  expect_equal(test.zone(0, ZoneType::normal).start, Pfn{0x10'0000});
  expect_equal(test.zone(0, ZoneType::movable).spanned, PageCount{0});
  expect_equal(test.made.value().unavailable.size(), 2u);
  expect(test.made.value().ranges[0].span == PfnRange{Pfn{1}, Pfn{0x1000}});
  expect(!test.made.value().ranges[3].configured);
}

TEST(a_zone_whose_limit_is_not_above_the_one_below_is_empty) {
  const early::Region memory[] = {region(kM, 2 * kM, 0)};
  const TestLayout test{memory, 1};
  const Layout& layout = test.made.value();
  expect(layout.ranges[0].span == PfnRange{Pfn{256}, Pfn{4096}});
  expect(layout.ranges[1].configured && layout.ranges[1].span.empty());
  expect_equal(test.zone(0, ZoneType::dma).present, PageCount{256});
  expect_equal(test.zone(0, ZoneType::dma).spanned, PageCount{256});
}

TEST(interleaved_nodes_span_each_other_and_own_only_their_frames) {
  const early::Region memory[] = {region(4 * kG, 5 * kG, 0), region(5 * kG, 6 * kG, 1),
                                  region(6 * kG, 7 * kG, 0)};
  const TestLayout test{memory, 2};
  expect_equal(test.zone(0, ZoneType::normal).spanned, PageCount{0xc0000});
  expect_equal(test.zone(0, ZoneType::normal).present, PageCount{0x80000});
  expect_equal(test.zone(1, ZoneType::normal).spanned, PageCount{0x40000});
}

TEST(a_node_without_memory_asks_others) {
  const early::Region memory[] = {region(4 * kG, 5 * kG, 1)};
  const TestLayout test{memory, 2};
  const Layout& layout = test.made.value();
  expect(layout.nodes[0].span.empty() && layout.nodes[0].no_fallback.empty());
  expect_equal(layout.nodes[0].fallback.size(), 2u);
  expect_equal(layout.nodes[0].zonelist.size(), 1u);
  expect(layout.nodes[1].fallback.size() == 1);  // and is asked by none
}

TEST(frames_that_no_node_owns_are_refused_where_nodes_matter) {
  const early::Region memory[] = {{PhysAddr{kG}, Bytes{kM}}};
  TestLayout test{memory, 1};
  expect(!test.made && test.made.error() == Error::out_of_range);
  Input in = test.input(memory, 1);
  in.orphans = Orphans::join_first_node;
  expect_equal(lay_out(in, test.arena).value().nodes[0].present, PageCount{256});
}

TEST(nodes_must_be_listed_in_order_and_an_arena_may_be_too_small) {
  const early::Region memory[] = {region(kG, 2 * kG, 1)};
  TestLayout test{memory, 2};
  Input in = test.input(memory, 2);
  in.nodes = {};
  expect(lay_out(in, test.arena).error() == Error::bad_argument);
  const PossibleNode twice[] = {{node(1)}, {node(1)}};
  in.nodes = twice;
  expect(lay_out(in, test.arena).error() == Error::bad_argument);
  in.nodes = std::span{test.nodes}.first(1);
  expect(lay_out(in, test.arena).error() == Error::out_of_range);
  std::byte few[64];
  Arena small{few};
  expect(lay_out(test.input(memory, 2), small).error() == Error::no_room);
}

TEST(a_flat_map_counts_holes_by_pageblock) {
  const early::Region memory[] = {region(kG, kG + 4 * kM, 0), region(kG + 64 * kM, kG + 96 * kM, 0)};
  std::byte bytes[8 << 10];
  Arena arena{bytes};
  const PossibleNode nodes[] = {{node(0)}};
  Input in{.geometry = k4KFlat, .memory = memory, .limits = {}, .nodes = nodes};
  in.limits[0] = {true, Pfn{0x46000}};
  in.limits[2] = {true, Pfn{0x46000}};
  const Layout layout = lay_out(in, arena).value();
  // Of the hole of 60 MiB only the second half of the first block of 8 MiB has descriptors.
  expect_equal(layout.zones[0].unavailable, PageCount{1024});
}

// 1 GiB on a flat map, of which the last quarter is high memory.
struct HighMemory {
  const early::Region memory[1] = {region(kG, 2 * kG, 0)};
  const PossibleNode nodes[1] = {{node(0)}};
  std::byte bytes[8 << 10];
  Arena arena{bytes};
  Input in{.geometry = k4KFlat, .memory = memory, .limits = {}, .nodes = nodes};

  HighMemory() noexcept {
    in.limits[0] = {true, Pfn{0x70000}};
    in.limits[2] = {true, Pfn{0x70000}};
    in.limits[3] = {true, Pfn{0x80000}};
  }
};

TEST(counted_pages_leave_out_the_descriptors_of_all_but_high_memory) {
  HighMemory test;
  const Layout layout = lay_out(test.in, test.arena).value();
  expect_equal(counted_pages(layout, k4KFlat, Bytes{36}).all, PageCount{260416});
  expect_equal(counted_pages(layout, k4KFlat, Bytes{36}, PageCount{16}).all, PageCount{260400});
  // Of 64 Ki frames of high memory, 576 are those of their descriptors, which low memory pays for.
  expect_equal(counted_pages(layout, k4KFlat, Bytes{36}).kernel, PageCount{260416 - 65536 - 576});
}

TEST(movable_memory_is_high_where_there_is_high_memory) {
  HighMemory test;
  test.in.movable.movablecore = Bytes{64 * kM};
  const Layout layout = lay_out(test.in, test.arena).value();
  expect(layout.zones[4].is_populated());
  expect_equal(counted_pages(layout, k4KFlat, Bytes{36}).all, PageCount{260416});
}

TEST(the_audit_sees_a_broken_layout) {
  const early::Region memory[] = {region(kG, 2 * kG, 0)};
  const TestLayout test{memory, 1};
  const Layout layout = test.made.value();
  expect(audit(layout) == nullptr);
  Zone& dma32 = layout.zones[1];
  dma32.present.raw += 1;
  expect(audit(layout) != nullptr);
  dma32.present.raw -= 1;
  dma32.start = Pfn{1};
  expect(audit(layout) != nullptr);
}

TEST(the_runs_above_a_page_begin_with_the_one_that_has_it) {
  const early::Region memory[] = {region(kM, kG, 0), region(2 * kG, 3 * kG, 1), region(3 * kG, 4 * kG, 0)};
  const TestLayout test{memory, 2};
  const Layout& layout = test.made.value();
  const auto first = [&](std::uint64_t at) {
    const auto ranges = ranges_from(layout, Pfn{at >> 12});
    return ranges.empty() ? std::uint64_t{0} : ranges[0].span.begin().raw << 12;
  };
  expect_equal(first(0), kM);
  expect_equal(first(kG - 4096), kM);
  expect_equal(first(kG), 2 * kG);
  expect_equal(first(3 * kG - 4096), 2 * kG);
  expect_equal(first(3 * kG), 3 * kG);
  expect(ranges_from(layout, Pfn{4 * kG >> 12}).empty());
}

// With kernelcore=mirror, Movable lies over Normal; each range above 4G is one zone's all the same.
TEST(where_movable_lies_over_normal_mirrored_ranges_are_normals) {
  const early::Region memory[] = {region(kM, kG, 0), region(4 * kG, 5 * kG, 0, early::Flags::mirror),
                                  region(6 * kG, 7 * kG, 0)};
  const TestLayout test{memory, 1, {.mirror = true}};
  const Layout& layout = test.made.value();
  const PfnRange all{Pfn{0}, Pfn{UINT64_MAX}};
  const Zone &normal = test.zone(0, ZoneType::normal), &movable = test.zone(0, ZoneType::movable);
  expect(normal.span().contains(movable.start));
  const auto part = [&](const Zone& zone, std::size_t range) {
    return part_of(layout, zone, layout.node_ranges[range], all).size();
  };
  expect_equal(part(normal, 1), PageCount{kG >> 12});
  expect_equal(part(movable, 1), PageCount{0});
  expect_equal(part(normal, 2), PageCount{0});
  expect_equal(part(movable, 2), PageCount{kG >> 12});
  expect_equal(part(test.zone(0, ZoneType::dma), 0), PageCount{(16 * kM - kM) >> 12});
  expect_equal(normal.present, PageCount{kG >> 12});
  expect_equal(movable.present, PageCount{kG >> 12});
}

// Linux 6.1 takes such memory off twice; here it is counted where it is.
TEST(memory_across_4g_that_is_not_mirrored_stays_below_movable) {
  const early::Region memory[] = {region(3 * kG, 5 * kG, 0), region(6 * kG, 7 * kG, 0)};
  const TestLayout test{memory, 1, {.mirror = true}};
  expect_equal(test.zone(0, ZoneType::normal).present, PageCount{kG >> 12});
  expect_equal(test.zone(0, ZoneType::movable).present, PageCount{kG >> 12});
  expect_equal(test.zone(0, ZoneType::dma32).present, PageCount{kG >> 12});
  expect(test.made.value().unmirrored_kernel);
}

}  // namespace quarry::zones
