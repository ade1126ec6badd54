#include "quarry/early/world_test.hpp"

namespace quarry::early {
namespace {

// What a walk yields, as far as there is room.
template <class Walked>
std::size_t collect(const Walked& walk, std::span<MemoryRange> to) noexcept {
  std::size_t count = 0;
  for (const MemoryRange& at : walk)
    if (count < to.size()) to[count++] = at;
  return count;
}

void populate(Memblock& m) noexcept {
  expect_done(m.add(pages(1, 4), "a", Flags::none, NodeId{0}));
  expect_done(m.add(pages(4, 9), "b", Flags::none, NodeId{1}));
  expect_done(m.add(pages(10, 12), "c", Flags::nomap, NodeId{1}));
  expect_done(m.reserve(pages(0, 2), "r"));
  expect_done(m.reserve(pages(5, 6), "r"));
  expect_done(m.reserve(pages(8, 30), "r"));
}

TEST(free_ranges_come_in_order_and_against_it) {
  World<> world;
  populate(world.memblock);
  MemoryRange up[8], down[8];
  expect_equal(collect(world.memblock.free_ranges(), up), 3u);
  expect(up[0] == MemoryRange{pages(2, 4), NodeId{0}});
  expect(up[1] == MemoryRange{pages(4, 5), NodeId{1}});
  expect(up[2] == MemoryRange{pages(6, 8), NodeId{1}});
  expect_equal(collect(world.memblock.free_ranges_reverse(), down), 3u);
  for (std::size_t i = 0; i < 3; ++i) expect(down[i] == up[2 - i]);
}

TEST(a_walk_can_be_of_one_node_and_can_include_unmapped_memory) {
  World<> world;
  populate(world.memblock);
  MemoryRange got[8];
  expect_equal(collect(world.memblock.free_ranges(NodeId{0}), got), 1u);
  expect_equal(collect(world.memblock.free_ranges(NodeId{2}), got), 0u);
  expect_done(world.memblock.free(pages(11, 12), "r"));
  expect_equal(collect(world.memblock.free_ranges(kAnyNode, Flags::nomap), got), 4u);
  expect(got[3].range == pages(11, 12));
  expect_equal(collect(world.memblock.memory_ranges(), got), 2u);
  expect_equal(collect(world.memblock.memory_ranges_reverse(), got), 2u);
  expect(got[0].range == pages(4, 9));
}

TEST(a_window_cuts_ranges_and_begins_at_its_end) {
  World<> world;
  populate(world.memblock);
  const WalkBounds bounds{
      &world.memblock.memory(), &world.memblock.reserved(), {}, bytes(kPage * 3 + 1, kPage * 7)};
  MemoryRange got[8];
  expect_equal(collect(FreeRanges<Walk::upwards>{bounds}, got), 3u);
  expect(got[0].range == bytes(kPage * 3 + 1, kPage * 4));
  expect_equal(collect(FreeRanges<Walk::downwards>{bounds}, got), 3u);
  expect(got[0].range == pages(6, 7));
}

// Every window over memory with every third page taken.
TEST(no_walk_leaves_its_window_wherever_that_ends) {
  World<16> world;
  expect_done(world.memblock.add(pages(1, 30), "a"));
  for (unsigned page = 3; page < 30; page += 3)
    expect_done(world.memblock.reserve(pages(page, page + 1), "r"));
  for (unsigned begin = 0; begin < 32; ++begin) {
    for (unsigned end = begin + 1; end < 33; ++end) {
      const WalkBounds bounds{&world.memblock.memory(),
                              &world.memblock.reserved(),
                              {},
                              bytes(kPage * begin + 7, kPage * end - 9)};
      MemoryRange upwards[16], downwards[16];
      const std::size_t count = collect(FreeRanges<Walk::upwards>{bounds}, upwards);
      expect_equal(collect(FreeRanges<Walk::downwards>{bounds}, downwards), count);
      for (std::size_t i = 0; i < count; ++i) {
        expect(bounds.window.begin() <= upwards[i].range.begin());
        expect(upwards[i].range.end() <= bounds.window.end());
        expect(upwards[i] == downwards[count - 1 - i]);
      }
    }
  }
}

TEST(reservations_that_touch_leave_no_empty_range_between) {
  World<> world;
  expect_done(world.memblock.add(pages(1, 4), "a"));
  expect_done(world.memblock.reserve(pages(2, 3), "r"));
  expect_done(world.memblock.set_reserved_node(pages(2, 3), NodeId{0}));
  expect_done(world.memblock.reserve(pages(3, 4), "r"));
  expect_equal(world.memblock.reserved().count(), 2u);
  MemoryRange got[8];
  expect_equal(collect(world.memblock.free_ranges(), got), 1u);
  expect(got[0].range == pages(1, 2));
}

TEST(reserving_behind_the_cursor_does_no_harm) {
  World<> world;
  Memblock& m = world.memblock;
  m.allow_resize();
  expect_done(m.add(pages(1, 16), "a"));
  unsigned seen = 0;
  for (const MemoryRange& at : m.free_ranges_reverse()) {
    expect_done(m.reserve(
        {at.range.end().raw > kPage ? PhysAddr{at.range.end().raw - kPage} : PhysAddr{0}, at.range.end()},
        "page table"));
    ++seen;
  }
  expect_equal(seen, 1u);
}

// Whatever allocations keep away from, but for what nobody may touch.
TEST(a_walk_over_memory_goes_to_all_that_is_mapped) {
  World<> world{{.movable_node = MovableNode::on}};
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 2), "ram"));
  expect_done(m.add(pages(2, 3), "hotplug", Flags::hotplug));
  expect_done(m.add(pages(3, 4), "driver", Flags::driver_managed));
  expect_done(m.add(pages(4, 5), "nomap", Flags::nomap));
  expect_done(m.reserve(pages(1, 9), "all"));
  std::uint64_t up = 1, down = 4;
  for (const MemoryRange& at : m.memory_ranges()) expect(at.range == pages(up, up + 1)), ++up;
  for (const MemoryRange& at : m.memory_ranges_reverse()) --down, expect(at.range == pages(down, down + 1));
  expect_equal(up, 4u);
  expect_equal(down, 1u);
}

TEST(page_frames_of_memory_are_whole_pages) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(bytes(kPage + 1, 4 * kPage - 1), "odd", Flags::none, NodeId{0}));
  expect_done(m.add(bytes(5 * kPage + 1, 6 * kPage), "no page", Flags::none, NodeId{1}));
  expect_done(m.add(pages(8, 9), "nomap", Flags::nomap, NodeId{1}));
  std::size_t count = 0;
  PfnRange seen[2];
  for (const NodePfns& at : m.pfn_ranges())
    if (count < 2) seen[count++] = at.pages;
  expect_equal(count, 2u);
  expect(seen[0] == PfnRange{Pfn{2}, Pfn{3}} && seen[1] == PfnRange{Pfn{8}, Pfn{9}});
  for (const NodePfns& at : m.pfn_ranges(NodeId{1})) expect(at.pages == PfnRange{Pfn{8}, Pfn{9}});
}

}  // namespace
}  // namespace quarry::early
