#include "quarry/buddy/compact_zone_test_machine.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

namespace {

constexpr MigrateType kMovable = MigrateType::movable, kUnmovable = MigrateType::unmovable;

template <Geometry G>
struct Blocks : ZoneMachine<G> {
  using M = ZoneMachine<G>;
  // So many blocks of the highest order, all free.
  explicit Blocks(std::uint64_t blocks) noexcept {
    const PfnRange span{Pfn{0}, Pfn{blocks * M::kBlock}};
    expect(static_cast<bool>(M::start(span)));
    M::release(span);
  }
  ~Blocks() { expect_equal(M::zone.audit().broken, Law::holds); }
  std::uint64_t blocks(unsigned order, MigrateType type = kMovable) const noexcept {
    return M::zone.blocks(Order{order}, type);
  }
};

}  // namespace

TEST_ON_GEOMETRIES(an_empty_zone_has_nothing) {
  ZoneMachine<G> machine;
  expect_equal(CompactZone<G>::parts_for({}), 0u);
  expect_equal(CompactZone<G>::parts_for({Pfn{0}, Pfn{std::uint64_t{1} << 40}}), 1u);
  expect(static_cast<bool>(machine.zone.init({machine.map, {}, 0, 0, NodeId{}, machine.source()})));
  expect_equal(machine.zone_bytes(), 0u);
  expect(machine.take(0, kMovable).error() == Error::no_memory);
  expect(machine.zone.block_of(Pfn{0}).error() == Error::not_found);
  expect_equal(machine.zone.blocks(Order{0}, kMovable), 0u);
  expect(!machine.zone.audit());
}

TEST_ON_GEOMETRIES(a_source_without_memory_is_an_error) {
  constexpr std::uint64_t pages = std::uint64_t{8} << G.max_order_;
  ZoneMachine<G> machine;
  expect(static_cast<bool>(machine.start({Pfn{0}, Pfn{pages}})));
  for (std::uint64_t bytes = 0; bytes < machine.zone_bytes(); bytes += 64) {
    ZoneMachine<G> poor{std::span<std::byte>{test_memory}.first(static_cast<std::size_t>(bytes))};
    const auto done = poor.zone.init({poor.map, {Pfn{0}, Pfn{pages}}, 0, 0, NodeId{}, poor.source()});
    expect(!done && done.error() == Error::no_memory);
    expect(!poor.zone.audit());
    expect(poor.zone.block_of(Pfn{0}).error() == Error::not_found);
  }
  expect(machine.zone_bytes() <= CompactZone<G>::metadata_for({Pfn{0}, Pfn{pages}}));
}

TEST_ON_GEOMETRIES(tables_cost_a_quarter_of_a_byte_for_each_page) {
  constexpr std::uint64_t pages = std::uint64_t{1} << (46 - G.page_shift_);  // 64 TiB
  expect(CompactZone<G>::metadata_for({Pfn{0}, Pfn{pages}}) < pages >> 2);
}

TEST_ON_GEOMETRIES(frames_come_from_the_lowest_pageblock) {
  Blocks<G> machine{2};
  machine.take_all(kMovable);
  const std::uint64_t above = machine.kBlock + 4;
  machine.give_frames(above, 1);
  machine.give_frames(above + 8, 4);
  machine.give_frames(7, 1);
  expect_equal(machine.take(0, kMovable).value(), Pfn{7});
  expect_equal(machine.take(0, kMovable).value(), Pfn{above});
  expect_equal(machine.take(0, kMovable).value(), Pfn{above + 8});
  expect_equal(machine.blocks(0), 1u);
  expect_equal(machine.blocks(1), 1u);
}

TEST_ON_GEOMETRIES(larger_blocks_are_cut_from_the_smallest_that_is_enough) {
  Blocks<G> machine{2};
  machine.take_all(kMovable);
  machine.give_frames(0, 32);
  machine.give_frames(machine.kBlock, 8);
  machine.give_frames(machine.kBlock + 64, 4);
  expect_equal(machine.take(1, kMovable).value(), Pfn{machine.kBlock + 64});
  expect_equal(machine.take(2, kMovable).value(), Pfn{machine.kBlock});
  expect_equal(machine.take(3, kMovable).value(), Pfn{0});
  expect_equal(machine.orders(kMovable), 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4);
}

