#include "quarry/view/slabtop.hpp"

#include "quarry/view/slab_memory.hpp"
#include "tests/page_sink.hpp"
#include "tests/test.hpp"

namespace quarry::view {
namespace {

constexpr PageSize k4K{12};
constexpr slab::CacheStats kSmall{.name = "kmalloc-32",
                                  .size = 32,
                                  .objects_per_slab = 128,
                                  .pages_per_slab = PageCount{1},
                                  .pages = PageCount{4},
                                  .active_objects = 80,
                                  .total_objects = 512,
                                  .active_slabs = 3,
                                  .total_slabs = 4,
                                  .at_hand = 7};
constexpr slab::CacheStats kLarge{.name = "kmalloc-8k",
                                  .size = 8192,
                                  .objects_per_slab = 4,
                                  .pages_per_slab = PageCount{8},
                                  .pages = PageCount{10},
                                  .active_objects = 5,
                                  .total_objects = 5,
                                  .active_slabs = 2,
                                  .total_slabs = 2};
constexpr slab::CacheStats kEmpty{.name = "none", .size = 96, .objects_per_slab = 42};

}  // namespace

TEST(slabtop_reads_as_the_tool_prints_it) {
  test::Page page;
  auto out = page.sink();
  print_slabtop_heading(out);
  for (const auto& cache : {kSmall, kLarge, kEmpty}) {
    out.put('\n');
    print_slabtop_line(out, cache, k4K);
  }
  expect(page.view() == TextView{"  OBJS ACTIVE  USE OBJ SIZE  SLABS OBJ/SLAB CACHE SIZE NAME\n"
                                 "   512     87  16%    0.03K      4      128        16K kmalloc-32\n"
                                 "     5      5 100%    8.00K      2        4        40K kmalloc-8k\n"
                                 "     0      0   0%    0.09K      0       42         0K none"});
}

TEST(slab_totals_are_sums_of_caches) {
  SlabTotals totals;
  test::Page page;
  auto out = page.sink();
  for (const auto& cache : {kSmall, kLarge, kEmpty}) totals.add(cache);
  print_slab_totals(out, totals);
  expect(page.view() == TextView{" Active / Total Objects (% used)    : 92 / 517 (17.7%)\n"
                                 " Active / Total Slabs (% used)      : 5 / 6 (83.3%)\n"
                                 " Active / Total Caches (% used)     : 2 / 3 (66.6%)\n"
                                 " Active / Total Size (% used)       : 42.72K / 56.00K (76.2%)\n"
                                 " Minimum / Average / Maximum Object : 0.03K / 0.11K / 8.00K\n"
                                 " At hand of CPUs, among the active  : 7\n"});
}

// A machine without a cache divides nothing by nothing.
TEST(slab_totals_of_nothing_are_zero) {
  test::Page page;
  auto out = page.sink();
  print_slab_totals(out, {});
  expect(page.view().starts_with(" Active / Total Objects (% used)    : 0 / 0 (0.0%)\n"));
}

TEST(slab_memory_reads_as_meminfo_prints_it) {
  test::Page page;
  auto out = page.sink();
  print_slab_memory(out, {PageCount{3}, PageCount{40}}, k4K);
  expect(page.view() == TextView{"Slab:                172 kB\nSReclaimable:         12 kB\n"
                                 "SUnreclaim:          160 kB\n"});
}

}  // namespace quarry::view
