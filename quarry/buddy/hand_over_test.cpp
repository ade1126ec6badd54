#include "quarry/buddy/test_machine.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

namespace {

using zones::ZoneType;
constexpr auto kMovable = page::index_of(MigrateType::movable);

std::uint64_t blocks_of(const ZoneStats& stats, unsigned order) {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : stats.free_blocks[order]) sum += count;
  return sum;
}

bool same_blocks(const ZoneStats& a, const ZoneStats& b) {
  for (unsigned order = 0; order < Order::kCount; ++order)
    for (unsigned type = 0; type < page::kMigrateTypes; ++type)
      if (a.free_blocks[order][type] != b.free_blocks[order][type]) return false;
  for (unsigned type = 0; type < page::kMigrateTypes; ++type)
    if (a.pageblocks[type] != b.pageblocks[type]) return false;
  return a.free == b.free && a.managed == b.managed && a.largest_free == b.largest_free;
}

}  // namespace

TEST_ON_GEOMETRIES(release_cuts_into_the_largest_aligned_blocks) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 4);
  expect(static_cast<bool>(machine.start()));
  // One frame of each order up to the first whole block, one whole block, and a single frame.
  expect(static_cast<bool>(
      machine.allocator.release(M::zone(0, ZoneType::normal), {Pfn{1}, Pfn{2 * M::kBlock + 1}})));
  const ZoneStats stats = machine.allocator.stats(M::zone(0, ZoneType::normal));
  expect_equal(stats.free_blocks[0][kMovable], 2u);
  for (unsigned order = 1; order <= M::kMax; ++order) expect_equal(stats.free_blocks[order][kMovable], 1u);
  expect_equal(stats.free.raw, 2 * M::kBlock);
  expect_equal(stats.managed.raw, 2 * M::kBlock);
  expect_equal(stats.pageblocks[kMovable], (4 * M::kBlock) >> G.pageblock_order_);
  expect(stats.largest_free == G.max_order());
  expect(!machine.allocator.audit());
  expect_equal(machine.layout.zones[M::zone(0, ZoneType::normal)].managed.raw, 2 * M::kBlock);
}

TEST_ON_GEOMETRIES(release_puts_blocks_at_tails_so_that_the_lowest_go_first) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 4);
  expect(static_cast<bool>(machine.start()));
  expect(static_cast<bool>(machine.allocator.release(M::blocks(0, 4))));
  for (unsigned block = 0; block < 4; ++block)
    expect_equal(machine.allocator.alloc_pages(G.max_order(), {.type = MigrateType::movable}).value(),
                 Pfn{block * M::kBlock});
}

TEST_ON_GEOMETRIES(pages_in_use_from_the_start_are_managed_and_not_free) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 4);
  expect(static_cast<bool>(machine.start()));
  auto& allocator = machine.allocator;
  const std::uint32_t zone = M::zone(0, ZoneType::normal);
  expect(static_cast<bool>(allocator.release(zone, M::blocks(0, 1))));
  expect(static_cast<bool>(allocator.release_used(zone, M::blocks(2, 4))));
  expect_equal(allocator.stats(zone).managed.raw, 3 * M::kBlock);
  expect_equal(allocator.stats(zone).free.raw, M::kBlock);
  expect(!allocator.audit());
  // Not twice, not in parts, not elsewhere.
  expect_equal(allocator.release_used(zone, M::blocks(3, 4)).error(), Error::bad_argument);
  expect_equal(allocator.release_used(zone, {Pfn{M::kBlock}, Pfn{M::kBlock + 1}}).error(),
               Error::bad_argument);
  expect_equal(allocator.release_used(zone, M::blocks(4, 5)).error(), Error::bad_argument);
  expect_equal(allocator.stats(zone).managed.raw, 3 * M::kBlock);
  // Their owner gives them back like any other block.
  expect(static_cast<bool>(allocator.free_pages(Pfn{2 * M::kBlock}, G.max_order())));
  expect_equal(allocator.stats(zone).free.raw, 2 * M::kBlock);
  expect(!allocator.audit());
}

