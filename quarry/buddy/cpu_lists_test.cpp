#include "quarry/buddy/cpu_lists.hpp"

#include "quarry/buddy/page_allocator_impl.hpp"
#include "quarry/buddy/test_two_cores.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

template class CompactZone<k4KFlatHuge>;
template class PageAllocator<k4KSparse, NoObserver, LinuxPolicy, TestCores>;
template class PageAllocator<k4KFlatHuge, NoObserver, LinuxPolicy, TestCores>;
template class PageAllocator<k4KSparse, NoObserver, CompactPolicy, TestCores>;
template class PageAllocator<k4KFlatHuge, NoObserver, CompactPolicy, TestCores>;

using zones::ZoneType;

namespace {

constexpr Request kMovable{.type = MigrateType::movable};

}  // namespace

TEST_ON_POLICIES(what_a_core_freed_last_is_handed_out_first) {
  TwoCores<G, Policy> two;
  two.start({.batch = 1, .high = 100});
  const Pfn a = two.alloc(), b = two.alloc(), c = two.alloc();
  two.free(b), two.free(c), two.free(a);
  expect_equal(two.alloc(), a);
  expect_equal(two.alloc(), c);
  expect_equal(two.alloc(), b);
  expect(!two.machine.allocator.audit());
}

TEST_ON_POLICIES(what_a_core_keeps_is_in_no_free_count_and_no_other_core_gets_it) {
  TwoCores<G, Policy> two;
  two.start({.batch = 1, .high = 100});
  auto& allocator = two.machine.allocator;
  const std::uint64_t all = allocator.free_pages_of(kTwoCoresZone).raw;
  const Pfn page = two.alloc();
  two.free(page);
  expect_equal(allocator.free_pages_of(kTwoCoresZone).raw, all - 1);
  expect_equal(two.on(0), 1u);
  expect_equal(two.on(1), 0u);
  expect_equal(allocator.stats(kTwoCoresZone).on_cores.raw, 1u);
  two.core = 1;
  expect(two.alloc() != page);
  two.core = 0;
  expect_equal(two.alloc(), page);
  expect(!allocator.audit());
}

TEST_ON_POLICIES(an_empty_list_is_filled_by_a_batch) {
  TwoCores<G, Policy> two;
  two.start({.batch = 7, .high = 100});
  const Pfn first = two.alloc();
  expect_equal(two.on(0), 6u);
  expect_equal(two.machine.allocator.stats(kTwoCoresZone).refills, 1u);
  for (unsigned i = 0; i < 6; ++i) expect(two.alloc() != first);
  expect_equal(two.on(0), 0u);
  expect_equal(two.machine.allocator.stats(kTwoCoresZone).refills, 1u);
  two.alloc();
  expect_equal(two.machine.allocator.stats(kTwoCoresZone).refills, 2u);
}

TEST_ON_POLICIES(a_batch_is_smaller_for_larger_blocks_but_of_two_at_least) {
  struct Case {
    std::uint32_t batch;
    unsigned order;
    std::uint64_t blocks;
  };
  constexpr Case kCases[] = {{63, 0, 63}, {63, 1, 31}, {63, 2, 15}, {63, 3, 7}, {7, 1, 3},
                             {7, 2, 2},   {7, 3, 2},   {2, 3, 2},   {1, 0, 1},  {1, 3, 1}};
  for (const Case& one : kCases) {
    TwoCores<G, Policy> two;
    two.start({.batch = one.batch, .high = 1000});
    two.alloc(one.order);
    // The bitmaps' words have 64 frames, and are taken whole.
    const bool takes_words = std::is_same_v<Policy, CompactPolicy> && one.blocks == 63;
    expect_equal(two.on(0), (takes_words ? 63 : one.blocks - 1) << one.order);
  }
}

TEST_ON_LINUX(each_time_in_a_row_twice_as_much_is_given_back) {
  TwoCores<G, Policy> two;
  two.start({.batch = 2, .high = 12});
  Pfn pages[64];
  for (Pfn& page : pages) page = two.alloc();
  two.machine.allocator.drain_all();
  unsigned next = 0;
  const auto fill = [&](unsigned count) {
    for (unsigned i = 0; i < count; ++i) two.free(pages[next++]);
  };
  fill(11);
  expect_equal(two.on(0), 11u);
  fill(1);
  expect_equal(two.on(0), 10u);  // 2
  expect_equal(two.eagerness(), 1u);
  fill(2);
  expect_equal(two.on(0), 8u);  // 4
  expect_equal(two.eagerness(), 2u);
  fill(4);
  expect_equal(two.on(0), 4u);  // 8
  expect_equal(two.eagerness(), 3u);
  fill(8);
  expect_equal(two.on(0), 2u);  // 16, but a batch stays
  expect_equal(two.eagerness(), 3u);
  two.alloc();
  expect_equal(two.eagerness(), 1u);  // halved by each allocation
  two.alloc();
  expect_equal(two.eagerness(), 0u);
  expect(!two.machine.allocator.audit());
}

