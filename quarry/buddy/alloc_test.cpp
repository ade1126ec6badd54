#include "quarry/buddy/test_machine.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

using zones::ZoneType;

namespace {
constexpr Request kMovable{.type = MigrateType::movable};
}

TEST_ON_GEOMETRIES(alloc_pages_splits_the_smallest_block_that_suffices) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 2);
  expect(static_cast<bool>(machine.start()));
  auto& allocator = machine.allocator;
  expect(static_cast<bool>(allocator.release({Pfn{2}, Pfn{4}})));
  expect(static_cast<bool>(allocator.release(M::blocks(1, 2))));
  expect_equal(allocator.alloc_pages(Order{0}, kMovable).value(), Pfn{2});
  expect_equal(allocator.alloc_pages(Order{0}, kMovable).value(), Pfn{3});
  expect_equal(allocator.alloc_pages(Order{1}, kMovable).value(), Pfn{M::kBlock});
  expect_equal(allocator.alloc_pages(Order{0}, kMovable).value(), Pfn{M::kBlock + 2});
  const page::Descriptor& head = machine.map.at(Pfn{M::kBlock});
  expect_equal(head.state(), page::State::allocated);
  expect_equal(head.order().raw(), 1u);
  expect_equal(head.references(), 1u);
  expect(machine.map.at(Pfn{M::kBlock + 1}) == page::Descriptor{});
  expect(!allocator.audit());
}

TEST_ON_GEOMETRIES(alloc_pages_hands_out_every_page_once_and_then_fails) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 2);
  expect(static_cast<bool>(machine.start()));
  auto& allocator = machine.allocator;
  const std::uint32_t zone = M::zone(0, ZoneType::normal);
  expect(static_cast<bool>(allocator.release(M::blocks(0, 2))));
  std::uint64_t had = 0;
  while (const auto page = allocator.alloc_pages(Order{3}, {})) {
    expect(is_aligned(page.value().raw, 8) && page.value().raw < 2 * M::kBlock);
    had += 8;
  }
  expect_equal(had, 2 * M::kBlock);
  expect_equal(allocator.free_pages_of(zone).raw, 0u);
  const ZoneStats stats = allocator.stats(zone);
  expect(!stats.largest_free);
  expect_equal(stats.failures, 1u);
  expect_equal(allocator.alloc_pages(Order{0}, {.urgency = Urgency::unlimited}).error(), Error::no_memory);
  expect(!allocator.audit());
  for (std::uint64_t page = 0; page < 2 * M::kBlock; page += 8)
    expect(static_cast<bool>(allocator.free_pages(Pfn{page}, Order{3})));
  const ZoneStats back = allocator.stats(zone);
  std::uint64_t whole = 0;
  for (const std::uint64_t count : back.free_blocks[M::kMax]) whole += count;
  expect_equal(whole, 2u);
}

TEST_ON_GEOMETRIES(alloc_pages_refuses_requests_that_make_no_sense) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 1);
  expect(static_cast<bool>(machine.start()));
  auto& allocator = machine.allocator;
  expect(static_cast<bool>(allocator.release(M::blocks(0, 1))));
  if constexpr (G.max_order_ < Order::kCeiling)
    expect_equal(allocator.alloc_pages(Order{G.max_order_ + 1}, {}).error(), Error::bad_argument);
  for (const MigrateType type : {MigrateType::highatomic, MigrateType::cma, MigrateType::isolate})
    expect_equal(allocator.alloc_pages(Order{0}, {.type = type}).error(), Error::bad_argument);
  expect_equal(allocator.alloc_pages(Order{0}, {.node = NodeId{1}}).error(), Error::bad_argument);
  expect_equal(allocator.alloc_pages(Order{0}, {.highest = ZoneType::dma}).error(), Error::no_memory);
  expect_equal(allocator.free_pages_of(2).raw, M::kBlock);
}

