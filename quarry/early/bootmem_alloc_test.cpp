#include "quarry/early/bootmem_world_test.hpp"

namespace quarry::early {
namespace {

constexpr BootmemRequest of(std::uint64_t size, std::uint64_t alignment = 1, PhysAddr goal = {}) noexcept {
  return {Bytes{size}, Bytes{alignment}, goal};
}

TEST(small_allocations_share_pages) {
  BootmemWorld world;
  world.add(kNode0, 10, 30);
  expect_at(world.bootmem.alloc(of(100, 64), "a"), 10 * kPage);
  expect_at(world.bootmem.alloc(of(100, 64), "b"), 10 * kPage + 128);
  expect(world.ears.back().reason == TextView{"behind the last allocation, in the same page"});
  expect_equal(world.free_pages(kNode0).raw, 19u);
  expect_at(world.bootmem.alloc(of(5000, 16), "c"), 10 * kPage + 240);  // into the next page
  expect_equal(world.of(kNode0).last_end_off.raw, 5240u);
  expect_equal(world.of(kNode0).hint_idx.raw, 2u);
  expect_at(world.bootmem.alloc(of(2 * kPage, kPage), "d"), 12 * kPage);
  expect_at(world.bootmem.alloc(of(1, 1), "e"), 14 * kPage);  // the last one filled its page
}

TEST(a_page_is_shared_only_when_the_next_one_is_free) {
  BootmemWorld world;
  world.add(kNode0, 0, 20);
  expect_at(world.bootmem.alloc(of(100), "a"), 0);
  expect_done(world.bootmem.reserve(at_page(1), of_pages(1), BootmemReserve::shared, "in the way"));
  expect_at(world.bootmem.alloc(of(100), "b"), 2 * kPage);
  expect_at(world.bootmem.alloc(of(0x1000 - 100), "c"), 2 * kPage + 100);  // to the last byte
  expect_at(world.bootmem.alloc(of(1), "d"), 3 * kPage);
}

TEST(an_alignment_of_none_is_that_of_a_byte) {
  BootmemWorld world;
  world.add(kNode0, 7, 20);
  expect_at(world.bootmem.alloc(of(100, 0), "a"), 7 * kPage);
  expect_at(world.bootmem.alloc(of(1, 0), "b"), 7 * kPage + 100);
}

TEST(page_numbers_are_aligned_and_not_places_on_the_node) {
  BootmemWorld world;
  world.add(kNode0, 13, 60);
  expect_at(world.bootmem.alloc(of(kPage, 8 * kPage), "a"), 16 * kPage);
  expect_done(world.bootmem.reserve(at_page(24), of_pages(1), BootmemReserve::shared, "in the way"));
  expect_at(world.bootmem.alloc(of(kPage, 8 * kPage), "b"), 32 * kPage);  // collides on the step itself
}

TEST(the_later_of_goal_and_hint_is_searched_first) {
  BootmemWorld world;
  world.add(kNode0, 0, 64);
  expect_at(world.bootmem.alloc(of(kPage, 1, at_page(20)), "a"), 20 * kPage);
  expect(world.ears.back().reason == TextView{"first place from the goal on that fits"});
  expect_at(world.bootmem.alloc(of(kPage, 1, at_page(10)), "b"), 21 * kPage);
  expect(world.ears.back().reason == TextView{"first place from the hint on that fits"});
}

TEST(what_does_not_fit_from_the_hint_on_is_searched_before_it) {
  BootmemWorld world;
  world.add(kNode0, 0, 64);
  expect_at(world.bootmem.alloc(of(kPage, 1, at_page(60)), "a"), 60 * kPage);
  expect_at(world.bootmem.alloc(of(10 * kPage), "b"), 0);
  expect(world.ears.back().reason == TextView{"nothing fits from the hint on: searched once more before it"});
  expect_equal(world.of(kNode0).hint_idx.raw, 10u);  // a success pulls the hint down
}

TEST(the_goal_is_dropped_when_nothing_fits_above_it) {
  BootmemWorld world;
  world.add(kNode0, 0, 20);
  world.add(kNode1, 20, 30);
  expect_at(world.bootmem.alloc(of(12 * kPage, 1, at_page(15)), "a"), 0);
  expect_equal(world.ears.count(Action::fallback), 1u);
  expect_at(world.bootmem.alloc(of(kPage, 1, at_page(20)), "node 0 ends at the goal"), 20 * kPage);
  expect_error(world.bootmem.alloc(of(12 * kPage, 1, at_page(15)), "b"), Error::no_memory);
  expect_equal(world.ears.back().action, Action::alloc_failed);
}

TEST(a_node_is_preferred_but_another_above_the_goal_before_it_below) {
  BootmemWorld world;
  world.add(kNode0, 0, 20);
  world.add(kNode1, 20, 40);
  expect_at(world.bootmem.alloc_node(kNode1, of(kPage), "a"), 20 * kPage);
  expect_at(world.bootmem.alloc_node(kNode0, of(10 * kPage, 1, at_page(15)), "b"), 21 * kPage);
  expect_at(world.bootmem.alloc_node(kNode0, of(10 * kPage, 1, at_page(15)), "c"), 0);
  expect_at(world.bootmem.alloc_node(kNode0, of(kPage, 1, at_page(35)), "a foreign goal is none"),
            10 * kPage);
  expect_at(world.bootmem.alloc_node(kNode2, of(kPage), "a stranger"), 11 * kPage);
}

TEST(low_memory_ends_at_the_limit_rounded_down) {
  BootmemWorld world{{.low_limit = PhysAddr{16 * kPage - 1}}};
  world.add(kNode0, 10, 20);
  world.add(kNode1, 20, 40);
  expect_at(world.bootmem.alloc_low(of(5 * kPage), "a"), 10 * kPage);
  expect_error(world.bootmem.alloc_low(of(kPage), "page 15 is not given"), Error::no_memory);
  expect_at(world.bootmem.alloc_low_node(kNode1, of(kPage), "has no limit at all"), 20 * kPage);
}

TEST(a_limit_that_goal_and_size_pass_is_dropped_for_good) {
  BootmemWorld world;
  world.add(kNode0, 0, 20);
  world.add(kNode1, 20, 40);
  const auto limited = [&](NodeId node, const BootmemRequest& request, std::uint64_t limit) {
    return world.bootmem.alloc_node_limit(node, request, PhysAddr{limit}, "x");
  };
  expect_at(limited(kNode1, of(kPage), 20 * kPage), 0);
  expect_error(limited(kNode1, of(20 * kPage), 20 * kPage), Error::no_memory);
  expect_at(limited(kNode1, of(2 * kPage, 1, at_page(9)), 10 * kPage), 20 * kPage);
  expect_at(limited(kNode0, of(kPage), 0), 1 * kPage);
}

TEST(high_memory_of_a_node_comes_first_where_dma_ends_inside_it) {
  BootmemWorld world{{.max_dma32_pfn = Pfn{30}}};
  world.add(kNode0, 0, 20);
  world.add(kNode1, 20, 34);
  expect_at(world.bootmem.alloc_node_high(kNode1, of(3 * kPage), "a"), 30 * kPage);
  expect_at(world.bootmem.alloc_node_high(kNode1, of(2 * kPage), "b"), 20 * kPage);
  expect_at(world.bootmem.alloc_node_high(kNode0, of(kPage), "no high memory"), 0);
  expect_at(world.bootmem.alloc_node_high(kNode1, of(1, 1, at_page(30)), "c"), 33 * kPage);
}

TEST(with_larger_pages_high_memory_has_to_be_larger_as_well) {
  BootmemWorld world{{.page = PageSize{16}, .max_dma32_pfn = Pfn{30}}};
  expect(static_cast<bool>(world.bootmem.init_node(kNode0, world.bits[0], pfns(20, 38))));
  expect_done(world.bootmem.free_node(kNode0, PhysAddr{20 << 16}, Bytes{18 << 16}, "map"));
  expect_at(world.bootmem.alloc_node_high(kNode0, of(1), "30 + 8 is not passed"), 20 << 16);
}

TEST(a_request_without_sense_is_refused_where_a_node_is_tried) {
  BootmemWorld world{{.low_limit = PhysAddr{16 * kPage}}};
  expect_error(world.bootmem.alloc(of(0), "no node"), Error::no_memory);
  world.add(kNode0, 0, 20);
  expect_error(world.bootmem.alloc(of(0), "x"), Error::bad_argument);
  expect_error(world.bootmem.alloc(of(1, 3), "x"), Error::bad_argument);
  expect_error(world.bootmem.alloc_node(kNode2, of(1, 48), "x"), Error::bad_argument);
  expect_error(world.bootmem.alloc_low(of(16 * kPage + 1), "x"), Error::bad_argument);
  expect_error(world.bootmem.alloc_low(of(kPage, 1, at_page(16)), "x"), Error::bad_argument);
  expect_at(world.bootmem.alloc_low(of(kPage, 1, at_page(20)), "all nodes are below the goal"), 0);
  expect_error(world.bootmem.alloc(of(UINT64_MAX), "x"), Error::no_memory);
  expect_error(world.bootmem.alloc(of(1, 1ull << 63, PhysAddr{UINT64_MAX}), "x"), Error::no_memory);
  expect_equal(world.free_pages(kNode0).raw, 19u);
  expect(!world.bootmem.audit());
}

TEST(what_is_allocated_is_zeroed_or_not_taken) {
  World<> mapped;
  std::array<BootmemData, 1> nodes{};
  std::array<BootmemMap::Word, 2> bits{};
  Bootmem bootmem{{}, nodes, {&mapped, &World<>::map}};
  expect(static_cast<bool>(bootmem.init_node(kNode0, bits, pfns(0, 40))));
  expect_done(bootmem.free(at_page(0), of_pages(40), "map"));
  for (std::uint64_t i = 0; i < 300; ++i) *World<>::at(i) = std::byte{0xa5};
  expect_at(bootmem.alloc(of(100), "a"), 0);
  expect_at(bootmem.alloc(of(100), "b"), 100);
  for (std::uint64_t i = 0; i < 200; ++i) expect(*World<>::at(i) == std::byte{0});
  expect(*World<>::at(200) == std::byte{0xa5});
  expect_error(bootmem.alloc(of(10, 1, at_page(35)), "where nothing is mapped"), Error::out_of_range);
  expect_equal(nodes[0].hint_idx.raw, 1u);
  expect_equal(nodes[0].last_end_off.raw, 200u);
}

TEST(the_short_forms_ask_for_cache_lines_or_pages_above_dma_memory) {
  BootmemWorld world{{.low_goal = at_page(16)}};
  world.add(kNode0, 0, 20);
  world.add(kNode1, 20, 40);
  Bootmem& from = world.bootmem;
  expect_at(alloc_bootmem(from, Bytes{10}, "x"), 16 * kPage);
  expect_at(alloc_bootmem(from, Bytes{10}, "x"), 16 * kPage + 64);
  expect_at(alloc_bootmem_align(from, Bytes{10}, Bytes{2}, "x"), 16 * kPage + 74);
  expect_at(alloc_bootmem_pages(from, Bytes{10}, "x"), 17 * kPage);
  expect_at(alloc_bootmem_node(from, kNode1, Bytes{10}, "x"), 20 * kPage);
  expect_at(alloc_bootmem_pages_node(from, kNode1, Bytes{10}, "x"), 21 * kPage);
  expect_at(alloc_bootmem_low(from, Bytes{10}, "x"), 17 * kPage + 64);
  expect_at(alloc_bootmem_low_pages(from, Bytes{10}, "x"), 18 * kPage);
  expect_at(alloc_bootmem_low_pages_node(from, kNode1, Bytes{10}, "x"), 22 * kPage);
}

}  // namespace
}  // namespace quarry::early
