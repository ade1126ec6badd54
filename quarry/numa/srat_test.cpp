#include "quarry/numa/srat.hpp"

#include "tests/test.hpp"

namespace quarry::numa {
namespace {

constexpr std::uint64_t kG = 1u << 30;

struct Bench {
  std::byte bytes[8192];
  Arena arena{bytes};
  Nodes nodes{arena, {.max_nodes = 2, .page = PageSize{12}}};
};

firmware::MemoryAffinity memory(std::uint64_t base, std::uint64_t size, std::uint32_t domain,
                                bool enabled = true) {
  return {.base = PhysAddr{base}, .size = Bytes{size}, .domain = domain, .enabled = enabled};
}

TEST(processors_name_the_first_nodes) {
  Bench bench;
  const firmware::CpuAffinity cpus[] = {{.cpu = 0, .domain = 9}, {.cpu = 1, .domain = 5, .enabled = false}};
  const firmware::MemoryAffinity ranges[] = {memory(0, kG, 5), memory(kG, kG, 9)};
  expect(static_cast<bool>(draft_from_srat(bench.nodes, {.memory = ranges, .cpus = cpus, .distances = {}})));
  expect_equal(bench.nodes.known_node_of_domain(9), NodeId{0});
  expect_equal(bench.nodes.known_node_of_domain(5), NodeId{1});
  expect_equal(bench.nodes.blocks()[0].node, NodeId{1});
}

TEST(a_table_without_enabled_memory_is_no_table) {
  Bench bench;
  const firmware::MemoryAffinity ranges[] = {memory(0, kG, 0, false)};
  expect_equal(draft_from_srat(bench.nodes, {.memory = ranges, .cpus = {}, .distances = {}}).error(),
               Error::not_found);
  expect(bench.nodes.blocks().empty() && bench.nodes.nodes().empty());
}

TEST(a_wrapping_entry_names_its_node_and_no_memory) {
  Bench bench;
  const firmware::MemoryAffinity ranges[] = {memory(UINT64_MAX - 4095, kG, 3), memory(0, kG, 4)};
  expect(static_cast<bool>(draft_from_srat(bench.nodes, {.memory = ranges, .cpus = {}, .distances = {}})));
  expect_equal(bench.nodes.blocks().size(), std::size_t{1});
  expect(bench.nodes.is_possible(NodeId{0}));
  expect_equal(bench.nodes.remarks().size(), std::size_t{1});
}

TEST(more_domains_than_nodes_refuse_the_table) {
  Bench bench;
  const firmware::MemoryAffinity ranges[] = {memory(0, kG, 0), memory(kG, kG, 1), memory(2 * kG, kG, 2)};
  expect_equal(draft_from_srat(bench.nodes, {.memory = ranges, .cpus = {}, .distances = {}}).error(),
               Error::bad_table);
  expect(bench.nodes.remarks().begin()->kind == Remark::Kind::refusal);
}

TEST(a_valid_slit_gives_distances_and_a_bad_one_none) {
  Bench bench;
  const firmware::MemoryAffinity ranges[] = {memory(0, kG, 1), memory(kG, kG, 0)};
  expect(static_cast<bool>(draft_from_srat(bench.nodes, {.memory = ranges, .cpus = {}, .distances = {}})));
  const std::uint8_t short_to_others[] = {10, 10, 20, 10};
  const std::uint8_t far_from_itself[] = {11, 20, 20, 10};
  const std::uint8_t not_square[] = {10, 20, 20};
  expect(static_cast<bool>(add_slit(bench.nodes, short_to_others)));
  expect(static_cast<bool>(add_slit(bench.nodes, far_from_itself)));
  expect(static_cast<bool>(add_slit(bench.nodes, not_square)));
  expect_equal(bench.nodes.remarks().size(), std::size_t{3});
  expect_equal(bench.nodes.distance_count(), std::size_t{0});
  const std::uint8_t good[] = {10, 31, 21, 10};
  expect(static_cast<bool>(add_slit(bench.nodes, good)));
  expect_equal(bench.nodes.distance(NodeId{1}, NodeId{0}), 31u);  // domain 0 is node 1
  expect_equal(bench.nodes.distance(NodeId{0}, NodeId{1}), 21u);
}

}  // namespace
}  // namespace quarry::numa