TEST_ON_GEOMETRIES(release_at_heads_makes_the_last_go_first) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 4);
  expect(static_cast<bool>(machine.start()));
  expect(static_cast<bool>(machine.allocator.release(M::blocks(0, 4), Place::head)));
  expect_equal(machine.allocator.alloc_pages(G.max_order(), {}).value(), Pfn{3 * M::kBlock});
}

TEST_ON_GEOMETRIES(release_refuses_what_was_released_and_what_lies_outside) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 1, 4);
  expect(static_cast<bool>(machine.start()));
  auto& allocator = machine.allocator;
  const std::uint32_t zone = M::zone(0, ZoneType::normal);
  expect(static_cast<bool>(allocator.release(zone, M::blocks(2, 3))));
  const ZoneStats before = allocator.stats(zone);
  const PfnRange wrong[] = {
      M::blocks(2, 3),                                   // the same again
      M::blocks(1, 4),                                   // around it
      {Pfn{2 * M::kBlock + 4}, Pfn{2 * M::kBlock + 8}},  // inside it
      {Pfn{2 * M::kBlock - 1}, Pfn{2 * M::kBlock + 1}},  // over its start
      M::blocks(0, 2),                                   // below the zone
      M::blocks(3, 5),                                   // above it
  };
  for (const PfnRange& pages : wrong) {
    const auto done = allocator.release(zone, pages);
    expect(!done && done.error() == Error::bad_argument);
    expect_equal(allocator.last_misuse(), Misuse::overlapping_range);
    expect(same_blocks(allocator.stats(zone), before));
    expect(!allocator.audit());
  }
  expect_equal(allocator.release(99, M::blocks(1, 2)).error(), Error::bad_argument);
  expect(static_cast<bool>(allocator.release(zone, PfnRange{})));
  expect(static_cast<bool>(allocator.release(zone, M::blocks(1, 2))));
}

TEST_ON_GEOMETRIES(release_gives_each_zone_its_part_or_nothing_to_any) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::dma, 0, 2);
  machine.add_zone(0, ZoneType::normal, 2, 4);
  machine.add_zone(1, ZoneType::normal, 4, 6);
  expect(static_cast<bool>(machine.start()));
  expect(static_cast<bool>(machine.allocator.release({Pfn{M::kBlock}, Pfn{5 * M::kBlock + 1}})));
  const auto free = [&](unsigned node, ZoneType type) {
    return machine.allocator.free_pages_of(M::zone(node, type)).raw;
  };
  expect_equal(free(0, ZoneType::dma), M::kBlock);
  expect_equal(free(0, ZoneType::normal), 2 * M::kBlock);
  expect_equal(free(1, ZoneType::normal), M::kBlock + 1);
  expect(!machine.allocator.release({Pfn{0}, Pfn{M::kBlock + 1}}));
  expect(!machine.allocator.release({Pfn{0}, Pfn{6 * M::kBlock}}));
  expect_equal(free(0, ZoneType::dma), M::kBlock);
  expect(!machine.allocator.audit());
}

