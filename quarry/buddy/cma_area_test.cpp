#include "quarry/buddy/cma_area.hpp"

#include "quarry/buddy/test_owners.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

using zones::ZoneType;

namespace {

constexpr Request kMovable{.type = MigrateType::movable};
constexpr Request kUnmovable{.type = MigrateType::unmovable};

// Eight blocks, of which the area gets some; the others are ordinary, or not there at all.
template <Geometry G>
struct WithArea : TestMachine<G> {
  using M = TestMachine<G>;
  CmaArea<decltype(M::allocator)> area;

  explicit WithArea(std::uint64_t begin = 2, std::uint64_t end = 4, unsigned order_per_bit = 0) {
    this->add_zone(0, ZoneType::normal, 0, 8);
    expect(static_cast<bool>(this->start()));
    expect(static_cast<bool>(area.init("area", M::blocks(begin, end), Order{order_per_bit})));
  }
  bool activate() { return static_cast<bool>(area.activate(this->allocator, this->source())); }
  const zones::Zone& zone() const { return this->layout.zones[2]; }
  void expect_lawful() { expect_equal(this->allocator.audit().broken, Law::holds); }
};

}  // namespace

TEST(the_area_bitmap_finds_what_linux_finds) {
  TestMachine<k4KSparse> memory;
  AreaBitmap bits;
  expect(static_cast<bool>(bits.init(130, memory.source(), NodeId::first)));
  expect_equal(bits.find_clear(0, 130, 0, 0).value(), 0u);
  expect(bits.find_clear(0, 131, 0, 0).error() == Error::not_found);
  bits.set(3, 1);
  expect_equal(bits.find_clear(0, 4, 0, 0).value(), 4u);
  expect_equal(bits.find_clear(0, 3, 0, 0).value(), 0u);
  expect_equal(bits.find_clear(0, 5, 7, 0).value(), 8u);
  // Aligned is what lies behind `offset` more: 5 + 3 is.
  expect_equal(bits.find_clear(0, 5, 7, 3).value(), 5u);
  bits.set(64, 60);
  expect_equal(bits.find_clear(4, 61, 0, 0).error(), Error::not_found);
  expect_equal(bits.find_clear(4, 60, 0, 0).value(), 4u);
  expect_equal(bits.find_clear(5, 6, 0, 0).value(), 5u);
  expect_equal(bits.find_clear(60, 6, 0, 0).value(), 124u);
  expect_equal(bits.longest_clear(), 60u);
  expect_equal(bits.count_set(0, 130), 61u);
  bits.clear(64, 60);
  expect_equal(bits.longest_clear(), 126u);
  expect_equal(bits.find_clear(130, 1, 0, 0).error(), Error::not_found);
}

TEST_ON_GEOMETRIES(an_area_hands_out_runs_in_order_and_takes_them_back) {
  WithArea<G> machine;
  auto& area = machine.area;
  constexpr std::uint64_t block = WithArea<G>::kBlock;
  expect(area.alloc(PageCount{1}).error() == Error::no_memory);  // not active yet
  expect(machine.activate());
  expect_equal(machine.zone().cma.raw, 2 * block);
  expect_equal(machine.zone().managed.raw, 2 * block);
  expect_equal(area.alloc(PageCount{3}).value(), Pfn{2 * block});
  expect_equal(area.alloc(PageCount{1}).value(), Pfn{2 * block + 3});
  expect_equal(area.alloc(PageCount{4}, Order{3}).value(), Pfn{2 * block + 8});
  expect_equal(area.alloc(PageCount{4}).value(), Pfn{2 * block + 4});
  expect_equal(area.stats().used.raw, 12u);
  expect_equal(machine.allocator.free_pages_of(2).raw, 2 * block - 12);
  // More than a block, across the blocks' edge.
  expect_equal(area.alloc(PageCount{block + 1}).value(), Pfn{2 * block + 12});
  expect(area.alloc(PageCount{block}).error() == Error::no_memory);
  expect(area.alloc(PageCount{0}).error() == Error::bad_argument);
  expect(area.alloc(PageCount{2 * block + 1}).error() == Error::no_memory);
  machine.expect_lawful();
  expect(static_cast<bool>(area.release({Pfn{2 * block + 12}, Pfn{3 * block + 13}})));
  expect(static_cast<bool>(area.release({Pfn{2 * block}, Pfn{2 * block + 12}})));  // four runs at once
  expect_equal(area.stats().used.raw, 0u);
  expect_equal(area.stats().largest_free.raw, 2 * block);
  expect_equal(area.stats().succeeded.raw, 12 + block + 1);
  expect_equal(area.stats().failed.raw, 1 + block + 2 * block + 1);
  expect_equal(area.alloc(PageCount{2 * block}).value(), Pfn{2 * block});
  expect(static_cast<bool>(area.release(area.pages())));
  const ZoneStats stats = machine.allocator.stats(2);
  expect_equal(stats.free_cma.raw, 2 * block);
  expect_equal(stats.pageblocks[page::index_of(MigrateType::cma)], 2 * block >> G.pageblock_order_);
  machine.expect_lawful();
}

