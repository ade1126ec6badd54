#include "linux/percpu_first_chunk.hpp"

#include <gtest/gtest.h>

#include "linux/test_boot.hpp"

namespace quarry::lnx {
namespace {

constexpr Bytes kPages{4096}, kLarge{2u << 20};

std::vector<PercpuGroup> groups_of(std::initializer_list<unsigned> sizes) {
  std::vector<PercpuGroup> groups;
  unsigned cpu = 0;
  for (const unsigned size : sizes) {
    groups.push_back({.node = NodeId{static_cast<std::uint16_t>(groups.size())}, .processors = {}});
    for (unsigned i = 0; i < size; ++i) groups.back().processors.push_back(cpu++);
  }
  return groups;
}

// "percpu: Embedded 61 pages/cpu s212992 r8192 d28672 u..." of the recorded boots.
TEST(PercpuFirstChunk, units_are_as_large_as_the_group_allows) {
  const StructSizes sizes;
  const auto unit = [&](std::initializer_list<unsigned> processors) {
    return lay_out_percpu(sizes, sizes.percpu_dynamic, kLarge, groups_of(processors)).unit.raw;
  };
  EXPECT_EQ(unit({1}), 2097152u);
  EXPECT_EQ(unit({2}), 1048576u);
  EXPECT_EQ(unit({3}), 524288u);
  EXPECT_EQ(unit({4}), 524288u);
  EXPECT_EQ(unit({8}), 262144u);
  EXPECT_EQ(unit({4, 4}), 524288u);
  EXPECT_EQ(unit({1, 1, 1, 1}), 2097152u);
}

TEST(PercpuFirstChunk, dynamic_room_fills_the_last_page) {
  StructSizes sizes;
  sizes.percpu_static = Bytes{212000};
  const auto layout = lay_out_percpu(sizes, sizes.percpu_dynamic, kPages, groups_of({1}));
  EXPECT_EQ(layout.area().raw % 4096, 0u);
  EXPECT_EQ(layout.dynamic.raw, 28672u + 992u);
  EXPECT_EQ(layout.unit, layout.area());
}

TEST(PercpuFirstChunk, what_is_beside_the_areas_is_given_back) {
  TestBoot boot{{mib(1, 1024)}};
  boot.machine.cpus = 3;
  ASSERT_TRUE(allocate_percpu(boot.state(), boot.sizes));
  PhysRange block;
  for (const Taken& taken : boot.taken)
    if (taken.owner == "per-CPU areas") block = taken.range;
  ASSERT_EQ(block.size(), kLarge);
  const Bytes unit{kLarge.raw / 4}, area{249856};
  EXPECT_FALSE(boot.is_free(PhysRange::sized(block.begin() + Bytes{2 * unit.raw}, area)));
  EXPECT_TRUE(boot.is_free(PhysRange::sized(block.begin() + Bytes{2 * unit.raw + area.raw}, Bytes{4096})));
  EXPECT_TRUE(boot.is_free(PhysRange::sized(block.begin() + Bytes{3 * unit.raw}, unit)));  // of no processor
}

TEST(PercpuFirstChunk, areas_by_pages_leave_no_page_unused) {
  TestBoot boot{{mib(1, 1024)}, "percpu_alloc=page"};
  boot.machine.cpus = 2;
  ASSERT_TRUE(allocate_percpu(boot.state(), boot.sizes));
  std::size_t pages = 0;
  for (const Taken& taken : boot.taken) pages += taken.owner == "per-CPU areas";
  EXPECT_EQ(pages, 2u * 57);
}

TEST(PercpuFirstChunk, without_room_the_kernel_stops) {
  TestBoot boot{{mib(1, 2)}};
  const auto done = allocate_percpu(boot.state(), boot.sizes);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error(), Error::no_memory);
  EXPECT_EQ(boot.state().failure.needed, kLarge);
}

}  // namespace
}  // namespace quarry::lnx
