#include "quarry/early/audit.hpp"

#include "quarry/early/world_test.hpp"

namespace quarry::early {
namespace {

constexpr Region region(std::uint64_t base, std::uint64_t size, Flags flags = Flags::none,
                        NodeId node = NodeId::first) noexcept {
  return {PhysAddr{base}, Bytes{size}, flags, node};
}

using Found = std::optional<Law>;

Found audited(Regions regions, std::uint64_t total, AuditLimits limits = {}) noexcept {
  return audit({.regions = regions, .max = 2, .total = Bytes{total}}, limits);
}

Found too_many_regions() noexcept {
  const Region many[]{region(1, 1), region(3, 1), region(5, 1)};
  return audited(many, 3);
}
Found a_ring_turned_too_far() noexcept {
  Region regions[70];
  for (std::uint64_t i = 0; i < 70; ++i) regions[i] = region(2 * i, 1);
  const AuditedTable table{.regions = {regions, 70, 63}, .max = 70, .total = Bytes{70}};
  expect(!audit(table, {}));
  regions[64].ring_head = 64;
  return audit(table, {});
}
Found a_region_of_no_bytes() noexcept {
  const Region empty[]{region(1, 0)};
  return audited(empty, 0);
}
Found a_region_past_2_to_64() noexcept {
  const Region outside[]{region(UINT64_MAX - 1, 2)};
  return audited(outside, 2);
}
Found a_region_past_2_to_32() noexcept {
  const Region high[]{region(0xffff'ff00, 0x100)};
  return audited(high, 0x100, {.phys_addr_max = PhysAddr{UINT32_MAX}});
}
Found regions_that_overlap() noexcept {
  const Region overlapping[]{region(1, 3), region(3, 3)};
  return audited(overlapping, 6);
}
Found regions_out_of_order() noexcept {
  const Region unsorted[]{region(8, 1), region(3, 1)};
  return audited(unsorted, 2);
}
Found neighbours_that_are_alike() noexcept {
  const Region alike[]{region(1, 1), region(2, 1)};
  return audited(alike, 2);
}
Found a_flag_without_a_name() noexcept {
  const Region unknown[]{region(1, 1, Flags{0x10})};
  return audited(unknown, 1);
}
Found a_byte_that_nobody_has() noexcept {
  const Region plain[]{region(1, 1)};
  return audited(plain, 2);
}
Found a_second_node_without_numa() noexcept {
  const Region on_a_node[]{region(1, 1, Flags::none, NodeId{1})};
  return audited(on_a_node, 1, {.has_numa = false});
}
// Two searches have left a bound; then the reservation is moved behind the allocator's back.
Found a_reservation_that_moved_by_itself(Direction direction, std::uint64_t lies_at) noexcept {
  Config config;
  config.direction = direction;
  World<> world{config};
  expect_done(world.memblock.add(pages(1, 64), "ram"));
  for (int i = 0; i < 2; ++i)
    expect(static_cast<bool>(
        world.memblock.alloc_try_nid_raw({.size = Bytes{kPage}, .alignment = Bytes{kPage}}, "x")));
  expect(!world.memblock.audit());
  expect_equal(world.reserved[0].base.raw, lies_at);
  world.reserved[0].base = PhysAddr{10 * kPage};
  return world.memblock.audit();
}
Found a_free_place_above_a_ceiling() noexcept {
  return a_reservation_that_moved_by_itself(Direction::top_down, 62 * kPage);
}
Found a_free_place_below_a_floor() noexcept {
  return a_reservation_that_moved_by_itself(Direction::bottom_up, 1 * kPage);
}

// At least one way to break each law.
struct Provocation {
  Law law;
  Found (*audited)() noexcept;
};
constexpr Provocation kProvocations[]{
    {Law::count_within_max, &too_many_regions},
    {Law::rings_turn_inside, &a_ring_turned_too_far},
    {Law::no_empty_region, &a_region_of_no_bytes},
    {Law::inside_address_space, &a_region_past_2_to_64},
    {Law::inside_address_space, &a_region_past_2_to_32},
    {Law::sorted_and_disjoint, &regions_that_overlap},
    {Law::sorted_and_disjoint, &regions_out_of_order},
    {Law::merged, &neighbours_that_are_alike},
    {Law::known_flags, &a_flag_without_a_name},
    {Law::total_is_sum, &a_byte_that_nobody_has},
    {Law::one_node_without_numa, &a_second_node_without_numa},
    {Law::nothing_fits_above_ceilings, &a_free_place_above_a_ceiling},
    {Law::nothing_fits_below_floors, &a_free_place_below_a_floor},
};

TEST(a_sound_table_breaks_no_law) {
  const Region good[]{region(1, 2), region(3, 1, Flags::nomap)};
  expect(!audit({.regions = good, .max = 2, .total = Bytes{3}}, {}));
  expect(!audit({.regions = good, .max = 2, .total = Bytes{8}, .trimmed = Bytes{5}}, {}));
  expect(!audit({}, {}));
}

// What has a name is a law: one that no provocation breaks fails here.
TEST(each_law_is_seen_when_it_is_broken) {
  std::uint8_t laws = 0;
  for (; name_of(Law{laws})[0] != 0; ++laws) {
    unsigned provoked = 0;
    for (const auto& [law, broken] : kProvocations) {
      if (law != Law{laws}) continue;
      ++provoked;
      const Found found = broken();
      expect(found.has_value());
      if (found) expect_equal(*found, law);
    }
    expect(provoked != 0);
  }
  for (const Provocation& one : kProvocations) expect(static_cast<std::uint8_t>(one.law) < laws);
}

TEST(a_law_is_broken_in_memblock_and_not_only_in_numbers) {
  World<> world;
  expect_done(world.memblock.add(pages(1, 3), "ram"));
  world.memory[0].size = Bytes{kPage};
  const Found found = world.memblock.audit();
  expect(found && *found == Law::total_is_sum);
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