TEST_ON_GEOMETRIES(within_a_pageblock_the_lowest_of_the_smallest_blocks_is_taken) {
  Blocks<G> machine{1};
  machine.take_all(kMovable);
  machine.give_frames(0, 16);
  machine.give_frames(40, 2);
  machine.give_frames(52, 2);
  machine.give_frames(60, 4);
  expect_equal(machine.take(0, kMovable).value(), Pfn{40});
  expect_equal(machine.take(0, kMovable).value(), Pfn{41});
  expect_equal(machine.take(1, kMovable).value(), Pfn{52});
  expect_equal(machine.take(1, kMovable).value(), Pfn{60});
  expect_equal(machine.take(3, kMovable).value(), Pfn{0});
}

// The smallest first, the lowest of those.
TEST_ON_GEOMETRIES(whole_pageblocks_are_opened_last) {
  Blocks<G> machine{3};
  expect_equal(machine.take(G.max_order_, kMovable).value(), Pfn{0});
  machine.give(Pfn{0}, G.max_order_);
  expect_equal(machine.take(0, kMovable).value(), Pfn{0});
  for (std::uint64_t frame = 1; frame < machine.kBlock; ++frame)
    expect_equal(machine.take(0, kMovable).value(), Pfn{frame});
  expect_equal(machine.take(0, kMovable).value(), Pfn{machine.kBlock});
  expect_equal(machine.blocks(G.max_order_), 1u);
  for (unsigned order = G.pageblock_order_; order < G.max_order_; ++order)
    expect_equal(machine.take(order, kMovable).value(), Pfn{machine.kBlock + (std::uint64_t{1} << order)});
}

TEST_ON_GEOMETRIES(all_that_comes_back_is_merged) {
  Blocks<G> machine{2};
  const Tally before = machine.tally;
  for (unsigned order = 0; order <= G.max_order_; ++order) {
    const Pfn page = machine.take(order, kMovable).value();
    expect(machine.map.at(page).is_allocated(Order{order}));
    machine.give(page, order);
    expect(machine.map.at(page).state() == page::State::nothing);
    expect_equal(machine.blocks(G.max_order_), 2u);
  }
  machine.take_all(kMovable);
  expect_equal(machine.orders(kMovable), 0u);
  for (std::uint64_t frame = 2 * machine.kBlock; frame-- > 0;) machine.give(Pfn{frame}, 0);
  expect_equal(machine.blocks(G.max_order_), 2u);
  expect_equal(machine.orders(kMovable), 1u << G.max_order_);
  expect_equal(machine.tally.merges - before.merges, machine.tally.splits - before.splits);
}

// Zones neither begin nor end where pageblocks do.
TEST_ON_GEOMETRIES(a_ragged_zone_keeps_to_its_frames) {
  ZoneMachine<G> machine;
  const PfnRange span{Pfn{machine.kBlock + 3}, Pfn{3 * machine.kBlock - 5}};
  expect(static_cast<bool>(machine.start(span)));
  machine.release(span);
  expect(!machine.zone.audit());
  expect_equal(machine.free(kMovable), span.size().raw);
  expect(machine.zone.block_of(Pfn{span.begin().raw - 1}).error() == Error::not_found);
  expect(machine.zone.block_of(span.end()).error() == Error::not_found);
  std::uint64_t count = 0;
  while (const auto page = machine.take(0, kMovable)) {
    expect(span.contains(page.value()));
    ++count;
  }
  expect_equal(count, span.size().raw);
}

TEST_ON_GEOMETRIES(special_types_stay_apart_and_ordinary_ones_merge) {
  Blocks<G> machine{1};
  expect_equal(machine.take(G.max_order_, kMovable).value(), Pfn{0});
  constexpr std::uint64_t frames = std::uint64_t{1} << G.pageblock_order_;
  constexpr unsigned pageblocks = 1u << (G.max_order_ - G.pageblock_order_);
  constexpr MigrateType types[] = {kMovable, kUnmovable, MigrateType::cma, MigrateType::highatomic};
  for (unsigned i = 0; i < pageblocks; ++i) {
    machine.map.set_pageblock_type(Pfn{i * frames}, types[i]);
    machine.give(Pfn{i * frames}, G.pageblock_order_);
  }
  for (unsigned i = 0; i < pageblocks; ++i) {
    const FreeBlock block = machine.zone.block_of(Pfn{i * frames + 1}).value();
    const bool is_pair = pageblocks > 1 && i < 2;
    expect_equal(block.order.raw(), G.pageblock_order_ + (is_pair ? 1 : 0));
    expect(machine.zone.listed_as(block.page) == (is_pair ? kUnmovable : types[i]));
  }
  if (pageblocks > 2)
    expect(machine.zone.take(G.max_order(), kMovable, kMovable, machine.watcher, machine.tally).error() ==
           Error::no_memory);
}

