#include "quarry/buddy/test_state.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

using zones::ZoneType;

namespace {

constexpr Request kMovable{.type = MigrateType::movable};
constexpr std::uint32_t kZone = 2;

template <Geometry G, class Policy>
struct Machine {
  using M = ManyCores<G, Policy>;
  static constexpr std::uint64_t kWhole = std::uint64_t{1} << G.pageblock_order_;
  static constexpr std::uint64_t kBlock = M::kBlock;

  Machine() {
    machine.allocator.set_mover({this, [](void* self, Pfn from, Pfn to, Order order) noexcept {
                                   return static_cast<Machine*>(self)->move(from, to, order);
                                 }});
  }
  // One zone of that span, all of it released.
  void start(Pfn begin, Pfn end, HandOver hand_over = HandOver::at_once) {
    machine.add_pages(0, ZoneType::normal, {begin, end});
    expect(static_cast<bool>(machine.start({.hand_over = hand_over})));
    expect(static_cast<bool>(allocator().release({begin, end})));
  }
  auto& allocator() { return machine.allocator; }
  static PfnRange pages(std::uint64_t begin, std::uint64_t end) { return {Pfn{begin}, Pfn{end}}; }
  std::uint64_t free() { return allocator().free_pages_of(kZone).raw; }
  std::uint64_t isolated() { return allocator().stats(kZone).isolated_pageblocks; }
  bool move(Pfn from, Pfn to, Order order) noexcept {
    expect(machine.map.at(from).is_allocated(order) && machine.map.at(to).is_allocated(order));
    ++moves;
    if (moves > may_move) return false;
    last_from = from, last_to = to;
    return true;
  }
  void expect_whole() {
    expect(!allocator().audit());
    expect_equal(isolated(), 0u);
  }

  unsigned core = 0;
  M machine{TestCores{2, &core}};
  unsigned moves = 0, may_move = ~0u;
  Pfn last_from, last_to;
};

}  // namespace

TEST_ON_POLICIES(nothing_is_handed_out_of_isolated_pageblocks) {
  Machine<G, Policy> m;
  m.start(Pfn{0}, Pfn{2 * m.kBlock});
  const std::uint64_t all = m.free();
  expect(static_cast<bool>(m.allocator().isolate(m.pages(0, 2 * m.kWhole))));
  expect_equal(m.free(), all - 2 * m.kWhole);
  expect_equal(m.isolated(), 2u);
  expect(!m.allocator().audit());
  while (const auto page = m.allocator().alloc_pages(Order{0}, kMovable))
    expect(page.value() >= Pfn{2 * m.kWhole});
  expect_equal(m.free(), 0u);
  m.allocator().undo_isolation(m.pages(0, 2 * m.kWhole), MigrateType::movable);
  expect_equal(m.free(), 2 * m.kWhole);
  expect(m.allocator().alloc_pages(Order{0}, kMovable).value() < Pfn{2 * m.kWhole});
  m.expect_whole();
}

TEST_ON_POLICIES(pageblocks_merge_again_when_their_isolation_ends) {
  Machine<G, Policy> m;
  m.start(Pfn{0}, Pfn{m.kBlock});
  for (std::uint64_t at = 0; at < m.kBlock; at += m.kWhole) {
    expect(static_cast<bool>(m.allocator().isolate(m.pages(at, at + m.kWhole))));
    expect(!m.allocator().audit());
    expect(m.allocator().stats(kZone).largest_free->raw() == G.max_order_ - 1);
    m.allocator().undo_isolation(m.pages(at, at + m.kWhole), MigrateType::movable);
    expect_equal(m.allocator().stats(kZone).largest_free->raw(), G.max_order_);
    m.expect_whole();
  }
}

