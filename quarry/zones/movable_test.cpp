#include "quarry/zones/movable.hpp"

#include "quarry/base/divide.hpp"
#include "quarry/base/geometries.hpp"
#include "tests/test.hpp"

namespace quarry::zones {
namespace {

constexpr std::uint64_t kG = 1u << 30, kPages = 0x40000;  // frames of a GiB
constexpr NodeId node(unsigned id) { return static_cast<NodeId>(id); }

// Two nodes above 4G: 1 GiB and 3 GiB.
struct TestMovable {
  early::Region memory[2] = {{PhysAddr{4 * kG}, Bytes{kG}, early::Flags::none, node(0)},
                             {PhysAddr{5 * kG}, Bytes{3 * kG}, early::Flags::none, node(1)}};
  NodeRange ranges[2] = {{node(0), {Pfn{4 * kPages}, Pfn{5 * kPages}}},
                         {node(1), {Pfn{5 * kPages}, Pfn{8 * kPages}}}};
  Node nodes[2];
  Pfn starts[2];
  boot::MovableRequest request;
  Pfn lowest{4 * kPages};
  TestMovable() {
    for (unsigned i = 0; i < 2; ++i) nodes[i].id = node(i), nodes[i].span = ranges[i].span;
  }
  bool find() {
    return find_movable_starts({.request = request,
                                .geometry = k4KSparse,
                                .memory = memory,
                                .ranges = ranges,
                                .nodes = nodes,
                                .lowest = lowest,
                                .first_node = node(0)},
                               starts);
  }
};

}  // namespace

TEST(division_agrees_with_itself_multiplied) {
  for (const std::uint64_t number : {std::uint64_t{0}, std::uint64_t{7}, kG, UINT64_MAX})
    for (const std::uint64_t by : {std::uint64_t{1}, std::uint64_t{3}, kG + 1, UINT64_MAX}) {
      const std::uint64_t whole = divide(number, by);
      expect(whole * by <= number && number - whole * by < by);
    }
}

TEST(nothing_asked_for_leaves_nothing_movable) {
  TestMovable test;
  expect(!test.find());
  expect_equal(test.starts[0], Pfn{0});
  expect_equal(test.starts[1], Pfn{0});
}

TEST(the_core_is_spread_and_what_a_small_node_lacks_others_give) {
  TestMovable test;
  test.request.kernelcore = Bytes{3 * kG};
  test.find();
  // 1.5 GiB each: node 0 has but 1, node 1 gives the rest.
  expect_equal(test.starts[0], Pfn{0});
  expect_equal(test.starts[1], Pfn{7 * kPages});
}

TEST(movablecore_is_rounded_up_to_whole_blocks) {
  TestMovable test;
  test.request.movablecore = Bytes{2 * kG - 4096};
  test.find();
  expect_equal(test.starts[0], Pfn{0});
  expect_equal(test.starts[1], Pfn{6 * kPages});
}

TEST(a_percentage_is_of_all_frames_and_all_of_them_are_none) {
  TestMovable test;
  test.request.kernelcore_percent = 25;
  test.find();
  expect_equal(test.starts[0], Pfn{4 * kPages + kPages / 2});
  expect_equal(test.starts[1], Pfn{5 * kPages + kPages / 2});
  test.request.kernelcore_percent = 100;
  test.find();
  expect_equal(test.starts[1], Pfn{0});
}

TEST(frames_below_the_highest_zone_are_core_without_being_asked) {
  TestMovable test;
  test.lowest = Pfn{5 * kPages};
  test.request.kernelcore = Bytes{kG + kG / 2};
  test.find();
  expect_equal(test.starts[0], Pfn{0});
  expect_equal(test.starts[1], Pfn{5 * kPages + kPages / 2});
}

TEST(movable_node_takes_hotpluggable_nodes_and_forgets_sizes) {
  TestMovable test;
  test.memory[1].flags = early::Flags::hotplug;
  test.request.movable_node = true;
  test.request.kernelcore = Bytes{kG};
  test.find();
  expect_equal(test.starts[0], Pfn{0});
  expect_equal(test.starts[1], Pfn{5 * kPages});
}

TEST(mirrored_memory_is_the_kernel_s_and_low_memory_should_be) {
  TestMovable test;
  test.memory[0].flags = early::Flags::mirror;
  test.request.mirror = true;
  expect(!test.find());
  expect_equal(test.starts[0], Pfn{0});
  expect_equal(test.starts[1], Pfn{5 * kPages});
  test.memory[0] = {PhysAddr{kG}, Bytes{kG}, early::Flags::none, node(0)};
  expect(test.find());
}

}  // namespace quarry::zones
