#include "quarry/early/audit.hpp"

#include "tests/test.hpp"

namespace quarry::early {
namespace {

constexpr Region region(std::uint64_t base, std::uint64_t size, Flags flags = Flags::none,
                        NodeId node = NodeId::first) noexcept {
  return {PhysAddr{base}, Bytes{size}, flags, node};
}

void expect_broken(Law law, Regions regions, std::uint64_t total, AuditLimits limits = {}) noexcept {
  const auto found = audit({.regions = regions, .max = 2, .total = Bytes{total}}, limits);
  expect(found.has_value());
  if (found) expect_equal(*found, law);
}

TEST(a_sound_table_breaks_no_law) {
  const Region good[]{region(1, 2), region(3, 1, Flags::nomap)};
  expect(!audit({.regions = good, .max = 2, .total = Bytes{3}}, {}));
  expect(!audit({.regions = good, .max = 2, .total = Bytes{8}, .trimmed = Bytes{5}}, {}));
  expect(!audit({}, {}));
}

TEST(each_law_is_seen_when_it_is_broken) {
  const Region many[]{region(1, 1), region(3, 1), region(5, 1)};
  expect_broken(Law::count_within_max, many, 3);
  const Region empty[]{region(1, 0)};
  expect_broken(Law::no_empty_region, empty, 0);
  const Region outside[]{region(UINT64_MAX - 1, 2)};
  expect_broken(Law::inside_address_space, outside, 2);
  const Region high[]{region(0xffff'ff00, 0x100)};
  expect_broken(Law::inside_address_space, high, 0x100, {.phys_addr_max = PhysAddr{UINT32_MAX}});
  const Region overlapping[]{region(1, 3), region(3, 3)};
  expect_broken(Law::sorted_and_disjoint, overlapping, 6);
  const Region unsorted[]{region(8, 1), region(3, 1)};
  expect_broken(Law::sorted_and_disjoint, unsorted, 2);
  const Region alike[]{region(1, 1), region(2, 1)};
  expect_broken(Law::merged, alike, 2);
  const Region unknown[]{region(1, 1, Flags{0x10})};
  expect_broken(Law::known_flags, unknown, 1);
  const Region plain[]{region(1, 1)};
  expect_broken(Law::total_is_sum, plain, 2);
  const Region on_a_node[]{region(1, 1, Flags::none, NodeId{1})};
  expect_broken(Law::one_node_without_numa, on_a_node, 1, {.has_numa = false});
}

TEST(a_ring_that_is_turned_too_far_is_seen) {
  Region regions[70];
  for (std::uint64_t i = 0; i < 70; ++i) regions[i] = region(2 * i, 1);
  const AuditedTable table{.regions = {regions, 70, 63}, .max = 70, .total = Bytes{70}};
  expect(!audit(table, {}));
  regions[64].ring_head = 64;
  const auto found = audit(table, {});
  expect(found.has_value() && *found == Law::rings_turn_inside);
}

TEST(regions_left_isolated_may_touch) {
  const Region alike[]{region(1, 1), region(2, 1)};
  expect(!audit({.regions = alike, .max = 2, .total = Bytes{2}, .is_merged = false}, {}));
}

TEST(laws_have_names) {
  expect(TextView{name_of(Law::count_within_max)} == TextView{"count_within_max"});
  expect(TextView{name_of(Law::one_node_without_numa)} == TextView{"one_node_without_numa"});
}

}  // namespace
}  // namespace quarry::early
