#include "quarry/boot/arm64_steps.hpp"
#include "quarry/boot/device_tree_test_machine.hpp"
#include "tests/fdt_builder.hpp"
#include "tests/test.hpp"

namespace quarry::boot {

TEST(an_arm64_board_boots_from_tree_to_zone_limits) {
  auto tree = tree_with_bank<FdtBuilder>(kG, 4 * kG);
  tree.begin("chosen").numbers("linux,initrd-start", 0x4800'0123).numbers("linux,initrd-end", 0x4810'0000);
  tree.end();
  TestBoard board{Arch::arm64, tree};
  board.machine.limits.max_nodes = 4;
  expect(board.boots());
  const State& state = *board.state;
  expect(state.initrd.is_valid && board.is_reserved(range(0x4800'0000, 0x4810'0000)));
  expect(board.is_reserved(board.machine.kernel.whole));
  expect(board.is_reserved(PhysRange::sized(board.machine.tree_at, Bytes{board.machine.tree.size()})));
  expect_equal(state.dma_limit, PhysAddr{4 * kG});
  expect_equal(state.zone_limits.dma, Pfn{0x10'0000});
  expect_equal(state.zone_limits.dma32, Pfn{0x10'0000});
  expect_equal(state.zone_limits.normal, Pfn{0x14'0000});
  expect(board.memblock->memory()[0].node == NodeId{0});
}

TEST(mem_cuts_from_the_top_but_the_kernel_stays_memory) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  TestBoard board{Arch::arm64, tree};
  board.machine.command_line = "mem=16M";
  board.machine.kernel.whole = range(1100 * kM + 0x10000, 1120 * kM);
  board.machine.limits.has_cma = false;
  expect(board.boots());
  const auto regions = board.memblock->memory().view();
  expect_equal(regions.size(), 2u);
  expect(regions[0].range() == range(kG, kG + 16 * kM));
  expect(regions[1].range() == range(1100 * kM, 1120 * kM));
}

TEST(ram_too_far_apart_for_the_linear_map_loses_its_low_end) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  tree.begin("memory@f").text("device_type", "memory").numbers("reg", 600 * kG, kG).end();
  TestBoard board{Arch::arm64, tree};
  board.machine.limits.va_bits = 39;
  board.machine.kernel.whole = range(600 * kG + 2 * kM, 600 * kG + 30 * kM);
  board.machine.tree_at = PhysAddr{600 * kG + 40 * kM};
  expect(board.boots());
  expect(board.notes("Memory doesn't fit in the linear mapping, VA_BITS too small"));
  // The kernel's end is what the map must reach: it decides what is kept above, and that what goes below.
  expect(board.memblock->memory().view().size() == 1);
  expect(board.memblock->memory()[0].range() == range(600 * kG, 600 * kG + 30 * kM));
}

TEST(an_initrd_out_of_the_linear_map_is_not_used) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  TestBoard board{Arch::arm64, tree};
  board.machine.initrd = range(16 * kM, 17 * kM);
  expect(board.boots());
  expect(!board.state->initrd.is_valid && !board.state->initrd.why.empty());
  expect(!board.memblock->is_reserved(PhysAddr{16 * kM}));
}

TEST(a_uefi_map_replaces_the_tree_s_memory) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  TestBoard board{Arch::arm64, tree};
  const firmware::MapEntry map[] = {
      {.base = PhysAddr{kG}, .size = Bytes{256 * kM}, .type = firmware::MapType::usable},
      {.base = PhysAddr{kG + 256 * kM}, .size = Bytes{kM}, .type = firmware::MapType::acpi},
      {.base = PhysAddr{kG + 257 * kM}, .size = Bytes{kM}, .type = firmware::MapType::reserved}};
  board.machine.map = map;
  expect(board.boots());
  expect_equal(board.memblock->end_of_dram(), PhysAddr{kG + 258 * kM});
  expect(board.is_reserved(range(kG + 256 * kM, kG + 257 * kM)));
  expect(!board.memblock->is_map_memory(PhysAddr{kG + 257 * kM}));
}

TEST(a_bank_without_a_node_id_makes_the_machine_one_node) {
  FdtBuilder tree;
  tree.cells("#address-cells", 2).cells("#size-cells", 2);
  tree.begin("memory@1").text("device_type", "memory").numbers("reg", kG, kG).cells("numa-node-id", 1).end();
  tree.begin("memory@2").text("device_type", "memory").numbers("reg", 2 * kG, kG).end();
  TestBoard board{Arch::arm64, tree};
  expect(board.boots());
  expect_equal(board.state->nodes.online_count(), 1u);
  expect_equal(board.memblock->memory().count(), 1u);
}

TEST(a_crash_kernel_goes_below_the_dma_limit_or_where_it_says) {
  auto tree = tree_with_bank<FdtBuilder>(kG, 4 * kG);
  TestBoard board{Arch::arm64, tree};
  board.machine.command_line = "cma=0 crashkernel=256M";
  expect(board.boots());
  expect(board.state->crashkernel == range(4 * kG - 256 * kM, 4 * kG));

  auto again = tree_with_bank<FdtBuilder>(kG, 4 * kG);
  TestBoard high{Arch::arm64, again};
  high.machine.command_line = "cma=0 crashkernel=512M,high crashkernel=64M,low";
  expect(high.boots());
  expect(high.state->crashkernel == range(5 * kG - 512 * kM, 5 * kG));
  expect(high.state->crashkernel_low == range(4 * kG - 64 * kM, 4 * kG));

  auto third = tree_with_bank<FdtBuilder>(kG, kG);
  TestBoard none{Arch::arm64, third};
  none.machine.command_line = "crashkernel=2G";
  expect(none.boots() && none.state->crashkernel.empty() && none.notes("cannot allocate crashkernel"));
}

}  // namespace quarry::boot
