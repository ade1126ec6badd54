#include "quarry/early/guard.hpp"
#include "quarry/early/world_test.hpp"

namespace quarry::early {
namespace {

// Reservations of a page each that do not touch, in ascending order.
Result<Done> reserve_every_other(Memblock& m, std::uint64_t from, std::uint64_t count) noexcept {
  for (std::uint64_t i = from; i < from + count; ++i)
    if (const auto done = m.reserve(pages(1 + 2 * i, 2 + 2 * i), "node"); !done) return done;
  return Done{};
}

// Storage for tables where memory is not mapped, or too small for Quarry's regions.
struct Spare {
  alignas(Region) std::byte bytes[512 * sizeof(Region)];
  std::size_t used = 0;
  static std::byte* take(void* self, std::size_t bytes) noexcept {
    Spare& spare = *static_cast<Spare*>(self);
    if (bytes > sizeof spare.bytes - spare.used) return nullptr;
    spare.used += bytes;
    return spare.bytes + (spare.used - bytes);
  }
};

TEST(the_129th_reservation_is_too_early_until_resizing_is_allowed) {
  World<128, 2048 - kMappedPages> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 2048), "ram"));
  expect_done(reserve_every_other(m, 0, 127));
  // A free asks for room for two more, whatever it then needs.
  expect_error(m.free(pages(253, 254), "at 127"), Error::too_early);
  expect_done(reserve_every_other(m, 127, 1));
  expect_equal(m.reserved().count(), 128u);
  expect_error(reserve_every_other(m, 128, 1), Error::too_early);
  expect_error(m.free(pages(1, 2), "needs room for two"), Error::too_early);
  expect_error(m.alloc(Bytes{64}, Bytes{64}, "x"), Error::too_early);
  expect_equal(m.reserved().count(), 128u);
  expect_equal(m.reserved_size().raw, 128 * kPage);
  m.allow_resize();
  expect_done(reserve_every_other(m, 128, 1));
  // 256 regions of 24 bytes are two pages, the highest two that are free; they are reserved as well.
  expect_equal(m.reserved().max(), 256u);
  expect_equal(m.reserved().count(), 130u);
  expect(m.reserved()[129].range() == pages(2046, 2048));
  expect(m.reserved().view().data() == reinterpret_cast<const Region*>(world.at(2046 * kPage)));
  expect_equal(world.ears.count(Action::grow), 1u);
  expect(!m.audit());
}

TEST(a_free_with_room_for_two_more_does_not_grow) {
  World<128> world;
  Memblock& m = world.memblock;
  expect_done(reserve_every_other(m, 0, 126));
  expect_done(m.free(pages(1, 2), "at 126"));
  expect_equal(m.reserved().count(), 125u);
}

TEST(a_thousand_reservations_double_three_times_and_give_old_places_back) {
  World<128, 4096 - kMappedPages> world;
  Memblock& m = world.memblock;
  m.allow_resize();
  expect_done(m.add(pages(1, 4096), "ram"));
  for (std::uint64_t i = 0; i < 1500; ++i) {
    expect_done(reserve_every_other(m, i, 1));
    expect(!m.audit());
  }
  expect_equal(m.reserved().max(), 2048u);
  expect_equal(world.ears.count(Action::grow), 4u);
  expect_equal(world.ears.count(Action::free), 3u);
  // 2, 3, 6 and 12 pages were taken in turn, each below the one before; the first three are free again.
  expect_equal(m.reserved_size().raw, 1512 * kPage);
  for (std::uint64_t i = 0; i < 1500; ++i) expect(m.is_reserved(PhysAddr{(1 + 2 * i) * kPage}));
  const auto places = m.discard();
  expect_equal(places[1].size().raw, 12 * kPage);
  expect(places[0].empty());
  expect_equal(world.ears.count(Action::free_late), 1u);
  expect(m.reserved().empty() && m.memory().empty());
  expect_equal(m.reserved().max(), 128u);
}