// Freed while both are isolated, two pageblocks may have become one block. One of them leaves it.
TEST_ON_POLICIES(isolated_pageblocks_that_merged_come_back_one_by_one) {
  for (const std::uint64_t first : {std::uint64_t{0}, std::uint64_t{1}}) {
    Machine<G, Policy> m;
    m.start(Pfn{0}, Pfn{m.kBlock});
    const Order order{G.pageblock_order_ + 1};
    const std::uint64_t free = m.free();
    expect_equal(m.allocator().alloc_pages(order, kMovable).value().raw % (2 * m.kWhole), 0u);
    const Pfn page{m.allocator().zone_pages(kZone).block_of(Pfn{0}) ? 2 * m.kWhole : 0};
    expect(static_cast<bool>(m.allocator().isolate({page, page + order.pages()})));
    expect(static_cast<bool>(m.allocator().free_pages(page, order)));
    expect(!m.allocator().audit());
    expect_equal(m.free(), free - 2 * m.kWhole);
    for (unsigned i = 0; i < 2; ++i) {
      const Pfn at = page + PageCount{(first ^ i) * m.kWhole};
      m.allocator().undo_isolation({at, at + PageCount{m.kWhole}}, MigrateType::movable);
      expect_equal(m.free(), free - (1 - i) * m.kWhole);
      expect(!m.allocator().audit());
    }
    m.expect_whole();
  }
}

// A block of the highest order, of whose pageblocks one is isolated while it is in use.
TEST_ON_POLICIES(a_large_block_that_is_freed_with_one_half_isolated_is_freed_in_halves) {
  for (const std::uint64_t half : {std::uint64_t{0}, std::uint64_t{1}}) {
    Machine<G, Policy> m;
    m.start(Pfn{0}, Pfn{m.kBlock});
    const std::uint64_t all = m.free();
    expect_equal(m.allocator().alloc_pages(G.max_order(), kMovable).value(), Pfn{0});
    const PfnRange part = m.pages(half * m.kWhole, (half + 1) * m.kWhole);
    expect(static_cast<bool>(m.allocator().isolate(part)));
    expect(static_cast<bool>(m.allocator().free_pages(Pfn{0}, G.max_order())));
    expect_equal(m.free(), all - m.kWhole);
    expect(!m.allocator().audit());
    m.allocator().undo_isolation(part, MigrateType::movable);
    expect_equal(m.free(), all);
    expect_equal(m.allocator().stats(kZone).largest_free->raw(), G.max_order_);
    m.expect_whole();
  }
}

TEST_ON_POLICIES(what_cannot_be_moved_cannot_be_isolated) {
  Machine<G, Policy> m;
  m.start(Pfn{0}, Pfn{2 * m.kBlock});
  const Pfn page = m.allocator().alloc_pages(Order{0}, {}).value();
  const Pfn begin{align_down(page.raw, m.kWhole)};
  const PfnRange pageblock{begin, begin + PageCount{m.kWhole}};
  const std::uint64_t before = digest_of(m.machine);
  expect_equal(m.allocator().isolate(pageblock).error(), Error::busy);
  expect_equal(m.allocator().alloc_range(pageblock, MigrateType::movable).error(), Error::busy);
  expect_equal(m.allocator().alloc_range({page, page + PageCount{1}}, MigrateType::movable).error(),
               Error::busy);
  expect_equal(digest_of(m.machine), before);
  expect(static_cast<bool>(m.allocator().free_pages(page, Order{0})));
  expect(static_cast<bool>(m.allocator().isolate(pageblock)));
  expect_equal(m.allocator().isolate(pageblock).error(), Error::busy);  // twice
}

TEST_ON_POLICIES(ranges_that_are_no_pageblocks_of_one_zone_cannot_be_isolated) {
  Machine<G, Policy> m;
  m.machine.add_pages(0, ZoneType::dma, m.pages(0, m.kBlock));
  m.machine.add_pages(0, ZoneType::normal, m.pages(m.kBlock, 2 * m.kBlock));
  expect(static_cast<bool>(m.machine.start()));
  expect(static_cast<bool>(m.allocator().release(m.pages(0, 2 * m.kBlock))));
  const std::uint64_t before = digest_of(m.machine);
  const PfnRange bad[] = {m.pages(0, 0),
                          m.pages(1, m.kWhole),
                          m.pages(0, m.kWhole + 1),
                          m.pages(m.kBlock - m.kWhole, m.kBlock + m.kWhole),
                          m.pages(2 * m.kBlock - m.kWhole, 2 * m.kBlock + m.kWhole),
                          m.pages(std::uint64_t{1} << 45, (std::uint64_t{1} << 45) + m.kWhole),
                          m.pages(UINT64_MAX - 1, UINT64_MAX)};
  for (const PfnRange pages : bad) {
    expect_equal(m.allocator().isolate(pages).error(), Error::bad_argument);
    if (pages.size().raw == m.kWhole - 1 || pages.size().raw == m.kWhole + 1) continue;
    expect_equal(m.allocator().alloc_range(pages, MigrateType::movable).error(), Error::bad_argument);
  }
  for (const MigrateType type : {MigrateType::highatomic, MigrateType::isolate})
    expect_equal(m.allocator().alloc_range(m.pages(0, 8), type).error(), Error::bad_argument);
  expect_equal(digest_of(m.machine), before);
}

