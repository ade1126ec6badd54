#include "quarry/boot/arm_steps.hpp"
#include "quarry/boot/device_tree_test_machine.hpp"
#include "tests/fdt_builder.hpp"
#include "tests/test.hpp"

namespace quarry::boot {

TEST(an_arm_board_has_low_and_high_memory) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  TestBoard board{Arch::arm, tree, 32};
  expect(board.boots());
  const State& state = *board.state;
  expect_equal(state.lowmem_limit, PhysAddr{0x7000'0000});
  expect_equal(state.zone_limits.dma, Pfn{0x70000});
  expect_equal(state.zone_limits.normal, Pfn{0x70000});
  expect_equal(state.zone_limits.highmem, Pfn{0x80000});
  expect(board.is_reserved(board.machine.kernel.page_directory));
  expect(state.cma.begin()->range == range(0x7f00'0000, 0x8000'0000));
  expect_equal(board.memblock->current_limit(), PhysAddr{0x7000'0000});
}

TEST(vmalloc_moves_the_border_within_its_bounds) {
  const auto border = [](TextView line) {
    auto tree = tree_with_bank<FdtBuilder>(kG, kG);
    TestBoard board{Arch::arm, tree, 32};
    board.machine.command_line = line;
    expect(board.boots());
    return board.state->lowmem_limit;
  };
  expect_equal(border("vmalloc=512M"), PhysAddr{0x5f00'0000});
  expect_equal(border("vmalloc=1M"), PhysAddr{0x7e00'0000});
  expect_equal(border("vmalloc=4G"), PhysAddr{0x4200'0000});
}

TEST(a_bank_off_a_page_table_entry_stops_allocation_below_it) {
  auto tree = tree_with_bank<FdtBuilder>(kG, 512 * kM - 0x81000);
  TestBoard board{Arch::arm, tree, 32};
  State& state = board.begin();
  expect(static_cast<bool>(arm::setup_machine(state)) && static_cast<bool>(arm::adjust_lowmem_bounds(state)));
  expect_equal(state.lowmem_limit, PhysAddr{0x5ff7'f000});
  expect_equal(board.memblock->current_limit(), PhysAddr{0x5fe0'0000});
}

TEST(a_first_bank_off_a_page_table_entry_begins_unmapped) {
  auto tree = tree_with_bank<FdtBuilder>(kG + 0x1000, kG - 0x1000);
  TestBoard board{Arch::arm, tree, 32};
  board.machine.kernel.whole = range(1154 * kM, 1180 * kM);  // unpacked above the next 128M border
  State& state = board.begin();
  expect(static_cast<bool>(arm::setup_machine(state)) && static_cast<bool>(arm::adjust_lowmem_bounds(state)));
  expect_equal(arm::phys_offset(state), PhysAddr{0x4800'0000});
  expect_equal(board.memblock->start_of_dram(), PhysAddr{0x4800'0000});

  auto low = tree_with_bank<FdtBuilder>(kG + 0x1000, kG - 0x1000);
  TestBoard lower{Arch::arm, low, 32};
  State& other = lower.begin();
  expect(static_cast<bool>(arm::setup_machine(other)));
  expect_equal(arm::phys_offset(other), PhysAddr{kG + 2 * kM});
  expect_equal(lower.memblock->start_of_dram(), PhysAddr{kG + 2 * kM});
}

TEST(a_no_map_head_is_skipped_when_low_memory_is_found) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  TestBoard board{Arch::arm, tree, 32};
  State& state = board.begin();
  expect(static_cast<bool>(arm::setup_machine(state)));
  expect(static_cast<bool>(board.memblock->mark_nomap(range(kG, kG + 0x3000))));
  expect(static_cast<bool>(arm::adjust_lowmem_bounds(state)));
  expect(!board.memblock->is_map_memory(PhysAddr{kG + kM}) &&
         board.memblock->is_map_memory(PhysAddr{kG + 2 * kM}));
  expect_equal(board.memblock->current_limit(), PhysAddr{0x7000'0000});
}

TEST(mem_replaces_all_memory_and_may_come_twice) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  TestBoard board{Arch::arm, tree, 32};
  board.machine.command_line = "mem=256M mem=128M@0x60000000";
  expect(board.boots());
  const auto regions = board.memblock->memory().view();
  expect_equal(regions.size(), 2u);
  expect(regions[0].range() == range(kG, kG + 256 * kM));
  expect(regions[1].range() == range(0x6000'0000, 0x6800'0000));
}

TEST(an_initrd_over_the_kernel_or_outside_memory_is_disabled) {
  for (const PhysRange bad : {range(1030 * kM, 1031 * kM), range(3 * kG, 3 * kG + kM)}) {
    auto tree = tree_with_bank<FdtBuilder>(kG, kG);
    TestBoard board{Arch::arm, tree, 32};
    board.machine.initrd = bad;
    expect(board.boots() && !board.state->initrd.is_valid && !board.state->initrd.why.empty());
  }
}

TEST(without_high_memory_what_is_above_the_border_is_lost) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  TestBoard board{Arch::arm, tree, 32};
  board.machine.limits.has_highmem = false;
  expect(board.boots());
  expect_equal(board.memblock->end_of_dram(), PhysAddr{0x7000'0000});
  expect_equal(board.state->zone_limits.highmem, Pfn{0});
}

TEST(banks_of_tags_need_no_tree) {
  auto unused = tree_with_bank<FdtBuilder>(0, 0);
  TestBoard board{Arch::arm, unused, 32};
  board.machine.tree = {};
  const ExtraMemory banks[] = {range(kG, kG + 64 * kM), range(kG + 128 * kM, kG + 192 * kM)};
  board.machine.extra_memory = banks;
  expect(board.boots());
  expect_equal(board.memblock->memory().count(), 2u);

  TestBoard none{Arch::arm, unused, 32};
  none.machine.tree = {};
  expect(!run(none.begin()));
  expect(none.state->failure.what == "no memory: neither the tree nor tags have a usable bank");
}

TEST(a_board_reserves_and_steals_in_its_hook_before_the_tree_and_cma) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  open_reserved(tree).begin("late").numbers("reg", 0x5000'0000, kM).flag("no-map").end().end();
  TestBoard board{Arch::arm, tree, 32};
  struct Board {
    PhysAddr stolen{};
    bool was_first = false;
  } own;
  State& state = board.begin();
  state.hooks = {&own, [](void* self, HookPoint point, State& at) noexcept -> Result<Done> {
                   if (point != HookPoint::board_reserve) return Done{};
                   auto& here = *static_cast<Board*>(self);
                   here.was_first = at.cma.empty() && at.memblock.is_map_memory(PhysAddr{0x5000'0000}) &&
                                    at.memblock.is_reserved(at.machine.kernel.whole.begin());
                   const auto taken = arm::steal(at, Bytes{kM}, Bytes{kM}, "secure");
                   if (!taken) return taken.error();
                   here.stolen = taken.value();
                   return at.memblock.reserve(range(0x5100'0000, 0x5110'0000), "board");
                 }};
  expect(static_cast<bool>(run(state)) && own.was_first);
  // Below the reach of the first page tables, and no memory afterwards.
  expect_equal(own.stolen, PhysAddr{0x6ff0'0000});
  expect(!board.memblock->is_memory(own.stolen) && !board.memblock->is_reserved(own.stolen));
  expect(board.is_reserved(range(0x5100'0000, 0x5110'0000)));
  expect_equal(state.lowmem_limit, PhysAddr{0x6ff0'0000});
}

TEST(what_cannot_be_stolen_changes_nothing) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  TestBoard board{Arch::arm, tree, 32};
  State& state = board.begin();
  expect(static_cast<bool>(arm::setup_machine(state)) && static_cast<bool>(arm::adjust_lowmem_bounds(state)));
  const Bytes before = board.memblock->phys_mem_size();
  expect_equal(arm::steal(state, Bytes{2 * kG}, Bytes{kM}, "secure").error(), Error::no_memory);
  expect_equal(board.memblock->phys_mem_size(), before);
}

TEST(the_last_page_below_4g_is_lost_in_linux_alone) {
  for (const KnownBugs bugs : {KnownBugs::reproduced, KnownBugs::mended}) {
    auto tree = tree_with_bank<FdtBuilder>(kG, 4 * kG);
    TestBoard board{Arch::arm, tree, 32};
    board.machine.limits.known_bugs = bugs;
    expect(board.boots());
    const bool is_linux = bugs == KnownBugs::reproduced;
    expect_equal(board.state->max_pfn, Pfn{is_linux ? 0xfffffu : 0x100000u});
    expect(board.notes("the last page below 4 GiB is lost") == is_linux);
  }
}

TEST(a_crash_kernel_of_arm_lies_at_a_multiple_of_128_mib_in_low_memory) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  TestBoard board{Arch::arm, tree, 32};
  board.machine.command_line = "crashkernel=64M";
  expect(board.boots());
  expect(board.state->crashkernel == range(0x6800'0000, 0x6c00'0000));
}

}  // namespace quarry::boot
