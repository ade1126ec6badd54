#include "quarry/boot/contiguous.hpp"

#include "quarry/boot/device_tree_test_machine.hpp"
#include "tests/fdt_builder.hpp"
#include "tests/test.hpp"

namespace quarry::boot {
namespace {

// Memory from 1 GiB to `end` and a command line; the default area is asked for below `limit`.
struct TestArea {
  FdtBuilder tree = tree_with_bank<FdtBuilder>(0, 0);
  TestBoard board{Arch::arm64, tree};
  explicit TestArea(std::uint64_t end, TextView line, std::uint64_t limit = 0) {
    board.machine.command_line = line;
    State& state = board.begin();
    done = static_cast<bool>(board.memblock->add(range(kG, end), "bank")) &&
           static_cast<bool>(reserve_default_area(state, PhysAddr{limit}));
  }
  PhysRange area() const { return board.state->cma.empty() ? PhysRange{} : board.state->cma.begin()->range; }
  bool done = false;
};

}  // namespace

TEST(the_configured_area_lies_at_the_top_of_what_the_limit_allows) {
  expect(TestArea{2 * kG, ""}.area() == range(2 * kG - 16 * kM, 2 * kG));
  expect(TestArea{2 * kG, "", 1500 * kM}.area() == range(1484 * kM, 1500 * kM));
}

TEST(memory_that_ends_far_above_4g_takes_the_area_from_4g_upwards) {
  expect(TestArea{6 * kG, "cma=64M"}.area() == range(4 * kG, 4 * kG + 64 * kM));
  expect(TestArea{4 * kG + 63 * kM, "cma=64M"}.area() == range(4 * kG - 2 * kM, 4 * kG + 62 * kM));
}

TEST(a_place_is_that_place_or_none) {
  expect(TestArea{2 * kG, "cma=64M@0x58000000"}.area() == range(0x5800'0000, 0x5c00'0000));
  const TestArea odd{2 * kG, "cma=64M@0x58001000"};
  expect(odd.done && odd.area().empty());
  expect(odd.board.notes("cma: Failed to reserve: the base is not aligned to a pageblock"));
  const TestArea beyond{2 * kG, "cma=64M@0x7f000000"};
  expect(beyond.done && beyond.area().empty());
  expect(beyond.board.notes("cma: Failed to reserve: the region exceeds its limit"));
}

TEST(a_window_bounds_the_area_and_too_much_is_refused) {
  expect(TestArea{4 * kG, "cma=64M@0x60000000-0x70000000"}.area() == range(0x6c00'0000, 0x7000'0000));
  const TestArea big{2 * kG, "cma=3G"};
  expect(big.done && big.area().empty() && big.board.memblock->reserved_size() == Bytes{0});
  expect(TestArea{2 * kG, "cma=0"}.area().empty());
}

TEST(an_area_in_high_memory_is_kept_when_memory_goes_past_4g) {
  FdtBuilder tree = tree_with_bank<FdtBuilder>(0, 0);
  TestBoard board{Arch::arm, tree, 40};
  State& state = board.begin();
  expect(static_cast<bool>(board.memblock->add(range(kG, 6 * kG), "bank")));
  state.lowmem_limit = PhysAddr{0x7000'0000};
  expect(static_cast<bool>(reserve_default_area(state, PhysAddr{UINT32_MAX})));
  expect(state.cma.begin()->range == range(0xfe80'0000, 0xff80'0000));
  expect_equal(board.memblock->reserved_size(), Bytes{16 * kM});
}

TEST(linux_forgets_an_area_in_high_memory_when_memory_goes_past_4g) {
  FdtBuilder tree = tree_with_bank<FdtBuilder>(0, 0);
  TestBoard board{Arch::arm, tree, 40};
  board.machine.limits.known_bugs = KnownBugs::reproduced;
  State& state = board.begin();
  expect(static_cast<bool>(board.memblock->add(range(kG, 6 * kG), "bank")));
  state.lowmem_limit = PhysAddr{0x7000'0000};
  expect(static_cast<bool>(reserve_default_area(state, PhysAddr{UINT32_MAX})));
  // What was found first, just below the limit, stays reserved and belongs to nobody.
  expect(state.cma.begin()->range == range(0x6f00'0000, 0x7000'0000));
  expect(board.is_reserved(range(0xfe80'0000, 0xff80'0000)));
  expect_equal(board.memblock->reserved_size(), Bytes{32 * kM});
  expect(board.notes("an area found in high memory is forgotten and stays reserved, another is made"));
}

TEST(no_more_areas_are_made_than_the_kernel_has_room_for) {
  TestArea one{2 * kG, ""};
  State& state = *one.board.state;
  one.board.machine.limits.max_cma_areas = 1;
  const auto refused = reserve_area(state, {.size = Bytes{4 * kM}, .name = "second"});
  expect(refused && refused.value().empty());
  expect(one.board.notes("cma: Not enough slots for CMA reserved regions"));
}

}  // namespace quarry::boot