// The first and the last pageblock of the zone reach beyond it: they are refused, what lies between is not.
TEST_ON_POLICIES(the_ragged_ends_of_a_zone_are_never_isolated) {
  Machine<G, Policy> m;
  const std::uint64_t begin = m.kWhole / 2, end = 4 * m.kBlock - 3;
  m.start(Pfn{begin}, Pfn{end});
  const std::uint64_t all = m.free();
  for (const PfnRange pages : {m.pages(0, m.kWhole), m.pages(4 * m.kBlock - m.kWhole, 4 * m.kBlock),
                               m.pages(begin, begin + 1), m.pages(end - 2, end), m.pages(0, 2 * m.kWhole)}) {
    expect_equal(m.allocator().isolate(pages).error(), Error::bad_argument);
    expect_equal(m.allocator().alloc_range(pages, MigrateType::movable).error(), Error::bad_argument);
  }
  const PfnRange inner = m.pages(m.kWhole, 4 * m.kBlock - m.kWhole);
  expect(static_cast<bool>(m.allocator().isolate(inner)));
  expect_equal(m.free(), all - inner.size().raw);
  expect(!m.allocator().audit());
  m.allocator().undo_isolation(inner, MigrateType::movable);
  expect_equal(m.free(), all);
  m.expect_whole();
}

TEST_ON_POLICIES(a_range_of_free_pages_is_handed_out_exactly) {
  Machine<G, Policy> m;
  m.start(Pfn{0}, Pfn{2 * m.kBlock});
  const std::uint64_t all = m.free();
  struct Case {
    std::uint64_t begin, end;
  };
  const Case cases[] = {{0, 1},
                        {5, 8},
                        {m.kWhole - 1, m.kWhole + 1},
                        {3, 2 * m.kBlock - 3},
                        {0, 2 * m.kBlock},
                        {m.kBlock - 7, m.kBlock + 9}};
  for (const auto& [begin, end] : cases) {
    expect(static_cast<bool>(m.allocator().alloc_range(m.pages(begin, end), MigrateType::movable)));
    expect_equal(m.free(), all - (end - begin));
    for (std::uint64_t at = begin; at < end; ++at) expect(m.machine.map.at(Pfn{at}).is_allocated(Order{0}));
    m.expect_whole();
    // In two parts, and page by page.
    const std::uint64_t middle = begin + (end - begin) / 2;
    expect(static_cast<bool>(m.allocator().free_range(m.pages(middle, end))));
    for (std::uint64_t at = begin; at < middle; ++at)
      expect(static_cast<bool>(m.allocator().free_pages(Pfn{at}, Order{0})));
    expect_equal(m.free(), all);
    expect_equal(m.allocator().stats(kZone).free_blocks[G.max_order_][page::index_of(MigrateType::movable)],
                 2u);
  }
  expect_equal(m.moves, 0u);
}

TEST_ON_POLICIES(what_is_in_use_in_a_range_is_moved_away) {
  Machine<G, Policy> m;
  m.start(Pfn{0}, Pfn{4 * m.kBlock});
  const Pfn block = m.allocator().alloc_pages(G.max_order(), kMovable).value();
  const Pfn page = m.allocator().alloc_pages(Order{2}, kMovable).value();
  const std::uint64_t free = m.free();
  // Straddles the range's end: it is moved as a whole.
  const Pfn begin = block + PageCount{m.kBlock - 1};
  expect(static_cast<bool>(m.allocator().alloc_range({begin, begin + PageCount{1}}, MigrateType::movable)));
  expect_equal(m.moves, 1u);
  expect_equal(m.last_from, block);
  expect_equal(m.free(), free - 1);
  m.expect_whole();
  expect(m.machine.map.at(m.last_to).is_allocated(G.max_order()));
  expect(static_cast<bool>(
      m.allocator().alloc_range({page + PageCount{2}, page + PageCount{6}}, MigrateType::movable)));
  expect_equal(m.last_from, page);
  m.expect_whole();
}

