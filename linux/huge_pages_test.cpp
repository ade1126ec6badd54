#include "linux/huge_pages.hpp"

#include <gtest/gtest.h>

namespace quarry::lnx {
namespace {

TEST(HugePages, FilesOfTheWholeMachineAndOfANodeAreRead) {
  const auto pools = read_huge_pages(
      "per-node.txt: node1/hugepages/hugepages-32768kB 3\n"
      "hugepages-64kB/free_hugepages: 9\n"
      "hugepages-64kB/nr_hugepages: 10\n"
      "hugepages-2048kB\n"
      "something else\n");
  ASSERT_EQ(pools.size(), 2u);
  EXPECT_EQ(pools[0].size, Bytes{32u << 20});
  EXPECT_EQ(pools[0].node, 1u);
  EXPECT_EQ(pools[0].pages, 3u);
  EXPECT_EQ(pools[1].size, Bytes{64u << 10});
  EXPECT_FALSE(pools[1].node.has_value());
  EXPECT_EQ(pools[1].pages, 10u);
}

}  // namespace
}  // namespace quarry::lnx
