#include "quarry/buddy/test_machine.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

using zones::ZoneType;

TEST_ON_GEOMETRIES(free_pages_merges_all_the_way_up) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 2);
  expect(static_cast<bool>(machine.start()));
  auto& allocator = machine.allocator;
  const std::uint32_t zone = M::zone(0, ZoneType::normal);
  expect(static_cast<bool>(allocator.release(M::blocks(0, 2))));
  const Pfn low = allocator.alloc_pages(Order{0}, {.type = MigrateType::movable}).value();
  const Pfn high = allocator.alloc_pages(Order{0}, {.type = MigrateType::movable}).value();
  expect_equal(low, Pfn{0});
  expect_equal(high, Pfn{1});
  expect_equal(allocator.stats(zone).splits, M::kMax);
  expect(static_cast<bool>(allocator.free_pages(low, Order{0})));
  expect_equal(allocator.stats(zone).merges, 0u);
  expect(static_cast<bool>(allocator.free_pages(high, Order{0})));
  const ZoneStats stats = allocator.stats(zone);
  expect_equal(stats.merges, M::kMax);
  expect_equal(stats.free_blocks[M::kMax][page::index_of(MigrateType::movable)], 2u);
  expect_equal(stats.allocs, 2u);
  expect_equal(stats.frees, 2u);
  expect(!allocator.audit());
}

TEST_ON_GEOMETRIES(free_pages_does_not_merge_across_zones) {
  using M = TestMachine<G>;
  M machine;
  machine.add_pages(0, ZoneType::dma, {Pfn{0}, Pfn{M::kBlock / 2}});
  machine.add_pages(0, ZoneType::normal, {Pfn{M::kBlock / 2}, Pfn{M::kBlock}});
  expect(static_cast<bool>(machine.start()));
  expect(static_cast<bool>(machine.allocator.release(M::blocks(0, 1))));
  for (const ZoneType type : {ZoneType::dma, ZoneType::normal}) {
    const ZoneStats stats = machine.allocator.stats(M::zone(0, type));
    expect_equal(stats.free_blocks[M::kMax - 1][page::index_of(MigrateType::movable)], 1u);
    expect_equal(stats.free.raw, M::kBlock / 2);
  }
  expect(!machine.allocator.audit());
}

// A block whose buddy is busy, but whose parent's buddy is free, waits at the end of its list.
TEST_ON_GEOMETRIES(free_pages_puts_a_block_that_will_soon_merge_at_the_tail) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 1);
  expect(static_cast<bool>(machine.start()));
  auto& allocator = machine.allocator;
  expect(static_cast<bool>(allocator.release(M::blocks(0, 1))));
  const Request request{.type = MigrateType::movable};
  for (std::uint64_t page = 0; page < 16; ++page)
    expect_equal(allocator.alloc_pages(Order{0}, request).value(), Pfn{page});
  expect(static_cast<bool>(allocator.free_pages(Pfn{12}, Order{0})));  // alone: to the head
  expect(static_cast<bool>(allocator.free_pages(Pfn{2}, Order{0})));
  expect(static_cast<bool>(allocator.free_pages(Pfn{3}, Order{0})));  // 2..3 of order 1
  expect(static_cast<bool>(allocator.free_pages(Pfn{0}, Order{0})));  // 0..1 would merge with 2..3
  expect_equal(allocator.alloc_pages(Order{0}, request).value(), Pfn{12});
  expect_equal(allocator.alloc_pages(Order{0}, request).value(), Pfn{0});
  expect(static_cast<bool>(allocator.free_pages(Pfn{12}, Order{0})));
  expect(static_cast<bool>(allocator.free_pages(Pfn{8}, Order{0})));  // nothing likely: to the head
  expect_equal(allocator.alloc_pages(Order{0}, request).value(), Pfn{8});
}

