#include "quarry/early/bootmem_world_test.hpp"

namespace quarry::early {
namespace {

void expect_block(const Taken& taken, std::size_t at, std::uint64_t first, unsigned order,
                  Site site = Site::here()) noexcept {
  expect(at < taken.count && at < taken.blocks.size(), site);
  expect_equal(taken.blocks[at].first.raw, first, site);
  expect_equal(taken.blocks[at].order.raw(), order, site);
}

TEST(full_aligned_longs_go_as_blocks_and_all_else_page_by_page) {
  BootmemWorld world;
  world.add(kNode0, 2, 200);
  expect_done(world.bootmem.reserve(at_page(2), of_pages(60), BootmemReserve::shared, "kernel"));
  expect_done(world.bootmem.reserve(at_page(130), of_pages(60), BootmemReserve::shared, "kernel"));
  Taken taken;
  const auto all = world.bootmem.free_all(taken.receiver());
  expect(static_cast<bool>(all));
  if (!all) return;
  expect_block(taken, 0, 62, 0);
  expect_block(taken, 1, 63, 0);
  expect_block(taken, 2, 64, 6);
  expect_block(taken, 3, 128, 0);
  expect_block(taken, 4, 129, 0);
  expect_block(taken, 5, 190, 0);
  expect_block(taken, 6, 191, 0);
  expect_equal(taken.blocks[2].node, kNode0);
  // Pages 192 and 193 are in the long that is looked at; 194 to 199 are in the next one.
  expect_block(taken, 8, 193, 0);
  expect_equal(taken.count, 9u);
  expect_equal(all.value().pages.raw, 72u);
  expect_equal(all.value().lost.raw, 6u);
  expect_equal(all.value().bitmap_pages.raw, 0u);
  expect_equal(world.bootmem.totalram_pages().raw, 72u);
  expect(world.of(kNode0).is_handed_over && !world.bootmem.audit());
}

TEST(a_32_bit_kernel_looks_at_32_bits_at_a_time) {
  BootmemWorld world{{.long_bits = LongBits::bits32}};
  world.add(kNode0, 32, 100);
  Taken taken;
  const auto all = world.bootmem.free_all(taken.receiver());
  expect_block(taken, 0, 32, 5);
  expect_block(taken, 1, 64, 5);
  expect_block(taken, 2, 96, 0);
  expect_equal(taken.count, 6u);
  expect(all && all.value().pages.raw == 68 && all.value().lost.raw == 0);
}

TEST(taken_pages_of_the_last_piece_are_not_counted_as_lost) {
  BootmemWorld world;
  world.add(kNode0, 641 - 512, 741 - 512);
  expect_done(world.bootmem.reserve(at_page(210), of_pages(3), BootmemReserve::shared, "x"));
  const auto all = world.bootmem.free_all({});
  expect(all && all.value().pages.raw == 64 && all.value().lost.raw == 33);
  expect(world.ears.count(Action::remove) == 2);
  expect(world.ears.back(1).range == pages(193, 229));
}

TEST(the_bitmaps_own_pages_go_last_and_the_map_is_gone) {
  World<> mapped;
  std::array<BootmemData, 2> nodes{};
  Bootmem bootmem{{}, nodes, {&mapped, &World<>::map}};
  expect(static_cast<bool>(bootmem.init_node(kNode1, Pfn{3}, pfns(10, 14))));
  expect(static_cast<bool>(bootmem.init_node(kNode0, Pfn{4}, pfns(0, 3))));
  expect_done(bootmem.free_node(kNode1, at_page(12), of_pages(1), "x"));
  Taken taken;
  const auto one = bootmem.free_all_node(kNode1, taken.receiver());
  expect(one && one.value().pages.raw == 2 && one.value().bitmap_pages.raw == 1);
  expect_block(taken, 0, 12, 0);
  expect_block(taken, 1, 3, 0);
  expect_equal(taken.blocks[1].kind, ReleasedBlock::Kind::bitmap);
  expect_equal(taken.blocks[0].kind, ReleasedBlock::Kind::memory);
  expect_equal(bootmem.totalram_pages().raw, 0u);
  const auto again = bootmem.free_all_node(kNode1, taken.receiver());
  expect(again && again.value().pages.raw == 0);
  expect_equal(taken.count, 2u);
  const auto rest = bootmem.free_all(taken.receiver());
  expect(rest && rest.value().pages.raw == 1);
  expect_equal(bootmem.totalram_pages().raw, 1u);
  expect_error(bootmem.free_all_node(kNode2, {}), Error::not_found);
  expect_error(bootmem.alloc({.size = Bytes{1}}, "x"), Error::no_memory);
  expect(!bootmem.audit());
}

TEST(late_pages_go_one_by_one_whatever_the_bitmap_says) {
  BootmemWorld world;
  world.add(kNode0, 0, 20);
  Taken taken;
  expect_equal(world.bootmem.free_late(at_page(3, 1), of_pages(3), taken.receiver(), "initrd").raw, 2u);
  expect_block(taken, 0, 4, 0);
  expect_block(taken, 1, 5, 0);
  expect_equal(world.bootmem.free_late(at_page(3, 1), Bytes{4}, taken.receiver(), "inside").raw, 0u);
  expect_equal(taken.count, 2u);
  expect_equal(world.bootmem.totalram_pages().raw, 2u);
  expect_equal(world.free_pages(kNode0).raw, 20u);
  expect_equal(world.ears.count(Action::free_late), 2u);
}

}  // namespace
}  // namespace quarry::early
