#include "quarry/early/current_allocator.hpp"

#include "quarry/early/bootmem_world_test.hpp"

namespace quarry::early {
namespace {

// Pages 4 to 16 of node 0 and 16 to 32 of node 1, known to both allocators.
struct TwoWorlds {
  explicit TwoWorlds(BootmemConfig config = {}) noexcept : bits{config} {
    expect_done(world.memblock.add(pages(4, 16), "map", Flags::none, kNode0));
    expect_done(world.memblock.add(pages(16, 32), "map", Flags::none, kNode1));
    bits.add(kNode0, 4, 16);
    bits.add(kNode1, 16, 32);
  }
  World<> world;
  BootmemWorld bits;
  CurrentAllocator allocator{world.memblock};
};

constexpr Request of(std::uint64_t count, NodeId node = kAnyNode) noexcept {
  return {.size = of_pages(count), .alignment = Bytes{kPage}, .node = node};
}

TEST(memblock_serves_until_bootmem_does) {
  TwoWorlds on;
  expect(on.allocator.bootmem() == nullptr);
  expect_at(on.allocator.alloc_try_nid(of(2), "a"), 30 * kPage);
  expect_at(on.allocator.alloc_exact_nid_raw(of(1, kNode0), "b"), 15 * kPage);
  expect_equal(on.bits.free_pages(kNode0).raw + on.bits.free_pages(kNode1).raw, 28u);
  on.allocator.use(on.bits.bootmem);
  const Bytes reserved = on.world.memblock.reserved_size();
  expect_at(on.allocator.alloc_try_nid(of(2), "a"), 4 * kPage);
  expect_at(on.allocator.alloc_try_nid_raw(of(2, kNode1), "b"), 16 * kPage);
  expect_at(on.allocator.phys_alloc_try_nid(of(1, kNode0), "c"), 6 * kPage);
  expect_at(on.allocator.phys_alloc_range(of(1, kNode1), "any node"), 7 * kPage);
  expect_equal(on.world.memblock.reserved_size(), reserved);
  expect(on.allocator.bootmem() == &on.bits.bootmem);
}

TEST(a_minimum_is_a_goal_and_none_is_the_low_goal) {
  TwoWorlds on{{.low_goal = at_page(10)}};
  on.allocator.use(on.bits.bootmem);
  expect_at(on.allocator.alloc_try_nid(of(1), "from the low goal on"), 10 * kPage);
  Request request = of(1);
  request.min = at_page(20);
  expect_at(on.allocator.alloc_try_nid(request, "from a minimum on"), 20 * kPage);
  request.size = of_pages(12);
  expect_error(on.allocator.alloc_try_nid(request, "nowhere"), Error::no_memory);
  request.size = of_pages(6);
  request.min = at_page(27);
  expect_at(on.allocator.alloc_try_nid(request, "the goal is dropped"), 4 * kPage);
}

TEST(a_maximum_is_a_limit_and_what_stands_for_none_is_none) {
  TwoWorlds on;
  on.allocator.use(on.bits.bootmem);
  Request request = of(4);
  request.max = at_page(7);
  expect_error(on.allocator.alloc_try_nid(request, "too low"), Error::no_memory);
  request.max = at_page(8);
  expect_at(on.allocator.alloc_try_nid(request, "just fits"), 4 * kPage);
  request = of(14, kNode0);
  for (const PhysAddr none : {kAccessible, kNoLeakTrace, kAnywhere}) {
    request.max = none;
    const auto at = on.allocator.alloc_try_nid(request, "anywhere");
    expect_at(at, 16 * kPage);
    expect_done(on.allocator.free(PhysRange::sized(at_page(16), of_pages(14)), "anywhere"));
  }
}

TEST(exact_is_above_32_bit_dma_if_it_can_be) {
  TwoWorlds on{{.max_dma32_pfn = Pfn{20}}};
  on.allocator.use(on.bits.bootmem);
  expect_at(on.allocator.alloc_try_nid_raw(of(1, kNode1), "preferred"), 16 * kPage);
  expect_at(on.allocator.alloc_exact_nid_raw(of(1, kNode1), "exact"), 20 * kPage);
  expect_at(on.allocator.alloc_exact_nid_raw(of(11, kNode0), "on a node below"), 4 * kPage);
  expect_at(on.allocator.alloc_exact_nid_raw(of(2, kNode0), "full, so elsewhere"), 21 * kPage);
}

TEST(a_free_goes_to_the_node_that_holds_it) {
  TwoWorlds on;
  expect_at(on.allocator.alloc_try_nid(of(1), "of memblock"), 31 * kPage);
  expect_done(on.allocator.free(pages(31, 32), "of memblock"));
  expect(!on.world.memblock.is_reserved(at_page(31)));
  on.allocator.use(on.bits.bootmem);
  expect_at(on.allocator.alloc_try_nid(of(4, kNode1), "a"), 16 * kPage);
  expect_done(on.allocator.free(bytes(17 * kPage - 1, 19 * kPage + 1), "a"));
  expect(on.bits.is_taken(kNode1, 16) && !on.bits.is_taken(kNode1, 17) && !on.bits.is_taken(kNode1, 18) &&
         on.bits.is_taken(kNode1, 19));
  expect_error(on.allocator.free(pages(17, 18), "twice"), Error::wrong_owner);
  expect_error(on.allocator.free(pages(40, 41), "no memory"), Error::not_found);
}

}  // namespace
}  // namespace quarry::early
