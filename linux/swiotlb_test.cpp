#include "linux/swiotlb.hpp"

#include <gtest/gtest.h>

#include "linux/test_boot.hpp"

namespace quarry::lnx {
namespace {

TEST(Swiotlb, memory_above_four_gigabytes_wants_a_buffer_below) {
  TestBoot low{{mib(1, 4096)}};
  EXPECT_FALSE(bounce_buffer_of(low.state()));
  TestBoot high{{mib(1, 3072), mib(4096, 4097)}};
  ASSERT_TRUE(bounce_buffer_of(high.state()));
  EXPECT_EQ(bounce_buffer_of(high.state())->size(), Bytes{64u << 20});
  // What may be plugged later counts as well.
  low.state().max_possible_pfn = Pfn{(1u << 20) + 1};
  EXPECT_TRUE(bounce_buffer_of(low.state()));
}

TEST(Swiotlb, each_processor_has_an_area_if_there_are_slots_enough) {
  TestBoot pc{{mib(1, 8192)}};
  pc.machine.cpus = 3;
  EXPECT_EQ(bounce_buffer_of(pc.state())->areas, 4u);
  pc.machine.cpus = 1000;
  EXPECT_EQ(bounce_buffer_of(pc.state())->areas, 256u);
}

TEST(Swiotlb, the_command_line_decides) {
  const auto buffer = [](const char* line, std::uint64_t end) {
    TestBoot pc{{mib(1, end)}, line};
    return bounce_buffer_of(pc.state());
  };
  EXPECT_TRUE(buffer("swiotlb=force", 1024));
  EXPECT_FALSE(buffer("swiotlb=noforce", 8192));
  EXPECT_FALSE(buffer("iommu=off", 8192));
  EXPECT_EQ(buffer("swiotlb=1000", 8192)->slots, 1024u);
  EXPECT_EQ(buffer("swiotlb=65536,8,force", 1024)->areas, 8u);
}

TEST(Swiotlb, without_low_memory_the_kernel_goes_on) {
  TestBoot pc{{mib(4096, 8192)}};
  ASSERT_TRUE(allocate_swiotlb(pc.state(), pc.sizes));
  EXPECT_TRUE(pc.taken.empty());
  EXPECT_EQ(pc.state().notes.size(), 1u);
  TestBoot enough{{mib(1, 1024), mib(4096, 8192)}};
  ASSERT_TRUE(allocate_swiotlb(enough.state(), enough.sizes));
  ASSERT_EQ(enough.taken.size(), 3u);
  EXPECT_EQ(enough.taken[0].range, mib(960, 1024));
  EXPECT_EQ(enough.taken[0].owner, "swiotlb");
}

TEST(Swiotlb, with_little_low_memory_the_buffer_is_halved_until_it_fits) {
  TestBoot pc{{mib(1, 32), mib(4096, 8192)}};
  ASSERT_TRUE(allocate_swiotlb(pc.state(), pc.sizes));
  ASSERT_EQ(pc.taken.size(), 3u);
  EXPECT_EQ(pc.taken[0].range, mib(16, 32));
}

}  // namespace
}  // namespace quarry::lnx
