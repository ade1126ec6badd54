#include "quarry/buddy/test_machine.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

using zones::ZoneType;

namespace {

constexpr Request kUnmovable{.type = MigrateType::unmovable};
constexpr Request kMovable{.type = MigrateType::movable};
constexpr Request kReclaimable{.type = MigrateType::reclaimable};

template <class M>
std::uint64_t pageblocks(M& machine, MigrateType type) {
  return machine.allocator.stats(M::zone(0, ZoneType::normal)).pageblocks[page::index_of(type)];
}

}  // namespace

TEST_ON_GEOMETRIES(a_block_of_whole_pageblocks_changes_its_type) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 2);
  expect(static_cast<bool>(machine.start()));
  expect(static_cast<bool>(machine.allocator.release(M::blocks(0, 2))));
  expect_equal(machine.allocator.alloc_pages(Order{0}, kUnmovable).value(), Pfn{0});
  constexpr std::uint64_t each = M::kBlock >> G.pageblock_order_;
  expect_equal(pageblocks(machine, MigrateType::unmovable), each);
  expect_equal(pageblocks(machine, MigrateType::movable), each);
  expect_equal(machine.allocator.stats(M::zone(0, ZoneType::normal)).fallbacks, 1u);
  // The rest of the block serves the next request, and movable ones go elsewhere.
  expect_equal(machine.allocator.alloc_pages(Order{0}, kUnmovable).value(), Pfn{1});
  expect_equal(machine.allocator.alloc_pages(Order{0}, kMovable).value(), Pfn{M::kBlock});
  expect_equal(machine.allocator.stats(M::zone(0, ZoneType::normal)).fallbacks, 1u);
  expect(!machine.allocator.audit());
}

// Less than a whole pageblock is free: it is taken over if half of it is free or alike.
TEST_ON_GEOMETRIES(half_a_free_pageblock_is_taken_over) {
  using M = TestMachine<G>;
  constexpr std::uint64_t half_block = std::uint64_t{1} << (G.pageblock_order_ - 1);
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 1);
  expect(static_cast<bool>(machine.start()));
  expect(static_cast<bool>(machine.allocator.release({Pfn{0}, Pfn{half_block}})));
  // Reserved pages may be unmovable ones: they are alike, as in Linux.
  expect_equal(machine.allocator.alloc_pages(Order{0}, kUnmovable).value(), Pfn{0});
  expect_equal(pageblocks(machine, MigrateType::unmovable), 1u);
  expect(!machine.allocator.audit());
}

// Nothing in use is alike in a pageblock of the third type: what is free decides, and half is enough.
TEST_ON_GEOMETRIES(a_pageblock_of_the_third_type_is_taken_over_from_half_on) {
  using M = TestMachine<G>;
  for (unsigned share = 1; share <= 2; ++share) {
    M machine;
    machine.add_zone(0, ZoneType::normal, 0, 1);
    expect(static_cast<bool>(machine.start()));
    machine.map.set_pageblock_type(Pfn{0}, MigrateType::reclaimable);
    const Pfn end{std::uint64_t{1} << (G.pageblock_order_ - share)};
    expect(static_cast<bool>(machine.allocator.release({Pfn{0}, end})));
    expect_equal(machine.allocator.alloc_pages(Order{0}, kUnmovable).value(), Pfn{0});
    expect_equal(pageblocks(machine, MigrateType::unmovable), share == 1 ? 1u : 0u);
    expect_equal(pageblocks(machine, MigrateType::reclaimable), share == 1 ? 0u : 1u);
  }
}

