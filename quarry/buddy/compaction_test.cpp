#include "quarry/buddy/compaction.hpp"

#include "quarry/buddy/compact_zone_impl.hpp"
#include "quarry/buddy/page_allocator_impl.hpp"
#include "quarry/buddy/test_owners.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

using zones::ZoneType;

namespace {

constexpr Request kMovable{.type = MigrateType::movable};
constexpr Request kUnmovable{.type = MigrateType::unmovable};

// Eight pageblocks full of small movable blocks, of which each fourth stays: nothing large is free.
template <Geometry G, class Policy = LinuxPolicy>
struct Fragmented : TestMachine<G, NoObserver, Policy> {
  using M = TestMachine<G, NoObserver, Policy>;
  using Allocator = decltype(M::allocator);
  static constexpr std::uint64_t kPageblocks = 8;
  static constexpr unsigned kSmall = G.pageblock_order_ > 9 ? G.pageblock_order_ - 9 : 0;
  static constexpr std::uint64_t kPages = kPageblocks << G.pageblock_order_;

  explicit Fragmented(CompactionConfig config = {})
      : owners{this->allocator}, compactor{this->allocator, owners.mover(), config} {
    const std::uint64_t blocks = kPages / M::kBlock;
    this->add_zone(0, ZoneType::normal, 0, blocks);
    expect(static_cast<bool>(this->start()));
    expect(static_cast<bool>(this->allocator.release(M::blocks(0, blocks))));
    expect(static_cast<bool>(compactor.init(this->source())));
  }
  // `stays` says of each block, in the order of addresses, whether it is kept in use.
  template <class F>
  void fragment(F stays) {
    while (owners.hold(Order{kSmall}, kMovable) != owners.kNobody) {
    }
    for (std::uint32_t owner = 0; owner < kPages >> kSmall; ++owner)
      if (owners.is_held(owner) && !stays(owner)) expect(owners.drop(owner));
    expect(!this->allocator.alloc_pages(G.pageblock_order(), kMovable));
    expect_lawful();
  }
  void fragment() {
    fragment([](std::uint32_t owner) { return owner % 4 == 1; });
  }
  // Who holds the lowest block from that pageblock on.
  std::uint32_t first_owner(std::uint64_t pageblock) const {
    const Pfn begin{pageblock << G.pageblock_order_};
    std::uint32_t first = owners.kNobody;
    for (std::uint32_t owner = 0; owner < owners.kOwners; ++owner)
      if (owners.is_held(owner) && owners.page_of(owner) >= begin &&
          (first == owners.kNobody || owners.page_of(owner) < owners.page_of(first)))
        first = owner;
    return first;
  }
  void expect_lawful() {
    expect(owners.all_is_there());
    expect_equal(this->allocator.audit().broken, Law::holds);
  }

  TestOwners<Allocator> owners;
  Compactor<Allocator> compactor;
};

}  // namespace

TEST_ON_GEOMETRIES(a_fragmented_zone_yields_a_whole_pageblock) {
  Fragmented<G> machine;
  machine.fragment();
  auto& allocator = machine.allocator;
  allocator.set_pressure(machine.compactor.pressure());
  const auto page = allocator.alloc_pages(G.pageblock_order(), kUnmovable);
  expect(static_cast<bool>(page));
  machine.expect_lawful();
  // It came from the low end, and no more was moved than one pageblock held.
  expect_equal(page.value(), Pfn{0});
  expect_equal(machine.owners.moves, std::uint64_t{1} << (G.pageblock_order_ - Fragmented<G>::kSmall - 2));
  expect_equal(machine.compactor.stats().moved, machine.owners.moves);
  // Again and again: six pageblocks of eight are free, and the last is left: two have to be free for one to be made.
  unsigned more = 0;
  while (allocator.alloc_pages(G.pageblock_order(), kUnmovable)) ++more;
  expect_equal(more, 4u);
  machine.expect_lawful();
}

TEST_ON_GEOMETRIES(compaction_through_core_lists_yields_a_pageblock) {
  Fragmented<G> machine;
  machine.fragment();
  auto& allocator = machine.allocator;
  expect(static_cast<bool>(allocator.start_cpu_lists(machine.source())));
  allocator.set_watermarks(0);
  allocator.set_pressure(machine.compactor.pressure());
  expect(static_cast<bool>(allocator.alloc_pages(G.pageblock_order(), kMovable)));
  machine.expect_lawful();
}

