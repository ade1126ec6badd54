// The simulated machines of host/: memory appears where it is touched, and nowhere else.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "host/linear_host.hpp"
#include "host/paged_host.hpp"
#include "host/virtual_arena.hpp"

namespace quarry::hosted {
namespace {

constexpr PageSize kPage{12};
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

PhysRange range_of(std::uint64_t begin, std::uint64_t end) { return {PhysAddr{begin}, PhysAddr{end}}; }
PfnRange pages(std::uint64_t first, std::uint64_t count) { return {Pfn{first}, Pfn{first + count}}; }

std::size_t resident_bytes() {
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  unsigned long all = 0, resident = 0;
  const int found = std::fscanf(file, "%lu %lu", &all, &resident);
  std::fclose(file);
  return found == 2 ? resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) : 0;
}

TEST(PagedHost, gives_zeroed_memory_that_stays_where_it_is) {
  PagedRam ram{std::vector{range_of(kGiB, 2 * kGiB)}, kPage};
  PagedHost host{ram};
  std::byte* const first = host.map(pages(kGiB >> 12, 1));
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(first[0], std::byte{0});
  first[17] = std::byte{42};
  PagedHost copy = host;
  EXPECT_EQ(copy.map(pages(kGiB >> 12, 4))[17], std::byte{42});
  EXPECT_EQ(copy.map(pages((kGiB >> 12) + 1, 1)), first + 4096);
}

TEST(PagedHost, maps_nothing_outside_ram_and_no_range_that_leaves_it) {
  PagedRam ram{std::vector{range_of(kGiB, 2 * kGiB), range_of(3 * kGiB, 4 * kGiB)}, kPage};
  EXPECT_EQ(ram.map(pages(0, 1)), nullptr);
  EXPECT_EQ(ram.map(pages((kGiB >> 12) - 1, 2)), nullptr);
  EXPECT_EQ(ram.map(pages((2 * kGiB >> 12) - 1, 2)), nullptr);
  EXPECT_EQ(ram.map(pages(2 * kGiB >> 12, (kGiB >> 12) + 1)), nullptr);
  EXPECT_EQ(ram.map(PfnRange{}), nullptr);
  EXPECT_EQ(ram.map({Pfn{1}, Pfn{UINT64_MAX}}), nullptr);
  EXPECT_EQ(ram.reserved_windows(), 0u);
  EXPECT_NE(ram.map(pages((2 * kGiB >> 12) - 1, 1)), nullptr);
}

TEST(PagedHost, windows_that_are_reserved_beforehand_have_no_border_between_them) {
  constexpr Bytes window{1u << 20};
  const std::vector ram{range_of(0, 3 << 20), range_of(5 << 20, 6 << 20)};
  PagedRam apart{ram, kPage, window}, together{ram, kPage, window};
  together.reserve(ram);
  EXPECT_EQ(together.reserved_windows(), 4u) << "and none for the hole";
  for (PagedRam* const machine : {&apart, &together}) ASSERT_NE(machine->map(pages(0x0ff, 1)), nullptr);
  EXPECT_EQ(apart.map(pages(0x0ff, 2)), nullptr);
  std::byte* const first = together.map(pages(0x0ff, 2));
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(together.map(pages(0x100, 1)), first + 4096);
  together.reserve(ram);
  EXPECT_EQ(together.map(pages(0x100, 1)), first + 4096) << "what was handed out stays";
}

TEST(PagedHost, zeroed_memory_reads_as_zero_and_its_neighbours_stay) {
  PagedRam ram{std::vector{range_of(0, 64 << 20)}, kPage};
  constexpr std::uint64_t begin = 0x1234, end = (16 << 20) + 0x77;
  std::byte* const memory = ram.map(pages(0, (64 << 20) >> 12));
  ASSERT_NE(memory, nullptr);
  std::fill_n(memory, 32 << 20, std::byte{0xff});
  const std::size_t before = resident_bytes();
  ASSERT_TRUE(ram.zero(range_of(begin, end)));
  EXPECT_LT(resident_bytes() + (8 << 20), before) << "whole pages went back to the host";
  EXPECT_TRUE(std::all_of(memory + begin, memory + end, [](std::byte b) { return b == std::byte{0}; }));
  EXPECT_EQ(memory[begin - 1], std::byte{0xff});
  EXPECT_EQ(memory[end], std::byte{0xff});
  ASSERT_TRUE(ram.zero(range_of(end + 1, end + 9))) << "less than a page";
  EXPECT_EQ(memory[end + 8], std::byte{0});
  EXPECT_EQ(memory[end + 9], std::byte{0xff});
  EXPECT_TRUE(ram.zero(range_of(5, 5)));
  EXPECT_FALSE(ram.zero(range_of(0, 65 << 20))) << "not all of it is RAM";
  EXPECT_EQ(memory[0], std::byte{0xff});
}

TEST(PagedHost, half_a_page_of_ram_is_not_a_page) {
  PagedRam ram{std::vector{range_of(0x1000, 0x2800)}, kPage};
  EXPECT_NE(ram.map(pages(1, 1)), nullptr);
  EXPECT_EQ(ram.map(pages(2, 1)), nullptr);
}

TEST(PagedHost, a_range_over_two_windows_needs_them_reserved_together) {
  const Bytes window{1u << 20};
  const std::uint64_t border = 256;  // pages in a window
  PagedRam apart{std::vector{range_of(0, 8u << 20)}, kPage, window};
  EXPECT_NE(apart.map(pages(border - 1, 1)), nullptr);
  EXPECT_NE(apart.map(pages(border, 1)), nullptr);
  EXPECT_EQ(apart.map(pages(border - 1, 2)), nullptr);

  PagedRam together{std::vector{range_of(0, 8u << 20)}, kPage, window};
  std::byte* const both = together.map(pages(border - 1, 2));
  ASSERT_NE(both, nullptr);
  EXPECT_EQ(together.map(pages(border, 1)), both + 4096);
  EXPECT_EQ(together.reserved_windows(), 2u);
}

TEST(PagedHost, ranges_that_touch_are_one_ram) {
  PagedRam ram{std::vector{range_of(kGiB, 2 * kGiB), range_of(0, kGiB)}, kPage};
  EXPECT_NE(ram.map(pages((kGiB >> 12) - 1, 2)), nullptr);
}

TEST(PagedHost, sixty_four_tebibytes_and_far_ram_cost_what_is_touched) {
  constexpr std::uint64_t tib = std::uint64_t{1} << 40;
  PagedRam ram{
      std::vector{range_of(0, 64 * tib), range_of(std::uint64_t{1} << 49, (std::uint64_t{1} << 49) + tib)},
      kPage};
  const std::size_t before = resident_bytes();
  for (std::uint64_t at = 0; at < 64 * tib; at += tib) {
    std::byte* const page = ram.map(pages(at >> 12, 1));
    if (ram.window() < PagedRam::kWindow && page == nullptr) continue;  // a host with little address space
    ASSERT_NE(page, nullptr) << at;
    page[0] = std::byte{1};
  }
  std::byte* const far = ram.map(pages(std::uint64_t{1} << 37, 1));
  ASSERT_NE(far, nullptr);
  far[4095] = std::byte{1};
  EXPECT_EQ(ram.map(pages((std::uint64_t{1} << 37) - 1, 1)), nullptr);
#if !defined(__SANITIZE_ADDRESS__)
  EXPECT_LT(resident_bytes() - before, 8u << 20);
#else
  (void)before;
#endif
}

TEST(LinearHost, maps_its_run_and_nothing_else) {
  LinearRam ram{range_of(0x100800, 0x104000), kPage};
  ASSERT_TRUE(ram.is_usable());
  LinearHost host{ram};
  std::byte* const first = host.map(pages(0x101, 3));
  ASSERT_NE(first, nullptr);
  first[3 * 4096 - 1] = std::byte{1};
  EXPECT_EQ(host.map(pages(0x102, 1)), first + 4096);
  EXPECT_EQ(host.map(pages(0x100, 1)), nullptr);
  EXPECT_EQ(host.map(pages(0x103, 2)), nullptr);
  EXPECT_EQ(host.map(PfnRange{}), nullptr);
}

TEST(VirtualArena, is_large_zero_and_not_resident) {
  const std::size_t before = resident_bytes();
  VirtualArena memory;
  ASSERT_GE(memory.span().size(), std::size_t{1} << 30);
  EXPECT_EQ(memory.span().back(), std::byte{0});
  const auto table = memory.arena().take<std::uint64_t>(1000);
  ASSERT_TRUE(table);
  EXPECT_EQ(table.value()[999], 0u);
  EXPECT_LT(resident_bytes() - before, 4u << 20);
}

TEST(VirtualArena, becomes_smaller_when_the_host_refuses) {
  VirtualArena memory{std::size_t{1} << 62};
  EXPECT_GE(memory.span().size(), std::size_t{1} << 20);
  EXPECT_LT(memory.span().size(), std::size_t{1} << 62);
}

}  // namespace
}  // namespace quarry::hosted