// Whoever takes memory as it is counts on that: what was a table, or an allocation, is zero again.
TEST(free_memory_stays_zero_where_it_was) {
  for (const bool stays : {false, true}) {
    World<128, 2048 - kMappedPages> world{
        {.free_memory = stays ? FreeMemory::stays_zero : FreeMemory::anything}};
    for (std::byte& byte : mapped_memory) byte = std::byte{0};
    Memblock& m = world.memblock;
    m.allow_resize();
    expect_done(m.add(pages(1, 2048), "ram"));
    expect_done(reserve_every_other(m, 0, 300));  // the second growth gives the place of the first back
    expect_equal(world.ears.count(Action::grow), 2u);
    const std::uint64_t mine = m.alloc(Bytes{kPage}, Bytes{kPage}, "mine").value().raw;
    *world.at(mine + 5) = std::byte{7};
    expect_done(m.free(bytes(mine, mine + kPage), "mine"));
    std::uint64_t written = 0;
    for (std::uint64_t at = (2048 - kMappedPages) * kPage; at < 2048 * kPage; ++at)
      if (*world.at(at) != std::byte{0} && !m.is_reserved(PhysAddr{at})) ++written;
    expect_equal(written != 0, !stays);
  }
}

TEST(a_table_does_not_grow_into_what_is_being_reserved) {
  World<4> world;
  Memblock& m = world.memblock;
  m.allow_resize();
  expect_done(m.add(pages(1, 16), "ram"));
  expect_done(reserve_every_other(m, 0, 4));  // pages 1, 3, 5, 7
  expect_done(m.reserve(pages(9, 16), "all that is above"));
  expect_equal(m.reserved().max(), 8u);
  expect(m.reserved().view().data() == reinterpret_cast<const Region*>(world.at(8 * kPage)));
}

TEST(growth_that_finds_no_place_or_no_memory_changes_nothing) {
  World<4> world;
  Memblock& m = world.memblock;
  m.allow_resize();
  expect_done(reserve_every_other(m, 0, 4));
  expect_error(reserve_every_other(m, 4, 1), Error::no_memory);
  expect_equal(m.reserved().count(), 4u);
  expect_done(m.add(pages(1, 16), "ram"));
  world.is_unmapped = true;
  expect_error(reserve_every_other(m, 4, 1), Error::no_room);
  expect_equal(m.reserved().count(), 4u);
  expect_equal(world.ears.count(Action::grow_failed), 2u);
  world.is_unmapped = false;
  expect_done(reserve_every_other(m, 4, 1));
}

TEST(spare_storage_serves_kernels_whose_regions_are_smaller) {
  Spare spare;
  Region memory[4], reserved[128];
  Memblock m{{.phys_addr_bits = 32, .region_bytes = Bytes{12}, .spare = {&spare, &Spare::take}},
             {memory, reserved}};
  m.allow_resize();
  expect_done(m.add(pages(1, 2048), "ram"));
  expect_done(reserve_every_other(m, 0, 129));
  expect_equal(m.reserved().max(), 256u);
  expect(m.reserved()[129].range() == pages(2047, 2048));  // 256 * 12 bytes are one page
  expect_equal(spare.used, 256 * sizeof(Region));
}

TEST(the_memory_table_grows_too_and_reserves_its_place) {
  World<4> world;
  Memblock& m = world.memblock;
  m.allow_resize();
  for (std::uint64_t i = 0; i < 9; ++i) expect_done(m.add(pages(1 + 3 * i, 3 + 3 * i), "bank"));
  expect_equal(m.memory().count(), 9u);
  expect_equal(m.memory().max(), 16u);
  expect_equal(m.reserved_size().raw, kPage);
  expect(!m.audit());
}