TEST_ON_POLICIES(a_move_that_fails_leaves_everything_in_its_place) {
  Machine<G, Policy> m;
  m.start(Pfn{0}, Pfn{4 * m.kBlock});
  const Pfn a = m.allocator().alloc_pages(Order{2}, kMovable).value();
  const Pfn b = m.allocator().alloc_pages(Order{2}, kMovable).value();
  const std::uint64_t free = m.free();
  const PfnRange range{a < b ? a : b, (a < b ? b : a) + PageCount{4}};
  for (m.may_move = 0; m.may_move < 2; ++m.may_move) {
    m.moves = 0;
    expect_equal(m.allocator().alloc_range(range, MigrateType::movable).error(), Error::busy);
    expect_equal(m.moves, m.may_move + 1);
    expect_equal(m.free(), free);
    m.expect_whole();
    if (m.may_move == 0) expect(m.machine.map.at(a).is_allocated(Order{2}));
    expect(m.machine.map.at(m.may_move == 0 ? b : m.last_to).is_allocated(Order{2}));
  }
  m.allocator().set_mover({});
  expect_equal(m.allocator().alloc_range({b, b + PageCount{1}}, MigrateType::movable).error(), Error::busy);
  m.expect_whole();
}

TEST_ON_POLICIES(a_page_with_several_users_cannot_be_moved) {
  Machine<G, Policy> m;
  m.start(Pfn{0}, Pfn{4 * m.kBlock});
  const Pfn page = m.allocator().alloc_pages(Order{0}, kMovable).value();
  expect(static_cast<bool>(m.allocator().get_page(page)));
  expect_equal(m.allocator().alloc_range({page, page + PageCount{1}}, MigrateType::movable).error(),
               Error::busy);
  expect_equal(m.moves, 0u);
  expect(static_cast<bool>(m.allocator().put_page(page)));
  expect(static_cast<bool>(m.allocator().alloc_range({page, page + PageCount{1}}, MigrateType::movable)));
  expect_equal(m.moves, 1u);
  m.expect_whole();
}

TEST_ON_POLICIES(nothing_can_be_moved_where_no_room_is_left) {
  Machine<G, Policy> m;
  m.start(Pfn{0}, Pfn{m.kBlock});
  while (m.allocator().alloc_pages(Order{0}, kMovable)) {
  }
  expect_equal(m.allocator().alloc_range(m.pages(0, 1), MigrateType::movable).error(), Error::busy);
  expect_equal(m.moves, 0u);
  m.expect_whole();
}

TEST_ON_POLICIES(reserved_pages_inside_make_a_range_busy) {
  Machine<G, Policy> m;
  m.machine.add_pages(0, ZoneType::normal, m.pages(0, m.kBlock));
  expect(static_cast<bool>(m.machine.start()));
  expect(static_cast<bool>(m.allocator().release(m.pages(0, 9))));
  expect(static_cast<bool>(m.allocator().release(m.pages(10, m.kBlock))));
  const std::uint64_t before = digest_of(m.machine);
  for (const PfnRange pages : {m.pages(8, 11), m.pages(9, 10), m.pages(0, 4), m.pages(0, m.kWhole)})
    expect_equal(m.allocator().alloc_range(pages, MigrateType::movable).error(), Error::busy);
  expect_equal(digest_of(m.machine), before);
  expect(static_cast<bool>(m.allocator().alloc_range(m.pages(m.kWhole, 2 * m.kWhole), MigrateType::movable)));
}

