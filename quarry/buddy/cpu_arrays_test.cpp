#include "quarry/buddy/cpu_arrays.hpp"

#include "quarry/buddy/test_two_cores.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

// A stack has room for half of what a core may keep.
TEST_ON_COMPACT(half_of_a_full_stack_is_given_back_the_oldest_first) {
  TwoCores<G, Policy> two;
  two.start({.batch = 4, .high = 24});
  Pfn pages[24];
  for (Pfn& page : pages) page = two.alloc();
  two.machine.allocator.drain_all();
  for (unsigned i = 0; i < 12; ++i) two.free(pages[i]);
  expect_equal(two.on(0), 12u);
  for (unsigned round = 0; round < 2; ++round) {
    const unsigned next = 12 + 6 * round;
    two.free(pages[next]);
    expect_equal(two.on(0), 7u);
    for (unsigned i = 0; i <= next; ++i) expect_equal(two.is_on_core(pages[i]), i >= 6 + 6 * round);
    for (unsigned i = 1; i < 6; ++i) two.free(pages[next + i]);
    expect_equal(two.on(0), 12u);
  }
  expect(!two.machine.allocator.audit());
}

// However much a core may keep in all, of one order and type it has room for so many, and for one where that is all it may.
TEST_ON_COMPACT(a_stack_is_limited_by_its_room_and_by_what_a_core_may_keep) {
  using Lists = CpuArrays<G>;
  struct Case {
    std::uint32_t high;
    unsigned order;
    std::uint32_t blocks;
  };
  const Case cases[] = {{1 << 20, 0, Lists::kMostRoom},
                        {1 << 20, 3, Lists::kMostRoom / 2},
                        {40, 0, 20},
                        {40, 2, 5},
                        {8, 3, 1},
                        {7, 3, 0}};
  for (const Case& one : cases) {
    TwoCores<G, Policy> two;
    two.start({.batch = 1, .high = one.high});
    Pfn pages[Lists::kMostRoom + 1];
    for (unsigned i = 0; i <= one.blocks; ++i) pages[i] = two.alloc(one.order);
    two.machine.allocator.drain_all();
    for (unsigned i = 0; i < one.blocks; ++i) two.free(pages[i], one.order);
    expect_equal(two.on(0), std::uint64_t{one.blocks} << one.order);
    two.free(pages[one.blocks], one.order);
    expect_equal(two.on(0), std::uint64_t{one.blocks != 0 ? one.blocks / 2 + 1 : 0} << one.order);
    expect(!two.is_on_core(pages[0]));
    expect(!two.machine.allocator.audit());
  }
}

// Above the line, which is where the highest page of the last batch lay, a page is not used again before it was at home.
TEST_ON_COMPACT(what_comes_back_from_above_the_line_goes_home_in_batches) {
  TwoCores<G, Policy> two;
  two.start({.batch = 4, .high = 100});
  constexpr unsigned together = 50;  // half of what a core may keep
  Pfn pages[20 + together + 1];
  for (Pfn& page : pages) page = two.alloc();
  for (unsigned i = 0; i < 8; ++i) two.free(pages[i]);
  two.machine.allocator.drain_all();
  const Pfn low = two.alloc();  // a batch from the lowest pages: the line is there now
  expect(low < pages[8]);
  const std::uint64_t kept = two.on(0);
  two.free(low);
  expect_equal(two.alloc(), low);  // below the line the last one is the first
  for (unsigned i = 20; i < 20 + together; ++i) two.free(pages[i]);
  expect_equal(two.on(0), kept + together);
  for (unsigned i = 0; i < kept; ++i) expect(two.alloc() < pages[8]);
  two.free(pages[20 + together]);  // one more takes those before it along
  for (unsigned i = 0; i < together; ++i) expect(!two.is_on_core(pages[20 + i]));
  expect(two.is_on_core(pages[20 + together]));
  expect(!two.machine.allocator.audit());
}

