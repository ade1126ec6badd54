#include "quarry/numa/registration.hpp"

#include "quarry/numa/device_tree.hpp"
#include "tests/test.hpp"

namespace quarry::numa {
namespace {

constexpr std::uint64_t kM = 1u << 20;
PhysRange range(std::uint64_t begin_mib, std::uint64_t end_mib) {
  return {PhysAddr{begin_mib * kM}, PhysAddr{end_mib * kM}};
}

struct Bench {
  std::byte bytes[16384];
  Arena arena{bytes};
  early::Region memory[16], reserved[16];
  early::Memblock memblock{early::Config{}, early::Storage{memory, reserved, {}}};
  Nodes nodes{arena, {.max_nodes = 4, .page = PageSize{12}}};
  Bench() { check(static_cast<bool>(memblock.add(range(0, 64), "RAM")), "room"); }
};

TEST(nodes_are_applied_and_the_kernels_own_loses_its_hotplug_mark) {
  Bench bench;
  const firmware::MemoryAffinity tables[] = {
      {.base = PhysAddr{0}, .size = Bytes{32 * kM}, .domain = 0, .enabled = true, .hotpluggable = true},
      {.base = PhysAddr{32 * kM},
       .size = Bytes{32 * kM},
       .domain = 1,
       .enabled = true,
       .hotpluggable = true}};
  expect(static_cast<bool>(bench.memblock.reserve(range(1, 2), "kernel image")));
  expect(static_cast<bool>(bench.nodes.reset(2)));
  expect(static_cast<bool>(bench.nodes.add_block(NodeId{0}, range(0, 32))));
  expect(static_cast<bool>(bench.nodes.add_block(NodeId{1}, range(32, 64))));
  expect(static_cast<bool>(mark_hotplug(bench.memblock, tables)));
  expect(static_cast<bool>(apply(bench.nodes, bench.memblock, PhysAddr{64 * kM}, 1)));
  const auto regions = bench.memblock.memory().view();
  expect_equal(regions.size(), std::size_t{2});
  expect(regions[0].node == NodeId{0} && regions[0].flags == early::Flags::none);
  expect(regions[1].node == NodeId{1} && regions[1].flags == early::Flags::hotplug);
  expect(bench.memblock.reserved().view()[0].node == NodeId{0});
  expect(static_cast<bool>(forget_nodes(bench.memblock)));
  expect_equal(bench.memblock.memory().view().size(), std::size_t{1});
  expect_equal(bench.memblock.memory().view()[0].node, early::kAnyNode);
}

TEST(nodes_that_leave_memory_out_are_refused) {
  Bench bench;
  expect(static_cast<bool>(bench.nodes.reset(1)));
  expect(static_cast<bool>(bench.nodes.add_block(NodeId{0}, range(0, 32))));
  expect_equal(apply(bench.nodes, bench.memblock, PhysAddr{64 * kM}, 1).error(), Error::bad_table);
  expect(bench.nodes.remarks().begin()->kind == Remark::Kind::refusal);
}

TEST(no_nodes_at_all_are_not_found) {
  Bench bench;
  expect(static_cast<bool>(bench.nodes.reset(1)));
  expect_equal(apply(bench.nodes, bench.memblock, PhysAddr{64 * kM}, 1).error(), Error::not_found);
  expect_equal(apply_strictly(bench.nodes, bench.memblock, 1).error(), Error::not_found);
}

TEST(the_strict_way_wants_a_node_for_every_region) {
  Bench bench;
  const TreeNodes::Memory memory[] = {{range(0, 32), 0}, {range(32, 64), 2}};
  expect(static_cast<bool>(draft_from_tree(bench.nodes, {.cpus = {}, .memory = memory, .distances = {}}, 4)));
  expect(static_cast<bool>(apply_strictly(bench.nodes, bench.memblock, 1)));
  expect(bench.nodes.is_online(NodeId{2}) && !bench.nodes.is_online(NodeId{1}));
  expect(static_cast<bool>(bench.memblock.add(range(128, 129), "flash")));
  expect_equal(apply_strictly(bench.nodes, bench.memblock, 1).error(), Error::bad_table);
  expect(bench.nodes.remarks().begin()->range == range(128, 129));
}

TEST(a_node_whose_memory_was_taken_out_of_the_map_has_none) {
  Bench bench;
  const TreeNodes::Memory memory[] = {{range(0, 64), 0}, {range(512, 520), 1}};
  expect(static_cast<bool>(draft_from_tree(bench.nodes, {.cpus = {}, .memory = memory, .distances = {}}, 4)));
  expect(static_cast<bool>(apply_strictly(bench.nodes, bench.memblock, 1)));
  expect(bench.nodes.is_online(NodeId{1}) && !bench.nodes.has_memory(NodeId{1}));
  expect(bench.nodes.has_memory(NodeId{0}));
}

TEST(a_distance_from_a_node_puts_it_on_line) {
  Bench bench;
  const TreeNodes::Memory memory[] = {{range(0, 64), 0}};
  const TreeNodes::Distance map[] = {{0, 1, 15}, {2, 0, 20}};
  expect(
      static_cast<bool>(draft_from_tree(bench.nodes, {.cpus = {}, .memory = memory, .distances = map}, 4)));
  expect(static_cast<bool>(apply_strictly(bench.nodes, bench.memblock, 1)));
  expect(bench.nodes.is_online(NodeId{2}) && !bench.nodes.has_memory(NodeId{2}));
  expect(!bench.nodes.is_online(NodeId{1}) && !bench.nodes.is_online(NodeId{3}));
}

TEST(a_tree_gives_distances_both_ways_and_bad_ones_refuse_it) {
  Bench bench;
  const TreeNodes::Memory memory[] = {{range(0, 32), 0}, {range(32, 64), 1}};
  const std::uint32_t cpus[] = {3, 9};
  const TreeNodes::Distance one_way[] = {{0, 1, 15}};
  expect(static_cast<bool>(
      draft_from_tree(bench.nodes, {.cpus = cpus, .memory = memory, .distances = one_way}, 4)));
  expect_equal(bench.nodes.distance(NodeId{1}, NodeId{0}), 15u);
  expect(bench.nodes.is_possible(NodeId{3}));
  expect_equal(bench.nodes.remarks().size(), std::size_t{1});  // processor on node 9
  const TreeNodes::Distance close[] = {{0, 1, 10}};
  expect_equal(draft_from_tree(bench.nodes, {.cpus = {}, .memory = memory, .distances = close}, 4).error(),
               Error::bad_table);
  const TreeNodes::Distance own[] = {{1, 1, 20}};
  expect_equal(draft_from_tree(bench.nodes, {.cpus = {}, .memory = memory, .distances = own}, 4).error(),
               Error::bad_table);
  const TreeNodes::Memory too_high[] = {{range(0, 32), 4}};
  expect_equal(draft_from_tree(bench.nodes, {.cpus = {}, .memory = too_high, .distances = {}}, 4).error(),
               Error::bad_table);
}

TEST(one_node_over_everything_is_the_last_resort) {
  Bench bench;
  expect(static_cast<bool>(draft_single_node(bench.nodes, range(0, 64))));
  expect(static_cast<bool>(apply(bench.nodes, bench.memblock, PhysAddr{64 * kM}, 2)));
  expect_equal(bench.nodes.online_count(), std::size_t{1});
  expect_equal(bench.nodes.nodes()[0].cpus, 2u);
}

}  // namespace
}  // namespace quarry::numa
