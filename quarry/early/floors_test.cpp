#include "quarry/early/floors.hpp"

#include "quarry/early/world_test.hpp"

namespace quarry::early {
namespace {

constexpr Floors::Wanted wanted(std::uint64_t size, std::uint64_t alignment,
                                std::uint64_t bottom = 0x1000) noexcept {
  return {Bytes{size}, Bytes{alignment}, {}, PhysAddr{bottom}};
}

Config upwards() noexcept {
  Config config;
  config.direction = Direction::bottom_up;
  return config;
}

TEST(a_floor_holds_for_as_much_or_more_and_for_nothing_else) {
  Floors floors;
  expect_equal(floors.of(wanted(64, 64)).raw, 0x1000u);
  floors.learn(wanted(128, 64), PhysAddr{0x8000});
  expect_equal(floors.of(wanted(128, 64)).raw, 0x8000u);
  expect_equal(floors.of(wanted(256, 4096)).raw, 0x8000u);
  expect_equal(floors.of(wanted(256, 4096, 0x9000)).raw, 0x9000u);
  expect_equal(floors.of(wanted(64, 64)).raw, 0x1000u);
  expect_equal(floors.of(wanted(128, 32)).raw, 0x1000u);
  expect_equal(floors.of(wanted(128, 64, 0xfff)).raw, 0xfffu);
  Floors::Wanted other = wanted(128, 64);
  other.filter.node = NodeId{1};
  expect_equal(floors.of(other).raw, 0x1000u);
  floors.forget();
  expect_equal(floors.of(wanted(128, 64)).raw, 0x1000u);
}

TEST(a_higher_floor_of_more_stays_beside_a_lower_one_of_less) {
  Floors floors;
  floors.learn(wanted(512, 64), PhysAddr{0x9000});
  floors.learn(wanted(128, 64), PhysAddr{0x8000});
  expect_equal(floors.of(wanted(512, 64)).raw, 0x9000u);
  expect_equal(floors.of(wanted(256, 64)).raw, 0x8000u);
  floors.lower(bytes(0x7010, 0x7040 + 127));
  expect_equal(floors.of(wanted(128, 64)).raw, 0x8000u);
  floors.lower(bytes(0x7010, 0x7040 + 128));  // just large enough from 0x7040 on
  expect_equal(floors.of(wanted(128, 64)).raw, 0x7040u);
}

TEST(a_gap_lowers_the_floors_of_what_fits_in_it) {
  Floors floors;
  floors.learn(wanted(128, 64), PhysAddr{0x9000});
  floors.learn(wanted(128, 4096), PhysAddr{0x9000});
  floors.learn(wanted(512, 64), PhysAddr{0x9000});
  floors.lower(bytes(0x8010, 0x8110));
  expect_equal(floors.known()[0].lowest.raw, 0x8040u);
  expect_equal(floors.known()[1].lowest.raw, 0x9000u);  // no page begins there
  expect_equal(floors.known()[2].lowest.raw, 0x9000u);  // too small
  floors.lower(bytes(0x9000, 0xa000));
  expect_equal(floors.known()[0].lowest.raw, 0x8040u);  // above it
  floors.lower(bytes(UINT64_MAX - 20, UINT64_MAX));
  expect_equal(floors.known()[0].lowest.raw, 0x8040u);
  floors.lower(bytes(0x2000, 0x2200));
  expect_equal(floors.known()[2].lowest.raw, 0x2000u);
}

TEST(more_kinds_of_requests_than_floors_replace_the_oldest) {
  Floors floors;
  for (std::uint64_t i = 1; i <= 40; ++i) floors.learn(wanted(41 - i, 1), PhysAddr{0x100000 - 0x1000 * i});
  expect(floors.known().size() <= 8u);
  expect_equal(floors.of(wanted(1, 1)).raw, 0x100000u - 0x1000 * 40);
}

TEST(a_freed_place_below_the_last_answer_is_found_again) {
  World<64> world{upwards()};
  Memblock& m = world.memblock;
  const Bytes page{kPage};
  expect_done(m.add(pages(1, 64), "ram"));
  for (std::uint64_t i = 0; i < 8; ++i) expect_at(m.alloc_try_nid_raw({page, page}, "x"), (1 + i) * kPage);
  expect_done(m.free(pages(3, 4), "x"));
  expect(!m.audit());
  expect_at(m.alloc_try_nid_raw({page, page}, "x"), 3 * kPage);
  expect_at(m.alloc_try_nid_raw({page, page}, "x"), 9 * kPage);
  expect_done(m.remove(pages(10, 20), "gone"));
  expect_at(m.alloc_try_nid_raw({page, page}, "x"), 20 * kPage);
  expect_done(m.add(pages(10, 12), "back"));
  expect(!m.audit());
  expect_at(m.alloc_try_nid_raw({page, page}, "x"), 10 * kPage);
}

// The direction may change at any time, and each remembers for itself.
TEST(searches_from_above_and_from_below_do_not_mislead_each_other) {
  World<64> world;
  Memblock& m = world.memblock;
  const Bytes page{kPage};
  expect_done(m.add(pages(1, 9), "ram"));
  expect_at(m.alloc_try_nid_raw({page, page}, "x"), 8 * kPage);
  m.set_direction(Direction::bottom_up);
  expect_at(m.alloc_try_nid_raw({page, page}, "x"), 1 * kPage);
  m.set_direction(Direction::top_down);
  expect_at(m.alloc_try_nid_raw({page, page}, "x"), 7 * kPage);
  expect_done(m.free(pages(1, 2), "x"));
  expect_done(m.free(pages(8, 9), "x"));
  expect(!m.audit());
  expect_at(m.alloc_try_nid_raw({page, page}, "x"), 8 * kPage);
  m.set_direction(Direction::bottom_up);
  expect_at(m.alloc_try_nid_raw({page, page}, "x"), 1 * kPage);
  expect(!m.audit());
}

}  // namespace
}  // namespace quarry::early