// The first page of a run is aligned as an address, though the area begins in between.
TEST_ON_GEOMETRIES(alignment_counts_from_zero_and_not_from_the_area) {
  WithArea<G> machine{1, 4};
  expect(machine.activate());
  if (G.max_order_ < Order::kCeiling) {
    const Order larger{G.max_order_ + 1};
    expect_equal(machine.area.alloc(PageCount{1}, larger).value(), Pfn{2 * WithArea<G>::kBlock});
    expect(machine.area.alloc(PageCount{1}, larger).error() == Error::no_memory);
  }
  expect_equal(machine.area.alloc(PageCount{1}, G.max_order()).value(), Pfn{WithArea<G>::kBlock});
}

TEST_ON_GEOMETRIES(movable_requests_borrow_and_are_moved_away) {
  WithArea<G> machine;
  constexpr std::uint64_t block = WithArea<G>::kBlock;
  expect(machine.activate());
  TestOwners owners{machine.allocator};
  expect(!machine.allocator.alloc_pages(Order{0}, kUnmovable));  // there is nothing but the area
  for (unsigned i = 0; i < 16; ++i) expect(owners.hold(Order{i & 1}, kMovable) != owners.kNobody);
  expect(machine.area.pages().contains(owners.page_of(0)));
  // All 24 pages have to go; more room than the area has is needed for that.
  expect(static_cast<bool>(machine.allocator.release(2, WithArea<G>::blocks(4, 6))));
  const auto run = machine.area.alloc(PageCount{2 * block});
  expect(run && run.value() == Pfn{2 * block});
  for (unsigned owner = 0; owner < 16; ++owner) expect(!machine.area.pages().contains(owners.page_of(owner)));
  expect_equal(owners.moves, 16u);
  expect(owners.all_is_there());
  machine.expect_lawful();
  expect(static_cast<bool>(machine.area.release({run.value(), run.value() + PageCount{2 * block}})));
  machine.expect_lawful();
}

// Places that cannot be had are passed, each by as much as the alignment asks.
TEST_ON_GEOMETRIES(busy_places_are_skipped) {
  WithArea<G> machine;
  constexpr std::uint64_t block = WithArea<G>::kBlock;
  expect(machine.activate());
  for (const std::uint64_t at : {2 * block, 2 * block + 5}) {  // pinned borrowers
    expect(static_cast<bool>(machine.allocator.alloc_at(Pfn{at}, Order{0}, MigrateType::movable)));
    expect(static_cast<bool>(machine.allocator.get_page(Pfn{at})));
  }
  expect_equal(machine.area.alloc(PageCount{3}, Order{2}).value(), Pfn{2 * block + 8});
  expect_equal(machine.area.stats().retries, 2u);
  expect_equal(machine.area.alloc(PageCount{3}).value(), Pfn{2 * block + 1});
  expect_equal(machine.area.stats().retries, 3u);
  expect(machine.area.alloc(PageCount{2 * block - 8}).error() == Error::no_memory);
  expect(static_cast<bool>(machine.allocator.put_page(Pfn{2 * block + 5})));
  machine.expect_lawful();
}