TEST_ON_GEOMETRIES(release_cma_makes_pageblocks_that_only_movable_requests_use) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 2);
  expect(static_cast<bool>(machine.start()));
  auto& allocator = machine.allocator;
  const std::uint32_t zone = M::zone(0, ZoneType::normal);
  expect_equal(allocator.release_cma(zone, {Pfn{1}, Pfn{M::kBlock}}).error(), Error::bad_argument);
  expect_equal(allocator.release_cma(99, M::blocks(1, 2)).error(), Error::bad_argument);
  expect(static_cast<bool>(allocator.release_cma(zone, M::blocks(1, 2))));
  const ZoneStats stats = allocator.stats(zone);
  expect_equal(stats.free_cma.raw, M::kBlock);
  expect_equal(stats.free_blocks[M::kMax][page::index_of(MigrateType::cma)], 1u);
  expect_equal(stats.pageblocks[page::index_of(MigrateType::cma)], M::kBlock >> G.pageblock_order_);
  expect_equal(machine.layout.zones[zone].cma.raw, M::kBlock);
  expect(!allocator.release_cma(zone, M::blocks(1, 2)));

  expect_equal(allocator.alloc_pages(Order{0}, {.type = MigrateType::unmovable}).error(), Error::no_memory);
  const auto page = allocator.alloc_pages(Order{0}, {.type = MigrateType::movable});
  expect_equal(page.value(), Pfn{M::kBlock});
  expect_equal(allocator.stats(zone).free_cma.raw, M::kBlock - 1);
  expect(static_cast<bool>(allocator.free_pages(page.value(), Order{0})));
  expect_equal(allocator.stats(zone).free_cma.raw, M::kBlock);
  expect(!allocator.audit());
}

// --- Deferred sections ------------------------------------------------------------------------------

template <Geometry G>
void deferral_is_invisible() {
  using M = TestMachine<G>;
  constexpr std::uint64_t section_pages = M::kBlock << (G.section_bits_ - G.page_shift_ - G.max_order_);
  const PfnRange pages{Pfn{5}, Pfn{3 * section_pages + 9}};
  const std::uint32_t zone = M::zone(0, ZoneType::normal);
  ZoneStats eager;
  {
    M machine;
    machine.add_pages(0, ZoneType::normal, {Pfn{0}, Pfn{4 * section_pages}});
    expect(static_cast<bool>(machine.start()));
    expect(static_cast<bool>(machine.allocator.release(zone, pages)));
    eager = machine.allocator.stats(zone);
  }
  M machine;
  machine.add_pages(0, ZoneType::normal, {Pfn{0}, Pfn{4 * section_pages}});
  expect(static_cast<bool>(machine.start({.hand_over = HandOver::deferred})));
  auto& allocator = machine.allocator;
  expect(static_cast<bool>(allocator.release(zone, pages)));
  const ZoneStats lazy = allocator.stats(zone);
  expect(same_blocks(lazy, eager));
  expect_equal(lazy.deferred.raw, 2 * section_pages);
  expect(!allocator.audit());
  for (std::uint64_t at = section_pages; at < 3 * section_pages; ++at)
    if (!(machine.map.at(Pfn{at}) == page::Descriptor{})) expect(false);

  // Again, around and inside: all refused. Pages of a deferred section are free.
  expect(!allocator.release(zone, {Pfn{section_pages}, Pfn{2 * section_pages}}));
  expect(!allocator.release(zone, {Pfn{section_pages + 1}, Pfn{section_pages + 2}}));
  expect(!allocator.release(zone, {Pfn{0}, Pfn{section_pages}}));
  expect_equal(allocator.free_pages(Pfn{section_pages + 1}, Order{0}).error(), Error::wrong_owner);
  expect_equal(allocator.last_misuse(), Misuse::double_free);
  expect(same_blocks(allocator.stats(zone), eager));

  // Somebody needs a descriptor of the last one: it comes up, and the first stays.
  expect(allocator.descriptor(Pfn{2 * section_pages})->is_free(G.max_order(), 0));
  expect_equal(allocator.stats(zone).deferred.raw, section_pages);
  expect(same_blocks(allocator.stats(zone), eager));
  expect(!allocator.audit());

  // Every page can be had, none twice; the lists run out before the deferred section is touched.
  std::uint64_t had = 0;
  while (const auto page = allocator.alloc_pages(G.max_order(), {.type = MigrateType::movable})) {
    if (allocator.stats(zone).deferred.raw == 0 && had < section_pages) had = section_pages;
    had += M::kBlock;
    expect(pages.contains(page.value()));
  }
  expect_equal(allocator.stats(zone).deferred.raw, 0u);
  expect_equal(blocks_of(allocator.stats(zone), M::kMax), 0u);
  expect(!allocator.audit());
}
TEST(deferral_is_invisible_4k_sparse) { deferral_is_invisible<k4KSparse>(); }
TEST(deferral_is_invisible_64k_sparse) { deferral_is_invisible<k64KSparse>(); }