TEST_ON_POLICIES(pages_on_cores_do_not_keep_a_range_from_being_had) {
  Machine<G, Policy> m;
  m.start(Pfn{0}, Pfn{2 * m.kBlock});
  expect(static_cast<bool>(m.allocator().start_cpu_lists(m.machine.source())));
  Saboteur::limit(m.allocator(), kZone, {.batch = 8, .high = 1000});
  const Pfn page = m.allocator().alloc_pages(Order{0}, kMovable).value();
  m.core = 1;
  expect(static_cast<bool>(m.allocator().free_pages(page, Order{0})));
  expect_equal(m.allocator().pages_on(kZone, 1).raw, 1u);
  expect(static_cast<bool>(m.allocator().alloc_range(m.pages(0, 2 * m.kBlock), MigrateType::movable)));
  expect_equal(m.allocator().pages_on(kZone, 0).raw + m.allocator().pages_on(kZone, 1).raw, 0u);
  expect_equal(m.free(), 0u);
  m.expect_whole();
}

// Out of a contiguous area, and back to it.
TEST_ON_POLICIES(a_range_of_an_area_comes_back_to_the_area) {
  Machine<G, Policy> m;
  m.machine.add_pages(0, ZoneType::normal, m.pages(0, 2 * m.kBlock));
  expect(static_cast<bool>(m.machine.start()));
  expect(static_cast<bool>(m.allocator().release(m.pages(0, m.kBlock))));
  expect(static_cast<bool>(m.allocator().release_cma(kZone, m.pages(m.kBlock, 2 * m.kBlock))));
  const PfnRange range = m.pages(m.kBlock + 3, m.kBlock + m.kWhole + 5);
  expect(static_cast<bool>(m.allocator().alloc_range(range, MigrateType::cma)));
  expect_equal(m.allocator().stats(kZone).free_cma.raw, m.kBlock - range.size().raw);
  expect(static_cast<bool>(m.allocator().free_range(range)));
  expect_equal(m.allocator().stats(kZone).free_cma.raw, m.kBlock);
  expect_equal(m.machine.map.pageblock_type(range.begin()), MigrateType::cma);
  m.expect_whole();
}

TEST_ON_POLICIES(a_range_that_is_refused_leaves_the_types_of_its_pageblocks) {
  Machine<G, Policy> m;
  m.machine.add_pages(0, ZoneType::normal, m.pages(0, 2 * m.kBlock));
  expect(static_cast<bool>(m.machine.start()));
  expect(static_cast<bool>(m.allocator().release_cma(kZone, m.pages(m.kBlock, 2 * m.kBlock))));
  const Pfn page = m.allocator().alloc_pages(Order{0}, kMovable).value();
  m.may_move = 0;
  const PfnRange range{page, page + PageCount{m.kWhole / 2}};
  expect_equal(m.allocator().alloc_range(range, MigrateType::movable).error(), Error::busy);
  expect_equal(m.moves, 1u);
  expect_equal(m.machine.map.pageblock_type(page), MigrateType::cma);
  expect_equal(m.allocator().stats(kZone).free_cma.raw, m.kBlock - 1);
  m.expect_whole();
}

// --- Sections -----------------------------------------------------------------------------------------------------

namespace {

template <class Policy>
struct Sections : Machine<k4KSparse, Policy> {
  static constexpr std::uint64_t kSection = std::uint64_t{1} << (27 - 12);
};

template <class Policy>
void a_range_across_sections(HandOver hand_over) {
  Sections<Policy> m;
  m.start(Pfn{0}, Pfn{3 * m.kSection}, hand_over);
  const std::uint64_t all = m.free();
  const PfnRange range = m.pages(m.kSection - 5, m.kSection + 5);
  expect(static_cast<bool>(m.allocator().alloc_range(range, MigrateType::movable)));
  expect_equal(m.free(), all - 10);
  m.expect_whole();
  // The third section was not needed.
  expect_equal(m.allocator().stats(kZone).deferred.raw, hand_over == HandOver::deferred ? m.kSection : 0);
  expect(static_cast<bool>(m.allocator().free_range(range)));
  expect_equal(m.free(), all);
  m.expect_whole();
}

}  // namespace

TEST(a_range_across_sections_is_handed_out) { a_range_across_sections<LinuxPolicy>(HandOver::at_once); }
TEST(a_range_across_deferred_sections_brings_them_up) {
  a_range_across_sections<LinuxPolicy>(HandOver::deferred);
}

}  // namespace quarry::buddy
