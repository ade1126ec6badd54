#include "quarry/early/world_test.hpp"

namespace quarry::early {
namespace {

TEST(regions_that_touch_and_are_alike_become_one) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 2), "low"));
  expect_done(m.add(pages(3, 4), "high"));
  expect_equal(m.memory().count(), 2u);
  expect_done(m.add(pages(2, 3), "between"));
  expect_equal(m.memory().count(), 1u);
  expect(m.memory()[0].range() == pages(1, 4));
  expect_equal(m.phys_mem_size().raw, 3 * kPage);
  expect_equal(world.ears.back().merged, 2u);
}

TEST(regions_that_exist_keep_flags_and_node_and_new_ground_takes_the_new_ones) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(2, 4), "first", Flags::none, NodeId{0}));
  expect_done(m.add(pages(1, 6), "second", Flags::hotplug, NodeId{1}));
  expect_equal(m.memory().count(), 3u);
  expect(m.memory()[0] == Region{PhysAddr{kPage}, Bytes{kPage}, Flags::hotplug, NodeId{1}});
  expect(m.memory()[1] == Region{PhysAddr{2 * kPage}, Bytes{2 * kPage}, Flags::none, NodeId{0}});
  expect(m.memory()[2] == Region{PhysAddr{4 * kPage}, Bytes{2 * kPage}, Flags::hotplug, NodeId{1}});
  expect_equal(world.ears.back().pieces, 2u);
}

TEST(reservations_overlap_lie_outside_memory_and_count_once) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 4), "ram"));
  expect_done(m.reserve(pages(2, 3), "image"));
  expect_done(m.reserve(pages(2, 9), "a tree far away"));
  expect_equal(m.reserved_size().raw, 7 * kPage);
  expect_equal(m.reserved().count(), 1u);
  expect(!m.is_memory(PhysAddr{5 * kPage}));
  expect(m.is_reserved(PhysAddr{5 * kPage}));
  expect_done(m.free(pages(5, 6), "hole"));
  expect_equal(m.reserved().count(), 2u);
  expect(!m.is_reserved(PhysAddr{5 * kPage}));
  expect_equal(m.reserved_size().raw, 6 * kPage);
}

TEST(an_empty_range_changes_nothing) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.reserve(pages(3, 3), "drm-logo"));
  expect_done(m.add(pages(0, 0), "nothing"));
  expect_done(m.free(pages(2, 2), "nothing"));
  expect(m.reserved().empty() && m.memory().empty());
  expect_equal(m.reserved().cnt(), 1u);
}

TEST(ranges_end_with_the_address_space) {
  World<> narrow{{.phys_addr_bits = 32}};
  expect_done(narrow.memblock.add(bytes(0x8000'0000, 0x1'0000'0000), "2 GiB"));
  expect_equal(narrow.memblock.end_of_dram().raw, 0xffff'ffffu);
  expect_done(narrow.memblock.add(bytes(0x2'0000'0000, 0x3'0000'0000), "no address"));
  expect_equal(narrow.memblock.memory().count(), 1u);
  World<> wide;
  expect_done(
      wide.memblock.add(PhysRange::sized(PhysAddr{UINT64_MAX - kPage}, Bytes{UINT64_MAX}), "wrapping"));
  expect_equal(wide.memblock.phys_mem_size().raw, kPage);
  expect_done(wide.memblock.remove(PhysRange::sized(PhysAddr{kPage}, Bytes{UINT64_MAX}), "all"));
  expect(wide.memblock.memory().empty());
}

TEST(questions_about_ranges_answer_as_linux_does) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 3), "a"));
  expect_done(m.add(pages(3, 5), "b", Flags::nomap));
  expect_done(m.reserve(pages(2, 4), "r"));
  expect(m.is_region_memory(pages(1, 3)));
  expect(!m.is_region_memory(pages(2, 4)));  // two regions that touch
  expect(m.overlaps_memory(pages(4, 9)));
  expect(!m.overlaps_memory(pages(5, 9)));
  expect(m.is_region_reserved(pages(3, 3)));  // nothing, strictly inside
  expect(!m.is_region_reserved(pages(2, 2)));
  expect(m.is_memory(PhysAddr{4 * kPage}) && !m.is_map_memory(PhysAddr{4 * kPage}));
  expect(m.is_map_memory(PhysAddr{kPage}));
  expect_equal(m.start_of_dram().raw, kPage);
  expect_equal(m.end_of_dram().raw, 5 * kPage);
  expect(m.search_pfn_nid(Pfn{4}).value().pages == PfnRange{Pfn{3}, Pfn{5}});
  expect_error(m.search_pfn_nid(Pfn{5}), Error::not_found);
  expect_error(m.search_pfn_nid(Pfn{UINT64_MAX}), Error::not_found);
}

TEST(a_frames_region_is_told_in_frames_of_which_the_first_may_be_half) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(bytes(kPage + 1, 4 * kPage + 1), "ram", Flags::none, NodeId{1}));
  const auto found = m.search_pfn_nid(Pfn{2});
  expect(found && found.value().pages == PfnRange{Pfn{1}, Pfn{4}} && found.value().node == NodeId{1});
  expect(static_cast<bool>(m.search_pfn_nid(Pfn{4})));
  expect_error(m.search_pfn_nid(Pfn{1}), Error::not_found);  // its first byte is no memory
}

TEST(memory_ends_with_its_last_region_wherever_that_is) {
  World<> world;
  Memblock& m = world.memblock;
  expect_equal(m.end_of_dram().raw, 0u);
  expect_done(m.add(pages(8, 9), "high"));
  expect_done(m.add(pages(1, 3), "low"));
  expect_equal(m.start_of_dram().raw, kPage);
  expect_equal(m.end_of_dram().raw, 9 * kPage);
}

TEST(physmem_is_a_table_of_its_own_or_absent) {
  World<> world;
  expect_done(world.memblock.physmem_add(pages(0, 9), "all"));
  expect_equal(world.memblock.physmem()->count(), 1u);
  expect(world.memblock.memory().empty());
  Region memory[1], reserved[1];
  Memblock without{{}, {memory, reserved}};
  expect_error(without.physmem_add(pages(0, 9), "all"), Error::not_found);
  expect(without.physmem() == nullptr);
}

TEST(free_late_tells_of_whole_pages) {
  World<> world;
  const PfnRange given = world.memblock.free_late(bytes(kPage + 1, 4 * kPage + 7), "late");
  expect(given == PfnRange{Pfn{2}, Pfn{4}});
  expect_equal(world.ears.back().action, Action::free_late);
  expect(world.ears.back().range == pages(2, 4));
}

TEST(without_numa_all_memory_is_of_node_zero) {
  World<> world{{.numa = Numa::absent}};
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 3), "ram", Flags::none, NodeId{3}));
  expect_done(m.set_node(pages(1, 2), NodeId{1}));
  expect_equal(m.memory().count(), 1u);
  expect_equal(m.memory()[0].node, NodeId{0});
  expect_at(m.alloc_node(Bytes{64}, Bytes{64}, NodeId{0}, "x"), 3 * kPage - 64);
}

TEST(a_storage_without_regions_is_refused_by_a_check) {
  expect(Stops<[] { return RegionTable{"none", {}}.max(); }>);
  expect(static_cast<bool>(World<1>{}.memblock.reserve(pages(1, 2), "one fits")));
}

}  // namespace
}  // namespace quarry::early
