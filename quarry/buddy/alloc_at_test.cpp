#include "quarry/buddy/test_machine.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

using zones::ZoneType;

namespace {

constexpr MigrateType kMovable = MigrateType::movable;

// Four blocks: three ordinary ones, and one that is a contiguous area.
template <Geometry G>
struct WithAreaBehind : TestMachine<G> {
  using M = TestMachine<G>;
  static constexpr std::uint32_t kZone = 2;
  WithAreaBehind() {
    this->add_zone(0, ZoneType::normal, 0, 5);
    expect(static_cast<bool>(this->start()));
    expect(static_cast<bool>(this->allocator.release(M::blocks(0, 3))));
    expect(static_cast<bool>(this->allocator.release_cma(kZone, M::blocks(3, 4))));
  }
  PageCount free() const { return this->allocator.free_pages_of(kZone); }
  void refuses(std::uint64_t page, unsigned order, MigrateType type, Error why) {
    const PageCount before = free();
    const auto taken = this->allocator.alloc_at(Pfn{page}, Order{order}, type);
    expect(!taken && taken.error() == why);
    expect(free() == before);
    expect_equal(this->allocator.audit().broken, Law::holds);
  }
};

}  // namespace

TEST_ON_GEOMETRIES(this_very_block_is_handed_out_and_comes_back) {
  WithAreaBehind<G> place;
  auto& allocator = place.allocator;
  const PageCount all = place.free();
  const std::uint64_t at = WithAreaBehind<G>::kBlock + 12;
  expect(static_cast<bool>(allocator.alloc_at(Pfn{at}, Order{2}, MigrateType::reclaimable)));
  expect(place.map.at(Pfn{at}).is_allocated(Order{2}));
  expect(place.map.at(Pfn{at}).list() == MigrateType::reclaimable);
  expect_equal(all.raw - place.free().raw, 4u);
  expect_equal(allocator.audit().broken, Law::holds);
  place.refuses(at, 2, kMovable, Error::busy);
  place.refuses(at, 0, kMovable, Error::busy);
  place.refuses(at - 4, 3, kMovable, Error::busy);  // half of it is in use
  expect(static_cast<bool>(allocator.alloc_at(Pfn{at - 4}, Order{2}, kMovable)));
  expect(static_cast<bool>(allocator.free_pages(Pfn{at}, Order{2})));
  expect(static_cast<bool>(allocator.free_pages(Pfn{at - 4}, Order{2})));
  expect(place.free() == all);
  expect(static_cast<bool>(allocator.alloc_at(Pfn{WithAreaBehind<G>::kBlock}, G.max_order(), kMovable)));
  expect_equal(allocator.audit().broken, Law::holds);
}

TEST_ON_GEOMETRIES(who_may_not_have_a_block_does_not_get_it) {
  using P = WithAreaBehind<G>;
  P place;
  const std::uint64_t area = 3 * P::kBlock;
  place.refuses(1, 1, kMovable, Error::bad_argument);              // no such block
  place.refuses(0, 0, MigrateType::cma, Error::bad_argument);      // no ordinary type
  place.refuses(9 * P::kBlock, 0, kMovable, Error::bad_argument);  // no such frame
  if (G.max_order_ < Order::kCeiling) place.refuses(0, G.max_order_ + 1, kMovable, Error::bad_argument);
  place.refuses(4 * P::kBlock, 0, kMovable, Error::busy);       // reserved
  place.refuses(area, 0, MigrateType::unmovable, Error::busy);  // only movable pages borrow
  expect(static_cast<bool>(place.allocator.alloc_at(Pfn{area}, Order{0}, kMovable)));
  expect_equal(place.allocator.stats(P::kZone).free_cma.raw, P::kBlock - 1);
  const PfnRange isolated{Pfn{0}, Pfn{0} + G.pageblock_order().pages()};
  expect(static_cast<bool>(place.allocator.isolate(isolated)));
  place.refuses(0, 0, kMovable, Error::busy);
  place.allocator.undo_isolation(isolated);
  expect(static_cast<bool>(place.allocator.alloc_at(Pfn{0}, Order{0}, kMovable)));
}

TEST(a_block_of_a_deferred_section_can_be_had) {
  TestMachine<k16KSparse> machine;
  machine.add_zone(0, ZoneType::normal, 0, 4);
  expect(static_cast<bool>(machine.start({.hand_over = HandOver::deferred})));
  expect(static_cast<bool>(machine.allocator.release(machine.blocks(0, 4))));
  expect(static_cast<bool>(machine.allocator.alloc_at(Pfn{77}, Order{0}, kMovable)));
  expect_equal(machine.allocator.stats(2).deferred.raw, 0u);
  expect_equal(machine.allocator.free_pages_of(2).raw, 4 * machine.kBlock - 1);
  expect_equal(machine.allocator.audit().broken, Law::holds);
}

// What is kept for urgent requests is kept again when the isolation ends, and counted so.
TEST_ON_GEOMETRIES(isolation_that_ends_leaves_pageblocks_as_they_were) {
  using P = WithAreaBehind<G>;
  P place;
  auto& allocator = place.allocator;
  const auto urgent = allocator.alloc_pages(
      Order{1}, {.type = MigrateType::unmovable, .urgency = Urgency::atomic, .effort = Effort::no_wait});
  if (!urgent) return expect(false);
  expect(static_cast<bool>(allocator.free_pages(urgent.value(), Order{1})));
  const ZoneStats before = allocator.stats(P::kZone);
  const std::uint64_t whole = G.pageblock_order().pages().raw;
  const Pfn begin{align_down(urgent.value().raw, whole)};
  const PfnRange both[] = {{begin, begin + PageCount{whole}}, P::blocks(3, 4)};
  for (const PfnRange pages : both) expect(static_cast<bool>(allocator.isolate(pages)));
  expect_equal(allocator.stats(P::kZone).highatomic.raw, 0u);
  expect_equal(allocator.stats(P::kZone).free_cma.raw, 0u);
  for (const PfnRange pages : both) allocator.undo_isolation(pages);
  const ZoneStats after = allocator.stats(P::kZone);
  expect(after.highatomic == before.highatomic && after.free == before.free &&
         after.free_cma == before.free_cma);
  expect(after.isolated_pageblocks == 0);
  for (unsigned type = 0; type < page::kMigrateTypes; ++type)
    expect_equal(after.pageblocks[type], before.pageblocks[type]);
  expect_equal(allocator.audit().broken, Law::holds);
}

TEST_ON_GEOMETRIES(a_page_serves_one_zone) {
  TestMachine<G> machine;
  machine.add_zone(0, ZoneType::dma32, 0, 2);
  machine.add_zone(0, ZoneType::normal, 2, 4);
  expect(static_cast<bool>(machine.start()));
  expect_equal(machine.allocator.zone_at(Pfn{2 * machine.kBlock - 1}).value(), 1u);
  expect_equal(machine.allocator.zone_at(Pfn{2 * machine.kBlock}).value(), 2u);
  expect(machine.allocator.zone_at(Pfn{UINT64_MAX}).error() == Error::not_found);
}

}  // namespace quarry::buddy
