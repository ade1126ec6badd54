#include "quarry/early/world_test.hpp"

namespace quarry::early {
namespace {

TEST(marks_split_regions_and_clearing_them_joins_them_again) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 9), "ram"));
  expect_done(m.mark_hotplug(pages(2, 4)));
  expect_done(m.mark_nomap(pages(3, 5)));
  expect_equal(m.memory().count(), 5u);
  expect_equal(m.memory()[2].flags, Flags::hotplug | Flags::nomap);
  expect_done(m.clear_nomap(pages(0, 99)));
  expect_done(m.clear_hotplug(pages(0, 99)));
  expect_equal(m.memory().count(), 1u);
  expect_equal(m.phys_mem_size().raw, 8 * kPage);
}

TEST(mirrored_memory_is_marked_only_with_kernelcore_mirror) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 9), "ram"));
  expect_done(m.mark_mirror(pages(2, 4)));
  expect(!m.has_mirror());
  expect_equal(m.memory().count(), 1u);
  m.set_kernelcore_mirror(KernelcoreMirror::on);
  expect_done(m.mark_mirror(pages(2, 4)));
  expect(m.has_mirror());
  expect_equal(m.memory()[1].flags, Flags::mirror);
}

TEST(nodes_are_given_to_memory_and_to_reservations) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 9), "ram"));
  expect_done(m.set_node(pages(0, 4), NodeId{0}));
  expect_done(m.set_node(bytes(4 * kPage, UINT64_MAX), NodeId{1}));
  expect_equal(m.memory().count(), 2u);
  expect_equal(m.memory()[1].node, NodeId{1});
  expect_done(m.reserve(pages(1, 3), "r"));
  expect_done(m.set_reserved_node(pages(2, 3), NodeId{1}));
  expect_equal(m.reserved().count(), 2u);
  expect_done(m.reserve(pages(3, 4), "another node"));
  expect_equal(m.reserved().count(), 3u);
}

TEST(trimming_drops_part_pages_and_keeps_counting_those_at_the_ends) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(bytes(kPage + 1, 3 * kPage + 5), "odd"));
  expect_done(m.add(bytes(4 * kPage + 1, 5 * kPage - 1), "less than a page"));
  const Bytes before = m.phys_mem_size();
  expect_done(m.trim_memory(Bytes{kPage}));
  expect_equal(m.memory().count(), 1u);
  expect(m.memory()[0].range() == pages(2, 3));
  expect_equal(m.phys_mem_size().raw, before.raw - (kPage - 2));  // only the region that vanished
  expect(!m.audit());
  expect_error(m.trim_memory(Bytes{3}), Error::bad_argument);
  expect_error(m.trim_memory(Bytes{0}), Error::bad_argument);
}

TEST(capping_keeps_unmapped_memory_and_splits_it_until_the_next_merge) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 4), "low"));
  expect_done(m.add(pages(4, 8), "nomap", Flags::nomap));
  expect_done(m.add(pages(8, 9), "high"));
  expect_done(m.reserve(pages(2, 9), "r"));
  expect_done(m.cap_memory_range(pages(3, 6)));
  expect_equal(m.memory().count(), 3u);
  expect(m.memory()[1].range() == pages(4, 6) && m.memory()[2].range() == pages(6, 8));
  expect(m.reserved()[0].range() == pages(3, 6));
  expect(!m.audit());
  expect_done(m.add(pages(20, 21), "elsewhere"));
  expect_equal(m.memory().count(), 3u);
  expect(m.memory()[1].range() == pages(4, 8));
}

TEST(capping_does_nothing_without_a_range_or_memory) {
  World<> world;
  expect_done(world.memblock.reserve(pages(2, 9), "r"));
  expect_done(world.memblock.cap_memory_range(pages(3, 6)));
  expect_equal(world.memblock.reserved_size().raw, 7 * kPage);
  expect_done(world.memblock.add(pages(1, 4), "ram"));
  expect_done(world.memblock.cap_memory_range(pages(3, 3)));
  expect_equal(world.memblock.phys_mem_size().raw, 3 * kPage);
}

TEST(limits_count_bytes_of_memory_and_not_addresses) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 3), "a"));
  expect_done(m.add(pages(8, 12), "b"));
  expect_done(m.add(pages(20, 21), "nomap", Flags::nomap));
  expect_done(m.mem_limit_remove_map(Bytes{100 * kPage}));  // more than there is
  expect_done(m.mem_limit_remove_map(Bytes{UINT64_MAX}));
  expect_done(m.enforce_memory_limit(Bytes{0}));
  expect_equal(m.phys_mem_size().raw, 7 * kPage);
  expect_done(m.mem_limit_remove_map(Bytes{5 * kPage}));
  expect_equal(m.end_of_dram().raw, 21 * kPage);  // unmapped memory stays
  expect(m.memory()[1].range() == pages(8, 11));
  expect_done(m.enforce_memory_limit(Bytes{3 * kPage}));
  expect_equal(m.end_of_dram().raw, 9 * kPage);  // and here it goes
}

TEST(limits_need_no_room_in_full_tables) {
  World<2> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 3), "a"));
  expect_done(m.add(pages(8, 12), "b"));
  expect_done(m.reserve(pages(1, 2), "r"));
  expect_done(m.reserve(pages(9, 12), "r"));
  expect_done(m.enforce_memory_limit(Bytes{4 * kPage}));
  expect_equal(m.end_of_dram().raw, 10 * kPage);
  expect_equal(m.reserved_size().raw, 2 * kPage);
}

}  // namespace
}  // namespace quarry::early