TEST_ON_GEOMETRIES(a_pageblock_full_of_movable_pages_keeps_its_type_but_gives_its_free_ones) {
  using M = TestMachine<G>;
  constexpr std::uint64_t whole_block = std::uint64_t{1} << G.pageblock_order_;
  M machine;
  machine.add_pages(0, ZoneType::normal, {Pfn{0}, Pfn{whole_block}});
  expect(static_cast<bool>(machine.start()));
  expect(static_cast<bool>(machine.allocator.release({Pfn{0}, Pfn{whole_block}})));
  for (unsigned eighth = 0; eighth < 6; ++eighth)
    expect(static_cast<bool>(machine.allocator.alloc_pages(Order{G.pageblock_order_ - 3}, kMovable)));
  expect_equal(machine.allocator.alloc_pages(Order{0}, kUnmovable).value(), Pfn{whole_block / 4 * 3});
  expect_equal(pageblocks(machine, MigrateType::movable), 1u);
  const ZoneStats stats = machine.allocator.stats(M::zone(0, ZoneType::normal));
  for (unsigned order = 0; order <= M::kMax; ++order)
    expect_equal(stats.free_blocks[order][page::index_of(MigrateType::movable)], 0u);
  expect(!machine.allocator.audit());
  // Freed, they go where the pageblock's type says.
  expect(static_cast<bool>(machine.allocator.free_pages(Pfn{whole_block / 4 * 3}, Order{0})));
  expect_equal(machine.allocator.stats(M::zone(0, ZoneType::normal)).merges, G.pageblock_order_ - 2);
  expect(!machine.allocator.audit());
}

// A movable request does not take a pageblock for a small block; it splits the smallest one there is.
TEST_ON_GEOMETRIES(a_movable_request_takes_the_smallest_block_when_all_are_small) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 1);
  expect(static_cast<bool>(machine.start()));
  auto& allocator = machine.allocator;
  expect(static_cast<bool>(allocator.release(M::blocks(0, 1))));
  // All unmovable, then free again: one page, and a block of four.
  for (std::uint64_t page = 0; page < M::kBlock; ++page)
    expect(static_cast<bool>(allocator.alloc_pages(Order{0}, kUnmovable)));
  for (std::uint64_t page = 8; page < 12; ++page)
    expect(static_cast<bool>(allocator.free_pages(Pfn{page}, Order{0})));
  expect(static_cast<bool>(allocator.free_pages(Pfn{20}, Order{0})));
  expect_equal(allocator.alloc_pages(Order{0}, kMovable).value(), Pfn{20});
  expect_equal(allocator.alloc_pages(Order{0}, kMovable).value(), Pfn{8});
  expect_equal(pageblocks(machine, MigrateType::movable), 0u);
  // A reclaimable one takes all free blocks of the pageblock along: from the largest block's list.
  expect_equal(allocator.alloc_pages(Order{0}, kReclaimable).value(), Pfn{9});
  expect(!allocator.audit());
}

TEST_ON_GEOMETRIES(fallbacks_are_tried_in_the_order_of_their_type) {
  using M = TestMachine<G>;
  struct Case {
    Request request;
    MigrateType first, second;
  };
  const Case cases[] = {{kUnmovable, MigrateType::reclaimable, MigrateType::movable},
                        {kMovable, MigrateType::reclaimable, MigrateType::unmovable},
                        {kReclaimable, MigrateType::unmovable, MigrateType::movable}};
  for (const Case& one : cases) {
    M machine;
    machine.add_zone(0, ZoneType::normal, 0, 2);
    expect(static_cast<bool>(machine.start()));
    auto& allocator = machine.allocator;
    for (std::uint64_t at = 0; at < 2 * M::kBlock; at += std::uint64_t{1} << G.pageblock_order_)
      machine.map.set_pageblock_type(Pfn{at}, at < M::kBlock ? one.second : one.first);
    expect(static_cast<bool>(allocator.release(M::blocks(0, 2))));
    expect_equal(allocator.alloc_pages(G.max_order(), one.request).value(), Pfn{M::kBlock});
    expect_equal(allocator.alloc_pages(G.max_order(), one.request).value(), Pfn{0});
    expect(!allocator.audit());
  }
}

