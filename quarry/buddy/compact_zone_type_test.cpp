#include "quarry/buddy/compact_zone_test_machine.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

namespace {

constexpr MigrateType kMovable = MigrateType::movable, kUnmovable = MigrateType::unmovable,
                      kReclaimable = MigrateType::reclaimable, kIsolate = MigrateType::isolate;

// Remembers the last of each.
struct Witness : NoObserver {
  struct {
    Pfn page;
    unsigned from, to;
  } was_split{};
  struct {
    Pfn page;
    MigrateType from, to;
  } fell{};
  unsigned splits = 0, merges = 0, falls = 0, changes = 0;
  unsigned highest_merge = 0;
  MigrateType changed_to{};
  void split(Pfn page, Order from, Order to) noexcept {
    was_split = {page, from.raw(), to.raw()};
    ++splits;
  }
  void merged(Pfn, Order half) noexcept {
    ++merges;
    if (half.raw() >= highest_merge) highest_merge = half.raw() + 1;
  }
  void fell_back(Pfn page, Order, MigrateType from, MigrateType to) noexcept {
    fell = {page, from, to};
    ++falls;
  }
  void pageblock_changed(Pfn, MigrateType now) noexcept {
    changed_to = now;
    ++changes;
  }
};

template <Geometry G>
struct Watched : ZoneMachine<G, Witness> {
  using M = ZoneMachine<G, Witness>;
  explicit Watched(std::uint64_t blocks) noexcept {
    expect(static_cast<bool>(M::start({Pfn{0}, Pfn{blocks * M::kBlock}})));
    M::release({Pfn{0}, Pfn{blocks * M::kBlock}});
    M::watcher = Witness{};
  }
  ~Watched() { expect_equal(M::zone.audit().broken, Law::holds); }
  Result<Pfn> other(const Wanted& wanted) noexcept {
    return M::zone.take_other(wanted, M::watcher, M::tally);
  }
  // One pageblock of `type`, of which only the first `frames` are free; nothing else is.
  void leave(std::uint64_t frames, MigrateType type) noexcept {
    M::take_all(kMovable);
    M::map.set_pageblock_type(Pfn{0}, type);
    M::give_frames(0, frames);
  }
};

}  // namespace

TEST_ON_GEOMETRIES(a_block_of_whole_pageblocks_is_claimed_as_one) {
  Watched<G> machine{2};
  expect_equal(machine.other({Order{0}, kUnmovable, Mixing::avoid}).value(), Pfn{0});
  constexpr unsigned each = 1u << (G.max_order_ - G.pageblock_order_);
  for (unsigned i = 0; i < 2 * each; ++i) {
    const MigrateType type = machine.map.pageblock_type(Pfn{i * machine.kFrames});
    expect(type == (i < each ? kUnmovable : kMovable));
  }
  expect_equal(machine.watcher.changes, each);
  expect_equal(machine.watcher.falls, 1u);
  expect(machine.watcher.fell.from == kMovable && machine.watcher.fell.to == kUnmovable);
  expect_equal(machine.watcher.was_split.from, G.max_order_);
  expect_equal(machine.tally.fallbacks, 1u);
  expect_equal(machine.take(0, kUnmovable).value(), Pfn{1});
  expect_equal(machine.take(0, kMovable).value(), Pfn{machine.kBlock});
  expect_equal(machine.tally.fallbacks, 1u);
}

TEST_ON_GEOMETRIES(half_of_a_pageblock_claims_all_of_it) {
  for (const MigrateType from : {kMovable, kReclaimable}) {
    Watched<G> machine{1};
    machine.leave(machine.kFrames / 2, from);
    expect(machine.other({Order{0}, kUnmovable, Mixing::avoid}).error() == Error::no_memory);
    expect_equal(machine.other({Order{0}, kUnmovable}).value(), Pfn{0});
    expect(machine.map.pageblock_type(Pfn{0}) == kUnmovable);
    expect(machine.watcher.changed_to == kUnmovable && machine.watcher.changes == 1);
    expect_equal(machine.free(kUnmovable), machine.kFrames / 2 - 1);
    expect_equal(machine.free(from), 0u);
  }
}