TEST_ON_GEOMETRIES(bulk_takes_all_of_a_pageblock_before_the_next) {
  Blocks<G> machine{2};
  machine.take_all(kMovable);
  constexpr std::uint64_t few[] = {3, 5, 70, 71};
  for (const std::uint64_t frame : few) machine.give_frames(frame, 1);
  machine.give_frames(machine.kBlock, 64);
  machine.give_frames(machine.kBlock + 66, 2);
  Pfn pages[100];
  const auto take = [&](unsigned order, std::size_t count) {
    return machine.take_bulk(order, kMovable, kUnmovable, std::span<Pfn>{pages}.first(count));
  };
  expect_equal(take(0, 6), 6u);
  const std::uint64_t wanted[] = {3, 5, 70, 71, machine.kBlock + 66, machine.kBlock + 67};
  for (unsigned i = 0; i < 6; ++i) {
    expect_equal(pages[i], Pfn{wanted[i]});
    expect(machine.map.at(pages[i]).is_allocated(Order{0}));
    expect(machine.map.at(pages[i]).list() == kUnmovable);
  }
  expect_equal(machine.blocks(6 < G.max_order_ ? 6 : G.max_order_), 1u);
  expect_equal(take(4, 3), 3u);
  for (unsigned i = 0; i < 3; ++i) expect_equal(pages[i], Pfn{machine.kBlock + i * 16});
  expect_equal(take(0, 100), 16u);
  expect_equal(take(0, 100), 0u);
}

TEST_ON_GEOMETRIES(bulk_is_as_good_as_one_by_one) {
  Blocks<G> machine{2};
  Pfn pages[256];
  const std::uint64_t all = 2 * machine.kBlock;
  std::uint64_t count = 0;
  for (unsigned size = 1; count < all; size = size % 200 + 7) {
    const std::size_t took = machine.take_bulk(0, kMovable, kMovable, std::span<Pfn>{pages}.first(size));
    expect(took == size || took == all - count);
    count += took;
  }
  expect_equal(machine.orders(kMovable), 0u);
  expect_equal(machine.tally.splits, all - 2);
  for (std::uint64_t frame = 0; frame < all;) {
    std::size_t size = 0;
    for (; size < 100 && frame + size < all; ++size) pages[size] = Pfn{frame + size};
    expect_equal(machine.give_bulk(std::span<const Pfn>{pages}.first(size)).free, size);
    frame += size;
  }
  expect_equal(machine.blocks(G.max_order_), 2u);
  expect_equal(machine.tally.merges, all - 2);
}

// Single frames come and go; what is left of them is packed again.
TEST_ON_GEOMETRIES(churn_leaves_most_pageblocks_whole) {
  constexpr unsigned blocks = G.pageblock_order_ == 13 ? 4 : 16 * 1024 >> G.max_order_;
  Blocks<G> machine{blocks};
  const std::uint64_t all = blocks * machine.kBlock, rounds = 130;
  std::uint64_t state = 42, held = all;
  const auto below = [&](std::uint64_t bound) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (state >> 32) * bound >> 32;
  };
  machine.take_all(kMovable);
  const auto free_some = [&](std::uint64_t count) {
    while (count != 0) {
      const Pfn page{below(all)};
      if (machine.zone.block_of(page)) continue;
      machine.give(page, 0);
      --count, --held;
    }
  };
  free_some(all / 2);
  expect_equal(machine.whole_pageblocks(), 0u);
  for (std::uint64_t round = 0; round < rounds; ++round) {
    free_some(held / 10);
    while (held < all / 2) held += machine.take(0, kMovable) ? 1u : 0u;
  }
  expect(machine.whole_pageblocks() * 32 >= (all / 2 >> G.pageblock_order_) * 30);
}

}  // namespace quarry::buddy
