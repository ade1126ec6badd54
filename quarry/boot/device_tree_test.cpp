#include "quarry/boot/device_tree.hpp"

#include "quarry/boot/device_tree_test_machine.hpp"
#include "tests/fdt_builder.hpp"
#include "tests/test.hpp"

namespace quarry::boot {

TEST(banks_shrink_to_whole_pages_and_a_bank_without_one_is_ignored) {
  auto tree = tree_with_bank<FdtBuilder>(0x4000'0001, 0x3fff);
  tree.begin("memory@9").text("device_type", "memory").numbers("reg", 0x9000'0100, 512).end();
  TestBoard board{Arch::arm64, tree};
  State& state = board.begin();
  expect(static_cast<bool>(scan_memory(state, tree_of(state).value(), {})));
  expect_equal(board.memblock->memory().count(), 1u);
  expect(board.memblock->memory()[0].range() == range(0x4000'1000, 0x4000'4000));
  expect(board.notes("Ignoring memory block"));
}

TEST(memory_out_of_reach_is_cut_off_on_both_sides) {
  auto tree = tree_with_bank<FdtBuilder>(0x3000'0000, 0x1'0000'0000);
  TestBoard board{Arch::arm, tree, 32};
  board.machine.limits.known_bugs = KnownBugs::reproduced;
  State& state = board.begin();
  expect(static_cast<bool>(
      scan_memory(state, tree_of(state).value(), {PhysAddr{0x4000'0000}, PhysAddr{UINT32_MAX}})));
  // The very last byte of 32 bits is no memory: a region's end must be an address too.
  expect(board.memblock->memory()[0].range() == range(0x4000'0000, 0xffff'ffff));
  expect(board.notes("Ignoring memory range"));
}

TEST(four_gib_at_0_are_no_memory_at_all_to_a_32_bit_linux) {
  auto tree = tree_with_bank<FdtBuilder>(0, 4 * kG);
  TestBoard board{Arch::arm, tree, 32};
  board.machine.limits.known_bugs = KnownBugs::reproduced;
  State& state = board.begin();
  expect(static_cast<bool>(scan_memory(state, tree_of(state).value(), {PhysAddr{0}, PhysAddr{UINT32_MAX}})));
  expect(board.memblock->memory().empty());
  expect(board.notes("the size of this range is 0 in 32 bits"));
}

TEST(four_gib_at_0_are_memory_where_bugs_are_mended) {
  auto tree = tree_with_bank<FdtBuilder>(0, 4 * kG);
  TestBoard board{Arch::arm, tree, 32};
  State& state = board.begin();
  expect(static_cast<bool>(scan_memory(state, tree_of(state).value(), {PhysAddr{0}, PhysAddr{UINT32_MAX}})));
  expect(board.memblock->memory()[0].range() == range(0, 4 * kG));
}

TEST(a_wrapping_bank_ends_at_the_last_address) {
  auto tree = tree_with_bank<FdtBuilder>(0xffff'ffff'ffff'0000, 0x20000);
  TestBoard board{Arch::arm64, tree};
  State& state = board.begin();
  expect(static_cast<bool>(scan_memory(state, tree_of(state).value(), {})));
  expect_equal(board.memblock->end_of_dram(), PhysAddr{UINT64_MAX});
  expect_equal(board.memblock->start_of_dram(), PhysAddr{0xffff'ffff'ffff'0000});
}

TEST(usable_memory_hotplug_and_status_are_obeyed) {
  FdtBuilder tree;
  tree.cells("#address-cells", 2).cells("#size-cells", 2);
  tree.begin("memory@1").text("device_type", "memory").numbers("reg", kG, kG);
  tree.numbers("linux,usable-memory", kG, 64 * kM).end();
  tree.begin("memory@2").text("device_type", "memory").numbers("reg", 2 * kG, kG).flag("hotpluggable").end();
  tree.begin("memory@3")
      .text("device_type", "memory")
      .numbers("reg", 3 * kG, kG)
      .text("status", "fail")
      .end();
  TestBoard board{Arch::arm64, tree};
  State& state = board.begin();
  expect(static_cast<bool>(scan_memory(state, tree_of(state).value(), {})));
  const auto regions = board.memblock->memory().view();
  expect_equal(regions.size(), 2u);
  expect(regions[0].range() == range(kG, kG + 64 * kM) && regions[0].flags == early::Flags::none);
  expect(regions[1].range() == range(2 * kG, 3 * kG) && regions[1].flags == early::Flags::hotplug);
}

TEST(a_crash_kernel_sees_its_own_range_and_one_more) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  tree.begin("chosen").numbers("linux,usable-memory-range", kG, 32 * kM, 3 * kG, kM).end();
  TestBoard board{Arch::arm64, tree};
  State& state = board.begin();
  const auto parsed = tree_of(state);
  expect(static_cast<bool>(scan_memory(state, parsed.value(), {})) &&
         static_cast<bool>(cap_to_usable_range(state, parsed.value())));
  const auto regions = board.memblock->memory().view();
  expect_equal(regions.size(), 2u);
  expect(regions[0].range() == range(kG, kG + 32 * kM) && regions[1].range() == range(3 * kG, 3 * kG + kM));
}

TEST(a_tree_without_memory_or_no_tree_is_said_to_be_so) {
  auto empty = tree_with_bank<FdtBuilder>(0, 0);
  TestBoard board{Arch::arm64, empty};
  const auto ran = run(board.begin());
  expect(!ran && ran.error() == Error::not_found);
  expect(board.state->failure.what == "no memory: the tree has no usable /memory node");

  auto unused = tree_with_bank<FdtBuilder>(0, 0);
  TestBoard bare{Arch::arm64, unused};
  bare.machine.tree = {};
  expect(!run(bare.begin()) && bare.state->failure.what == "the machine has no device tree");
}

TEST(a_broken_tree_stops_the_flow_with_its_own_fault) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  TestBoard board{Arch::arm64, tree};
  board.machine.tree = board.machine.tree.first(60);
  const auto ran = run(board.begin());
  expect(!ran && ran.error() == Error::truncated_table);
  expect(!board.state->failure.what.empty());
}

}  // namespace quarry::boot
