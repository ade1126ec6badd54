#include "quarry/numa/nodes.hpp"

#include "tests/test.hpp"

namespace quarry::numa {
namespace {

struct Bench {
  std::byte bytes[8192];
  Arena arena{bytes};
  Nodes nodes{arena, {.max_nodes = 4, .page = PageSize{12}}};
};

PhysRange range(std::uint64_t begin, std::uint64_t end) { return {PhysAddr{begin}, PhysAddr{end}}; }
constexpr std::uint64_t kM = 1u << 20;

TEST(domains_become_nodes_in_order_of_appearance) {
  Bench bench;
  expect(static_cast<bool>(bench.nodes.reset(4)));
  expect(bench.nodes.known_node_of_domain(7) == early::kAnyNode);
  expect_equal(bench.nodes.node_of_domain(7).value(), NodeId{0});
  expect_equal(bench.nodes.node_of_domain(2).value(), NodeId{1});
  expect_equal(bench.nodes.node_of_domain(7).value(), NodeId{0});
  expect_equal(bench.nodes.known_node_of_domain(2), NodeId{1});
}

TEST(a_fifth_domain_of_four_is_refused) {
  Bench bench;
  expect(static_cast<bool>(bench.nodes.reset(4)));
  for (std::uint32_t domain = 10; domain < 14; ++domain)
    expect(static_cast<bool>(bench.nodes.node_of_domain(domain)));
  expect_equal(bench.nodes.node_of_domain(99).error(), Error::out_of_range);
  expect_equal(bench.nodes.domains().size(), std::size_t{4});
}

TEST(blocks_are_bounded_and_empty_ones_ignored) {
  Bench bench;
  expect(static_cast<bool>(bench.nodes.reset(1)));
  expect(static_cast<bool>(bench.nodes.add_block(NodeId{0}, range(kM, kM))));
  expect(bench.nodes.blocks().empty());
  expect_equal(bench.nodes.add_block(NodeId{4}, range(0, kM)).error(), Error::out_of_range);
  expect(static_cast<bool>(bench.nodes.add_block(NodeId{3}, range(0, kM))));
  expect_equal(bench.nodes.add_block(NodeId{3}, range(kM, 2 * kM)).error(), Error::no_room);
}

TEST(without_a_matrix_others_are_twenty_away) {
  Bench bench;
  expect(static_cast<bool>(bench.nodes.reset(1)));
  expect_equal(bench.nodes.distance(NodeId{1}, NodeId{1}), 10u);
  expect_equal(bench.nodes.distance(NodeId{1}, NodeId{2}), 20u);
  expect_equal(bench.nodes.distance_count(), std::size_t{0});
}

TEST(distances_outside_the_matrix_are_remarked_on_and_ignored) {
  Bench bench;
  expect(static_cast<bool>(bench.nodes.reset(1)));
  expect(static_cast<bool>(bench.nodes.mark_possible(NodeId{1})));
  expect(static_cast<bool>(bench.nodes.set_distance(NodeId{0}, NodeId{1}, 31)));
  expect_equal(bench.nodes.distance_count(), std::size_t{2});
  expect(static_cast<bool>(bench.nodes.set_distance(NodeId{0}, NodeId{2}, 31)));
  expect(static_cast<bool>(bench.nodes.set_distance(NodeId{1}, NodeId{0}, 256)));
  expect(static_cast<bool>(bench.nodes.set_distance(NodeId{1}, NodeId{1}, 11)));
  expect_equal(bench.nodes.remarks().size(), std::size_t{3});
  expect_equal(bench.nodes.distance(NodeId{0}, NodeId{1}), 31u);
  expect_equal(bench.nodes.distance(NodeId{1}, NodeId{0}), 20u);
  expect_equal(bench.nodes.distance(NodeId{1}, NodeId{1}), 10u);
}

TEST(a_node_with_a_processor_alone_is_online_without_memory) {
  Bench bench;
  expect(static_cast<bool>(bench.nodes.reset(2)));
  expect(static_cast<bool>(bench.nodes.add_cpu(NodeId{1})));
  expect(static_cast<bool>(bench.nodes.add_block(NodeId{0}, range(0, 64 * kM))));
  bench.nodes.settle(3);
  expect(bench.nodes.is_online(NodeId{1}) && !bench.nodes.has_memory(NodeId{1}));
  expect(bench.nodes.has_memory(NodeId{0}));
  expect_equal(bench.nodes.nodes()[0].cpus, 2u);  // those that no table placed
  expect_equal(bench.nodes.nodes()[1].cpus, 1u);
  expect_equal(bench.nodes.online_count(), std::size_t{2});
  expect(!bench.nodes.is_online(NodeId{2}));
}

TEST(a_node_has_memory_however_little_it_is) {
  Bench bench;
  expect(static_cast<bool>(bench.nodes.reset(2)));
  expect(static_cast<bool>(bench.nodes.mark_possible(NodeId{0})));
  expect(static_cast<bool>(bench.nodes.add_block(NodeId{1}, range(4 * kM, 4 * kM + 4096))));
  bench.nodes.settle(0);
  expect(!bench.nodes.has_memory(NodeId{0}) && !bench.nodes.is_online(NodeId{0}));
  expect(bench.nodes.is_possible(NodeId{0}));
  expect(bench.nodes.has_memory(NodeId{1}));
  expect_equal(bench.nodes.node_of(PhysAddr{4 * kM + 1}), NodeId{1});
  expect_equal(bench.nodes.node_of(PhysAddr{4 * kM + 4096}), early::kAnyNode);
}

TEST(a_used_up_arena_is_an_error) {
  std::byte bytes[64];
  Arena arena{bytes};
  Nodes nodes{arena, {.max_nodes = 4, .page = PageSize{12}}};
  expect_equal(nodes.reset(1).error(), Error::no_room);
}

}  // namespace
}  // namespace quarry::numa
