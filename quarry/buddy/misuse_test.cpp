#include "quarry/buddy/test_state.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

using zones::ZoneType;

namespace {

constexpr Request kMovable{.type = MigrateType::movable};
constexpr std::uint32_t kZone = 2;

// Three of the largest blocks: the first two given, the third reserved; a core's lists.
template <Geometry G, class Policy>
struct Machine {
  using M = ManyCores<G, Policy>;
  static constexpr std::uint64_t kWhole = std::uint64_t{1} << G.pageblock_order_;
  static constexpr std::uint64_t kBlock = M::kBlock;

  explicit Machine(unsigned cores) {
    machine.add_zone(0, ZoneType::normal, 0, 3);
    expect(static_cast<bool>(machine.start()));
    expect(static_cast<bool>(allocator().release(M::blocks(0, 2))));
    if (cores == 0) return;
    expect(static_cast<bool>(allocator().start_cpu_lists(machine.source())));
    Saboteur::limit(allocator(), kZone, {.batch = 4, .high = 100});
  }
  auto& allocator() { return machine.allocator; }
  Pfn alloc(unsigned order) { return allocator().alloc_pages(Order{order}, kMovable).value(); }
  void expect_refused(Pfn page, unsigned order, Misuse misuse) {
    const std::uint64_t before = digest_of(machine);
    const ZoneStats stats = allocator().stats(kZone);
    const auto done = allocator().free_pages(page, Order{order});
    expect(!done);
    if (!done) expect_equal(done.error(), error_of(misuse));
    expect_equal(allocator().last_misuse(), misuse);
    expect_equal(digest_of(machine), before);
    expect_equal(allocator().stats(kZone).frees, stats.frees);
  }

  unsigned core = 0;
  M machine{TestCores{1, &core}};
};

}  // namespace

TEST_ON_POLICIES(a_page_that_is_free_already_is_freed_twice) {
  Machine<G, Policy> m{0};
  const Pfn page = m.alloc(0), pair = m.alloc(1);
  expect(static_cast<bool>(m.allocator().free_pages(page, Order{0})));
  m.expect_refused(page, 0, Misuse::double_free);
  expect(static_cast<bool>(m.allocator().free_pages(pair, Order{1})));  // the end of a larger block now
  m.expect_refused(pair, 1, Misuse::double_free);
  m.expect_refused(pair + PageCount{1}, 0, Misuse::double_free);
}

TEST_ON_POLICIES(a_page_on_a_list_of_a_core_is_freed_twice) {
  Machine<G, Policy> m{1};
  const Pfn page = m.alloc(0), pair = m.alloc(1);
  expect(static_cast<bool>(m.allocator().free_pages(page, Order{0})));
  expect(static_cast<bool>(m.allocator().free_pages(pair, Order{1})));
  expect(m.machine.map.at(page).state() == page::State::per_cpu);
  m.expect_refused(page, 0, Misuse::double_free);
  m.expect_refused(pair, 1, Misuse::double_free);
  m.expect_refused(pair, 0, Misuse::double_free);
  m.expect_refused(pair + PageCount{1}, 0, Misuse::double_free);
}

TEST_ON_POLICIES(a_reserved_page_was_never_handed_out) {
  Machine<G, Policy> m{0};
  m.expect_refused(Pfn{2 * m.kBlock}, 0, Misuse::reserved_page);
  m.expect_refused(Pfn{2 * m.kBlock}, G.max_order_, Misuse::reserved_page);
  m.expect_refused(Pfn{3 * m.kBlock - 1}, 0, Misuse::reserved_page);
}

TEST_ON_POLICIES(a_block_of_another_order_is_not_freed) {
  Machine<G, Policy> m{0};
  const Pfn page = m.alloc(4);
  for (unsigned order = 0; order <= G.max_order_; ++order)
    if (order != 4 && page.raw % (std::uint64_t{1} << order) == 0)
      m.expect_refused(page, order, Misuse::wrong_order);
  for (std::uint64_t i = 1; i < 16; ++i) m.expect_refused(page + PageCount{i}, 0, Misuse::inner_page);
}

TEST_ON_POLICIES(a_page_that_no_zone_has_or_that_cannot_start_a_block_is_not_freed) {
  Machine<G, Policy> m{0};
  for (const std::uint64_t page : {std::uint64_t{1} << 30, std::uint64_t{1} << 52, UINT64_MAX})
    m.expect_refused(Pfn{page}, 0, Misuse::foreign_page);
  m.expect_refused(Pfn{2}, 2, Misuse::misaligned_page);
  m.expect_refused(Pfn{m.kBlock / 2}, G.max_order_, Misuse::misaligned_page);
}

TEST_ON_POLICIES(a_page_of_several_users_or_of_a_slab_is_not_freed) {
  Machine<G, Policy> m{0};
  const Pfn shared = m.alloc(0), slab = m.alloc(2);
  expect(static_cast<bool>(m.allocator().get_page(shared)));
  m.expect_refused(shared, 0, Misuse::shared_page);
  m.machine.map.at(slab).become_slab(3);
  m.expect_refused(slab, 2, Misuse::busy_page);
  m.expect_refused(slab + PageCount{1}, 0, Misuse::busy_page);
  expect_equal(m.allocator().split_page(slab, Order{2}).error(), Error::wrong_owner);
  expect_equal(m.allocator().get_page(slab).error(), Error::wrong_owner);
  expect_equal(m.allocator().put_page(slab).error(), Error::wrong_owner);
  expect_equal(m.allocator().last_misuse(), Misuse::busy_page);
}

