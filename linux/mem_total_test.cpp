#include "linux/mem_total.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace quarry::lnx {
namespace {

using boot::Arch;

constexpr std::uint64_t kMiB = 1024;  // in KiB
constexpr StandInBoot kBoot{.ram = 8192 * kMiB,
                            .mem_total = 8000 * kMiB,
                            .nodes = 1,
                            .bounce_buffers = 64 * kMiB,
                            .late_hashes = 12 * kMiB,
                            .percpu_areas = 992};

MachineDescription machine_of(Arch arch, std::string stands_for) {
  MachineDescription machine;
  machine.kernel = builtin_profile(arch, stands_for);
  machine.kernel.stands_for = std::move(stands_for);
  machine.cpus = 4;
  return machine;
}

const MemTotalReason* reason(const std::optional<MemTotalRange>& range, std::string_view begin) {
  if (!range) return nullptr;
  const auto found = std::find_if(range->reasons.begin(), range->reasons.end(),
                                  [&](const MemTotalReason& one) { return one.what.starts_with(begin); });
  return found == range->reasons.end() ? nullptr : &*found;
}

TEST(MemTotalRange, a_kernel_that_is_known_needs_none) {
  MachineDescription machine = machine_of(Arch::x86_64, "6.1.0-56-amd64");
  EXPECT_TRUE(mem_total_range(machine, kBoot));
  machine.kernel.stands_for.reset();
  EXPECT_FALSE(mem_total_range(machine, kBoot));
  EXPECT_FALSE(mem_total_range(machine_of(Arch::x86_64, "6.1"), kBoot, {}));
}

TEST(MemTotalRange, the_reasons_are_what_lies_between_the_bounds) {
  const auto range = mem_total_range(machine_of(Arch::x86_64, "5.15.0-60-generic"), kBoot);
  ASSERT_TRUE(range);
  std::int64_t low = kBoot.mem_total, high = kBoot.mem_total;
  for (const MemTotalReason& one : range->reasons) low += one.low, high += one.high;
  EXPECT_EQ(range->low, static_cast<std::uint64_t>(low));
  EXPECT_EQ(range->high, static_cast<std::uint64_t>(high));
  EXPECT_LT(range->low, kBoot.mem_total);
  EXPECT_GT(range->high, kBoot.mem_total);
  EXPECT_TRUE(std::is_sorted(range->reasons.begin(), range->reasons.end(),
                             [](const auto& one, const auto& other) { return one.width() > other.width(); }));
}

TEST(MemTotalRange, another_build_of_the_same_flavour_differs_by_its_image_alone) {
  const auto range = mem_total_range(machine_of(Arch::x86_64, "6.1.0-99-cloud-amd64"), kBoot);
  ASSERT_TRUE(range);
  ASSERT_EQ(range->reasons.size(), 1U);
  EXPECT_NE(reason(range, "an image of"), nullptr);
  EXPECT_LT(range->high - range->low, kMiB);
  // The same flavour of another version has another configuration.
  EXPECT_NE(
      reason(mem_total_range(machine_of(Arch::x86_64, "6.12.117+deb12-amd64"), kBoot), "its configuration"),
      nullptr);
}

TEST(MemTotalRange, bounce_buffers_may_come_back_where_there_is_an_io_mmu) {
  MachineDescription machine = machine_of(Arch::x86_64, "5.15.0-60-generic");
  EXPECT_EQ(reason(mem_total_range(machine, kBoot), "bounce buffers"), nullptr);
  machine.acpi_tables.push_back({"DMAR", {}});
  const auto range = mem_total_range(machine, kBoot);
  ASSERT_NE(reason(range, "bounce buffers"), nullptr);
  EXPECT_EQ(reason(range, "bounce buffers")->low, 0);
  EXPECT_EQ(reason(range, "bounce buffers")->high, static_cast<std::int64_t>(kBoot.bounce_buffers));
}

TEST(MemTotalRange, arm64_has_bounce_buffers_on_any_machine_since_6_5) {
  StandInBoot boot = kBoot;
  boot.bounce_buffers = 0;
  const auto bounces = [&](std::string release) {
    return reason(mem_total_range(machine_of(Arch::arm64, std::move(release)), boot), "bounce buffers") !=
           nullptr;
  };
  EXPECT_FALSE(bounces("6.4.1"));
  EXPECT_TRUE(bounces("6.5"));
  EXPECT_TRUE(bounces("7.0"));
}

TEST(MemTotalRange, hash_tables_are_counted_before_5_4_on_one_node_of_x86) {
  const auto late = [](Arch arch, std::string release, std::size_t nodes) {
    StandInBoot boot = kBoot;
    boot.nodes = nodes;
    return reason(mem_total_range(machine_of(arch, std::move(release)), boot), "hash tables") != nullptr;
  };
  EXPECT_TRUE(late(Arch::x86_64, "4.19.57", 1));
  EXPECT_FALSE(late(Arch::x86_64, "4.19.57", 2));
  EXPECT_FALSE(late(Arch::x86_64, "5.4.0", 1));
  EXPECT_FALSE(late(Arch::arm64, "4.19.57", 1));
}

TEST(MemTotalRange, arm_has_memory_past_4_gib_with_lpae_alone) {
  StandInBoot boot = kBoot;
  boot.past_4g = 4096 * kMiB;
  const auto range = mem_total_range(machine_of(Arch::arm, "6.1"), boot);
  ASSERT_NE(reason(range, "memory past 4 GiB"), nullptr);
  EXPECT_EQ(reason(range, "memory past 4 GiB")->high, static_cast<std::int64_t>(boot.past_4g));
  EXPECT_EQ(reason(mem_total_range(machine_of(Arch::arm, "6.1.0-50-armmp"), boot), "memory past"), nullptr);
  EXPECT_EQ(reason(mem_total_range(machine_of(Arch::x86_64, "6.1"), boot), "memory past"), nullptr);
}

TEST(MemTotalRange, kasan_is_possible_where_nobody_tells_and_certain_where_a_log_does) {
  MachineDescription machine = machine_of(Arch::x86_64, "6.2.0-rc6-00077-g84d7d462b16d");
  const auto possible = mem_total_range(machine, kBoot);
  ASSERT_NE(reason(possible, "KASAN"), nullptr);
  EXPECT_EQ(reason(possible, "KASAN")->high, 0);
  EXPECT_LE(reason(possible, "KASAN")->low, -static_cast<std::int64_t>(kBoot.ram / 8));
  machine.has_kasan = false;
  EXPECT_EQ(reason(mem_total_range(machine, kBoot), "KASAN"), nullptr);
  machine.has_kasan = true;
  EXPECT_EQ(reason(mem_total_range(machine, kBoot), "KASAN")->high,
            -static_cast<std::int64_t>(kBoot.ram / 8));
  // Nobody sells a kernel with it.
  EXPECT_EQ(reason(mem_total_range(machine_of(Arch::x86_64, "6.2.0"), kBoot), "KASAN"), nullptr);
}

TEST(MemTotalRange, bounds_stay_within_the_ram) {
  const StandInBoot tiny{.ram = 16 * kMiB, .mem_total = 8 * kMiB, .percpu_areas = 248};
  const auto range = mem_total_range(machine_of(Arch::x86_64, "5.15"), tiny);
  ASSERT_TRUE(range);
  EXPECT_EQ(range->low, 0U);
  EXPECT_LE(range->high, tiny.ram);
}

}  // namespace
}  // namespace quarry::lnx