TEST_ON_GEOMETRIES(free_pages_names_every_misuse_and_changes_nothing) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 3);
  expect(static_cast<bool>(machine.start()));
  auto& allocator = machine.allocator;
  const std::uint32_t zone = M::zone(0, ZoneType::normal);
  expect(static_cast<bool>(allocator.release(M::blocks(0, 2))));
  expect_equal(allocator.last_misuse(), Misuse::none);
  const Request request{.type = MigrateType::movable};
  expect_equal(allocator.alloc_pages(Order{2}, request).value(), Pfn{0});
  expect_equal(allocator.alloc_pages(Order{0}, request).value(), Pfn{4});
  expect_equal(allocator.alloc_pages(Order{0}, request).value(), Pfn{5});
  expect_equal(allocator.alloc_pages(Order{0}, request).value(), Pfn{6});
  machine.map.at(Pfn{5}).become_slab(1);
  const ZoneStats before = allocator.stats(zone);

  struct Case {
    Pfn page;
    Order order;
    Misuse misuse;
    Error error;
  };
  const Case cases[] = {
      {Pfn{std::uint64_t{1} << 45}, Order{0}, Misuse::foreign_page, Error::bad_argument},
      {Pfn{UINT64_MAX}, Order{0}, Misuse::foreign_page, Error::bad_argument},
      {Pfn{2}, Order{2}, Misuse::misaligned_page, Error::bad_argument},
      {Pfn{8}, Order{0}, Misuse::double_free, Error::wrong_owner},
      {Pfn{9}, Order{0}, Misuse::double_free, Error::wrong_owner},
      {Pfn{M::kBlock + 3}, Order{0}, Misuse::double_free, Error::wrong_owner},
      {Pfn{2 * M::kBlock}, Order{0}, Misuse::reserved_page, Error::wrong_owner},
      {Pfn{2 * M::kBlock + 1}, Order{0}, Misuse::reserved_page, Error::wrong_owner},
      {Pfn{0}, Order{1}, Misuse::wrong_order, Error::wrong_owner},
      {Pfn{0}, G.max_order(), Misuse::wrong_order, Error::wrong_owner},
      {Pfn{4}, Order{1}, Misuse::wrong_order, Error::wrong_owner},
      {Pfn{3}, Order{0}, Misuse::inner_page, Error::wrong_owner},
      {Pfn{5}, Order{0}, Misuse::busy_page, Error::wrong_owner},
  };
  for (const Case& one : cases) {
    const auto done = allocator.free_pages(one.page, one.order);
    expect(!done);
    if (!done) expect_equal(done.error(), one.error);
    expect_equal(allocator.last_misuse(), one.misuse);
  }
  const ZoneStats after = allocator.stats(zone);
  expect_equal(after.free, before.free);
  expect_equal(after.frees, before.frees);
  expect(!allocator.audit());
  machine.map.at(Pfn{5}).leave_slab(MigrateType::movable);
  expect(static_cast<bool>(allocator.free_pages(Pfn{5}, Order{0})));
  expect(static_cast<bool>(allocator.free_pages(Pfn{0}, Order{2})));
  expect_equal(allocator.free_pages(Pfn{0}, Order{2}).error(), Error::wrong_owner);
  expect_equal(allocator.last_misuse(), Misuse::double_free);
  expect(!allocator.audit());
}

TEST(reserved_state_is_a_reserved_page) {
  using M = TestMachine<k4KSparse>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 1);
  expect(static_cast<bool>(machine.start()));
  expect_equal(machine.allocator.free_pages(Pfn{0}, Order{0}).error(), Error::wrong_owner);
  expect_equal(machine.allocator.last_misuse(), Misuse::reserved_page);
}

TEST(every_law_and_every_misuse_has_a_name) {
  for (unsigned a = 0; a <= static_cast<unsigned>(Law::pages_are_accounted); ++a)
    expect(!(name_of(static_cast<Law>(a)) == TextView{"unknown law"}));
  for (unsigned a = 0; a <= static_cast<unsigned>(Misuse::overlapping_range); ++a)
    expect(!(name_of(static_cast<Misuse>(a)) == TextView{"unknown misuse"}));
  expect(name_of(static_cast<Law>(200)) == TextView{"unknown law"});
  expect(name_of(static_cast<Misuse>(200)) == TextView{"unknown misuse"});
}

}  // namespace quarry::buddy
