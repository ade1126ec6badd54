// What went wrong on real machines, as far as the boot-time allocators have a part in it: each test is named after
// what has to happen instead.
#include "quarry/early/bootmem_world_test.hpp"
#include "quarry/early/nobootmem.hpp"

namespace quarry::early {
namespace {

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;
constexpr Request of_a_page(std::uint64_t min = 0) noexcept {
  return {.size = Bytes{kPage}, .alignment = Bytes{kPage}, .min = PhysAddr{min}};
}
PhysRange sized(std::uint64_t base, std::uint64_t size) noexcept {
  return PhysRange::sized(PhysAddr{base}, Bytes{size});
}

// More than 128 reserved-memory nodes before the linear map: the table must not move to where nothing is mapped.
TEST(no_table_grows_before_its_new_place_is_mapped) {
  World<4> world;
  Memblock& m = world.memblock;
  world.is_unmapped = true;
  expect_done(m.add(pages(1, 32), "ram"));
  for (std::uint64_t i = 0; i < 4; ++i) expect_done(m.reserve(pages(2 + 2 * i, 3 + 2 * i), "node"));
  expect_error(m.reserve(pages(20, 21), "one node too many"), Error::too_early);
  expect(!m.is_reserved(PhysAddr{20 * kPage}));
  expect_equal(world.ears.count(Action::grow), 0u);
  m.allow_resize();
  expect_error(m.reserve(pages(20, 21), "still unmapped"), Error::no_room);
  expect_equal(m.reserved().count(), 4u);
  world.is_unmapped = false;
  expect_done(m.reserve(pages(20, 21), "mapped"));
  expect(!m.audit());
}

// Two banks far apart, of which the first is mapped: what is taken from above must not be taken from the second.
TEST(nothing_is_allocated_above_what_is_mapped) {
  Region memory[4], reserved[4];
  Memblock m{{}, {memory, reserved}};
  expect_done(m.add(sized(0x8000'0000, 2 * kGiB), "near"));
  expect_done(m.add(sized(0x20'0000'0000, 32 * kGiB), "far"));
  m.set_current_limit(PhysAddr{0x1'0000'0000});
  expect_at(m.alloc(Bytes{kPage}, Bytes{kPage}, "page table"), 0xffff'f000);
  expect_at(
      m.alloc_try_nid({.size = Bytes{kPage}, .alignment = Bytes{kPage}, .max = kAnywhere}, "page table"),
      0xffff'e000);
  expect_error(m.alloc(Bytes{4 * kGiB}, Bytes{kPage}, "more than is near"), Error::no_memory);
  m.set_current_limit(kAnywhere);
  expect_at(m.alloc(Bytes{kPage}, Bytes{kPage}, "page table"), 0x28'0000'0000 - kPage);
}

// And if the limit is wrong, memory that cannot be touched is an error and not a fault.
TEST(what_is_not_mapped_is_not_zeroed) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 16), "near"));
  expect_done(m.add(sized(0x20'0000'0000, kGiB), "far"));
  expect_error(m.alloc(Bytes{kPage}, Bytes{kPage}, "x"), Error::out_of_range);
  expect(m.reserved().empty());
  m.set_current_limit(PhysAddr{16 * kPage});
  expect_at(m.alloc(Bytes{kPage}, Bytes{kPage}, "x"), 15 * kPage);
}

// A reservation of a virtual address: legal, counted, and no protection for what lies in RAM.
TEST(a_reservation_outside_memory_counts_and_protects_nothing) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 16), "ram"));
  expect_done(m.reserve(sized(0xffff'fff0'8010'0000, 0x3000), "device tree"));
  expect_equal(m.reserved_size().raw, 0x3000u);
  expect(m.is_reserved(PhysAddr{0xffff'fff0'8010'0000}));
  expect(!m.is_memory(PhysAddr{0xffff'fff0'8010'0000}));
  expect(!m.overlaps_memory(sized(0xffff'fff0'8010'0000, 0x3000)));
  expect_at(m.alloc(Bytes{kPage}, Bytes{kPage}, "x"), 15 * kPage);
  World<> narrow{{.phys_addr_bits = 32}};
  expect_done(narrow.memblock.reserve(sized(0xffff'fff0'8010'0000, 0x3000), "device tree"));
  expect_equal(narrow.memblock.reserved_size().raw, 0u);
}

// Pages below the kernel, with exception vectors in them: whoever does not reserve them gives them away.
TEST(pages_below_the_kernel_are_free_unless_they_are_reserved) {
  NobootmemConfig config{.max_order = Order{0}};
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(0, 32), "ram"));
  expect_done(m.reserve(pages(4, 32), "kernel"));
  Nobootmem early{config, m};
  Taken taken;
  const auto all = early.free_all(taken.receiver());
  expect(all && all.value().pages.raw == 4);
  expect_equal(taken.blocks[0].first.raw, 0u);  // page 0 as well: only allocations keep away from it
  expect_done(m.reserve(pages(0, 3), "vectors"));
  Taken rest;
  expect(static_cast<bool>(early.free_all(rest.receiver())));
  expect_equal(rest.count, 1u);
  expect_equal(rest.blocks[0].first.raw, 3u);
}

// RAM that begins elsewhere than was believed, and a reservation over all of it: an end, and no endless search.
TEST(with_all_memory_reserved_every_request_ends) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(sized(0, 32 * kMiB), "ram"));
  expect_done(m.reserve(sized(0, 128 * kMiB), "from 0 to the kernel's end"));
  for (const Direction direction : {Direction::top_down, Direction::bottom_up}) {
    m.set_direction(direction);
    expect_error(m.alloc_try_nid_raw(of_a_page(), "x"), Error::no_memory);
    expect_error(m.alloc_try_nid_raw(of_a_page(8 * kMiB), "x"), Error::no_memory);
    expect_error(m.phys_alloc_range({.size = Bytes{1}, .alignment = Bytes{1}}, "x"), Error::no_memory);
  }
  unsigned gaps = 0;
  for (const MemoryRange& at : m.free_ranges()) gaps += !at.range.empty();
  for (const MemoryRange& at : m.free_ranges_reverse()) gaps += !at.range.empty();
  expect_equal(gaps, 0u);
  Nobootmem early{{}, m};
  const auto all = early.free_all({});
  expect(all && all.value().pages.raw == 0);
}

// From 5.11 on, bottom-up allocations no longer begin behind the kernel: where they begin is the caller's to say.
TEST(bottom_up_begins_below_the_kernel_unless_a_minimum_is_named) {
  Region memory[4], reserved[4];
  Memblock m{{.direction = Direction::bottom_up}, {memory, reserved}};
  expect_done(m.add(sized(0, 256 * kMiB), "ram"));
  expect_done(m.reserve(sized(16 * kMiB, 8 * kMiB), "kernel"));
  expect_at(m.alloc_try_nid_raw(of_a_page(), "as from 5.11 on"), kPage);
  expect_at(m.alloc_try_nid_raw(of_a_page(24 * kMiB), "as before"), 24 * kMiB);
  expect_at(m.alloc_try_nid_raw(of_a_page(16 * kMiB), "from inside the kernel"), 24 * kMiB + kPage);
}

// Reservations end and begin inside pages 0xf6 and 0x100: the first whole free page is 0xf7.
TEST(a_page_of_which_a_byte_is_reserved_is_not_given_away) {
  NobootmemConfig config{.max_order = Order{0}};
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(sized(0, 0x20'0000), "ram"));
  expect_done(m.reserve(bytes(0, 0x8acd0), "firmware"));
  expect_done(m.reserve(bytes(0x8acd0, 0xf6d90), "initrd"));
  expect_done(m.reserve(bytes(0x100000, 0x200000), "kernel"));
  Nobootmem early{config, m};
  Taken taken;
  const auto all = early.free_all(taken.receiver());
  expect(all && all.value().pages.raw == 9);
  expect_equal(taken.count, 9u);
  for (std::size_t i = 0; i < 9; ++i) expect_equal(taken.blocks[i].first.raw, 0xf7 + i);
  // A byte at each end of the gap costs its page.
  expect_done(m.reserve(bytes(0xf7fff, 0xf8000), "x"));
  expect_done(m.reserve(bytes(0xff000, 0xff001), "x"));
  Taken rest;
  expect(static_cast<bool>(early.free_all(rest.receiver())));
  expect_equal(rest.count, 7u);
  expect_equal(rest.blocks[0].first.raw, 0xf8u);
}

// The same with bits: a reservation grows to whole pages, a free shrinks to them.
TEST(a_page_of_which_a_byte_is_reserved_is_a_taken_bit) {
  BootmemWorld world;
  world.add(kNode0, 0, 256);
  expect_done(world.bootmem.reserve(PhysAddr{0x8acd0}, Bytes{0x6c0c0}, BootmemReserve::shared, "initrd"));
  expect(world.is_taken(kNode0, 0x8a) && world.is_taken(kNode0, 0xf6));
  expect(!world.is_taken(kNode0, 0x89) && !world.is_taken(kNode0, 0xf7));
  expect_done(world.bootmem.free(PhysAddr{0x8acd0}, Bytes{0x6c0c0}, "initrd"));
  expect(world.is_taken(kNode0, 0x8a) && !world.is_taken(kNode0, 0x8b) && world.is_taken(kNode0, 0xf6));
}

// The user reserved 79 GiB at 82 GiB by memmap=, and the kernel was put in there: it is made RAM again, an island.
TEST(an_island_of_memory_around_the_kernel_is_memory_of_its_node) {
  constexpr std::uint64_t island = 0x16'8360'0000;
  Region memory[8], reserved[8];
  Memblock m{{}, {memory, reserved}};
  expect_done(m.add(sized(kMiB, 82 * kGiB - kMiB), "below"));
  expect_done(m.add(sized(161 * kGiB, 31 * kGiB), "above"));
  expect_done(m.add(sized(island, 48 * kMiB), "kernel"));
  expect_done(m.set_node(sized(0, 128 * kGiB), NodeId{0}));
  expect_done(m.set_node(sized(128 * kGiB, 128 * kGiB), NodeId{1}));
  expect_equal(m.memory().count(), 3u);
  expect_equal(m.memory()[1].node, NodeId{0});
  expect_done(m.reserve(sized(island, 44 * kMiB), "kernel"));
  expect(m.is_region_memory(sized(island, 48 * kMiB)));
  // What the island has left is used, and nothing around it.
  expect_at(
      m.alloc_exact_nid_raw({.size = Bytes{4 * kMiB}, .alignment = Bytes{kMiB}, .node = NodeId{0}}, "x"),
      island + 44 * kMiB);
  expect_at(m.alloc_exact_nid_raw({.size = Bytes{kMiB}, .alignment = Bytes{kMiB}, .node = NodeId{0}}, "x"),
            82 * kGiB - kMiB);
}

// Firmware reports a reserved range inside a usable one, and both in any order: what is taken out stays out.
TEST(an_unusable_range_inside_a_usable_one_is_no_memory) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 20), "usable"));
  expect_done(m.add(pages(10, 30), "usable, again"));
  expect_equal(m.phys_mem_size().raw, 29 * kPage);
  expect_done(m.remove(pages(12, 14), "not usable"));
  expect(!m.is_memory(PhysAddr{12 * kPage}) && m.is_memory(PhysAddr{14 * kPage}));
  expect_equal(m.memory().count(), 2u);
  expect_equal(m.phys_mem_size().raw, 27 * kPage);
  expect_error(m.alloc(Bytes{17 * kPage}, Bytes{kPage}, "across it"), Error::no_memory);
  expect_at(m.alloc(Bytes{16 * kPage}, Bytes{kPage}, "above it"), 14 * kPage);
}

// A map entry of an unknown type is announced to nobody: what is not added is not there, reserved or not.
TEST(what_nobody_added_is_neither_counted_nor_given_away) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(2, 4), "usable"));
  expect_done(m.add(pages(8, 10), "usable"));
  expect_done(m.reserve(pages(5, 6), "what is in the unknown range"));
  expect_equal(m.phys_mem_size().raw, 4 * kPage);
  expect(!m.is_region_memory(pages(3, 9)));
  std::uint64_t free = 0;
  for (const MemoryRange& at : m.free_ranges()) free += at.range.size().raw;
  expect_equal(free, 4 * kPage);
  expect_error(m.alloc(Bytes{3 * kPage}, Bytes{kPage}, "x"), Error::no_memory);
  expect_done(m.free(pages(5, 6), "what is in the unknown range"));
  expect_error(m.search_pfn_nid(Pfn{5}), Error::not_found);
}

}  // namespace
}  // namespace quarry::early
