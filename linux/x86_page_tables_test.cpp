#include "linux/x86_page_tables.hpp"

#include <gtest/gtest.h>

#include "linux/test_boot.hpp"

namespace quarry::lnx {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;

struct Mapping {
  explicit Mapping(std::vector<PhysRange> memory, std::string line = "nokaslr")
      : boot{std::move(memory), std::move(line)} {
    boot.machine.has_gigabyte_pages = false;
    boot.machine.kernel.whole = mib(16, 56);
    boot.machine.kernel.brk = PhysRange::sized(PhysAddr{56 * kMiB}, Bytes{0x10000});
    boot.machine.kernel.brk_space = PhysRange::sized(PhysAddr{56 * kMiB}, Bytes{0x30000});
  }
  Result<Done> map() {
    return X86PageTables{boot.state(), boot.sizes, builtin_profile(boot::Arch::x86_64)}.map_everything();
  }
  std::size_t tables() const { return boot.taken.empty() ? 0 : boot.taken.size() - 1; }  // without the probe
  TestBoot boot;
};

TEST(X86PageTables, a_small_machine_needs_no_table_beside_those_of_the_brk) {
  Mapping pc{{mib(1, 1024)}};
  ASSERT_TRUE(pc.map());
  EXPECT_EQ(pc.tables(), 0u);
  EXPECT_TRUE(pc.boot.is_free(mib(1, 1024)));  // the probe was given back
}

TEST(X86PageTables, memory_around_the_brk_takes_its_tables_from_what_is_mapped_already) {
  Mapping pc{{mib(1, 3072), mib(4096, 5120)}};
  ASSERT_TRUE(pc.map());
  // Below 4 GiB two more tables of 2 MiB entries; the last 512 MiB hold them, being mapped by then.
  ASSERT_EQ(pc.tables(), 2u);
  EXPECT_EQ(pc.boot.taken[1].range, (PhysRange{PhysAddr{5120 * kMiB - 4096}, PhysAddr{5120 * kMiB}}));
  EXPECT_EQ(pc.boot.taken[1].owner, "page tables");
}

TEST(X86PageTables, entries_of_a_gigabyte_save_tables) {
  Mapping pc{{mib(1, 3072), mib(4096, 65536)}};
  ASSERT_TRUE(pc.map());
  const std::size_t by_two_megabytes = pc.tables();
  Mapping large{{mib(1, 3072), mib(4096, 65536)}};
  large.boot.machine.has_gigabyte_pages = true;
  ASSERT_TRUE(large.map());
  EXPECT_GT(by_two_megabytes, large.tables() + 40);
  Mapping forbidden{{mib(1, 3072), mib(4096, 65536)}, "nokaslr nogbpages"};
  forbidden.boot.machine.has_gigabyte_pages = true;
  ASSERT_TRUE(forbidden.map());
  EXPECT_EQ(forbidden.tables(), by_two_megabytes);
}

TEST(X86PageTables, upwards_tables_lie_behind_the_kernel) {
  Mapping pc{{mib(1, 8192)}};
  pc.boot.system->memblock().set_direction(early::Direction::bottom_up);
  ASSERT_TRUE(pc.map());
  EXPECT_TRUE(pc.boot.taken.empty());  // all from the brk: the kernel's own tables reach far enough
}

TEST(X86PageTables, without_any_mapped_memory_the_kernel_stops) {
  Mapping pc{{mib(1, 1024)}};
  pc.boot.machine.kernel = {};  // and so no brk
  ASSERT_TRUE(pc.boot.system->memblock().reserve(mib(0, 1024), "test"));
  const auto done = pc.map();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error(), Error::no_memory);
  EXPECT_FALSE(pc.boot.state().failure.what.empty());
}

}  // namespace
}  // namespace quarry::lnx