// So that as few pageblocks as possible mix types.
TEST_ON_GEOMETRIES(an_unmovable_request_takes_from_the_largest_block_of_another_type) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 2);
  expect(static_cast<bool>(machine.start()));
  auto& allocator = machine.allocator;
  expect(static_cast<bool>(allocator.release({Pfn{8}, Pfn{16}})));
  expect(static_cast<bool>(allocator.release(M::blocks(1, 2))));
  expect_equal(allocator.alloc_pages(Order{0}, kUnmovable).value(), Pfn{M::kBlock});
  expect_equal(allocator.alloc_pages(Order{0}, kMovable).value(), Pfn{8});
}

TEST_ON_GEOMETRIES(without_grouping_every_request_is_unmovable) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 1);
  expect(static_cast<bool>(machine.start({.grouping = Grouping::none})));
  auto& allocator = machine.allocator;
  expect(static_cast<bool>(allocator.release(M::blocks(0, 1))));
  expect_equal(allocator.alloc_pages(Order{0}, kMovable).value(), Pfn{0});
  expect_equal(pageblocks(machine, MigrateType::unmovable), M::kBlock >> G.pageblock_order_);
  expect_equal(allocator.alloc_pages(Order{0}, kReclaimable).value(), Pfn{1});
  expect_equal(allocator.stats(M::zone(0, ZoneType::normal)).fallbacks, 1u);
}

// In a machine with DMA32, a request that would mix types in Normal goes to DMA32 first.
TEST(normal_is_not_mixed_while_dma32_has_what_is_asked_for) {
  using M = TestMachine<k4KSparse>;
  M machine;
  machine.add_zone(0, ZoneType::dma32, 0, 1);
  machine.add_zone(0, ZoneType::normal, 1, 2);
  expect(static_cast<bool>(machine.start()));
  auto& allocator = machine.allocator;
  machine.map.set_pageblock_type(Pfn{0}, MigrateType::unmovable);
  machine.map.set_pageblock_type(Pfn{512}, MigrateType::unmovable);
  expect(static_cast<bool>(allocator.release(M::blocks(0, 1))));
  expect(static_cast<bool>(allocator.release({Pfn{1024}, Pfn{1024 + 256}})));  // less than a pageblock
  expect_equal(allocator.alloc_pages(Order{0}, kUnmovable).value(), Pfn{0});
  expect_equal(allocator.stats(M::zone(0, ZoneType::normal)).fallbacks, 0u);
  // Nothing of the kind is left there: now Normal is mixed, before anything fails.
  while (const auto page = allocator.alloc_pages(Order{0}, kUnmovable))
    if (page.value() == Pfn{1024}) break;
  expect_equal(allocator.free_pages_of(M::zone(0, ZoneType::dma32)).raw, 0u);
  expect_equal(allocator.stats(M::zone(0, ZoneType::normal)).fallbacks, 1u);
  expect(!allocator.audit());
}

TEST(normal_takes_whole_pageblocks_without_mixing) {
  using M = TestMachine<k4KSparse>;
  M machine;
  machine.add_zone(0, ZoneType::dma32, 0, 1);
  machine.add_zone(0, ZoneType::normal, 1, 2);
  expect(static_cast<bool>(machine.start()));
  expect(static_cast<bool>(machine.allocator.release(M::blocks(0, 2))));
  expect_equal(machine.allocator.alloc_pages(Order{0}, kUnmovable).value(), Pfn{1024});
}

TEST(mixing_close_by_is_better_than_memory_far_away) {
  using M = TestMachine<k4KSparse>;
  M machine;
  machine.add_zone(0, ZoneType::dma32, 0, 1);
  machine.add_zone(0, ZoneType::normal, 1, 2);
  machine.add_zone(1, ZoneType::normal, 2, 3);
  expect(static_cast<bool>(machine.start()));
  auto& allocator = machine.allocator;
  expect(static_cast<bool>(allocator.release({Pfn{1024}, Pfn{1024 + 256}})));
  expect(static_cast<bool>(allocator.release(M::blocks(2, 3))));
  expect_equal(allocator.alloc_pages(Order{0}, kUnmovable).value(), Pfn{1024});
}

}  // namespace quarry::buddy