// But from a pageblock that is nearly all in use it stays at hand: that will not be whole soon.
TEST_ON_COMPACT(above_the_line_what_comes_back_to_a_full_pageblock_stays) {
  TwoCores<G, Policy> two;
  two.start({.batch = 4, .high = 100});
  constexpr std::size_t whole = std::size_t{1} << G.pageblock_order_;
  static Pfn pages[3 * whole];
  for (Pfn& page : pages) page = two.alloc();
  for (unsigned i = 0; i < 4; ++i) two.free(pages[i]);
  const std::size_t sparse = 2 * whole + whole / 8 + 1;
  for (std::size_t i = 2 * whole; i < sparse; ++i) two.free(pages[i]);
  two.machine.allocator.drain_all();
  const Pfn low = two.alloc();
  expect(low < pages[4]);
  two.free(pages[whole]);  // in the second pageblock all others are in use
  expect_equal(two.alloc(), pages[whole]);
  two.free(pages[sparse]);  // in the third an eighth is free, and one frame more
  expect(two.is_on_core(pages[sparse]));
  expect(two.alloc() < pages[4]);
  expect(!two.machine.allocator.audit());
}

// A core that frees blocks of many kinds in turn finds the home of each.
TEST_ON_COMPACT(kinds_may_change_with_every_block) {
  TwoCores<G, Policy> two;
  two.start({.batch = 4, .high = 100});
  constexpr MigrateType types[] = {MigrateType::unmovable, MigrateType::movable, MigrateType::reclaimable};
  Pfn pages[3][4];
  for (unsigned order = 0; order < 4; ++order)
    for (unsigned type = 0; type < 3; ++type) pages[type][order] = two.alloc(order, types[type]);
  two.machine.allocator.drain_all();
  for (unsigned order = 0; order < 4; ++order)
    for (unsigned type = 0; type < 3; ++type) two.free(pages[type][order], order);
  expect_equal(two.on(0), 3u * 15);
  expect(!two.machine.allocator.audit());
  for (unsigned order = 0; order < 4; ++order)
    for (unsigned type = 0; type < 3; ++type) expect_equal(two.alloc(order, types[type]), pages[type][order]);
  expect_equal(two.on(0), 0u);
}

// A page with two users is refused, also where the last one kept was of its kind.
TEST_ON_COMPACT(a_shared_page_is_not_kept) {
  TwoCores<G, Policy> two;
  two.start({.batch = 4, .high = 100});
  const Pfn alone = two.alloc(), shared = two.alloc();
  auto& pages = two.machine.allocator;
  pages.get_page(shared).value();
  for (unsigned i = 0; i < 2; ++i) {
    expect(!pages.free_pages(shared, Order{0}));
    expect(!two.is_on_core(shared));
    if (i == 0) two.free(alone);
  }
  pages.put_page(shared).value();
  two.free(shared);
  expect(!pages.audit());
}

// The last batch of a zone is smaller than a stack wants, and lies at its bottom all the same.
TEST_ON_COMPACT(a_batch_of_what_is_left_leaves_no_gap) {
  TwoCores<G, Policy> two;
  two.start({.batch = 1, .high = 100});
  auto& pages = two.machine.allocator;
  const auto take = [&] {
    return pages.alloc_pages(Order{0}, {.type = MigrateType::movable, .urgency = Urgency::unlimited});
  };
  while (pages.free_pages_of(kTwoCoresZone).raw > 3) expect(static_cast<bool>(take()));
  Saboteur::limit(pages, kTwoCoresZone, {.batch = 16, .high = 100});
  pages.drain_all();
  expect_equal(pages.free_pages_of(kTwoCoresZone).raw, 3u);
  for (unsigned i = 0; i < 3; ++i) {
    expect(static_cast<bool>(take()));
    expect_equal(two.on(0), 2u - i);
    expect(!pages.audit());
  }
  expect(!take());
}

}  // namespace quarry::buddy