TEST_ON_POLICIES(a_core_that_may_keep_less_than_a_batch_keeps_nothing) {
  TwoCores<G, Policy> two;
  two.start({.batch = 1, .high = 0});
  const Pfn page = two.alloc();
  two.free(page);
  expect_equal(two.on(0), 0u);
  expect(!two.machine.allocator.audit());
}

// Three lists with two blocks each; the third one grows last, and four or five blocks are given back.
TEST_ON_LINUX(the_list_that_grew_gives_back_first_and_then_its_followers_all_from_their_ends) {
  constexpr MigrateType kTypes[] = {MigrateType::unmovable, MigrateType::movable, MigrateType::reclaimable};
  for (const std::uint32_t batch : {4u, 5u}) {
    TwoCores<G, Policy> two;
    auto& allocator = two.machine.allocator;
    for (unsigned i = 0; i < 3; ++i)
      for (std::uint64_t at = i * two.kBlock; at < (i + 1) * two.kBlock; at += two.kWhole)
        two.machine.map.set_pageblock_type(Pfn{at}, kTypes[i]);
    expect(static_cast<bool>(allocator.release(two.blocks(0, 3))));
    two.start_lists({.batch = 1, .high = 6});
    Pfn pages[3][2];
    for (unsigned i = 0; i < 3; ++i)
      for (Pfn& page : pages[i]) page = two.alloc(0, kTypes[i]);
    Saboteur::zone(allocator, kTwoCoresZone).batch = batch;
    for (const auto& pair : pages)
      for (const Pfn page : pair) two.free(page);
    expect_equal(two.on(0), 6u - batch);
    for (unsigned i = 0; i < 3; ++i)
      for (unsigned n = 0; n < 2; ++n)
        expect_equal(two.is_on_core(pages[i][n]), i == 1 && (batch == 4 || n == 1));
    expect(!allocator.audit());
  }
}

TEST_ON_POLICIES(orders_above_three_go_past_the_lists_but_for_whole_huge_pages) {
  using Lists = CpuLists<G>;
  TwoCores<G, Policy> two;
  two.start({.batch = 1, .high = 1 << 20});
  for (unsigned order = 0; order <= G.max_order_; ++order) {
    const bool keeps = order <= 3 || order == G.pageblock_order_;
    expect_equal(Lists::keeps(Order{order}), keeps);
    const std::uint64_t before = two.on(0);
    two.free(two.alloc(order), order);
    expect_equal(two.on(0) - before, keeps ? std::uint64_t{1} << order : 0);
    two.machine.allocator.drain_all();
  }
  expect(!two.machine.allocator.audit());
}

TEST_ON_LINUX(blocks_of_higher_orders_freed_in_a_row_empty_the_lists) {
  TwoCores<G, Policy> two;
  two.start({.batch = 2, .high = 12});
  Pfn pages[16];
  for (Pfn& page : pages) page = two.alloc();
  const Pfn block = two.alloc(1), other = two.alloc(1);
  two.machine.allocator.drain_all();
  Saboteur::lists(two.machine.allocator, kTwoCoresZone, 0).eagerness = 0;
  two.free(block, 1);
  expect_equal(two.on(0), 2u);  // not eager yet: it stays
  for (unsigned i = 0; i < 10; ++i) two.free(pages[i]);
  expect_equal(two.eagerness(), 1u);
  const std::uint64_t before = two.on(0);
  two.free(pages[10]);  // a single page does not
  expect_equal(two.on(0), before + 1);
  two.free(other, 1);
  expect_equal(two.on(0), 0u);
  expect(!two.machine.allocator.audit());
}

TEST_ON_POLICIES(pages_of_isolated_pageblocks_go_past_the_lists) {
  TwoCores<G, Policy> two;
  two.start({.batch = 1, .high = 100});
  auto& allocator = two.machine.allocator;
  const Pfn page = two.alloc();
  const Pfn begin{align_down(page.raw, two.kWhole)};
  expect(static_cast<bool>(allocator.isolate({begin, begin + PageCount{two.kWhole}})));
  const std::uint64_t free = allocator.free_pages_of(kTwoCoresZone).raw;
  two.free(page);
  expect_equal(two.on(0), 0u);
  expect_equal(allocator.free_pages_of(kTwoCoresZone).raw, free);
  expect_equal(allocator.zone_pages(kTwoCoresZone)
                   .listed_as(allocator.zone_pages(kTwoCoresZone).block_of(page).value().page),
               MigrateType::isolate);
  expect(!allocator.audit());
}

