#include "linux/arm64_page_tables.hpp"

#include <gtest/gtest.h>

#include "linux/test_boot.hpp"

namespace quarry::lnx {
namespace {

// A cloud kernel 2 MiB into memory that begins at 1 GiB.
struct Mapping {
  explicit Mapping(std::vector<PhysRange> memory, std::string line = "rodata=on")
      : boot{std::move(memory), std::move(line)} {
    const PhysAddr base{(1026u << 20)};
    boot.machine.arch = boot::Arch::arm64;
    boot.machine.kernel = image_at(kernel, base);
  }
  std::size_t tables() {
    EXPECT_TRUE((Arm64PageTables{boot.state(), kernel}.map_everything()));
    return boot.taken.size();
  }
  KernelProfile kernel = builtin_profile(boot::Arch::arm64);
  TestBoot boot;
};

TEST(Arm64PageTables, blocks_need_tables_only_where_parts_of_the_image_end) {
  Mapping small{{mib(1024, 2048)}};
  EXPECT_EQ(small.tables(), 16u);
  Mapping large{{mib(1024, std::uint64_t{17} * 1024)}};  // gigabytes are blocks too
  EXPECT_EQ(large.tables(), 16u);
  EXPECT_EQ(large.boot.taken[0].owner, "page tables");
  EXPECT_EQ(large.boot.taken[0].range.end(), PhysAddr{std::uint64_t{17} << 30});
}

TEST(Arm64PageTables, rights_of_each_page_need_a_table_for_each_two_megabytes) {
  Mapping full{{mib(1024, 1536)}, ""};
  EXPECT_EQ(full.tables(), 256u + 6);
  Mapping said{{mib(1024, 1536)}, "rodata=full"};
  EXPECT_EQ(said.tables(), 256u + 6);
  Mapping crash{{mib(1024, 1536)}, "rodata=on crashkernel=64M"};
  EXPECT_EQ(crash.tables(), 256u + 6);
}

TEST(Arm64PageTables, an_end_that_is_no_block_needs_a_table) {
  Mapping odd{{{PhysAddr{1u << 30}, PhysAddr{(2u << 30) - 0x1000}}}};
  EXPECT_EQ(odd.tables(), 17u);
}

// An Image that is not of a release we know tells where it begins and ends, and nothing of its sections.
TEST(Arm64PageTables, an_image_without_sections_is_mapped_as_one) {
  for (const std::uint64_t head : {0u, 0x10000u}) {
    Mapping plain{{mib(1024, 2048)}};
    const Symbols whole = plain.kernel.symbols;
    plain.kernel.symbols = {.text = whole.text, .stext = head == 0 ? 0 : whole.text + head, .end = whole.end};
    plain.boot.machine.kernel = image_at(plain.kernel, PhysAddr{(1026u << 20)});
    const std::size_t tables = plain.tables();
    EXPECT_GE(tables, 8u);
    EXPECT_LE(tables, 16u);  // those borders between sections need tables that one piece does not
  }
}

TEST(Arm64PageTables, without_room_the_kernel_stops) {
  Mapping none{{mib(1024, 2048)}};
  ASSERT_TRUE(none.boot.system->memblock().reserve(mib(0, 2048), "test"));
  const auto done = Arm64PageTables{none.boot.state(), none.kernel}.map_everything();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error(), Error::no_memory);
}

}  // namespace
}  // namespace quarry::lnx