TEST_ON_GEOMETRIES(less_than_half_is_borrowed_and_stays_what_it_is) {
  Watched<G> machine{1};
  machine.leave(machine.kFrames / 4, kMovable);
  expect(machine.other({Order{0}, kUnmovable, Mixing::avoid}).error() == Error::no_memory);
  const Pfn page = machine.other({Order{0}, kUnmovable}).value();
  expect_equal(page, Pfn{0});
  expect(machine.map.at(page).list() == kUnmovable);
  expect(machine.map.pageblock_type(page) == kMovable);
  expect_equal(machine.watcher.changes, 0u);
  expect_equal(machine.watcher.falls, 1u);
  expect_equal(machine.free(kMovable), machine.kFrames / 4 - 1);
  // Without grouping there is nothing to keep apart.
  expect_equal(machine.other({Order{0}, kUnmovable, Mixing::allow, Grouping::none}).value(), Pfn{1});
  expect(machine.map.pageblock_type(page) == kUnmovable);
  machine.give(page, 0);
  expect_equal(machine.free(kUnmovable), machine.kFrames / 4 - 1);
}

// What can be moved goes to the smallest blocks, what cannot to the largest.
TEST_ON_GEOMETRIES(movable_pages_borrow_small_blocks_and_others_large_ones) {
  Watched<G> machine{2};
  machine.take_all(kMovable);
  for (std::uint64_t at = 0; at < 2 * machine.kBlock; at += machine.kFrames)
    machine.map.set_pageblock_type(Pfn{at}, kReclaimable);
  machine.give_frames(16, 2);
  machine.give_frames(machine.kBlock, 4);
  expect_equal(machine.other({Order{0}, kMovable}).value(), Pfn{16});
  expect_equal(machine.other({Order{1}, kMovable}).value(), Pfn{machine.kBlock});
  expect_equal(machine.other({Order{0}, kUnmovable}).value(), Pfn{machine.kBlock + 2});
  expect(machine.other({Order{2}, kUnmovable}).error() == Error::no_memory);
}

TEST_ON_GEOMETRIES(types_are_tried_in_their_order) {
  for (const MigrateType type : {kUnmovable, kMovable, kReclaimable})
    for (unsigned order = 0; order <= G.max_order_; order += G.max_order_) {
      Watched<G> machine{2};
      machine.take_all(kMovable);
      for (std::uint64_t at = 0; at < 2 * machine.kBlock; at += machine.kFrames)
        machine.map.set_pageblock_type(Pfn{at},
                                       kFallbacks[page::index_of(type)][at < machine.kBlock ? 1 : 0]);
      machine.give_frames(0, 2 * machine.kBlock);
      expect_equal(machine.other({Order{order}, type}).value(), Pfn{machine.kBlock});
      expect(machine.watcher.fell.from == kFallbacks[page::index_of(type)][0]);
    }
}

TEST_ON_GEOMETRIES(a_pageblock_leaves_its_block_to_be_isolated_and_comes_back) {
  Watched<G> machine{2};
  for (std::uint64_t at = 0; at < 2 * machine.kBlock; at += machine.kFrames) {
    const Moved moved = machine.zone.retype(Pfn{at}, kIsolate);
    expect_equal(moved.free, machine.kFrames);
    expect_equal(machine.zone.blocks(G.pageblock_order(), kIsolate), at / machine.kFrames + 1);
    expect(machine.zone.listed_as(Pfn{at}) == kIsolate);
    expect_equal(machine.zone.audit().broken, Law::holds);
  }
  expect(machine.take(0, kMovable).error() == Error::no_memory);
  for (std::uint64_t at = 0; at < 2 * machine.kBlock; at += machine.kFrames)
    machine.zone.retype(Pfn{at}, kMovable);
  expect_equal(machine.zone.blocks(G.max_order(), kMovable), 2u);
}

