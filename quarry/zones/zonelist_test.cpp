#include "quarry/zones/zonelist.hpp"

#include "tests/test.hpp"

namespace quarry::zones {
namespace {

constexpr NodeId node(unsigned id) { return static_cast<NodeId>(id); }
constexpr std::size_t kNodes = 4;

struct TestNodes {
  Node nodes[kNodes];
  Zone zones[kNodes * kZoneTypes];
  std::byte bytes[4096];
  Arena arena{bytes};
  std::uint8_t matrix[kNodes][kNodes] = {
      {10, 20, 20, 20}, {20, 10, 20, 20}, {20, 20, 10, 20}, {20, 20, 20, 10}};

  TestNodes() {
    for (unsigned i = 0; i < kNodes; ++i) {
      nodes[i].id = node(i);
      nodes[i].first_zone = i * kZoneTypes;
      nodes[i].present = zone(i, ZoneType::normal).present = PageCount{1000};
    }
  }
  Zone& zone(std::size_t at, ZoneType type) {
    return zones[at * kZoneTypes + static_cast<std::size_t>(type)];
  }
  bool build(CpuPenalty penalty = CpuPenalty::ignore) {
    const auto between = [](const void* self, NodeId from, NodeId to) noexcept -> unsigned {
      const auto* test = static_cast<const TestNodes*>(self);
      return test->matrix[static_cast<unsigned>(from)][static_cast<unsigned>(to)];
    };
    return static_cast<bool>(build_zonelists(nodes, zones, {this, between}, penalty, arena));
  }
  bool order(std::size_t from, unsigned a, unsigned b, unsigned c, unsigned d) const {
    const auto list = nodes[from].fallback;
    return list.size() == 4 && list[0] == node(a) && list[1] == node(b) && list[2] == node(c) &&
           list[3] == node(d);
  }
};

}  // namespace

TEST(equally_near_nodes_follow_in_a_ring_that_spreads_the_load) {
  TestNodes test;
  expect(test.build());
  expect(test.order(0, 0, 1, 2, 3));
  expect(test.order(1, 1, 2, 3, 0));
  expect(test.order(2, 2, 3, 0, 1));
  expect(test.order(3, 3, 0, 1, 2));
}

TEST(the_nearest_node_comes_first) {
  TestNodes test;
  test.matrix[0][1] = 40, test.matrix[0][3] = 15;
  expect(test.build() && test.order(0, 0, 3, 2, 1));
}

TEST(processors_make_a_node_one_step_farther_only_when_they_count) {
  TestNodes test;
  test.nodes[3].has_cpu = false;
  expect(test.build() && test.order(0, 0, 1, 2, 3));
  expect(test.build(CpuPenalty::count) && test.order(0, 0, 3, 1, 2));
}

TEST(zonelists_give_the_highest_zone_away_first_and_skip_empty_ones) {
  TestNodes test;
  test.zone(0, ZoneType::dma).present = PageCount{5};
  test.nodes[0].present = PageCount{1005};
  test.nodes[2].present = test.zone(2, ZoneType::normal).present = PageCount{0};
  expect(test.build());
  const auto list = test.nodes[1].zonelist;
  expect_equal(list.size(), 4u);
  expect(list[0].zone == kZoneTypes + 2 && list[1].zone == 3 * kZoneTypes + 2);
  expect(list[2].type == ZoneType::normal && list[3].type == ZoneType::dma && list[3].zone == 0);
  expect_equal(test.nodes[1].no_fallback.size(), 1u);
  expect_equal(test.nodes[2].no_fallback.size(), 0u);
  expect(test.nodes[2].fallback[0] == node(2) && test.nodes[2].fallback.size() == 4);
}

TEST(an_arena_that_is_too_small_is_an_error) {
  TestNodes test;
  std::byte few[96];
  Arena small{few};
  expect(build_zonelists(test.nodes, test.zones, {}, CpuPenalty::ignore, small).error() == Error::no_room);
}

}  // namespace quarry::zones
