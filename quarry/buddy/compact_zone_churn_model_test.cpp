// Zones as large as they are in use: how many of a GiB's 512 pageblocks are whole after churn, and what 64 TiB touch.
#include <gtest/gtest.h>
#include <sys/mman.h>

#include <vector>

#include "quarry/buddy/compact_zone_test_machine.hpp"
#include "tests/splitmix64.hpp"

namespace quarry::buddy {
namespace {

constexpr std::uint64_t kGiB = 262144;
constexpr MigrateType kMovable = MigrateType::movable;

class CompactZoneChurn : public ::testing::Test {
 protected:
  struct Held {
    Pfn page;
    unsigned order;
  };
  void SetUp() override {
    ASSERT_TRUE(static_cast<bool>(machine.start({Pfn{0}, Pfn{kGiB}})));
    machine.release({Pfn{0}, Pfn{kGiB}});
  }
  void TearDown() override { EXPECT_FALSE(machine.zone.audit()); }
  bool take(unsigned order) {
    const auto page = machine.take(order, kMovable);
    if (!page) return false;
    held.push_back({page.value(), order});
    used += std::uint64_t{1} << order;
    return true;
  }
  void give(std::size_t index) {
    machine.give(held[index].page, held[index].order);
    used -= std::uint64_t{1} << held[index].order;
    held[index] = held.back();
    held.pop_back();
  }
  ZoneMachine<k4KSparse> machine;
  test::Splitmix64 random;
  std::vector<Held> held;
  std::uint64_t used = 0;
};

TEST_F(CompactZoneChurn, SingleFramesLeaveTheirPageblocks) {
  while (used < kGiB * 9 / 10) ASSERT_TRUE(take(0));
  for (std::size_t i = held.size() - 1; i > 0; --i) std::swap(held[i], held[random.below(i + 1)]);
  for (std::size_t left = (held.size() + 1) / 2; left != 0; --left) give(held.size() - 1);
  for (unsigned round = 0; round < 100; ++round) {
    const std::size_t count = held.size() / 10;
    for (std::size_t i = 0; i < count; ++i) give(random.below(held.size()));
    for (std::size_t i = 0; i < count; ++i) ASSERT_TRUE(take(0));
  }
  EXPECT_GE(machine.whole_pageblocks(), 275u);
}

TEST_F(CompactZoneChurn, MixedOrdersLeaveTheirPageblocks) {
  for (std::uint64_t step = 0; step < 400'000; ++step) {
    const std::uint64_t limit = kGiB * 9 / 10 - kGiB * 4 / 10 * step / 400'000;
    while (used < limit) ASSERT_TRUE(take(count_trailing_zeros(random.next() | 512)));
    give(random.below(held.size()));
  }
  EXPECT_GE(machine.whole_pageblocks(), 200u);
}

TEST_F(CompactZoneChurn, ProcessesLeaveTheirPageblocks) {
  std::vector<std::vector<Pfn>> processes;
  const auto fill = [&](std::uint64_t limit) {
    while (used < limit) {
      std::vector<Pfn> pages;
      for (std::uint64_t left = 64 + random.below(960); left != 0; --left)
        if (const auto page = machine.take(0, kMovable)) pages.push_back(page.value());
      used += pages.size();
      processes.push_back(std::move(pages));
    }
  };
  fill(kGiB * 9 / 10);
  for (std::uint64_t step = 0; step < 20'000; ++step) {
    const std::size_t dead = random.below(processes.size());
    for (const Pfn page : processes[dead]) machine.give(page, 0);
    used -= processes[dead].size();
    std::swap(processes[dead], processes.back());
    processes.pop_back();
    fill(kGiB * 9 / 10 - (step < 15'000 ? 0 : kGiB * 4 / 10 * (step - 15'000) / 5'000));
  }
  EXPECT_GE(machine.whole_pageblocks(), 225u);
}

// 64 TiB in one part, of which a few pages of the tables are ever touched.
TEST(CompactZone, TheLargestZoneCostsNothingBeforeItIsUsed) {
  constexpr std::uint64_t pages = std::uint64_t{1} << 34;
  const PfnRange span{Pfn{0}, Pfn{pages}};
  const std::size_t bytes = CompactZone<k4KSparse>::metadata_for(span);
  EXPECT_LT(bytes, pages / 5);
  void* const memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  ZoneMachine<k4KSparse> machine{{static_cast<std::byte*>(memory), bytes}};
  const ZoneSetup<page::MemoryMap<k4KSparse>> setup{machine.map, span, 0, 0, NodeId{}, machine.source()};
  ASSERT_TRUE(static_cast<bool>(machine.zone.init(setup)));
  page::Descriptor head;
  for (const std::uint64_t page : {std::uint64_t{0}, pages / 2, pages - 1024})
    machine.zone.give(head, Pfn{page}, Order{10}, kMovable, Place::tail, machine.watcher, machine.tally);
  EXPECT_EQ(machine.zone.blocks(Order{10}, kMovable), 3u);
  EXPECT_EQ(machine.zone.first_of(kMovable).value(), Pfn{0});
  machine.zone.pull({Pfn{0}, Order{10}});
  EXPECT_EQ(machine.zone.first_of(kMovable).value(), Pfn{pages / 2});
  machine.zone.pull({Pfn{pages / 2 + 5}, Order{0}});
  EXPECT_EQ(machine.zone.block_of(Pfn{pages - 1}).value(), (FreeBlock{Pfn{pages - 1024}, Order{10}}));
  std::vector<unsigned char> resident((bytes + 4095) / 4096);
  ASSERT_EQ(mincore(memory, bytes, resident.data()), 0);
  std::size_t touched = 0;
  for (const unsigned char page : resident) touched += page & 1u;
  EXPECT_LT(touched, 100u);
  munmap(memory, bytes);
}

}  // namespace
}  // namespace quarry::buddy