// Somebody frees the reserved table's place, and the memory table grows into it. For its old place to be freed
// the reserved table must grow as well, and what that leaves is where the memory table lies by now.
TEST(a_place_that_another_table_has_taken_is_not_given_back) {
  Spare spare;
  Region memory[4], reserved[4];
  Memblock m{{.spare = {&spare, &Spare::take}}, {memory, reserved}};
  m.allow_resize();
  m.set_current_limit(PhysAddr{16 * kPage});  // tables lie in the first bank
  expect_done(m.add(pages(1, 16), "ram"));
  expect_done(reserve_every_other(m, 0, 5));  // pages 1 to 9
  for (std::uint64_t i = 0; i < 4; ++i) expect_done(m.add(pages(20 + 2 * i, 21 + 2 * i), "bank"));
  expect(m.grown_tables()[0] == pages(14, 15) && m.grown_tables()[1] == pages(15, 16));
  expect_done(m.free(pages(15, 16), "what is not theirs"));
  expect_done(m.reserve(pages(11, 12), "the seventh"));
  for (std::uint64_t i = 4; i < 7; ++i) expect_done(m.add(pages(20 + 2 * i, 21 + 2 * i), "bank"));
  expect_equal(m.reserved().max(), 8u);
  expect_done(m.add(pages(34, 35), "the ninth bank"));
  expect_equal(m.memory().max(), 16u);
  expect_equal(m.reserved().max(), 16u);
  expect(m.grown_tables()[0] == pages(15, 16) && m.grown_tables()[1] == pages(13, 14));
  expect(m.is_reserved(PhysAddr{15 * kPage}) && m.is_reserved(PhysAddr{13 * kPage}));
  expect(!m.is_reserved(PhysAddr{14 * kPage}));
  expect(!m.audit());
}

// 128 banks, of which the first has room for a table; the others are pages that do not touch.
TEST(the_129th_bank_is_too_early_until_resizing_is_allowed) {
  World<128> world;
  Memblock& m = world.memblock;
  const auto add_bank = [&](std::uint64_t i) { return m.add(pages(100 + 2 * i, 101 + 2 * i), "bank"); };
  expect_done(m.add(pages(1, 9), "first"));
  for (std::uint64_t i = 1; i < 127; ++i) expect_done(add_bank(i));
  expect_equal(m.memory().count(), 127u);
  expect_error(m.remove(pages(1, 2), "a removal wants room for two"), Error::too_early);
  expect_error(m.mark_hotplug(pages(1, 2)), Error::too_early);
  expect_error(m.set_node(pages(1, 2), NodeId{1}), Error::too_early);
  expect_done(add_bank(127));
  expect_equal(m.memory().count(), 128u);
  expect_error(add_bank(128), Error::too_early);
  expect_done(m.add(pages(100 + 2 * 64, 101 + 2 * 64), "what is there needs no room"));
  expect_equal(m.memory().count(), 128u);
  expect_equal(m.phys_mem_size().raw, 135 * kPage);
  expect(m.reserved().empty());
  m.allow_resize();
  expect_done(add_bank(128));
  // 256 regions of 24 bytes are two pages: the highest two that are free and touch.
  expect_equal(m.memory().max(), 256u);
  expect_equal(m.memory().count(), 129u);
  expect_equal(m.reserved().count(), 1u);
  expect(m.reserved()[0].range() == pages(7, 9));
  expect(m.memory().view().data() == reinterpret_cast<const Region*>(world.at(7 * kPage)));
  expect(!m.audit());
}

TEST(an_empty_table_counts_one_region_when_room_is_asked_for) {
  World<2> world;
  Memblock& m = world.memblock;
  expect_error(m.free(pages(1, 2), "nothing is reserved"), Error::too_early);
  expect_error(m.mark_nomap(pages(1, 2)), Error::too_early);
  World<3> larger;
  expect_done(larger.memblock.free(pages(1, 2), "nothing is reserved"));
  expect_done(larger.memblock.mark_nomap(pages(1, 2)));
}

TEST(a_table_does_not_grow_above_the_current_limit) {
  World<4> world;
  Memblock& m = world.memblock;
  m.allow_resize();
  m.set_current_limit(PhysAddr{16 * kPage});
  expect_done(m.add(pages(1, 32), "ram"));
  expect_done(reserve_every_other(m, 0, 5));
  expect(m.reserved().view().data() == reinterpret_cast<const Region*>(world.at(15 * kPage)));
  // Nor where only what lies above the limit is free.
  World<4> full;
  full.memblock.allow_resize();
  full.memblock.set_current_limit(PhysAddr{10 * kPage});
  expect_done(full.memblock.add(pages(1, 32), "ram"));
  expect_done(full.memblock.reserve(pages(1, 10), "all below"));
  for (std::uint64_t i = 6; i < 9; ++i) expect_done(reserve_every_other(full.memblock, i, 1));
  expect_error(reserve_every_other(full.memblock, 9, 1), Error::no_memory);
  expect_equal(full.memblock.reserved().count(), 4u);
}