TEST_ON_GEOMETRIES(alloc_pages_asks_zones_in_the_order_of_the_zonelist) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::dma, 0, 1);
  machine.add_zone(0, ZoneType::normal, 1, 2);
  machine.add_zone(1, ZoneType::normal, 2, 3);
  expect(static_cast<bool>(machine.start()));
  auto& allocator = machine.allocator;
  expect(static_cast<bool>(allocator.release(M::blocks(0, 3))));
  const Order whole = G.max_order();
  expect_equal(allocator.alloc_pages(whole, {.highest = ZoneType::dma}).value(), Pfn{0});
  expect(static_cast<bool>(allocator.free_pages(Pfn{0}, whole)));
  expect_equal(allocator.alloc_pages(whole, {.node = NodeId{1}}).value(), Pfn{2 * M::kBlock});
  expect_equal(allocator.alloc_pages(whole, {.placement = Placement::this_node, .node = NodeId{1}}).error(),
               Error::no_memory);
  expect_equal(allocator.alloc_pages(whole, {.node = NodeId{1}}).value(), Pfn{M::kBlock});
  expect_equal(allocator.alloc_pages(whole, {.highest = ZoneType::movable, .node = NodeId{1}}).value(),
               Pfn{0});
  expect_equal(allocator.alloc_pages(whole, {.node = NodeId{1}}).error(), Error::no_memory);
  expect(!allocator.audit());
}

TEST_ON_GEOMETRIES(watermarks_keep_pages_back_from_all_but_the_urgent) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 4);
  expect(static_cast<bool>(machine.start()));
  auto& allocator = machine.allocator;
  const std::uint32_t zone = M::zone(0, ZoneType::normal);
  expect(static_cast<bool>(allocator.release(M::blocks(0, 4))));
  allocator.set_watermarks(64 << (G.page_shift_ - 10));  // 64 pages
  const Watermarks marks = allocator.stats(zone).marks;
  expect_equal(marks.min.raw, 64u);
  expect(marks.low.raw >= 80u);
  const auto drain = [&](Request request) {
    request.type = MigrateType::movable;
    while (allocator.alloc_pages(Order{0}, request)) {
    }
    return allocator.free_pages_of(zone).raw;
  };
  expect_equal(drain({.effort = Effort::fast_only}), marks.low.raw);
  expect_equal(drain({}), 64u);
  expect_equal(drain({.urgency = Urgency::high}), 32u);
  expect_equal(drain({.urgency = Urgency::atomic}), 24u);
  expect_equal(drain({.urgency = Urgency::unlimited}), 0u);
  expect(!allocator.audit());
}

TEST_ON_GEOMETRIES(watermarks_count_whole_blocks_and_ask_for_one_that_is_large_enough) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::normal, 0, 1);
  expect(static_cast<bool>(machine.start()));
  auto& allocator = machine.allocator;
  for (std::uint64_t page = 0; page < 64; page += 2)
    expect(static_cast<bool>(allocator.release({Pfn{page}, Pfn{page + 1}})));
  expect_equal(allocator.alloc_pages(Order{1}, {}).error(), Error::no_memory);
  expect_equal(allocator.free_pages_of(2).raw, 32u);
  expect(static_cast<bool>(allocator.alloc_pages(Order{0}, {})));
}

TEST_ON_GEOMETRIES(lowmem_reserve_keeps_the_lower_zone_for_those_who_need_it) {
  using M = TestMachine<G>;
  M machine;
  machine.add_zone(0, ZoneType::dma, 0, 1);
  machine.add_zone(0, ZoneType::normal, 1, 3);
  expect(static_cast<bool>(machine.start()));
  auto& allocator = machine.allocator;
  expect(static_cast<bool>(allocator.release(M::blocks(0, 3))));
  WatermarkConfig config;
  config.lowmem_reserve_ratio[0] = 4;
  allocator.set_watermarks(0, config);
  const std::uint32_t dma = M::zone(0, ZoneType::dma);
  const ZoneStats stats = allocator.stats(dma);
  expect_equal(stats.lowmem_reserve[static_cast<unsigned>(ZoneType::normal)].raw, M::kBlock / 2);
  expect_equal(stats.lowmem_reserve[static_cast<unsigned>(ZoneType::dma)].raw, 0u);
  while (allocator.alloc_pages(Order{0}, kMovable)) {
  }
  const std::uint64_t kept = allocator.free_pages_of(dma).raw;
  expect_equal(kept, M::kBlock / 2 + stats.marks.min.raw);
  expect(static_cast<bool>(allocator.alloc_pages(Order{0}, {.highest = ZoneType::dma})));
  expect_equal(
      allocator.free_buffer_pages(NodeId{0}).raw,
      3 * M::kBlock - stats.marks.high.raw - allocator.stats(M::zone(0, ZoneType::normal)).marks.high.raw);
  expect_equal(allocator.free_buffer_pages(NodeId{9}).raw, 0u);
}

}  // namespace quarry::buddy