TEST_ON_GEOMETRIES(retyping_tells_what_is_free_and_what_could_be_moved) {
  Watched<G> machine{1};
  expect_equal(machine.take(3, kMovable).value(), Pfn{0});
  expect(
      static_cast<bool>(machine.zone.take(Order{2}, kMovable, kUnmovable, machine.watcher, machine.tally)));
  const Pfn page = machine.zone.first_of(kMovable).value();
  expect_equal(page, Pfn{12});
  const Moved moved = machine.zone.retype(page, MigrateType::highatomic);
  expect_equal(moved.movable, 8u);
  expect_equal(moved.free, machine.kFrames - 12);
  expect_equal(machine.free(MigrateType::highatomic), machine.kFrames - 12);
  expect(machine.zone.listed_as(page) == MigrateType::highatomic);
  expect_equal(machine.zone.first_of(MigrateType::highatomic).value(), Pfn{12});
  expect(machine.zone.first_of(MigrateType::cma).error() == Error::not_found);
  expect_equal(machine.zone.retype(Pfn{0}, kMovable).free, machine.kFrames - 12);
}

TEST_ON_GEOMETRIES(no_block_lies_across_a_cut) {
  Watched<G> machine{1};
  const Pfn cuts[] = {Pfn{5}, Pfn{machine.kBlock - 3}};
  for (const Pfn cut : cuts) machine.zone.cut(cut);
  std::uint64_t sum = 0;
  for (Pfn at{0}; at < Pfn{machine.kBlock};) {
    const FreeBlock block = machine.zone.block_of(at).value();
    expect_equal(block.page, at);
    const Pfn end = at + block.order.pages();
    for (const Pfn cut : cuts) expect(!(at < cut && cut < end));
    if (cuts[0] <= at && end <= cuts[1]) {
      machine.zone.pull(block);
      sum += block.order.pages().raw;
      for (; at < end; at = at + PageCount{1}) machine.map.at(at).become_allocated(Order{0}, 0, kMovable);
    }
    at = end;
  }
  expect_equal(sum, machine.kBlock - 8);
  expect_equal(machine.free(kMovable), 8u);
  expect(machine.zone.block_of(Pfn{5}).error() == Error::not_found);
  machine.give_frames(5, machine.kBlock - 8);
  expect_equal(machine.zone.block_of(Pfn{6}).value().order.raw(), G.max_order_);
}

TEST_ON_GEOMETRIES(a_block_is_pulled_out_of_a_larger_one) {
  for (unsigned order = 0; order <= G.max_order_; ++order) {
    Watched<G> machine{1};
    const Pfn page{machine.kBlock - (std::uint64_t{1} << order)};
    machine.zone.pull({page, Order{order}});
    expect_equal(machine.free(kMovable), machine.kBlock - (std::uint64_t{1} << order));
    expect(machine.zone.block_of(page).error() == Error::not_found);
    for (unsigned left = order; left < G.max_order_; ++left)
      expect_equal(machine.zone.blocks(Order{left}, kMovable), 1u);
  }
}

TEST_ON_GEOMETRIES(the_watcher_is_told_of_splits_and_merges) {
  Watched<G> machine{1};
  const Pfn page = machine.take(1, kMovable).value();
  expect_equal(machine.watcher.splits, 1u);
  expect_equal(machine.watcher.was_split.page, page);
  expect_equal(machine.watcher.was_split.from, G.max_order_);
  expect_equal(machine.watcher.was_split.to, 1u);
  machine.give(page, 1);
  expect_equal(machine.watcher.merges, G.max_order_ - 1);
  expect_equal(machine.watcher.highest_merge, G.max_order_);
  // A block that is handed out whole is no split.
  expect_equal(machine.take(G.max_order_, kMovable).value(), Pfn{0});
  expect_equal(machine.watcher.splits, 1u);
}

TEST_ON_GEOMETRIES(the_watcher_is_told_of_what_bulks_break_and_make) {
  Watched<G> machine{1};
  machine.take_all(kMovable);
  machine.give_frames(0, 64);
  machine.give_frames(68, 4);
  machine.watcher = Witness{};
  Pfn pages[68];
  expect_equal(machine.take_bulk(0, kMovable, kMovable, pages), 68u);
  expect_equal(machine.watcher.splits, 2u);
  const std::span<const Pfn> all{pages};
  expect_equal(machine.give_bulk(all.first(64)).free, 64u);
  expect_equal(machine.watcher.highest_merge, 6u);
  expect_equal(machine.give_bulk(all.subspan(64)).free, 4u);
  expect_equal(machine.orders(kMovable), 1u << 6 | 1u << 2);
}

}  // namespace quarry::buddy
