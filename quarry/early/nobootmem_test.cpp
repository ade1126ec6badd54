#include "quarry/early/nobootmem.hpp"

#include "quarry/early/bootmem_world_test.hpp"

namespace quarry::early {
namespace {

static_assert(EarlyAllocator<Nobootmem>);

// Pages 4 to 16 of node 0 and 16 to 32 of node 1, all mapped.
struct NobootmemWorld {
  explicit NobootmemWorld(NobootmemConfig config = {}, Config memblock_config = {}) noexcept
      : world{memblock_config}, nobootmem{config, world.memblock, {&world, &World<>::map}} {
    expect_done(world.memblock.add(pages(4, 16), "map", Flags::none, kNode0));
    expect_done(world.memblock.add(pages(16, 32), "map", Flags::none, kNode1));
  }
  World<> world;
  Nobootmem nobootmem;
};

constexpr BootmemRequest of(std::uint64_t count, PhysAddr goal = {}) noexcept {
  return {of_pages(count), Bytes{kPage}, goal};
}

// What a flow does that takes either allocator.
template <EarlyAllocator A>
std::uint64_t take_and_hand_over(A& early) noexcept {
  expect_done(early.reserve(at_page(4), of_pages(2), BootmemReserve::exclusive, "kernel"));
  expect_error(early.reserve(at_page(5), Bytes{1}, BootmemReserve::exclusive, "again"), Error::busy);
  expect(static_cast<bool>(alloc_bootmem_pages(early, of_pages(3), "table")));
  const auto all = early.free_all({});
  return all ? all.value().pages.raw : 0;
}

TEST(a_flow_takes_either_allocator) {
  NobootmemWorld on_memblock;
  BootmemWorld on_bits;
  on_bits.add(kNode0, 4, 16);
  on_bits.add(kNode1, 16, 32);
  expect_equal(take_and_hand_over(on_memblock.nobootmem), 23u);
  expect_equal(take_and_hand_over(on_bits.bootmem), 23u);
}

TEST(a_goal_is_a_minimum_that_is_dropped) {
  NobootmemWorld on;
  expect_at(on.nobootmem.alloc(of(2, at_page(20)), "a"), 30 * kPage);
  expect_at(on.nobootmem.alloc(of(10, at_page(24)), "b"), 20 * kPage);
  expect_error(on.nobootmem.alloc(of(17, at_page(24)), "c"), Error::no_memory);
  expect_equal(on.world.ears.back().action, Action::alloc_failed);
}

TEST(a_node_comes_first_then_any_above_the_goal_then_the_node) {
  NobootmemWorld on;
  expect_at(on.nobootmem.alloc_node(kNode0, of(2), "a"), 14 * kPage);
  expect_at(on.nobootmem.alloc_node(kNode0, of(4, at_page(12)), "another above the goal"), 28 * kPage);
  expect_at(on.nobootmem.alloc_node(kNode0, of(10, at_page(22)), "it, below the goal"), 4 * kPage);
  expect_at(on.nobootmem.alloc_node_high(kNode0, of(1), "any"), 27 * kPage);
}

TEST(limits_hold_on_every_rung) {
  NobootmemWorld on{{}, {.low_limit = at_page(8)}};
  expect_at(on.nobootmem.alloc_low(of(1), "a"), 7 * kPage);
  expect_at(on.nobootmem.alloc_low_node(kNode1, of(1), "b"), 6 * kPage);
  expect_at(on.nobootmem.alloc_node_limit(kNode1, of(1), at_page(20), "c"), 19 * kPage);
  expect_error(on.nobootmem.alloc_low(of(3), "d"), Error::no_memory);
  expect_error(on.nobootmem.alloc_node_limit(kNode1, of(1), PhysAddr{1}, "e"), Error::no_memory);
  expect_at(on.nobootmem.alloc_node_limit(kNode0, of(1), PhysAddr{0}, "f"), 15 * kPage);
  on.world.memblock.set_current_limit(at_page(18));
  expect_at(on.nobootmem.alloc(of(1), "g"), 17 * kPage);
}

TEST(mirrored_memory_is_used_up_first) {
  NobootmemWorld on{{}, {.kernelcore_mirror = KernelcoreMirror::on}};
  expect_done(on.world.memblock.mark_mirror(pages(8, 10)));
  for (std::byte& byte : mapped_memory) byte = std::byte{0xa5};
  expect_at(on.nobootmem.alloc(of(2), "a"), 8 * kPage);
  expect(*World<>::at(10 * kPage - 1) == std::byte{0} && *World<>::at(31 * kPage) == std::byte{0xa5});
  expect_at(on.nobootmem.alloc(of(2), "b"), 30 * kPage);
  expect(*World<>::at(31 * kPage) == std::byte{0});
}

TEST(what_nobootmem_allocates_is_zeroed_or_not_taken) {
  NobootmemWorld on;
  *World<>::at(31 * kPage) = std::byte{0xa5};
  expect_at(on.nobootmem.alloc(of(1), "a"), 31 * kPage);
  expect(*World<>::at(31 * kPage) == std::byte{0});
  on.world.is_unmapped = true;
  expect_error(on.nobootmem.alloc(of(1), "b"), Error::out_of_range);
  expect_equal(on.world.memblock.reserved_size().raw, kPage);
  Nobootmem without_memory{{}, on.world.memblock};
  expect_at(without_memory.alloc(of(1), "c"), 30 * kPage);
  expect_error(without_memory.alloc({.size = Bytes{0}}, "d"), Error::bad_argument);
}

TEST(reservations_are_memblocks_and_an_exclusive_one_asks_first) {
  NobootmemWorld on;
  expect_done(on.nobootmem.reserve_node(kNode1, at_page(5), Bytes{10}, BootmemReserve::shared, "a"));
  expect_done(on.nobootmem.reserve(at_page(5), Bytes{20}, BootmemReserve::shared, "b"));
  expect_error(on.nobootmem.reserve(at_page(5), Bytes{30}, BootmemReserve::exclusive, "c"), Error::busy);
  expect_error(on.nobootmem.reserve(at_page(5), Bytes{UINT64_MAX}, BootmemReserve::shared, "d"),
               Error::overflow);
  expect_equal(on.world.memblock.reserved_size().raw, 20u);
  expect_done(on.nobootmem.free_node(kNode1, at_page(5), Bytes{15}, "e"));
  expect_done(on.nobootmem.free(at_page(6), Bytes{15}, "nobody had it"));
  expect_equal(on.world.memblock.reserved_size().raw, 5u);
}

TEST(all_free_memory_goes_in_blocks_as_large_as_they_are_aligned) {
  NobootmemWorld on{{.max_order = Order{3}, .max_low_pfn = Pfn{31}}};
  expect_done(on.nobootmem.reserve(at_page(5, 7), Bytes{1}, BootmemReserve::shared, "x"));
  expect_done(on.world.memblock.mark_hotplug(pages(16, 20)));
  Taken taken;
  const auto all = on.nobootmem.free_all(taken.receiver());
  expect(all && all.value().pages.raw == 26 && all.value().lost.raw == 0);
  struct Block {
    std::uint64_t first;
    unsigned order;
  };
  const Block want[]{{4, 0}, {6, 1}, {8, 3}, {16, 3}, {24, 2}, {28, 1}, {30, 0}};
  expect_equal(taken.count, 7u);
  for (std::size_t i = 0; i < 7; ++i) {
    expect_equal(taken.blocks[i].first.raw, want[i].first);
    expect_equal(taken.blocks[i].order.raw(), want[i].order);
  }
  expect_equal(on.nobootmem.free_late(at_page(5), of_pages(1), taken.receiver(), "x").raw, 1u);
  expect_equal(taken.blocks[7].first.raw, 5u);
  expect_equal(on.nobootmem.totalram_pages().raw, 27u);
}

}  // namespace
}  // namespace quarry::early