TEST_ON_GEOMETRIES(a_wrong_release_is_named_and_changes_nothing) {
  WithArea<G> machine;
  constexpr std::uint64_t block = WithArea<G>::kBlock;
  auto& area = machine.area;
  const auto refused = [&](std::uint64_t begin, std::uint64_t end, AreaMisuse why) {
    expect(!area.release({Pfn{2 * block + begin}, Pfn{2 * block + end}}));
    expect(area.last_misuse() == why);
    expect_equal(area.stats().used.raw, 8u);
    machine.expect_lawful();
  };
  expect(machine.activate());
  expect_equal(area.alloc(PageCount{8}).value(), Pfn{2 * block});
  refused(0, 0, AreaMisuse::not_of_area);
  expect(area.release(WithArea<G>::blocks(1, 3)).error() == Error::bad_argument);
  expect(area.release({Pfn{4 * block - 1}, Pfn{4 * block + 1}}).error() == Error::bad_argument);
  refused(8, 9, AreaMisuse::not_allocated);
  refused(7, 9, AreaMisuse::partly);
  expect(static_cast<bool>(machine.allocator.get_page(Pfn{2 * block + 3})));
  refused(0, 8, AreaMisuse::busy_page);
  expect(static_cast<bool>(machine.allocator.put_page(Pfn{2 * block + 3})));
  expect(static_cast<bool>(area.release({Pfn{2 * block}, Pfn{2 * block + 4}})));  // in steps of bits
  expect(static_cast<bool>(area.release({Pfn{2 * block + 4}, Pfn{2 * block + 8}})));
  expect(area.release({Pfn{2 * block}, Pfn{2 * block + 4}}).error() == Error::wrong_owner);
  expect(area.last_misuse() == AreaMisuse::not_allocated);
}

// A bit that stands for four pages is given back as it was handed out.
TEST_ON_GEOMETRIES(bits_of_several_pages_round_up) {
  WithArea<G> machine{2, 4, 2};
  constexpr std::uint64_t block = WithArea<G>::kBlock;
  auto& area = machine.area;
  expect(machine.activate());
  expect_equal(area.alloc(PageCount{5}).value(), Pfn{2 * block});
  expect_equal(area.alloc(PageCount{1}).value(), Pfn{2 * block + 8});
  expect_equal(area.stats().used.raw, 12u);
  expect_equal(machine.allocator.free_pages_of(2).raw, 2 * block - 6);  // the rest can be borrowed
  const auto refused = [&](std::uint64_t begin, std::uint64_t end) {
    expect(!area.release({Pfn{2 * block + begin}, Pfn{2 * block + end}}));
    expect(area.last_misuse() == AreaMisuse::partly);
  };
  refused(0, 3), refused(1, 5), refused(0, 6), refused(0, 9), refused(4, 8);
  expect(static_cast<bool>(area.release({Pfn{2 * block}, Pfn{2 * block + 5}})));
  expect(static_cast<bool>(area.release({Pfn{2 * block + 8}, Pfn{2 * block + 9}})));
  expect_equal(machine.allocator.free_pages_of(2).raw, 2 * block);
  machine.expect_lawful();
}

TEST_ON_GEOMETRIES(an_area_across_two_zones_becomes_ordinary_memory) {
  TestMachine<G> machine;
  machine.add_zone(0, ZoneType::dma32, 0, 2);
  machine.add_zone(0, ZoneType::normal, 2, 4);
  expect(static_cast<bool>(machine.start()));
  CmaArea<decltype(machine.allocator)> area;
  expect(static_cast<bool>(area.init("across", machine.blocks(1, 3), Order{0})));
  expect(area.activate(machine.allocator, machine.source()).error() == Error::bad_argument);
  expect(!area.is_active() && area.is_described());
  for (std::uint32_t zone = 1; zone <= 2; ++zone) expect_equal(machine.layout.zones[zone].managed.raw, 0u);
  expect(static_cast<bool>(area.expose(machine.allocator)));
  expect(!area.is_active() && !area.is_described());
  expect(area.alloc(PageCount{1}).error() == Error::no_memory);
  expect(area.release(machine.blocks(1, 2)).error() == Error::bad_argument);
  for (std::uint32_t zone = 1; zone <= 2; ++zone) {
    expect_equal(machine.allocator.free_pages_of(zone).raw, machine.kBlock);
    expect_equal(machine.layout.zones[zone].cma.raw, 0u);
  }
  expect(static_cast<bool>(machine.allocator.alloc_pages(Order{0}, kUnmovable)));
  expect(!machine.allocator.audit());
}

