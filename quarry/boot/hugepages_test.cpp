#include "quarry/boot/hugepages.hpp"

#include "quarry/base/geometries.hpp"
#include "quarry/boot/common_options.hpp"
#include "quarry/boot/device_tree_test_machine.hpp"
#include "tests/fdt_builder.hpp"
#include "tests/test.hpp"

namespace quarry::boot {
namespace {

// An arm64 machine with pages of 4 KiB that has read its options.
struct Asked {
  FdtBuilder tree = tree_with_bank<FdtBuilder>(kG, kG);
  TestBoard board{Arch::arm64, tree};
  explicit Asked(TextView line) {
    board.machine.command_line = line;
    expect(static_cast<bool>(apply_common_options(board.begin(), CommandLine{line})));
  }
  // All that was asked for of one size.
  std::uint64_t of(std::uint64_t size) const {
    std::uint64_t count = 0;
    for (const HugepagesRequest& request : board.state->hugepages)
      if (request.page.raw == size) count += request.count;
    return count;
  }
};

constexpr std::uint64_t kSmall = 64u << 10, kMiddle = 2u << 20, kLarge = 32u << 20;

}  // namespace

TEST(arm64_has_three_or_four_sizes_by_its_page_size) {
  Machine machine;
  machine.arch = Arch::arm64;
  machine.geometry = k4KSparse;
  expect_equal(hugepage_sizes(machine).count, std::size_t{4});
  expect(!is_gigantic(machine, Bytes{kSmall}) && !is_gigantic(machine, Bytes{kMiddle}));
  expect(is_gigantic(machine, Bytes{kLarge}) && is_gigantic(machine, Bytes{kG}));

  machine.geometry = k16KSparse;
  expect(hugepage_sizes(machine).has(Bytes{kMiddle}) && !hugepage_sizes(machine).has(Bytes{kSmall}));
  expect(!is_gigantic(machine, Bytes{kLarge}) && is_gigantic(machine, Bytes{kG}));

  machine.geometry = k64KSparse;
  expect_equal(hugepage_sizes(machine).view().back(), Bytes{16 * kG});
  expect(!is_gigantic(machine, hugepage_sizes(machine).usual) && is_gigantic(machine, Bytes{16 * kG}));
}

TEST(arm_has_huge_pages_with_lpae_alone) {
  Machine machine;
  machine.arch = Arch::arm;
  machine.geometry = k4KFlat;
  machine.limits.phys_bits = 32;
  expect_equal(hugepage_sizes(machine).count, std::size_t{0});
  machine.limits.phys_bits = 40;
  expect(hugepage_sizes(machine).has(Bytes{kMiddle}));
}

TEST(each_size_has_its_own_number) {
  const Asked asked{"hugepagesz=64K hugepages=10 hugepagesz=2M hugepages=4 hugepagesz=32M hugepages=0:1,1:2"};
  expect_equal(asked.of(kSmall), std::uint64_t{10});
  expect_equal(asked.of(kMiddle), std::uint64_t{4});
  expect_equal(asked.of(kLarge), std::uint64_t{3});
}

TEST(a_number_before_any_size_is_the_default_s) {
  expect_equal(Asked{"hugepages=2 default_hugepagesz=32M"}.of(kLarge), std::uint64_t{2});
  expect_equal(Asked{"default_hugepagesz=32M hugepages=2"}.of(kLarge), std::uint64_t{2});
  expect_equal(Asked{"hugepages=2"}.of(0), std::uint64_t{2});
}

TEST(what_makes_no_sense_is_ignored_with_the_number_that_follows) {
  const Asked wrong{"hugepagesz=16M hugepages=4 hugepagesz=32M hugepages=1"};
  expect_equal(wrong.of(16u << 20), std::uint64_t{0});
  expect_equal(wrong.of(kLarge), std::uint64_t{1});
  expect_equal(Asked{"hugepagesz=32M hugepages=2 hugepages=3"}.of(kLarge), std::uint64_t{2});
  expect_equal(Asked{"hugepagesz=32M hugepages=1 hugepagesz=32M hugepages=2"}.of(kLarge), std::uint64_t{1});
}

}  // namespace quarry::boot
