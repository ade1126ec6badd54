#include "quarry/boot/reserved_memory.hpp"

#include "quarry/boot/device_tree.hpp"
#include "quarry/boot/device_tree_test_machine.hpp"
#include "tests/fdt_builder.hpp"
#include "tests/test.hpp"

namespace quarry::boot {
namespace {

// Adds the tree's memory and takes its reservations; nothing else is reserved.
bool scans(TestBoard& board) {
  State& state = board.begin();
  const auto tree = tree_of(state);
  return tree && scan_memory(state, tree.value(), {}) && scan_reserved_memory(state, tree.value());
}

}  // namespace

TEST(no_map_over_a_reservation_is_refused_and_over_nothing_is_not) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  tree.reserve(0x5010'0000, 0x10000);
  open_reserved(tree).begin("a").numbers("reg", 0x5000'0000, 4 * kM).flag("no-map").end();
  tree.begin("b").numbers("reg", 0x6000'0000, kM).flag("no-map").end();
  tree.begin("far").numbers("reg", 0x9'0000'0000, kM).flag("no-map").end().end();
  TestBoard board{Arch::arm64, tree};
  expect(scans(board));
  expect(!board.outcome("a")->is_taken && board.outcome("a")->status == "failed to reserve memory");
  expect(board.memblock->is_map_memory(PhysAddr{0x5000'0000}));
  expect(board.outcome("b")->is_taken && !board.memblock->is_map_memory(PhysAddr{0x6000'0000}));
  expect(board.outcome("far")->is_taken && !board.memblock->is_memory(PhysAddr{0x9'0000'0000}));
}

TEST(dynamic_nodes_are_placed_in_the_order_of_linux_s_sort) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  open_reserved(tree).begin("a").numbers("size", 8 * kM).numbers("alignment", 4 * kM).end();
  tree.begin("b").numbers("size", 16 * kM).numbers("alloc-ranges", 0x4800'0000, 128 * kM).end();
  tree.begin("c").numbers("size", kM).flag("no-map").end().end();
  TestBoard board{Arch::arm64, tree};
  expect(scans(board));
  // Three equals leave that sort as b, c, a: c takes the top, and a what remains below it.
  expect(board.outcome("b")->range == range(0x4f00'0000, 0x5000'0000));
  expect(board.outcome("c")->range == range(0x7ff0'0000, 0x8000'0000));
  expect(board.outcome("a")->range == range(0x7f40'0000, 0x7fc0'0000));
  expect(!board.memblock->is_map_memory(PhysAddr{0x7ff0'0000}));
}

TEST(a_node_that_fits_nowhere_says_how_large_the_largest_hole_is) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  open_reserved(tree).begin("wall").numbers("reg", 0x6000'0000, kM).end();
  tree.begin("big").numbers("size", 768 * kM).end();
  tree.begin("boxed").numbers("size", 2 * kM).numbers("alloc-ranges", 0x6000'0000, 2 * kM, 0, kM).end().end();
  TestBoard board{Arch::arm64, tree};
  expect(scans(board));
  expect(!board.outcome("big")->is_taken && board.outcome("big")->status == "failed to allocate memory");
  expect_equal(board.outcome("big")->wanted, Bytes{768 * kM});
  expect_equal(board.outcome("big")->largest_hole, Bytes{512 * kM});
  expect_equal(board.outcome("boxed")->largest_hole, Bytes{kM});
  expect_equal(board.memblock->reserved_size(), Bytes{kM});
}

TEST(overlaps_are_reported_and_both_stay) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  open_reserved(tree).begin("a").numbers("reg", 0x5000'0000, 4 * kM).end();
  tree.begin("c").numbers("reg", 0x5010'0000, 0x10000).end().end();
  TestBoard board{Arch::arm64, tree};
  expect(scans(board));
  expect(board.says(ReservedMemoryEvent::Kind::overlap));
  expect(board.outcome("a")->is_taken && board.outcome("c")->is_taken);
  expect_equal(board.memblock->reserved_size(), Bytes{4 * kM});
}

TEST(sizes_of_zero_bad_properties_and_disabled_nodes_take_nothing) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  open_reserved(tree).begin("zero@0").numbers("reg", 0, 0).end();
  tree.begin("none").numbers("size", 0).end().begin("odd").cells("reg", 1, 2, 3).end();
  tree.begin("short").cells("size", 4096).end();
  tree.begin("off").numbers("reg", kG, kM).text("status", "disabled").end().begin("idle").end().end();
  TestBoard board{Arch::arm64, tree};
  expect(scans(board));
  expect(board.outcome("zero@0")->status == "failed to reserve memory");
  expect(board.outcome("none")->status == "size 0, nothing to place");
  expect(board.outcome("odd")->status == "invalid reg property, skipping node");
  expect(board.outcome("short")->status == "invalid size property");
  expect(board.outcome("off")->status == "disabled");
  expect(board.outcome("idle")->status == "neither reg nor size, ignored");
  expect_equal(board.memblock->reserved_size(), Bytes{0});
}

TEST(a_container_with_other_cells_than_the_root_is_ignored) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  tree.begin("reserved-memory").cells("#address-cells", 1).cells("#size-cells", 1).flag("ranges");
  tree.begin("a").numbers("reg", 0x5000'0000, kM).end().end();
  TestBoard board{Arch::arm64, tree};
  expect(scans(board));
  expect(board.state->reserved_memory.empty());
  expect(board.says(ReservedMemoryEvent::Kind::unsupported_format));
}

TEST(reusable_pools_become_cma_areas_and_contradictions_give_their_memory_back) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  open_reserved(tree).begin("cma").numbers("reg", 0x5000'0000, 4 * kM).text("compatible", "shared-dma-pool");
  tree.flag("reusable").flag("linux,cma-default").end();
  tree.begin("both").numbers("reg", 0x5100'0000, 4 * kM).text("compatible", "shared-dma-pool");
  tree.flag("reusable").flag("no-map").end();
  tree.begin("odd")
      .numbers("reg", 0x5200'0000, kM)
      .text("compatible", "shared-dma-pool")
      .flag("reusable")
      .end();
  tree.begin("swiotlb").numbers("reg", 0x5300'0000, kM).text("compatible", "restricted-dma-pool").end().end();
  TestBoard board{Arch::arm64, tree};
  expect(scans(board));
  expect_equal(board.state->cma.size(), 1u);
  expect(board.outcome("cma")->status == "created CMA memory pool");
  expect(board.state->cma.begin()->is_default);
  for (const TextView name : {TextView{"both"}, TextView{"odd"}})
    expect(board.outcome(name)->status == "compatible matching fail" && !board.outcome(name)->is_taken);
  expect(board.memblock->is_map_memory(PhysAddr{0x5100'0000}));
  expect(!board.memblock->is_reserved(PhysAddr{0x5200'0000}));
  expect(board.outcome("swiotlb")->status == "created restricted DMA pool");
}

TEST(cma_on_the_command_line_bypasses_the_tree_s_default) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  open_reserved(tree).begin("cma").numbers("reg", 0x5000'0000, 4 * kM).text("compatible", "shared-dma-pool");
  tree.flag("reusable").flag("linux,cma-default").end().end();
  TestBoard board{Arch::arm64, tree};
  board.machine.command_line = "cma=8M";
  expect(scans(board));
  expect(board.state->cma.empty() && !board.memblock->is_reserved(PhysAddr{0x5000'0000}));
}

TEST(nodes_past_the_table_are_reserved_but_not_listed) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  open_reserved(tree).begin("one").numbers("reg", 0x5000'0000, kM).end();
  tree.begin("two").numbers("reg", 0x5100'0000, kM).end().begin("late").numbers("size", kM).end().end();
  TestBoard board{Arch::arm64, tree};
  board.machine.limits.max_reserved_nodes = 1;
  expect(scans(board));
  expect(board.outcome("two")->status == "not enough space for all defined regions");
  expect(board.is_reserved(range(0x5100'0000, 0x5110'0000)));
  expect(!board.outcome("late")->is_taken);
}

TEST(a_refused_node_gives_back_what_is_its_own_and_in_linux_others_memory_too) {
  for (const KnownBugs bugs : {KnownBugs::mended, KnownBugs::reproduced}) {
    auto tree = tree_with_bank<FdtBuilder>(kG, kG);
    open_reserved(tree).begin("kept").numbers("reg", 0x5000'0000, kM).end();
    tree.begin("odd").numbers("reg", 0x5008'0000, kM).text("compatible", "shared-dma-pool").flag("reusable");
    tree.end().end();
    TestBoard board{Arch::arm64, tree};
    board.machine.limits.known_bugs = bugs;
    expect(scans(board));
    expect(board.says(ReservedMemoryEvent::Kind::refused, "odd"));
    const bool is_linux = bugs == KnownBugs::reproduced;
    expect(board.memblock->is_reserved(PhysAddr{0x5008'0000}) != is_linux);
    expect(board.notes("a refused node gives back memory that others have reserved, too") == is_linux);
  }
}

TEST(no_more_pools_become_areas_than_the_kernel_has_room_for) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  open_reserved(tree);
  for (const std::uint64_t base : {0x5000'0000u, 0x5100'0000u}) {
    tree.begin("pool").numbers("reg", base, 4 * kM).text("compatible", "shared-dma-pool");
    tree.flag("reusable").end();
  }
  tree.end();
  TestBoard board{Arch::arm64, tree};
  board.machine.limits.max_cma_areas = 1;
  expect(scans(board));
  expect_equal(board.state->cma.size(), std::size_t{1});
  expect(board.says(ReservedMemoryEvent::Kind::areas_used_up));
}

TEST(a_coherent_pool_of_arm_has_to_be_unmapped) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  open_reserved(tree).begin("mapped").numbers("reg", 0x5000'0000, kM).text("compatible", "shared-dma-pool");
  tree.end().end();
  TestBoard board{Arch::arm, tree, 32};
  expect(scans(board));
  expect(board.says(ReservedMemoryEvent::Kind::needs_no_map, "mapped"));
  expect(!board.outcome("mapped")->is_taken);
}

}  // namespace quarry::boot
