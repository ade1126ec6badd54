#include "linux/reserved_memory_lines.hpp"

#include <gtest/gtest.h>

namespace quarry::lnx {
namespace {

TEST(ReservedMemoryLines, ALineWithoutANameBelongsToTheNextThatHasOne) {
  const auto nodes = lines_by_node({"Reserved memory: incorrect alignment of CMA region",
                                    "OF: reserved mem: node a@1000 compatible matching fail",
                                    "Reserved memory: created DMA memory pool at 0x40000000, size 1 MiB",
                                    "OF: reserved mem: initialized node b, compatible id shared-dma-pool"});
  ASSERT_EQ(nodes.size(), 2u);
  EXPECT_EQ(nodes[0].node, "a@1000");
  EXPECT_EQ(nodes[0].lines.size(), 2u);
  EXPECT_EQ(nodes[1].node, "b");
  EXPECT_EQ(nodes[1].lines.size(), 2u);
}

TEST(ReservedMemoryLines, AnOverlapIsTwoLinesOfTheWhole) {
  const std::string first = "OF: reserved mem: OVERLAP DETECTED!",
                    second = "a (0x1--0x3) overlaps with b (0x2--0x4)";
  EXPECT_TRUE(is_reserved_memory_line(first, ""));
  EXPECT_TRUE(is_reserved_memory_line(second, first));
  EXPECT_FALSE(is_reserved_memory_line(second, "OF: reserved mem: something else"));
  const auto nodes =
      lines_by_node({first, second, "OF: reserved mem: not enough space for all defined regions."});
  ASSERT_EQ(nodes.size(), 1u);
  EXPECT_EQ(nodes[0].node, "");
  EXPECT_EQ(nodes[0].lines.size(), 3u);
}

TEST(ReservedMemoryLines, LaterKernelsListOfNodesAndOtherLinesAreNotTheirs) {
  EXPECT_FALSE(is_reserved_memory_line("OF: reserved mem: 0x1..0x2 (4 KiB) nomap non-reusable a", ""));
  EXPECT_FALSE(is_reserved_memory_line("cma: Reserved 64 MiB at 0x7ae00000", ""));
  EXPECT_TRUE(is_reserved_memory_line("cma: Not enough slots for CMA reserved regions!", ""));
}

}  // namespace
}  // namespace quarry::lnx
