#include "linux/system_hashes.hpp"

#include <gtest/gtest.h>

#include "linux/test_boot.hpp"

namespace quarry::lnx {
namespace {

constexpr std::uint64_t kGiB = 1u << 30;

constexpr PageSize k4K{12};

zones::CountedPages of_memory(std::uint64_t bytes) {
  return {.all = PageCount{bytes >> 12}, .kernel = PageCount{bytes >> 12}};
}

TEST(SystemHashes, there_is_an_entry_for_each_so_many_bytes) {
  const SystemHash dentries{.bucket = Bytes{8}, .scale = 13};
  EXPECT_EQ(entries_of(dentries, of_memory(kGiB), k4K), 131072u);
  EXPECT_EQ(entries_of(dentries, of_memory(kGiB - 1), k4K), 131072u);  // a megabyte is rounded up,
  EXPECT_EQ(entries_of(dentries, of_memory(kGiB + (1u << 20)), k4K),
            262144u);                                               // and entries to a power of two
  EXPECT_EQ(entries_of(dentries, of_memory(1u << 16), k4K), 512u);  // never less than a page of them
}

TEST(SystemHashes, tables_grow_more_slowly_on_large_machines) {
  const SystemHash dentries{.bucket = Bytes{8}, .scale = 13};
  EXPECT_EQ(entries_of(dentries, of_memory(64 * kGiB), k4K), std::uint64_t{64} * 131072);
  EXPECT_EQ(entries_of(dentries, of_memory(256 * kGiB), k4K), std::uint64_t{128} * 131072);
  EXPECT_EQ(entries_of(dentries, of_memory(1024 * kGiB), k4K), std::uint64_t{256} * 131072);
}

TEST(SystemHashes, bounds_and_options_win) {
  EXPECT_EQ(entries_of({.bucket = Bytes{8}, .scale = 13, .entries = 1000}, of_memory(kGiB), k4K), 1024u);
  EXPECT_EQ(entries_of({.bucket = Bytes{8}, .scale = 13, .entries = UINT64_MAX / 2}, of_memory(kGiB), k4K),
            kGiB / 16 / 8);
  const SystemHash bounded{.bucket = Bytes{8}, .scale = 14, .entries = 0, .least = 4096, .most = 8192};
  EXPECT_EQ(entries_of(bounded, of_memory(1u << 20), k4K), 4096u);
  EXPECT_EQ(entries_of(bounded, of_memory(kGiB), k4K), 8192u);
}

std::vector<std::uint64_t> tables_of(TestBoot& boot) {
  EXPECT_TRUE(allocate_early_hashes(boot.state(), boot.sizes, PageCount{0}));
  std::vector<std::uint64_t> sizes;
  for (const Taken& taken : boot.taken) sizes.push_back(taken.range.size().raw);
  return sizes;
}

TEST(SystemHashes, one_node_has_its_tables_early) {
  TestBoot pc{{mib(1, 1024)}};
  EXPECT_EQ(tables_of(pc), (std::vector<std::uint64_t>{1u << 20, 1u << 19}));
  EXPECT_EQ(pc.taken.front().owner, "dentry hash table");
  TestBoot spread{{mib(1, 1024)}, "hashdist=1"};
  EXPECT_TRUE(tables_of(spread).empty());
}

TEST(SystemHashes, a_table_that_does_not_fit_is_made_smaller) {
  TestBoot pc{{mib(1, 1024)}, "dhash_entries=4M"};  // 32 MiB
  ASSERT_TRUE(pc.system->memblock().reserve(mib(1, 1004), "test"));
  EXPECT_EQ(tables_of(pc), (std::vector<std::uint64_t>{16u << 20, 1u << 19}));
}

TEST(SystemHashes, without_room_for_a_page_of_entries_the_kernel_stops) {
  TestBoot pc{{mib(1, 1024)}};
  ASSERT_TRUE(pc.system->memblock().reserve(mib(0, 1024), "test"));
  const auto done = allocate_early_hashes(pc.state(), pc.sizes, PageCount{0});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error(), Error::no_memory);
}

TEST(SystemHashes, stacks_are_kept_where_users_of_objects_are) {
  const auto tables = [](const char* line) {
    TestBoot boot{{mib(1, 1024)}, line};
    EXPECT_TRUE(allocate_stack_depot(boot.state(), boot.sizes, PageCount{0}));
    return boot.taken.size();
  };
  for (const char* line : {"slub_debug", "slub_debug=U", "slub_debug=FZPU", "slub_debug=,kmalloc-64"})
    EXPECT_EQ(tables(line), 1u) << line;
  for (const char* line : {"", "slub_debug=FZP", "slub_debug=-", "slub_debug=F,User"})
    EXPECT_EQ(tables(line), 0u) << line;
}

TEST(SystemHashes, what_is_taken_below_16_mib_is_no_memory_of_dma) {
  TestBoot pc{{mib(1, 1024)}};
  EXPECT_EQ(dma_reserve(pc.state()), PageCount{0});
  ASSERT_TRUE(pc.system->memblock().reserve(mib(8, 40), "test"));
  EXPECT_EQ(dma_reserve(pc.state()), PageCount{8 << 8});
}

}  // namespace
}  // namespace quarry::lnx
