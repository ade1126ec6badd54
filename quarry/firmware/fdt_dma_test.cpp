#include "quarry/firmware/fdt_dma.hpp"

#include "tests/fdt_builder.hpp"
#include "tests/test.hpp"

namespace quarry::firmware {
namespace {

PhysAddr limit_of(FdtBuilder& builder) noexcept {
  return lowest_dma_limit(Fdt::from(builder.finish()).value());
}

constexpr PhysAddr kUnlimited{UINT64_MAX};

}  // namespace

TEST(without_dma_ranges_nothing_is_limited) {
  FdtBuilder builder;
  builder.begin("soc").flag("ranges").flag("dma-ranges").end();
  expect_equal(limit_of(builder), kUnlimited);
}

TEST(the_lowest_limit_of_the_tree_counts_and_disabled_buses_do_not) {
  FdtBuilder builder;
  builder.cells("#address-cells", 2).cells("#size-cells", 2);
  const auto bus = [&](TextView name, TextView status, std::uint64_t size) {
    builder.begin(name).cells("#address-cells", 2).cells("#size-cells", 2).text("status", status);
    builder.numbers("dma-ranges", 0, 0, size).end();
  };
  bus("a", "okay", 0x1'0000'0000);
  bus("b", "okay", 0x8000'0000);
  bus("c", "disabled", 0x1000);
  expect_equal(limit_of(builder), PhysAddr{0x7fff'ffff});
}

TEST(of_several_ranges_of_a_bus_the_highest_end_counts) {
  FdtBuilder builder;
  builder.begin("bus").cells("dma-ranges", 0, 0x4000'0000, 0x1000'0000, 0x2000'0000, 0, 0x100).end();
  expect_equal(limit_of(builder), PhysAddr{0x4fff'ffff});
}

TEST(addresses_are_translated_by_the_buses_above) {
  FdtBuilder builder;
  builder.cells("#address-cells", 2).cells("#size-cells", 2);
  builder.begin("outer").cells("#address-cells", 1).cells("#size-cells", 1);
  builder.cells("dma-ranges", 0x1000, 1, 0, 0x10000);  // 0x1000 here is 4 GiB there
  builder.begin("inner").cells("#address-cells", 1).cells("#size-cells", 1);
  builder.cells("dma-ranges", 0, 0x2000, 0x800).end().end();
  expect_equal(limit_of(builder), PhysAddr{0x1'0000'17ff});
}

TEST(a_pci_bridge_has_three_cells_and_its_space_must_match) {
  const auto limit = [](std::uint32_t space) {
    FdtBuilder builder;
    builder.cells("#address-cells", 2).cells("#size-cells", 2);
    builder.begin("pcie@0").text("device_type", "pci").cells("#address-cells", 3).cells("#size-cells", 2);
    builder.cells("dma-ranges", 0x0200'0000, 0, 0, 0, 0x4000'0000, 0, 0x1'0000);
    builder.begin("bridge").cells("#address-cells", 3).cells("#size-cells", 2);
    builder.cells("dma-ranges", 0, 0, 0, space, 0, 0x1000, 0, 0x10).end().end();
    return limit_of(builder);
  };
  expect_equal(limit(0x0200'0000), PhysAddr{0x4000'100f});
  expect_equal(limit(0x0300'0000), PhysAddr{0x4000'100f});
  // Untranslatable: the address is all ones, and what is added wraps as it does in Linux.
  expect_equal(limit(0x0100'0000), PhysAddr{0xe});
}

TEST(what_no_bus_above_translates_is_nowhere) {
  FdtBuilder builder;
  builder.begin("outer")
      .cells("dma-ranges", 0x1000, 0, 0x1000)
      .begin("inner")
      .cells("dma-ranges", 0, 0, 4)
      .end();
  builder.end();
  expect_equal(limit_of(builder), PhysAddr{2});
}

TEST(dma_ranges_without_a_whole_entry_limit_to_nothing) {
  FdtBuilder builder;
  builder.begin("bus").cells("dma-ranges", 1, 2).end();
  expect_equal(limit_of(builder), PhysAddr{0});
}

TEST(only_the_depth_that_linux_keeps_is_looked_at) {
  const auto limit = [](std::size_t depth) {
    FdtBuilder builder;
    for (std::size_t i = 0; i < depth; ++i) builder.begin("x");
    builder.cells("dma-ranges", 0, 0, 0x1000);
    for (std::size_t i = 0; i < depth; ++i) builder.end();
    return limit_of(builder);
  };
  expect_equal(limit(kMaxFdtDepth), PhysAddr{0xfff});
  expect_equal(limit(kMaxFdtDepth + 1), kUnlimited);
}

}  // namespace quarry::firmware