TEST_ON_POLICIES(pages_of_areas_and_of_reserves_go_to_the_movable_lists) {
  for (const MigrateType type : {MigrateType::cma, MigrateType::highatomic}) {
    TwoCores<G, Policy> two;
    two.start({.batch = 1, .high = 100});
    const Pfn page = two.alloc();
    two.machine.map.set_pageblock_type(page, type);
    two.free(page);
    expect_equal(two.on(0), 1u);
    expect(two.alloc(0, MigrateType::unmovable) != page);
    expect(two.alloc(0, MigrateType::reclaimable) != page);
    expect_equal(two.alloc(), page);
  }
}

// One list for all of them would hand pages of an area to a request whose pages stay for good.
TEST_ON_POLICIES(a_whole_pageblock_of_an_area_is_never_used_for_unmovable_pages) {
  using M = ManyCores<G, Policy>;
  constexpr unsigned order = G.pageblock_order_;
  TwoCores<G, Policy> two;
  auto& allocator = two.machine.allocator;
  expect(static_cast<bool>(allocator.release(M::blocks(0, 1))));
  expect(static_cast<bool>(allocator.release_cma(kTwoCoresZone, M::blocks(1, 4))));
  two.start_lists({.batch = 1, .high = 1 << 20});
  const Pfn page = two.alloc(order);
  expect(M::blocks(1, 4).contains(page));
  two.free(page, order);
  expect_equal(two.on(0), two.kWhole);
  expect(M::blocks(0, 1).contains(two.alloc(order, MigrateType::unmovable)));
  expect_equal(two.alloc(order), page);
  expect(!allocator.audit());
}

TEST_ON_POLICIES(a_page_at_hand_is_no_obstacle_where_no_mark_counts) {
  TwoCores<G, Policy> two;
  two.start({.batch = 1, .high = 100});
  auto& allocator = two.machine.allocator;
  constexpr Request kUnlimited{
      .type = MigrateType::movable, .urgency = Urgency::unlimited, .effort = Effort::no_wait};
  Pfn last;
  while (const auto page = allocator.alloc_pages(Order{0}, kUnlimited)) last = page.value();
  expect_equal(allocator.obstacle(kTwoCoresZone, Order{0}, kUnlimited).why, Obstacle::Why::below_mark);
  two.free(last);
  expect_equal(allocator.free_pages_of(kTwoCoresZone).raw, 0u);
  expect(!allocator.obstacle(kTwoCoresZone, Order{0}, kUnlimited));
  expect_equal(allocator.obstacle(kTwoCoresZone, Order{0}, kMovable).why, Obstacle::Why::below_mark);
  two.core = 1;
  expect_equal(allocator.obstacle(kTwoCoresZone, Order{0}, kUnlimited).why, Obstacle::Why::below_mark);
  two.core = 0;
  expect_equal(allocator.alloc_pages(Order{0}, kUnlimited).value(), last);
}

TEST_ON_POLICIES(drain_empties_the_lists_of_one_core_or_of_all) {
  TwoCores<G, Policy> two;
  two.start({.batch = 4, .high = 100});
  auto& allocator = two.machine.allocator;
  const std::uint64_t all = allocator.free_pages_of(kTwoCoresZone).raw;
  const Pfn a = two.alloc(), b = two.alloc(2);
  two.core = 1;
  const Pfn c = two.alloc();
  expect(two.on(0) != 0 && two.on(1) == 3);
  allocator.drain(0);
  expect_equal(two.on(0), 0u);
  expect_equal(two.on(1), 3u);
  allocator.drain_all();
  expect_equal(two.on(1), 0u);
  two.free(c), two.free(a), two.free(b, 2);
  allocator.drain_all();
  expect_equal(allocator.free_pages_of(kTwoCoresZone).raw, all);
  expect(!allocator.audit());
}

