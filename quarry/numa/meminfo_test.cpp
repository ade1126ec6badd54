#include "quarry/numa/meminfo.hpp"

#include "tests/test.hpp"

namespace quarry::numa {
namespace {

constexpr std::uint64_t kM = 1u << 20;
constexpr PageSize kPage{12};

PhysRange range(std::uint64_t begin_mib, std::uint64_t end_mib) {
  return {PhysAddr{begin_mib * kM}, PhysAddr{end_mib * kM}};
}
early::Region region(std::uint64_t begin_mib, std::uint64_t end_mib, NodeId node = early::kAnyNode) {
  return {.base = PhysAddr{begin_mib * kM}, .size = Bytes{(end_mib - begin_mib) * kM}, .node = node};
}

struct Bench {
  std::byte bytes[8192];
  Arena arena{bytes};
  Nodes nodes{arena, {.max_nodes = 4, .page = kPage}};
  Bench() { check(static_cast<bool>(nodes.reset(8)), "room"); }
  void add(unsigned node, std::uint64_t begin_mib, std::uint64_t end_mib) {
    check(static_cast<bool>(nodes.add_block(static_cast<NodeId>(node), range(begin_mib, end_mib))), "room");
  }
  Result<Done> clean(early::Regions memory, std::uint64_t end_mib) {
    return clean_up(nodes, nodes.draft(), memory, PhysAddr{end_mib * kM});
  }
};

TEST(a_hole_inside_one_node_is_filled) {
  Bench bench;
  bench.add(0, 0, 1), bench.add(0, 2, 64);
  const early::Region memory[] = {region(0, 64)};
  expect(static_cast<bool>(bench.clean(memory, 64)));
  expect_equal(bench.nodes.blocks().size(), std::size_t{1});
  expect(bench.nodes.blocks()[0] == Block{range(0, 64), NodeId{0}});
}

TEST(a_hole_with_another_node_in_it_stays) {
  Bench bench;
  bench.add(0, 0, 16), bench.add(1, 16, 32), bench.add(0, 32, 64);
  const early::Region memory[] = {region(0, 64)};
  expect(static_cast<bool>(bench.clean(memory, 64)));
  expect_equal(bench.nodes.blocks().size(), std::size_t{3});
  expect(bench.nodes.remarks().empty());
}

TEST(overlap_of_different_nodes_refuses_them_all) {
  Bench bench;
  bench.add(0, 0, 40), bench.add(1, 32, 64);
  const early::Region memory[] = {region(0, 64)};
  expect_equal(bench.clean(memory, 64).error(), Error::bad_table);
  const Remark& said = *bench.nodes.remarks().begin();
  expect(said.kind == Remark::Kind::refusal && said.text == "nodes overlap");
  expect(said.range == range(0, 40) && said.other == range(32, 64));
}

TEST(overlap_of_a_node_with_itself_is_joined_with_a_warning) {
  Bench bench;
  bench.add(0, 0, 40), bench.add(0, 32, 64);
  const early::Region memory[] = {region(0, 64)};
  expect(static_cast<bool>(bench.clean(memory, 64)));
  expect(bench.nodes.blocks()[0].range == range(0, 64));
  expect(bench.nodes.remarks().begin()->kind == Remark::Kind::warning);
}

TEST(blocks_without_memory_are_dropped_and_others_end_with_ram) {
  Bench bench;
  bench.add(0, 0, 1 << 20), bench.add(1, 1 << 20, 1 << 21);
  const early::Region memory[] = {region(0, 64)};
  expect(static_cast<bool>(bench.clean(memory, 64)));
  expect_equal(bench.nodes.blocks().size(), std::size_t{1});
  expect(bench.nodes.blocks()[0].range == range(0, 64));
}

TEST(one_megabyte_in_no_node_is_too_much_and_a_page_less_is_not) {
  const Block blocks[] = {{range(0, 63), NodeId{0}}};
  const early::Region short_by_one[] = {region(0, 63, NodeId{0}), region(63, 64)};
  expect(!coverage(blocks, short_by_one, PhysAddr{64 * kM}, kPage).covers);
  const early::Region less[] = {region(0, 63, NodeId{0}),
                                {.base = PhysAddr{63 * kM}, .size = Bytes{kM - 4096}}};
  const Coverage covered = coverage(blocks, less, PhysAddr{64 * kM}, kPage);
  expect(covered.covers);
  expect_equal(covered.in_memory.raw - covered.in_nodes.raw, std::uint64_t{255});
}

TEST(absent_pages_count_partial_frames_as_absent) {
  const early::Region memory[] = {{.base = PhysAddr{0x800}, .size = Bytes{0x3000}}};
  expect_equal(absent_pages(memory, {Pfn{0}, Pfn{8}}, kPage), PageCount{6});
  expect_equal(absent_pages_of(memory, NodeId{0}, {Pfn{0}, Pfn{8}}, kPage), PageCount{8});
}

}  // namespace
}  // namespace quarry::numa