// Bitmaps fill pageblocks up by themselves; a zone that was full once is scattered all the same.
TEST_ON_GEOMETRIES(a_zone_of_bitmaps_is_compacted_as_well) {
  Fragmented<G, CompactPolicy> machine;
  machine.fragment();
  machine.allocator.set_pressure(machine.compactor.pressure());
  for (unsigned i = 0; i < 5; ++i)
    expect(static_cast<bool>(machine.allocator.alloc_pages(G.pageblock_order(), kUnmovable)));
  machine.expect_lawful();
}

// Whichever move is refused first: everybody finds what he wrote, and nothing is lost.
TEST(a_mover_that_refuses_at_any_step_leaves_all_as_it_is) {
  using Machine = Fragmented<k4KSparse>;
  for (std::uint32_t step = 0; step < 200; step += 7) {
    Machine machine;
    machine.fragment();
    machine.owners.refuse_after = step;
    const PageCount free = machine.allocator.free_pages_of(2);
    machine.allocator.set_pressure(machine.compactor.pressure());
    const auto page = machine.allocator.alloc_pages(Order{9}, kMovable);
    expect(static_cast<bool>(page) == (step >= 128));
    expect_equal(machine.allocator.free_pages_of(2).raw, free.raw - (page ? 512 : 0));
    machine.expect_lawful();
    machine.owners.refuse_after = UINT32_MAX;
    expect(machine.compactor.compact_zone(2, Order{9}) == Compacted::success || page);
    machine.expect_lawful();
  }
}

TEST_ON_GEOMETRIES(what_cannot_be_moved_stays) {
  Fragmented<G> machine;
  auto& allocator = machine.allocator;
  // An unmovable page in the first pageblock, a shared one in the second.
  const auto unmovable = allocator.alloc_pages(Order{0}, kUnmovable);
  machine.map.set_pageblock_type(Pfn{0}, MigrateType::movable);
  machine.fragment();
  const std::uint32_t shared = machine.first_owner(1);
  const Pfn before = machine.owners.page_of(shared);
  expect(static_cast<bool>(allocator.get_page(before)));
  allocator.set_pressure(machine.compactor.pressure());
  const auto page = allocator.alloc_pages(G.pageblock_order(), kMovable);
  expect(page && page.value() >= Pfn{2 * G.pageblock_order().pages().raw});
  expect_equal(machine.owners.page_of(shared), before);
  expect(machine.map.at(unmovable.value()).is_allocated(Order{0}));
  expect(machine.map.at(unmovable.value()).list() == MigrateType::unmovable);
  machine.expect_lawful();
}

// Nobody fills up a pageblock that is wholly free, or one that unmovable pages are to stay together in.
TEST(moved_pages_go_where_they_do_no_harm) {
  Fragmented<k4KSparse> machine;
  machine.fragment();
  constexpr std::uint64_t pageblock = 512;
  const Pfn whole{7 * pageblock}, unmovable{6 * pageblock};
  for (std::uint32_t owner = 0; owner < machine.owners.kOwners; ++owner)
    if (machine.owners.is_held(owner) && machine.owners.page_of(owner) >= whole)
      expect(machine.owners.drop(owner));
  machine.map.set_pageblock_type(unmovable, MigrateType::unmovable);
  expect(machine.compactor.compact_zone(2, Order{10}) == Compacted::success);
  expect(machine.allocator.zone_pages(2).block_of(whole).value() == FreeBlock{whole, Order{9}});
  std::uint64_t there = 0;
  for (std::uint32_t owner = 0; owner < machine.owners.kOwners; ++owner) {
    const Pfn page = machine.owners.page_of(owner);
    if (machine.owners.is_held(owner) && unmovable <= page && page < whole) ++there;
  }
  expect_equal(there, 128u);
  expect_equal(machine.owners.moves, 256u);
  machine.expect_lawful();
}