// A place of the kernel's size is too small for regions of a 64-bit Quarry: it is reserved, and not written to.
TEST(a_place_for_smaller_regions_is_reserved_and_never_written) {
  struct Spare {
    alignas(Region) std::byte bytes[512 * sizeof(Region)];
    static std::byte* take(void* self, std::size_t) noexcept { return static_cast<Spare*>(self)->bytes; }
  } spare;
  World<> mapped;
  Region memory[4], reserved[128];
  for (std::byte& byte : mapped_memory) byte = std::byte{0xa5};
  Memblock without{{.region_bytes = Bytes{12}}, {memory, reserved}, {&mapped, &World<>::map}};
  without.allow_resize();
  expect_done(without.add(pages(1, 32), "ram"));
  expect_done(without.add(pages(100, 1000), "more"));
  without.set_current_limit(PhysAddr{32 * kPage});
  for (std::uint64_t i = 0; i < 128; ++i) expect_done(without.reserve(pages(100 + 2 * i, 101 + 2 * i), "r"));
  expect_error(without.reserve(pages(900, 901), "no spare storage"), Error::no_room);
  expect_equal(without.reserved().count(), 128u);
  Memblock with{{.region_bytes = Bytes{12}, .spare = {&spare, &Spare::take}},
                {memory, reserved},
                {&mapped, &World<>::map}};
  with.allow_resize();
  expect_done(with.add(pages(1, 32), "ram"));
  for (std::uint64_t i = 0; i < 129; ++i) expect_done(with.reserve(pages(100 + 2 * i, 101 + 2 * i), "r"));
  expect(with.is_reserved(PhysAddr{31 * kPage}) && !with.is_reserved(PhysAddr{30 * kPage}));
  expect(with.reserved().view().data() == reinterpret_cast<const Region*>(spare.bytes));
  for (std::uint64_t i = 0; i < kPage; ++i) expect(*World<>::at(31 * kPage + i) == std::byte{0xa5});
}

TEST(a_limit_grows_a_full_table_as_a_removal_does) {
  World<4> world;
  Memblock& m = world.memblock;
  m.allow_resize();
  expect_done(m.add(pages(1, 32), "ram"));
  expect_done(reserve_every_other(m, 0, 3));
  expect_done(m.enforce_memory_limit(Bytes{28 * kPage}));
  expect_equal(m.reserved().max(), 8u);
  expect_equal(world.ears.count(Action::grow), 1u);
  expect_equal(m.end_of_dram().raw, 29 * kPage);
  expect(!m.audit());
}

TEST(a_temporary_reservation_ends_with_its_scope_unless_it_is_kept) {
  World<> world;
  Memblock& m = world.memblock;
  expect_done(m.add(pages(1, 8), "ram"));
  {
    const auto held =
        TemporaryReservation::allocate(m, {.size = Bytes{kPage}, .alignment = Bytes{kPage}}, "x");
    expect(m.is_reserved(PhysAddr{7 * kPage}));
    auto other = TemporaryReservation::of(m, pages(2, 3), "y").value();
    const auto moved = std::move(other);
    expect(moved.range() == pages(2, 3));
  }
  expect(m.reserved().empty());
  expect_equal(world.ears.count(Action::free), 2u);
  expect(TemporaryReservation::of(m, pages(2, 3), "z").value().keep() == pages(2, 3));
  expect(m.is_reserved(PhysAddr{2 * kPage}));
  expect_error(TemporaryReservation::allocate(m, {.size = Bytes{0}}, "x"), Error::bad_argument);
}

}  // namespace
}  // namespace quarry::early