TEST(deferred_sections_come_up_in_address_order_when_lists_run_out) {
  using M = TestMachine<k4KSparse>;
  constexpr std::uint64_t section_pages = 32 * M::kBlock;
  M machine;
  machine.add_pages(0, ZoneType::normal, {Pfn{0}, Pfn{3 * section_pages}});
  expect(static_cast<bool>(machine.start({.hand_over = HandOver::deferred})));
  expect(static_cast<bool>(machine.allocator.release({Pfn{section_pages}, Pfn{3 * section_pages}})));
  expect(static_cast<bool>(machine.allocator.release({Pfn{0}, Pfn{section_pages}})));
  // Unmovable: takes over from the movable blocks that are about to be there.
  for (std::uint64_t block = 0; block < 96; ++block) {
    const auto page = machine.allocator.alloc_pages(Order{10}, {.type = MigrateType::unmovable});
    expect_equal(page.value(), Pfn{block * M::kBlock});
    expect_equal(machine.allocator.stats(2).deferred.raw, (2 - block / 32) * section_pages);
  }
  expect_equal(machine.allocator.alloc_pages(Order{0}, {}).error(), Error::no_memory);
  expect(!machine.allocator.audit());
}

// 64 TiB in 64 nodes would need a hosted source; the cost per section is what matters here.
TEST(deferred_hand_over_writes_no_descriptor) {
  using M = TestMachine<k4KSparse>;
  M machine;
  machine.add_pages(0, ZoneType::normal, {Pfn{0}, Pfn{std::uint64_t{128} * M::kBlock}});
  expect(static_cast<bool>(machine.start({.hand_over = HandOver::deferred})));
  expect(static_cast<bool>(machine.allocator.release({Pfn{0}, Pfn{std::uint64_t{128} * M::kBlock}})));
  for (std::uint64_t at = 0; at < 128 * M::kBlock; at += M::kBlock)
    expect(machine.map.at(Pfn{at}) == page::Descriptor{});
}

TEST(allocator_reports_that_its_source_is_empty) {
  using M = TestMachine<k4KSparse>;
  std::uint64_t enough = 0, map = 0;
  {
    M machine;
    machine.add_zone(0, ZoneType::normal, 0, 32);
    expect(static_cast<bool>(machine.start()));
    enough = machine.used(), map = machine.map.metadata().raw;
  }
  for (std::uint64_t room = map + 64; room < enough; room += 64) {
    M machine;
    machine.add_zone(0, ZoneType::normal, 0, 32);
    machine.room = room;
    const auto done = machine.start();
    expect(!done);
    if (!done) expect_equal(done.error(), Error::no_memory);
  }
}

TEST(allocator_refuses_more_zone_parts_than_descriptors_can_name) {
  using M = TestMachine<k4KSparse>;
  M machine;
  machine.add_pages(0, ZoneType::normal, {Pfn{0}, Pfn{1}});
  expect(static_cast<bool>(machine.start()));
  zones::Zone& zone = machine.layout.zones[2];
  zone.spanned = PageCount{std::uint64_t{1} << 43};  // 4,096 parts
  PageAllocator<k4KSparse> fits, large;
  expect(static_cast<bool>(fits.init(machine.layout, machine.map, machine.source(), {})));
  zone.spanned = PageCount{(std::uint64_t{1} << 43) + 1};
  expect_equal(large.init(machine.layout, machine.map, machine.source(), {}).error(), Error::no_room);
}

}  // namespace quarry::buddy
