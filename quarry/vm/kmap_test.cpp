#include "quarry/vm/kmap.hpp"

#include "quarry/vm/kmap_machine_test.hpp"
#include "quarry/vm/virtual_layout.hpp"
#include "tests/test.hpp"

namespace quarry::vm {
namespace {

LowFrames<TestCores>::Memory memory;
constexpr std::uint64_t kPage = 4096;
// Above 4 GiB: LPAE has 40 bits of them.
constexpr Pfn high(std::uint64_t number) noexcept { return Pfn{0x10'0000 + number}; }
constexpr PhysAddr address(Pfn frame) noexcept { return PhysAddr{frame.raw << 12}; }

template <class T>
bool fails_with(const Result<T>& result, Error error) noexcept {
  return !result && result.error() == error;
}

// A machine of four windows whose tables are there, and its cores.
struct World : TestCores::State, KmapMachine<> {
  explicit World(KmapPlaces places = {}, KmapWait wait = {}) noexcept
      : KmapMachine<>{memory, TestCores{*this}, places, wait} {
    expect(bool{open()});
  }
  ~World() { expect(is_sound()); }
  // Shows a frame, and all cores read it.
  VirtAddr show(Pfn frame) noexcept {
    const Result<VirtAddr> at = pool.kmap(frame);
    expect(bool{at});
    if (!at) return VirtAddr{};
    for (unsigned core = 0; core < kKmapCores; ++core) expect_equal(reach(core, at.value()), address(frame));
    return at.value();
  }
  VirtAddr window(std::uint64_t number) const noexcept { return pool_range.begin() + Bytes{number * kPage}; }
};

TEST(a_low_frame_is_where_the_direct_map_has_it) {
  World world;
  const Pfn low{LowFrames<TestCores>::kFirst + 15};
  const VirtAddr at = world.pool.kmap(low).value();
  expect_equal(at, address_of(world.low.map({low, low + PageCount{1}})));
  expect(bool{world.pool.kunmap(low)} && bool{world.pool.kunmap(low)});
  expect(fails_with(world.pool.find(low), Error::not_found));
  expect(world.pool.stats().windows == KmapCounts{.free = 4});
}

TEST(a_high_frame_is_shown_by_one_window_to_all_who_want_it) {
  World world;
  const VirtAddr first = world.show(high(7));
  const VirtAddr other = world.show(high(8));
  expect_equal(first, world.window(0));
  expect_equal(other, world.window(1));
  expect_equal(world.show(high(7)), first);
  expect(world.pool.stats().windows == KmapCounts{.free = 2, .used = 2});
  expect_equal(world.pool.find(high(7)).value(), first);
  expect_equal(world.pool.frame_at(other + Bytes{kPage - 1}).value(), high(8));
  expect(world.tree.lookup(first).value().access == Access{.write = true});

  expect(bool{world.pool.kunmap(high(7))});
  expect(world.pool.stats().windows == KmapCounts{.free = 2, .used = 2});
  expect(bool{world.pool.kunmap(high(7))});
  expect(world.pool.stats().windows == KmapCounts{.free = 2, .used = 1, .idle = 1});
  expect(fails_with(world.pool.kunmap(high(7)), Error::wrong_owner));
  expect(fails_with(world.pool.kunmap(high(9)), Error::not_found));
  expect_equal(world.told, 0u);
}

TEST(an_idle_window_shows_its_frame_to_whoever_comes_back) {
  World world;
  const VirtAddr at = world.show(high(1));
  expect(bool{world.pool.kunmap(high(1))});
  expect_equal(world.pool.find(high(1)).value(), at);
  expect_equal(world.show(high(2)), world.window(1));
  expect_equal(world.show(high(1)), at);
  expect(world.pool.stats().windows == KmapCounts{.free = 2, .used = 2});
  expect_equal(world.told, 0u);
}

TEST(one_flush_frees_all_idle_windows_when_no_other_is_free) {
  World world;
  for (std::uint64_t i = 0; i < 4; ++i) world.show(high(i));
  for (const std::uint64_t i : {3u, 1u, 2u}) expect(bool{world.pool.kunmap(high(i))});
  expect_equal(world.told, 0u);
  world.show(high(10));
  expect_equal(world.told, 1u);
  expect(world.pool.stats().windows == KmapCounts{.free = 2, .used = 2});
  world.show(high(11));
  world.show(high(12));
  expect_equal(world.told, 1u);
  expect_equal(world.pool.stats().flushes, std::uint64_t{1});
  expect(fails_with(world.pool.find(high(1)), Error::not_found));
  expect_equal(world.reach(2, world.window(0)), address(high(0)));
}

TEST(when_every_window_is_in_use_there_is_no_room_and_nothing_changes) {
  World world;
  for (std::uint64_t i = 0; i < 4; ++i) world.show(high(i));
  expect(fails_with(world.pool.kmap(high(9)), Error::no_room));
  expect_equal(world.told, 0u);
  expect_equal(world.pool.stats().exhausted, std::uint64_t{1});
  expect(world.pool.stats().windows == KmapCounts{.used = 4});
  world.show(high(3));  // who has one gets it again
  expect(bool{world.pool.kunmap(high(3))} && bool{world.pool.kunmap(high(3))});
  expect_equal(world.show(high(9)), world.window(3));
}

TEST(whoever_may_wait_does_until_a_window_falls_idle) {
  struct Waiting {
    World* world = nullptr;
    unsigned waits = 0, wakes = 0;
    bool gives_up = false;
  } waiting;
  World world{{},
              {&waiting,
               [](void* self, std::uint32_t seen) noexcept -> Result<Done> {
                 auto& all = *static_cast<Waiting*>(self);
                 ++all.waits;
                 if (all.gives_up) return Error::busy;
                 expect_equal(all.world->pool.idled(), seen);
                 expect(bool{all.world->pool.kunmap(high(2))});
                 expect(all.world->pool.idled() != seen);
                 return Done{};
               },
               [](void* self) noexcept { ++static_cast<Waiting*>(self)->wakes; }}};
  waiting.world = &world;
  for (std::uint64_t i = 0; i < 4; ++i) world.show(high(i));
  expect_equal(world.show(high(9)), world.window(2));
  expect_equal(waiting.waits, 1u);
  expect_equal(waiting.wakes, 1u);
  waiting.gives_up = true;
  expect(fails_with(world.pool.kmap(high(10)), Error::busy));
  expect(world.pool.stats().windows == KmapCounts{.used = 4});
  expect(bool{world.pool.kunmap(high(9))});
  expect_equal(waiting.wakes, 1u);  // nobody waits any more
}

TEST(a_flush_shuts_what_nobody_uses_and_nothing_else) {
  World world;
  const VirtAddr used = world.show(high(1));
  const VirtAddr idle = world.show(high(2));
  expect(bool{world.pool.kunmap(high(2))});
  expect_equal(world.pool.flush(), 1u);
  expect(fails_with(world.tree.lookup(idle), Error::not_found));
  expect(fails_with(world.pool.frame_at(idle), Error::not_found));
  expect(world.tlbs.find(1, idle) == nullptr);
  expect_equal(world.reach(1, used), address(high(1)));
  expect_equal(world.pool.flush(), 0u);
  expect_equal(world.told, 1u);
}

TEST(frames_and_addresses_that_make_no_sense_are_refused) {
  World world;
  expect(fails_with(world.pool.kmap(Pfn{std::uint64_t{1} << 28}), Error::out_of_range));  // bit 40
  expect(bool{world.pool.kmap(Pfn{(std::uint64_t{1} << 28) - 1})});
  expect(fails_with(world.pool.kmap(Pfn{UINT64_MAX}), Error::out_of_range));
  expect(fails_with(world.pool.kunmap(Pfn{UINT64_MAX}), Error::not_found));
  expect(fails_with(world.pool.frame_at(VirtAddr{0}), Error::not_found));
  expect(fails_with(world.pool.frame_at(world.pool_range.end()), Error::not_found));
  expect(fails_with(world.pool.frame_at(world.window(1)), Error::not_found));
  world.slots[0].users = UINT32_MAX;
  expect(fails_with(world.pool.kmap(Pfn{(std::uint64_t{1} << 28) - 1}), Error::overflow));
  world.slots[0].users = 1;
}

TEST(windows_whose_tables_fail_at_any_page_are_not_opened) {
  // The pool and the cores' windows need two tables each: of 2 MiB pages, and of pages; the root is there.
  for (std::uint64_t tables = 1; tables <= 5; ++tables) {
    TestCores::State state;
    KmapMachine<> machine{memory, TestCores{state}};
    machine.low.may_take = tables - 1;
    const Result<Done> opened = machine.pool.open(machine.table_lock);
    expect(tables > 2 ? bool{opened} : fails_with(opened, Error::no_memory));
    if (!opened) expect_equal(machine.low.taken, std::uint64_t{1});
    if (!opened) continue;
    const Result<Done> local = machine.local.open(machine.table_lock);
    expect(tables > 4 ? bool{local} : fails_with(local, Error::no_memory));
    if (!local) expect_equal(machine.low.taken, std::uint64_t{3});
    expect(!machine.pool.audit() && !machine.tree.audit());
    machine.tree.release();
    expect_equal(machine.low.taken, std::uint64_t{0});
  }
}

TEST(no_call_needs_a_table_once_the_windows_are_open) {
  World world;
  const std::uint64_t tables = world.tree.tables();
  world.low.may_take = 0;
  for (std::uint64_t round = 0; round < 5; ++round)
    for (std::uint64_t i = 0; i < 4; ++i) {
      world.show(high(4 * round + i));
      expect(bool{world.pool.kunmap(high(4 * round + i))});
    }
  expect_equal(world.pool.flush(), 4u);
  expect_equal(world.tree.tables(), tables);
  expect_equal(world.told, 5u);
}

TEST(windows_are_nobody_elses) {
  World world;
  const PhysRange page = PhysRange::sized(PhysAddr{0}, Bytes{kPage});
  expect(fails_with(world.tree.map(world.window(0), page, {}), Error::busy));
  expect(fails_with(world.tree.unmap({world.window(0), world.window(1)}), Error::not_found));
  expect(fails_with(world.tree.open_windows({world.window(3), world.window(5)}), Error::busy));
  // What lies behind them comes and goes; their table stays.
  expect(bool{world.tree.map(world.window(4), page, {})});
  expect(bool{world.tree.unmap({world.window(4), world.window(5)})});
  world.show(high(1));
}

TEST(a_pool_with_other_memory_than_it_needs_is_not_opened) {
  World world;
  const VirtRange range{VirtAddr{0x1000'0000}, VirtAddr{0x1000'5000}};
  World::Pool other{world.tree, world.flush_lock, world.low, {.range = range, .slots = world.slots}};
  expect(fails_with(other.open(world.table_lock), Error::bad_argument));
  World::Pool none{world.tree, world.flush_lock, world.low, {.range = {}, .slots = {}}};
  expect(fails_with(none.open(world.table_lock), Error::bad_argument));
}

// Goal: where Linux has them, under the splits of 3G/1G and 2G/2G.
TEST(windows_lie_where_linux_has_them) {
  for (const std::uint32_t offset : {0xc000'0000u, 0x8000'0000u}) {
    const VirtualLayout layout = VirtualLayout::make({.arch = LayoutRules::Arch::arm,
                                                      .va_bits = 32,
                                                      .ram_begin = PhysAddr{0x4000'0000},
                                                      .ram_end = PhysAddr{0x1'c000'0000},
                                                      .page_offset = offset,
                                                      .lowmem_end = PhysAddr{0x7000'0000}})
                                     .value();
    const Part& pool = *layout.find(PartKind::kmap);
    const Part& local = *layout.find(PartKind::fixmap);
    World world{{.pool = VirtAddr{pool.first}, .local = VirtAddr{local.first}}};
    expect_equal(world.show(high(3)), VirtAddr{offset - (2u << 20)});
    expect(pool.contains(world.pool_range.end().raw - 1) && local.contains(world.local_range.end().raw - 1));
    // All of it: 512 windows.
    expect_equal(std::uint64_t{pool.last + 1 - pool.first}, 512 * kPage);
  }
}

}  // namespace
}  // namespace quarry::vm