TEST_ON_POLICIES(limits_follow_the_watermarks_and_the_cores_of_the_node) {
  TwoCores<G, Policy> two;
  auto& allocator = two.machine.allocator;
  expect(static_cast<bool>(allocator.release(two.blocks(0, 4))));
  expect(static_cast<bool>(allocator.start_cpu_lists(two.machine.source())));
  expect_equal(allocator.core_count(), 2u);
  const PageCount managed{4 * two.kBlock};
  expect(allocator.cpu_limits_of(kTwoCoresZone) == cpu_limits(managed, PageCount{0}, 2, G.page_size()));
  allocator.set_watermarks(4096);
  const PageCount low = allocator.stats(kTwoCoresZone).marks.low;
  expect(low.raw != 0 &&
         allocator.cpu_limits_of(kTwoCoresZone) == cpu_limits(managed, low, 2, G.page_size()));
  allocator.set_cores_of_node(NodeId::first, 1);
  expect(allocator.cpu_limits_of(kTwoCoresZone) == cpu_limits(managed, low, 1, G.page_size()));
  expect(cpu_limits(managed, low, 1, G.page_size()) != cpu_limits(managed, low, 2, G.page_size()));
  allocator.set_cores_of_node(NodeId{1}, 7);  // no such node
  expect(allocator.cpu_limits_of(kTwoCoresZone) == cpu_limits(managed, low, 1, G.page_size()));
}

TEST(cpu_limits_are_those_of_a_kernel) {
  const PageSize page{12};
  const auto limits = [&](std::uint64_t managed, std::uint64_t low, unsigned cores) {
    return cpu_limits(PageCount{managed}, PageCount{low}, cores, page);
  };
  expect(limits(0, 0, 1) == CpuLimits{.batch = 1, .high = 4});
  expect(limits(3840, 106, 2) == CpuLimits{.batch = 1, .high = 53});
  expect(limits(16384, 0, 1) == CpuLimits{.batch = 3, .high = 12});
  expect(limits(496640, 13972, 2) == CpuLimits{.batch = 63, .high = 6986});
  expect(limits(std::uint64_t{1} << 40, std::uint64_t{1} << 40, 1) ==
         CpuLimits{.batch = 63, .high = UINT32_MAX});
  expect(cpu_limits(PageCount{1 << 20}, PageCount{100}, 1, PageSize{16}) ==
         CpuLimits{.batch = 3, .high = 100});
}

// --- What is Linux's alone: the order of pages ---------------------------------------------------------------

TEST(linux_fills_a_list_page_by_page_in_the_order_of_single_requests) {
  TwoCores<k4KSparse, LinuxPolicy> two;
  two.start({.batch = 8, .high = 100});
  for (std::uint64_t page = 0; page < 16; ++page) expect_equal(two.alloc(), Pfn{page});
  expect_equal(two.machine.allocator.stats(kTwoCoresZone).refills, 2u);
}

TEST(linux_puts_each_page_that_is_given_back_at_the_head_of_its_list) {
  TwoCores<k4KSparse, LinuxPolicy> two;
  two.start({.batch = 1, .high = 0});
  for (std::uint64_t page = 0; page < 64; ++page) expect_equal(two.alloc(), Pfn{page});
  for (const std::uint64_t page : {8u, 24u, 40u}) two.free(Pfn{page});
  for (const std::uint64_t page : {40u, 24u, 8u}) expect_equal(two.alloc(), Pfn{page});
}

TEST(linux_gives_boot_pages_to_the_tail) {
  using M = TestMachine<k4KSparse>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 4);
  expect(static_cast<bool>(machine.start()));
  auto& allocator = machine.allocator;
  for (const std::uint64_t block : {1u, 3u, 2u})
    expect(static_cast<bool>(allocator.release(M::blocks(block, block + 1))));
  expect(static_cast<bool>(allocator.release(M::blocks(0, 1), Place::head)));
  for (const std::uint64_t block : {0u, 1u, 3u, 2u})
    expect_equal(allocator.alloc_pages(Order{M::kMax}, kMovable).value(), Pfn{block * M::kBlock});
}

TEST(linux_splits_the_smallest_block_that_suffices_from_its_front) {
  using M = TestMachine<k4KSparse>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 2);
  expect(static_cast<bool>(machine.start()));
  auto& allocator = machine.allocator;
  expect(static_cast<bool>(allocator.release({Pfn{1016}, Pfn{1020}})));  // of order 2, on its list first
  expect(static_cast<bool>(allocator.release({Pfn{0}, Pfn{8}})));
  expect_equal(allocator.alloc_pages(Order{3}, kMovable).value(), Pfn{0});
  expect(static_cast<bool>(allocator.free_pages(Pfn{0}, Order{3})));
  expect_equal(allocator.alloc_pages(Order{2}, kMovable).value(), Pfn{1016});
  expect_equal(allocator.alloc_pages(Order{1}, kMovable).value(), Pfn{0});
  expect(static_cast<bool>(allocator.free_pages(Pfn{1016}, Order{2})));  // before what was left of the split
  expect_equal(allocator.alloc_pages(Order{2}, kMovable).value(), Pfn{1016});
  expect_equal(allocator.alloc_pages(Order{2}, kMovable).value(), Pfn{4});
}

}  // namespace quarry::buddy
