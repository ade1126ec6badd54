#include "quarry/numa/fake.hpp"

#include "tests/test.hpp"

namespace quarry::numa {
namespace {

constexpr std::uint64_t kM = 1u << 20;

struct Bench {
  std::byte bytes[16384];
  Arena arena{bytes};
  Nodes nodes{arena, {.max_nodes = 8, .page = PageSize{12}}};
  early::Region memory[1] = {};
  explicit Bench(std::uint64_t mib) {
    memory[0] = {.base = PhysAddr{0}, .size = Bytes{mib * kM}};
    check(static_cast<bool>(nodes.reset(4)), "room");
  }
  void add(unsigned node, std::uint64_t begin_mib, std::uint64_t end_mib) {
    check(static_cast<bool>(nodes.mark_possible(static_cast<NodeId>(node))), "room");
    check(static_cast<bool>(
              nodes.add_block(static_cast<NodeId>(node), {PhysAddr{begin_mib * kM}, PhysAddr{end_mib * kM}})),
          "room");
  }
  bool split(TextView text, unsigned cpus = 2) {
    const auto request = parse_fake(text);
    check(static_cast<bool>(request), "a request");
    return split_into_fake_nodes(nodes, request.value(), memory, memory[0].end(), cpus).value();
  }
  void expect_block(std::size_t at, unsigned node, std::uint64_t begin_mib, std::uint64_t end_mib) {
    expect(nodes.blocks()[at] ==
           Block{{PhysAddr{begin_mib * kM}, PhysAddr{end_mib * kM}}, static_cast<NodeId>(node)});
  }
};

TEST(a_request_is_a_count_a_count_for_each_or_a_size) {
  expect(parse_fake("4").value().kind == FakeRequest::Kind::count);
  expect(parse_fake("2U").value().kind == FakeRequest::Kind::count_each);
  const auto size = parse_fake("512M:10,20").value();
  expect(size.kind == FakeRequest::Kind::size && size.distances == "10,20");
  expect_equal(size.value, 512 * kM);
  expect_equal(parse_fake("U").error(), Error::bad_argument);
  expect_equal(parse_fake("").error(), Error::bad_argument);
  expect_equal(parse_fake("99999999999999999999").error(), Error::overflow);
}

TEST(four_of_one_share_its_processors_and_are_ten_apart) {
  Bench bench{512};
  bench.add(0, 0, 512);
  expect(bench.split("4"));
  expect_equal(bench.nodes.blocks().size(), std::size_t{4});
  for (unsigned i = 0; i < 4; ++i)
    bench.expect_block(i, i, std::uint64_t{i} * 128, std::uint64_t{i} * 128 + 128);
  bench.nodes.settle(2);
  expect_equal(bench.nodes.nodes()[3].cpus, 2u);
  expect_equal(bench.nodes.distance(NodeId{0}, NodeId{3}), 10u);
}

TEST(each_node_in_two_keeps_the_distance_between_the_physical_ones) {
  Bench bench{512};
  bench.add(0, 0, 256), bench.add(1, 256, 512);
  expect(static_cast<bool>(bench.nodes.set_distance(NodeId{0}, NodeId{1}, 31)));
  expect(bench.split("2U"));
  for (unsigned i = 0; i < 4; ++i)
    bench.expect_block(i, i, std::uint64_t{i} * 128, std::uint64_t{i} * 128 + 128);
  expect_equal(bench.nodes.distance(NodeId{0}, NodeId{1}), 10u);
  expect_equal(bench.nodes.distance(NodeId{1}, NodeId{2}), 31u);
  expect_equal(bench.nodes.distance(NodeId{2}, NodeId{1}), 20u);
}

TEST(a_size_is_rounded_up_to_what_fits_the_number_of_nodes) {
  Bench bench{512};
  bench.add(0, 0, 512);
  expect(bench.split("1M"));
  expect_equal(bench.nodes.blocks().size(), std::size_t{8});
  bench.expect_block(7, 7, 448, 512);
}

TEST(distances_of_the_request_come_first) {
  Bench bench{256};
  bench.add(0, 0, 256);
  expect(bench.split("2:10,17,19,10"));
  expect_equal(bench.nodes.distance(NodeId{0}, NodeId{1}), 17u);
  expect_equal(bench.nodes.distance(NodeId{1}, NodeId{0}), 19u);
}

TEST(what_cannot_be_met_changes_nothing) {
  Bench bench{64};
  bench.add(0, 0, 64);
  expect(!bench.split("8"));
  expect(!bench.split("0"));
  expect_equal(bench.nodes.blocks().size(), std::size_t{1});
  bench.expect_block(0, 0, 0, 64);
  expect_equal(bench.nodes.remarks().size(), std::size_t{2});
  Bench empty{64};
  expect(!empty.split("32M"));
  expect(!empty.split("2U"));
}

TEST(no_fake_node_is_cut_by_the_end_of_dma32) {
  Bench bench{4096 + 512};
  bench.add(0, 0, 4096 + 512);
  expect(bench.split("2"));
  expect_equal(bench.nodes.blocks().size(), std::size_t{2});
  bench.expect_block(0, 0, 0, 2304);
}

}  // namespace
}  // namespace quarry::numa