// One pageblock a call: the next call goes on where the last one was.
TEST_ON_GEOMETRIES(a_call_does_no_more_than_its_share) {
  Fragmented<G> machine{{.pageblocks_per_call = 1}};
  // The first two pageblocks are clogged by a page each that is pinned.
  machine.fragment();
  for (std::uint64_t pageblock = 0; pageblock < 2; ++pageblock)
    expect(static_cast<bool>(
        machine.allocator.get_page(machine.owners.page_of(machine.first_owner(pageblock)))));
  expect(machine.compactor.compact_zone(2, G.pageblock_order()) == Compacted::partial);
  expect(machine.compactor.compact_zone(2, G.pageblock_order()) == Compacted::partial);
  expect_equal(machine.compactor.stats().pageblocks, 2u);
  expect(machine.compactor.compact_zone(2, G.pageblock_order()) == Compacted::success);
  machine.expect_lawful();
  expect(machine.compactor.compact_zone(2, G.pageblock_order()) == Compacted::skipped);
}

// Nothing but pinned pages: the scanners meet, and for a while nobody tries again.
TEST_ON_GEOMETRIES(compaction_that_does_not_help_is_deferred) {
  Fragmented<G> machine;
  machine.fragment();
  for (std::uint32_t owner = 0; owner < machine.owners.kOwners; ++owner)
    if (machine.owners.is_held(owner))
      expect(static_cast<bool>(machine.allocator.get_page(machine.owners.page_of(owner))));
  const auto& stats = machine.compactor.stats();
  const Order order = G.pageblock_order();
  expect(machine.compactor.compact(order, kMovable) == Compacted::complete);
  expect_equal(stats.calls, 1u);
  expect(machine.compactor.compact(order, kMovable) == Compacted::deferred);
  expect_equal(stats.calls, 1u);
  expect(machine.compactor.compact(order, kMovable) == Compacted::complete);
  for (unsigned i = 0; i < 3; ++i) expect(machine.compactor.compact(order, kMovable) == Compacted::deferred);
  expect(machine.compactor.compact(order, kMovable) == Compacted::complete);
  expect_equal(stats.calls, 3u);
  expect_equal(stats.moved, 0u);
  // Smaller orders had not failed. Success forgets.
  expect(machine.compactor.compact(Order{Fragmented<G>::kSmall + 1}, kMovable) == Compacted::skipped);
  for (std::uint32_t owner = 0; owner < machine.owners.kOwners; ++owner)
    if (machine.owners.is_held(owner))
      expect(static_cast<bool>(machine.allocator.put_page(machine.owners.page_of(owner))));
  for (unsigned i = 0; i < 7; ++i) expect(machine.compactor.compact(order, kMovable) == Compacted::deferred);
  expect(machine.compactor.compact(order, kMovable) == Compacted::success);
  machine.expect_lawful();
}

// Too little is free: memory is what is missing, and moving would not make any.
TEST_ON_GEOMETRIES(a_zone_without_room_is_skipped) {
  Fragmented<G> machine;
  machine.fragment([](std::uint32_t owner) { return owner % 8 != 1; });
  const Order half{G.pageblock_order_ - 1};
  expect(machine.compactor.compact_zone(2, G.pageblock_order()) == Compacted::skipped);
  expect(machine.compactor.compact_zone(2, Order{0}) == Compacted::skipped);
  expect(machine.compactor.compact_zone(0, half) == Compacted::skipped);  // empty
  expect_equal(machine.owners.moves, 0u);
  expect(machine.compactor.compact_zone(2, half) == Compacted::success);
  machine.expect_lawful();
}

TEST(compaction_without_a_mover_moves_nothing) {
  Fragmented<k4KSparse> machine;
  machine.fragment();
  Compactor nobody{machine.allocator, Mover{}};
  machine.room = machine.used();
  expect(nobody.init(machine.source()).error() == Error::no_memory);
  machine.room = kTestMemory;
  expect(static_cast<bool>(nobody.init(machine.source())));
  expect(nobody.compact_zone(2, Order{9}) == Compacted::complete);
  expect(nobody.stats().refused != 0 && nobody.stats().moved == 0);
  machine.expect_lawful();
}

TEST(both_hooks_are_asked) {
  Fragmented<k4KSparse> machine;
  unsigned reclaims = 0;
  Pressure rest;
  rest.self = &reclaims;
  rest.reclaim = [](void* self, Order, const Request&) noexcept {
    ++*static_cast<unsigned*>(self);
    return PageCount{0};
  };
  expect(machine.compactor.pressure().reclaim == nullptr);
  machine.allocator.set_pressure(machine.compactor.pressure(rest));
  while (machine.allocator.alloc_pages(Order{9}, kMovable)) {
  }
  expect_equal(reclaims, 2u);
  expect_equal(machine.compactor.stats().calls, 2u);
}

}  // namespace quarry::buddy
