#include "linux/arm_page_tables.hpp"

#include <gtest/gtest.h>

#include "linux/flat_memmap.hpp"
#include "linux/test_boot.hpp"

namespace quarry::lnx {
namespace {

struct Board {
  explicit Board(std::vector<PhysRange> memory) : boot{std::move(memory)} {
    boot.machine.arch = boot::Arch::arm;
    boot.machine.geometry = kernel.geometry;
    boot.sizes = struct_sizes_of(kernel);
    boot.state().lowmem_limit = PhysAddr{0x70000000};
  }
  std::vector<std::uint64_t> mapped() {
    EXPECT_TRUE(allocate_arm_page_tables(boot.state(), kernel, boot.sizes));
    std::vector<std::uint64_t> sizes;
    for (const Taken& taken : boot.taken) sizes.push_back(taken.range.size().raw);
    return sizes;
  }
  KernelProfile kernel = builtin_profile(boot::Arch::arm);
  TestBoot boot;
};

TEST(ArmPageTables, a_board_of_whole_sections_needs_a_handful) {
  Board board{{mib(1024, 2048)}};
  EXPECT_EQ(board.mapped(), (std::vector<std::uint64_t>{8192, 4096, 40, 4096, 4096, 4096}));
  EXPECT_EQ(board.boot.system->memblock().current_limit(), PhysAddr{0x70000000});
}

TEST(ArmPageTables, a_section_that_is_cut_needs_one_more) {
  Board board{{{PhysAddr{0x40000000}, PhysAddr{0x5ff80000}}}};
  EXPECT_EQ(board.mapped().size(), 7u);
  Board both{{{PhysAddr{0x40080000}, PhysAddr{0x40180000}}}};  // one for both ends: they share 2 MiB
  EXPECT_EQ(both.mapped().size(), 7u);
}

TEST(ArmPageTables, areas_in_low_memory_are_mapped_by_pages) {
  Board board{{mib(1024, 1536)}};
  ASSERT_TRUE(board.boot.state().cma.push(board.boot.state().arena, {.name = "a", .range = mib(1520, 1536)}));
  EXPECT_EQ(board.mapped().size(), 6u + 1 + 8);
  Board high{{mib(1024, 2048)}};
  ASSERT_TRUE(high.boot.state().cma.push(high.boot.state().arena, {.name = "a", .range = mib(2032, 2048)}));
  EXPECT_EQ(high.mapped().size(), 6u);
}

TEST(ArmPageTables, without_room_the_kernel_stops) {
  Board board{{mib(1024, 1536)}};
  ASSERT_TRUE(board.boot.system->memblock().reserve(mib(1024, 1536), "test"));
  const auto done = allocate_arm_page_tables(board.boot.state(), board.kernel, board.boot.sizes);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error(), Error::no_memory);
}

TEST(FlatMemmap, what_describes_a_hole_is_given_back) {
  Board board{{mib(1024, 1280), mib(1536, 1792)}};
  boot::State& state = board.boot.state();
  state.zone_limits = {.dma = state.max_pfn, .dma32 = {}, .normal = state.max_pfn, .highmem = {}};
  const auto array = allocate_flat_memmap(state, board.boot.sizes);
  ASSERT_TRUE(array);
  EXPECT_EQ(array.value().size(), Bytes{(std::uint64_t{768} << 8) * 36});
  ASSERT_TRUE(free_unused_memmap(state, board.boot.sizes, array.value()));
  const PhysAddr hole = array.value().begin() + Bytes{(std::uint64_t{256} << 8) * 36};
  EXPECT_TRUE(board.boot.is_free(PhysRange::sized(hole, Bytes{(std::uint64_t{256} << 8) * 36})));
  EXPECT_FALSE(board.boot.is_free({array.value().begin(), hole}));
}

}  // namespace
}  // namespace quarry::lnx
