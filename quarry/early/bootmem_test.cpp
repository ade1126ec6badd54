#include "quarry/early/bootmem.hpp"

#include "quarry/early/bootmem_world_test.hpp"

namespace quarry::early {
namespace {

static_assert(EarlyAllocator<Bootmem>);

constexpr auto kShared = BootmemReserve::shared;
constexpr auto kExclusive = BootmemReserve::exclusive;

TEST(a_node_begins_with_all_its_pages_taken) {
  BootmemWorld world;
  const auto bytes = world.bootmem.init_node(kNode0, world.bits[0], pfns(3, 68));
  expect(static_cast<bool>(bytes));
  if (bytes) expect_equal(bytes.value().raw, 16u);
  expect_equal(world.free_pages(kNode0).raw, 0u);
  expect_equal(world.ears.back().action, Action::add);
  expect(world.ears.back().range == pages(3, 68));
  expect_error(world.bootmem.alloc({.size = Bytes{1}}, "too early"), Error::no_memory);
}

TEST(nodes_stand_in_order_of_address_and_equal_ones_in_order_of_registration) {
  BootmemWorld world;
  world.add(kNode0, 100, 120);
  world.add(kNode2, 10, 10);
  world.add(kNode1, 10, 20);
  expect(world.bootmem.nodes()[0].node == kNode2 && world.bootmem.nodes()[1].node == kNode1 &&
         world.bootmem.nodes()[2].node == kNode0);
  expect(!world.bootmem.audit());
}

TEST(a_node_that_cannot_be_registered_is_an_error_and_nothing_changed) {
  BootmemWorld world;
  const std::uint64_t end_of_pages = UINT64_MAX >> 12;
  expect_error(world.bootmem.init_node(kNode0, world.bits[0], pfns(0, end_of_pages + 1)),
               Error::out_of_range);
  expect_error(world.bootmem.init_node(kNode0, world.bits[0], pfns(0, 257)), Error::no_room);
  expect_error(world.bootmem.init_node(kNode0, Pfn{1}, pfns(0, 257)),
               Error::out_of_range);  // nothing is mapped
  expect_error(world.bootmem.init_node(kNode0, Pfn{end_of_pages + 1}, pfns(0, 8)), Error::out_of_range);
  expect_equal(world.bootmem.nodes().size(), 0u);
  world.add(kNode0, 0, 256);
  expect_error(world.bootmem.init_node(kNode0, world.bits[1], pfns(300, 310)), Error::bad_argument);
  world.add(kNode1, 300, 310);
  world.add(kNode2, 400, 410);
  expect_error(world.bootmem.init_node(NodeId{3}, Pfn{1}, pfns(500, 510)), Error::no_room);
  expect_equal(world.bootmem.nodes().size(), 3u);
}

TEST(the_bitmap_may_lie_in_the_nodes_own_memory) {
  World<> mapped;
  std::array<BootmemData, 1> nodes{};
  Bootmem bootmem{{}, nodes, {&mapped, &World<>::map}};
  const auto bytes = bootmem.init(Pfn{3}, PageCount{32});
  expect(bytes && bytes.value().raw == 8);
  expect(bootmem.min_low_pfn() == Pfn{3} && bootmem.max_low_pfn() == Pfn{32});
  expect_done(bootmem.free(at_page(4), of_pages(28), "map"));
  expect(*World<>::at(3 * kPage) == std::byte{0x0f} && *World<>::at(3 * kPage + 3) == std::byte{0});
  expect(*World<>::at(3 * kPage + 4) == std::byte{0xff});  // padding
  expect(nodes[0].map_at.has_value());
}

TEST(bitmap_pages_are_counted_in_whole_longs_and_whole_pages) {
  BootmemWorld world;
  const auto pages_for = [&](std::uint64_t pages) {
    return world.bootmem.bootmap_pages(PageCount{pages}).raw;
  };
  expect_equal(pages_for(0), 0u);
  expect_equal(pages_for(1), 1u);
  expect_equal(pages_for(32768), 1u);
  expect_equal(pages_for(32769), 2u);
}

TEST(a_free_shrinks_to_whole_pages_and_a_reservation_grows) {
  BootmemWorld world;
  expect(static_cast<bool>(world.bootmem.init_node(kNode0, world.bits[0], pfns(10, 20))));
  expect_done(world.bootmem.free(at_page(10, 1), Bytes{4 * kPage}, "free"));
  expect(world.is_taken(kNode0, 10) && !world.is_taken(kNode0, 11) && !world.is_taken(kNode0, 13) &&
         world.is_taken(kNode0, 14));
  expect_equal(world.ears.back().action, Action::free);
  expect(world.ears.back().range == pages(11, 14));
  expect_done(world.bootmem.reserve(at_page(11, 4095), Bytes{2}, kShared, "kernel"));
  expect(world.is_taken(kNode0, 11) && world.is_taken(kNode0, 12) && !world.is_taken(kNode0, 13));
  expect_equal(world.ears.back().action, Action::reserve);
  expect(world.ears.back().owner == TextView{"kernel"});
}

TEST(a_range_goes_on_over_nodes_that_touch) {
  BootmemWorld world;
  world.add(kNode1, 20, 40);
  world.add(kNode0, 0, 20);
  expect_done(world.bootmem.reserve(at_page(18), of_pages(4), kExclusive, "both"));
  expect_equal(world.free_pages(kNode0).raw, 18u);
  expect_equal(world.free_pages(kNode1).raw, 18u);
  expect_done(world.bootmem.free(at_page(19), of_pages(2), "both"));
  expect(!world.is_taken(kNode0, 19) && !world.is_taken(kNode1, 20));
}

TEST(a_range_that_no_nodes_hold_whole_changes_nothing) {
  BootmemWorld world;
  world.add(kNode0, 10, 20);
  world.add(kNode1, 30, 40);
  const auto expect_outside = [&](std::uint64_t begin, std::uint64_t count) {
    expect_error(world.bootmem.reserve(at_page(begin), of_pages(count), kShared, "x"), Error::out_of_range);
    expect_error(world.bootmem.reserve(at_page(begin), of_pages(count), kExclusive, "x"),
                 Error::out_of_range);
    expect_error(world.bootmem.free(at_page(begin), of_pages(count), "x"), Error::out_of_range);
  };
  expect_outside(8, 4);   // begins below
  expect_outside(24, 2);  // in a hole
  expect_outside(40, 1);  // at the end
  expect_done(world.bootmem.reserve(at_page(10), of_pages(10), kShared, "all"));
  expect_done(world.bootmem.reserve(at_page(30), of_pages(10), kShared, "all"));
  expect_error(world.bootmem.free(at_page(15), of_pages(20), "x"), Error::out_of_range);  // across the hole
  expect_error(world.bootmem.free(at_page(35), of_pages(6), "x"), Error::out_of_range);   // past the end
  expect_error(world.bootmem.free_node(kNode0, at_page(9), of_pages(2), "x"), Error::out_of_range);
  expect_error(world.bootmem.free_node(kNode0, at_page(19), of_pages(2), "x"), Error::out_of_range);
  expect_error(world.bootmem.reserve_node(kNode0, at_page(19), Bytes{kPage + 1}, kShared, "x"),
               Error::out_of_range);
  expect_error(world.bootmem.free_node(kNode2, at_page(19), Bytes{1}, "x"), Error::not_found);
  expect_error(world.bootmem.reserve(at_page(1), Bytes{UINT64_MAX}, kShared, "x"), Error::overflow);
  expect_error(world.bootmem.reserve_node(kNode0, at_page(1), Bytes{UINT64_MAX}, kShared, "x"),
               Error::overflow);
  expect_equal(world.free_pages(kNode0).raw, 0u);
  expect_equal(world.free_pages(kNode1).raw, 0u);
  expect_equal(world.of(kNode0).hint_idx.raw, 0u);
  expect(!world.bootmem.audit());
}

TEST(a_range_ends_at_a_node_without_pages) {
  BootmemWorld world;
  world.add(kNode0, 0, 10);
  world.add(kNode1, 10, 10);
  world.add(kNode2, 10, 20);
  expect_error(world.bootmem.reserve(at_page(8), of_pages(4), kShared, "x"), Error::out_of_range);
  expect_done(world.bootmem.reserve(at_page(8), of_pages(2), kShared, "x"));
  expect_done(world.bootmem.reserve(at_page(10), of_pages(2), kShared, "x"));
}

TEST(a_page_is_freed_once) {
  BootmemWorld world;
  world.add(kNode0, 0, 20);
  world.add(kNode1, 20, 40);
  expect_done(world.bootmem.reserve(at_page(16), of_pages(8), kShared, "x"));
  expect_error(world.bootmem.free(at_page(16), of_pages(9), "x"), Error::wrong_owner);  // page 24
  expect_error(world.bootmem.free_node(kNode0, at_page(15), of_pages(2), "x"), Error::wrong_owner);
  expect_equal(world.free_pages(kNode0).raw, 16u);
  expect_equal(world.free_pages(kNode1).raw, 16u);
}

TEST(a_free_lowers_the_hint_even_when_it_frees_no_page) {
  BootmemWorld world;
  world.add(kNode0, 10, 30);
  expect_at(world.bootmem.alloc({.size = of_pages(8)}, "x"), 10 * kPage);
  expect_equal(world.of(kNode0).hint_idx.raw, 8u);
  expect_done(world.bootmem.free(at_page(15, 100), Bytes{10}, "inside a page"));
  expect_equal(world.of(kNode0).hint_idx.raw, 6u);
  expect_done(world.bootmem.free_node(kNode0, at_page(14), Bytes{0}, "nothing"));
  expect_equal(world.of(kNode0).hint_idx.raw, 4u);
  expect_done(world.bootmem.free(at_page(13, 5), Bytes{UINT64_MAX - 4}, "wraps around"));
  expect_equal(world.of(kNode0).hint_idx.raw, 4u);  // page 14, up from its begin
  expect_error(world.bootmem.free(at_page(9, 1), Bytes{10}, "ends below the node"), Error::out_of_range);
  expect_equal(world.free_pages(kNode0).raw, 12u);
}

TEST(an_exclusive_reservation_meets_no_other_or_sets_no_bit_and_lowers_hints) {
  BootmemWorld world;
  world.add(kNode0, 0, 20);
  world.add(kNode1, 20, 40);
  world.add(kNode2, 40, 60);
  for (const std::uint64_t begin : {0u, 20u, 40u})
    expect_at(world.bootmem.alloc({.size = of_pages(19), .goal = at_page(begin)}, "x"), begin * kPage);
  expect_done(world.bootmem.free(at_page(1), of_pages(18), "x"));
  expect_done(world.bootmem.free(at_page(20), of_pages(18), "x"));  // page 38 stays
  expect_equal(world.of(kNode0).hint_idx.raw, 1u);
  expect_at(world.bootmem.alloc({.size = of_pages(18)}, "x"), 1 * kPage);
  expect_done(world.bootmem.free(at_page(10), of_pages(9), "x"));
  expect_at(world.bootmem.alloc({.size = Bytes{kPage}, .goal = at_page(19)}, "x"), 19 * kPage);
  expect_done(world.bootmem.free(at_page(19), of_pages(1), "x"));
  const std::uint64_t hint = world.of(kNode0).hint_idx.raw;
  expect(hint > 12);
  const std::uint64_t free0 = world.free_pages(kNode0).raw, free1 = world.free_pages(kNode1).raw;
  expect_error(world.bootmem.reserve(at_page(12), of_pages(34), kExclusive, "x"), Error::busy);
  expect_equal(world.of(kNode0).hint_idx.raw, 12u);
  expect_equal(world.of(kNode1).hint_idx.raw, 0u);
  expect_equal(world.of(kNode2).hint_idx.raw, 19u);  // not reached
  expect_equal(world.free_pages(kNode0).raw, free0);
  expect_equal(world.free_pages(kNode1).raw, free1);
  expect_error(world.bootmem.reserve_node(kNode2, at_page(42), of_pages(2), kExclusive, "x"), Error::busy);
  expect_equal(world.of(kNode2).hint_idx.raw, 2u);
  expect_done(world.bootmem.reserve(at_page(12), of_pages(34), kShared, "x"));
  expect_equal(world.free_pages(kNode2).raw, 1u);
}

TEST(what_is_handed_over_is_neither_freed_nor_reserved) {
  BootmemWorld world;
  world.add(kNode0, 0, 20);
  world.add(kNode1, 20, 40);
  expect(static_cast<bool>(world.bootmem.free_all_node(kNode0, {})));
  expect_error(world.bootmem.free(at_page(1), of_pages(1), "x"), Error::not_found);
  expect_error(world.bootmem.free_node(kNode0, at_page(1), of_pages(1), "x"), Error::not_found);
  expect_error(world.bootmem.reserve(at_page(18), of_pages(4), kShared, "x"), Error::not_found);
  expect_error(world.bootmem.reserve_node(kNode0, at_page(1), of_pages(1), kExclusive, "x"),
               Error::not_found);
  expect_equal(world.free_pages(kNode1).raw, 20u);
  expect_at(world.bootmem.alloc_node(kNode0, {.size = Bytes{8}}, "x"), 20 * kPage);
}

TEST(stats_count_pages_bytes_and_failures) {
  BootmemWorld world;
  world.add(kNode0, 0, 20);
  world.add(kNode1, 30, 40);
  expect_done(world.bootmem.reserve(at_page(5), of_pages(1), kShared, "x"));
  expect_at(world.bootmem.alloc({.size = Bytes{100}}, "x"), 0);
  expect_error(world.bootmem.alloc({.size = of_pages(15)}, "x"), Error::no_memory);
  const BootmemStats stats = world.bootmem.stats();
  expect_equal(stats.managed.raw, 30 * kPage);
  expect_equal(stats.free.raw, 28 * kPage);
  expect_equal(stats.largest_free.raw, 14 * kPage);
  expect_equal(stats.asked.raw, 100u);
  expect_equal(stats.allocations, 1u);
  expect_equal(stats.failures, 1u);
}

TEST(stats_are_of_nodes_that_are_not_handed_over) {
  BootmemWorld world;
  world.add(kNode0, 0, 20);
  world.add(kNode1, 30, 40);
  expect_done(world.bootmem.reserve(at_page(3), of_pages(1), kShared, "x"));
  expect_equal(world.bootmem.stats().largest_free.raw, 16 * kPage);
  expect(static_cast<bool>(world.bootmem.free_all_node(kNode0, {})));
  const BootmemStats stats = world.bootmem.stats();
  expect_equal(stats.managed.raw, 10 * kPage);
  expect_equal(stats.free.raw, 10 * kPage);
  expect_equal(stats.largest_free.raw, 10 * kPage);
}

}  // namespace
}  // namespace quarry::early
