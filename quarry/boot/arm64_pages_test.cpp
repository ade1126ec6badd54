// The flow of arm64 with pages of 16 and 64 KiB, and linear maps of other sizes.
#include "quarry/base/geometries.hpp"
#include "quarry/boot/arm64_steps.hpp"
#include "quarry/boot/device_tree_test_machine.hpp"
#include "tests/fdt_builder.hpp"
#include "tests/test.hpp"

namespace quarry::boot {

TEST(banks_lose_what_is_no_whole_page_of_their_size) {
  const struct {
    Geometry geometry;
    std::uint64_t page;
  } sizes[] = {{k4KSparse, 4u << 10}, {k16KSparse, 16u << 10}, {k64KSparse, 64u << 10}};
  for (const auto& [geometry, page] : sizes) {
    auto tree = tree_with_bank<FdtBuilder>(kG + 0x1000, kG - 0x2000);
    TestBoard board{Arch::arm64, tree};
    board.machine.geometry = geometry;
    expect(board.boots());
    const PhysAddr begin{(kG + 0x1000 + page - 1) & ~(page - 1)}, end{(2 * kG - 0x1000) & ~(page - 1)};
    expect_equal(board.memblock->start_of_dram(), begin);
    expect_equal(board.memblock->end_of_dram(), end);
    expect_equal(board.state->max_pfn, geometry.page_size().pfn_down(end));
  }
}

TEST(contiguous_areas_are_as_coarse_as_pageblocks) {
  const struct {
    Geometry geometry;
    std::uint64_t block;
  } sizes[] = {{k4KSparse, 2 * kM}, {k16KSparse, 32 * kM}, {k64KSparse, 512 * kM}};
  for (const auto& [geometry, block] : sizes) {
    auto tree = tree_with_bank<FdtBuilder>(kG, 4 * kG);
    TestBoard board{Arch::arm64, tree};
    board.machine.geometry = geometry;
    board.machine.command_line = "cma=20M";
    expect(board.boots() && board.state->cma.size() == 1);
    const PhysRange area = board.state->cma.begin()->range;
    expect_equal(area.size(), Bytes{(20 * kM + block - 1) & ~(block - 1)});
    expect_equal(area.begin().raw & (block - 1), std::uint64_t{0});
  }
}

TEST(a_pool_that_is_aligned_for_small_pages_is_none_for_large_ones) {
  for (const Geometry& geometry : {k4KSparse, k64KSparse}) {
    auto tree = tree_with_bank<FdtBuilder>(kG, kG);
    open_reserved(tree).begin("pool").numbers("reg", 0x5000'0000, 8 * kM);
    tree.text("compatible", "shared-dma-pool").flag("reusable").end().end();
    TestBoard board{Arch::arm64, tree};
    board.machine.geometry = geometry;
    expect(board.boots());
    const bool is_small = geometry == k4KSparse;
    expect(board.says(ReservedMemoryEvent::Kind::area_made, "pool") == is_small);
    expect(board.says(ReservedMemoryEvent::Kind::area_unaligned, "pool") != is_small);
  }
}

TEST(mem_is_cut_to_whole_pages) {
  auto tree = tree_with_bank<FdtBuilder>(kG, kG);
  TestBoard board{Arch::arm64, tree};
  board.machine.geometry = k64KSparse;
  board.machine.command_line = "mem=262150K";
  expect(board.boots());
  expect_equal(board.state->memory_limit, Bytes{256 * kM});
}

TEST(a_linear_map_of_39_bits_reaches_256_gib_and_one_of_52_all) {
  const auto end = [](unsigned bits) {
    auto tree = tree_with_bank<FdtBuilder>(kG, 300 * kG);
    TestBoard board{Arch::arm64, tree};
    board.machine.limits.va_bits = bits;
    expect(board.boots());
    return board.memblock->end_of_dram();
  };
  expect_equal(end(39), PhysAddr{257 * kG});
  expect_equal(end(48), PhysAddr{301 * kG});
  expect_equal(end(52), PhysAddr{301 * kG});
}

TEST(devices_behind_acpi_bound_the_dma_zone) {
  auto tree = tree_with_bank<FdtBuilder>(0, 0);
  TestBoard board{Arch::arm64, tree};
  const firmware::MapEntry map[] = {{PhysAddr{kG}, Bytes{2 * kG}, firmware::MapType::usable}};
  board.machine.tree = {};
  board.machine.map = map;
  board.machine.acpi_dma_limit = PhysAddr{0x7fff'ffff};
  expect(board.boots());
  expect_equal(board.state->dma_limit, PhysAddr{0x8000'0000});
  expect_equal(board.state->zone_limits.dma, Pfn{0x80000});
}

}  // namespace quarry::boot