// What is in use there may come back; what is free there is free.
TEST_ON_POLICIES(a_page_is_freed_into_an_isolated_pageblock_once) {
  Machine<G, Policy> m{1};
  const Pfn page = m.alloc(0), block = m.alloc(5);
  const std::uint64_t begin = align_down(page.raw, m.kWhole);
  const PfnRange around{Pfn{begin}, Pfn{begin + m.kWhole}};
  expect(static_cast<bool>(m.allocator().isolate(around)));
  const std::uint64_t free = m.allocator().free_pages_of(kZone).raw;
  expect(static_cast<bool>(m.allocator().free_pages(page, Order{0})));
  expect_equal(m.allocator().free_pages_of(kZone).raw, free);
  m.expect_refused(page, 0, Misuse::double_free);
  if (around.contains(block)) m.expect_refused(block, 4, Misuse::wrong_order);
  if (around.contains(block)) m.expect_refused(block + PageCount{31}, 0, Misuse::inner_page);
  expect(!m.allocator().audit());
}

TEST_ON_POLICIES(a_range_that_is_not_all_in_use_as_pages_is_not_freed_at_all) {
  Machine<G, Policy> m{0};
  const PfnRange range{Pfn{8}, Pfn{24}};
  expect(static_cast<bool>(m.allocator().alloc_range(range, MigrateType::movable)));
  expect(static_cast<bool>(m.allocator().free_pages(Pfn{16}, Order{0})));
  const std::uint64_t before = digest_of(m.machine);
  expect_equal(m.allocator().free_range(range).error(), Error::wrong_owner);
  expect_equal(m.allocator().last_misuse(), Misuse::double_free);
  expect_equal(digest_of(m.machine), before);
}

TEST(a_page_of_a_deferred_section_is_freed_twice) {
  using M = TestMachine<k4KSparse>;
  M machine;
  machine.add_pages(0, ZoneType::normal, {Pfn{0}, Pfn{1 << 15}});
  expect(static_cast<bool>(machine.start({.hand_over = HandOver::deferred})));
  expect(static_cast<bool>(machine.allocator.release({Pfn{0}, Pfn{1 << 15}})));
  const std::uint64_t before = digest_of(machine);
  for (const std::uint64_t page : {0u, 5u, 1024u}) {
    expect_equal(machine.allocator.free_pages(Pfn{page}, Order{0}).error(), Error::wrong_owner);
    expect_equal(machine.allocator.last_misuse(), Misuse::double_free);
  }
  expect_equal(digest_of(machine), before);
  expect_equal(machine.allocator.stats(kZone).deferred.raw, std::uint64_t{1} << 15);
}

// --- Sources that fail, requests that fail ------------------------------------------------------------------------

TEST_ON_POLICIES(each_table_that_cannot_be_had_is_a_refused_start) {
  using M = ManyCores<G, Policy>;
  unsigned core = 0;
  std::uint32_t needed = 0;
  for (;; ++needed) {
    M machine{TestCores{2, &core}};
    machine.add_zone(0, ZoneType::dma, 0, 1);
    machine.add_zone(0, ZoneType::normal, 1, 2);
    machine.add_zone(1, ZoneType::normal, 2, 3);
    machine.calls_left = needed;
    const auto started = machine.start();
    if (started) break;
    expect_equal(started.error(), Error::no_memory);
    expect(needed < 1000);
  }
  expect(needed > 5);
}

TEST_ON_POLICIES(without_memory_for_lists_of_cores_there_are_none) {
  Machine<G, Policy> m{0};
  m.machine.calls_left = 0;
  const std::uint64_t before = digest_of(m.machine);
  expect_equal(m.allocator().start_cpu_lists(m.machine.source()).error(), Error::no_memory);
  expect_equal(digest_of(m.machine), before);
  expect_equal(m.allocator().core_count(), 0u);
  m.allocator().drain_all();
  const Pfn page = m.alloc(0);
  expect(static_cast<bool>(m.allocator().free_pages(page, Order{0})));
  expect_equal(m.allocator().pages_on(kZone, 0).raw, 0u);
  m.machine.calls_left = 100;
  expect(static_cast<bool>(m.allocator().start_cpu_lists(m.machine.source())));
  expect_equal(m.allocator().core_count(), 1u);
  expect(!m.allocator().audit());
}

// Every request of a sequence fails once, for the mark, before it is served: nothing changes with that.
TEST_ON_POLICIES(a_request_that_fails_changes_nothing) {
  for (const unsigned cores : {0u, 1u}) {
    Machine<G, Policy> m{cores};
    for (unsigned i = 0; i < 48; ++i) {
      Request request{.type = static_cast<MigrateType>(i % page::kOrdinaryTypes), .effort = Effort::no_wait};
      if (i % 4 == 3) request.effort = Effort::fast_only;
      const Order order{(i * 5) % (G.max_order_ + 1)};
      const Watermarks marks = Saboteur::zone(m.allocator(), kZone).marks();
      const PageCount much{m.allocator().free_pages_of(kZone).raw};
      Saboteur::set_marks(m.allocator(), kZone, {much, much, much});
      const std::uint64_t before = digest_of(m.machine);
      expect_equal(m.allocator().alloc_pages(order, request).error(), Error::no_memory);
      expect_equal(m.allocator().alloc_pages_exact(PageCount{3}, request).error(), Error::no_memory);
      Pfn pages[4];
      expect_equal(m.allocator().alloc_pages_bulk(pages, request), 0u);
      expect_equal(digest_of(m.machine), before);
      expect_equal(m.allocator().obstacle(kZone, order, request).why, Obstacle::Why::below_mark);
      Saboteur::set_marks(m.allocator(), kZone, marks);
      if (!m.allocator().alloc_pages(order, request)) break;
      expect(!m.allocator().audit());
    }
  }
}

}  // namespace quarry::buddy