// A section's descriptors are of one node; the second node's pages in it are the second node's all the same.
TEST(an_area_may_lie_where_two_nodes_share_a_section) {
  TestMachine<k4KSparse> machine;
  machine.add_zone(0, ZoneType::normal, 0, 3);
  machine.add_zone(1, ZoneType::normal, 3, 8);
  expect(static_cast<bool>(machine.start()));
  const std::uint32_t there = machine.zone(1, ZoneType::normal);
  expect_equal(machine.allocator.zone_at(Pfn{3 * machine.kBlock - 1}).value(), 2u);
  expect_equal(machine.allocator.zone_at(Pfn{3 * machine.kBlock}).value(), there);
  expect(machine.map.node_of(Pfn{3 * machine.kBlock}) == NodeId::first);
  CmaArea<decltype(machine.allocator)> area;
  expect(static_cast<bool>(area.init("there", machine.blocks(3, 5), Order{0})));
  expect(static_cast<bool>(area.activate(machine.allocator, machine.source())));
  expect_equal(machine.layout.zones[there].cma.raw, 2 * machine.kBlock);
  const auto page = machine.allocator.alloc_pages(Order{0}, kMovable);
  expect(page && page.value() >= Pfn{4 * machine.kBlock});  // nobody moves it away
  expect_equal(area.alloc(PageCount{machine.kBlock}, Order{10}).value(), Pfn{3 * machine.kBlock});
  expect(!machine.allocator.audit());
}

TEST_ON_GEOMETRIES(an_area_without_a_bitmap_becomes_ordinary_memory) {
  for (unsigned per_bit = 0; per_bit < 2; ++per_bit) {
    WithArea<G> machine{2, 4, per_bit};
    machine.room = machine.used() + (per_bit == 0 ? 0 : (WithArea<G>::kBlock >> 3) + 8);
    expect(machine.area.activate(machine.allocator, machine.source()).error() == Error::no_memory);
    expect_equal(machine.zone().managed.raw, 0u);
    expect(static_cast<bool>(machine.area.expose(machine.allocator)));
    expect_equal(machine.allocator.free_pages_of(2).raw, 2 * WithArea<G>::kBlock);
    expect_equal(machine.zone().cma.raw, 0u);
    machine.expect_lawful();
  }
}

TEST_ON_GEOMETRIES(an_area_takes_what_it_says_it_needs) {
  for (unsigned per_bit = 0; per_bit < 3; ++per_bit) {
    WithArea<G> machine{2, 4, per_bit};
    const std::uint64_t before = (machine.used() + 7) / 8 * 8;
    const Bytes size = machine.area.metadata_size(machine.area.pages().size(), Order{per_bit});
    machine.room = before + size.raw;
    expect(machine.activate());
    expect(machine.used() > before + size.raw - 8);
  }
}

TEST(an_area_that_makes_no_sense_is_refused) {
  using M = TestMachine<k4KSparse>;
  CmaArea<decltype(M::allocator)> area;
  expect(area.init("empty", {}, Order{0}).error() == Error::bad_argument);
  expect(area.init("ragged", {Pfn{0}, Pfn{513}}, Order{0}).error() == Error::bad_argument);
  expect(area.init("off", {Pfn{8}, Pfn{520}}, Order{0}).error() == Error::bad_argument);
  expect(area.init("half a bit", {Pfn{0}, Pfn{512}}, Order{10}).error() == Error::bad_argument);
  expect(static_cast<bool>(area.init("whole", {Pfn{512}, Pfn{1536}}, Order{10})));
}

// Handed over already: nobody knows whose they are. Nothing changes.
TEST(an_area_of_pages_that_are_free_already_is_refused) {
  WithArea<k4KSparse> machine;
  expect(static_cast<bool>(machine.allocator.release(2, machine.blocks(3, 4))));
  expect(!machine.activate());
  expect(!machine.area.is_active());
  expect_equal(machine.zone().managed.raw, machine.kBlock);
  machine.expect_lawful();
}

}  // namespace quarry::buddy
