#include "quarry/vm/address_arena.hpp"

#include "quarry/vm/arena_machine_test.hpp"

namespace quarry::vm {
namespace {

template <class T>
bool fails_with(const Result<T>& result, Error error) noexcept {
  return !result && result.error() == error;
}

TEST(the_lowest_addresses_that_fit_are_taken) {
  TestArena<> test{16};
  expect_equal(test.take(4), 0u);
  expect_equal(test.take(2), 4u);
  expect_equal(test.take(3), 6u);
  expect(bool{test.retire(0)});
  expect(bool{test.retire(6)});
  expect_equal(test.purge(), 2u);
  //   |- 4 -|##4##5|----- 6 to 16 -----|
  expect_equal(test.take(5), 6u);
  expect_equal(test.take(1), 0u);
  expect_equal(test.take(3), 1u);
  expect(!test.arena.audit());
}

TEST(an_alignment_holds_for_the_address_and_not_for_the_offset) {
  TestArena<> test{4096};
  expect_equal(test.take(1), 0u);
  expect_equal(test.take({.size = pages_of(1), .alignment = Bytes{1 << 21}}), 512u);
  expect_equal(test.take({.size = pages_of(3), .alignment = Bytes{1 << 16}}), 16u);
  expect_equal(test.take({.size = pages_of(1), .alignment = Bytes{1 << 13}}), 2u);
  expect_equal(test.take({.size = pages_of(1), .alignment = Bytes{1}}), 1u);
  expect_equal(test.take({.size = pages_of(512), .alignment = Bytes{1 << 21}}), 1024u);
  expect(!test.arena.audit());
}

TEST(a_guard_stays_free_and_is_not_the_areas) {
  TestArena<> test{8};
  expect_equal(test.take({.size = pages_of(2), .guard = pages_of(1)}), 0u);
  expect_equal(test.take({.size = pages_of(2), .guard = pages_of(1)}), 3u);
  expect_equal(test.take({.size = pages_of(2), .guard = pages_of(1)}), 9999u);
  expect(test.arena.find(arena_page(1)).value().range == VirtRange{arena_page(0), arena_page(2)});
  expect(fails_with(test.arena.find(arena_page(2)), Error::not_found));
  expect_equal(test.take(2), 6u);
}

TEST(an_area_lies_within_the_range_that_was_asked_for) {
  TestArena<> test{32};
  const auto within = [](std::uint64_t low, std::uint64_t high, std::uint64_t pages) {
    return AreaRequest{.size = pages_of(pages), .within = VirtRange{arena_page(low), arena_page(high)}};
  };
  expect_equal(test.take(within(8, 16, 8)), 8u);
  expect_equal(test.take(within(4, 16, 5)), 9999u);
  expect_equal(test.take(within(4, 16, 3)), 4u);
  expect_equal(test.take(within(31, 40, 1)), 31u);
  expect_equal(test.take(within(31, 40, 1)), 9999u);
  expect_equal(test.take(within(40, 50, 1)), 9999u);
  expect_equal(test.take({.size = pages_of(1), .within = VirtRange{}}), 9999u);
  expect_equal(test.take({.size = pages_of(5), .within = VirtRange{VirtAddr{0}, VirtAddr{UINT64_MAX}}}), 16u);
}

TEST(requests_that_make_no_sense_are_refused) {
  TestArena<> test{16};
  expect(fails_with(test.arena.take({.size = Bytes{0}}), Error::bad_argument));
  expect(fails_with(test.arena.take({.size = Bytes{100}}), Error::bad_argument));
  expect(fails_with(test.arena.take({.size = pages_of(1), .guard = Bytes{1}}), Error::bad_argument));
  expect(
      fails_with(test.arena.take({.size = pages_of(1), .alignment = Bytes{3 << 12}}), Error::bad_argument));
  expect(fails_with(test.arena.take({.size = Bytes{UINT64_MAX << 12}, .guard = Bytes{UINT64_MAX << 12}}),
                    Error::no_room));
  expect(fails_with(test.arena.take({.size = Bytes{UINT64_MAX << 12}}), Error::no_room));
  expect(fails_with(test.arena.take({.size = pages_of(1), .alignment = Bytes{std::uint64_t{1} << 63}}),
                    Error::no_room));
  expect_equal(test.records.taken, 0u);
  expect(!test.arena.audit());
}

TEST(an_arena_without_room_or_records_stays_as_it_was) {
  TestArena<> test{8};
  expect_equal(test.take(6), 0u);
  expect(fails_with(test.arena.take({.size = pages_of(3)}), Error::no_room));
  expect_equal(test.records.taken, 1u);
  test.records.may_take = 0;
  expect(fails_with(test.arena.take({.size = pages_of(1)}), Error::no_memory));
  expect_equal(test.arena.stats().live, 1u);
  test.records.may_take = 1;
  expect_equal(test.take(2), 6u);
  expect(!test.arena.audit());
}

TEST(addresses_are_not_used_again_before_they_are_forgotten) {
  TestArena<> test{8};
  expect_equal(test.take(8), 0u);
  expect(bool{test.retire(0)});
  expect_equal(test.take(1), 9999u);
  expect(fails_with(test.arena.find(arena_page(3)), Error::not_found));
  unsigned told = 0;
  expect_equal(test.arena.purge([&](Area& first) noexcept {
    ++told;
    expect(first.next == nullptr);
    expect(first.range() == VirtRange{arena_page(0), arena_page(8)});
    expect_equal(test.take(1), 9999u);
  }),
               1u);
  expect_equal(told, 1u);
  expect_equal(test.take(1), 0u);
  expect(bool{test.retire(0)});
  expect_equal(test.purge(), 1u);
  expect_equal(test.purge(), 0u);
  expect_equal(test.records.taken, 0u);
}

TEST(a_backlog_that_is_too_large_is_full) {
  TestArena<> test{32};
  for (unsigned i = 0; i < 4; ++i) test.take({.size = pages_of(1), .guard = pages_of(1)});
  expect(test.retire(0).value() == Backlog::below);
  expect(test.retire(4).value() == Backlog::below);
  expect(test.retire(2).value() == Backlog::full);
  expect_equal(test.arena.stats().backlog, pages_of(6));
  expect_equal(test.arena.stats().retired, 3u);
  expect_equal(test.arena.stats().live, 1u);
  expect(!test.arena.audit());
  test.purge();
  expect_equal(test.arena.stats().backlog, Bytes{0});
}

TEST(what_is_given_back_twice_or_by_halves_or_as_something_else_is_refused) {
  TestArena<> test{16};
  const auto device = test.arena.take({.size = pages_of(2)});
  device.value()->kind = AreaKind::ioremap;
  expect(fails_with(test.retire(0), Error::not_found));  // nobody knows it yet
  test.arena.publish(*device.value());
  expect(fails_with(test.retire(0), Error::wrong_owner));
  expect(fails_with(test.retire(1), Error::not_found));
  expect(fails_with(test.retire(2), Error::not_found));
  expect(fails_with(test.retire(99), Error::not_found));
  expect(bool{test.arena.retire(arena_page(0), AreaKind::ioremap)});
  expect(fails_with(test.arena.retire(arena_page(0), AreaKind::ioremap), Error::wrong_owner));
  test.purge();
  expect(fails_with(test.arena.retire(arena_page(0), AreaKind::ioremap), Error::not_found));
}

TEST(an_area_that_is_being_filled_is_not_found_and_may_be_abandoned) {
  TestArena<> test{4};
  const auto area = test.arena.take({.size = pages_of(4)});
  expect(fails_with(test.arena.find(arena_page(0)), Error::not_found));
  AreaInfo info;
  expect(test.arena.pin_next(VirtAddr{0}, info) == nullptr);
  test.arena.abandon(*area.value());
  expect_equal(test.records.taken, 0u);
  expect_equal(test.take(4), 0u);
}

TEST(what_somebody_looks_at_is_not_purged) {
  TestArena<> test{16};
  test.take(2), test.take(3);
  AreaInfo info;
  Area* const first = test.arena.pin_next(VirtAddr{0}, info);
  expect(info.range == VirtRange{arena_page(0), arena_page(2)});
  expect(bool{test.retire(0)});
  expect(bool{test.retire(2)});
  expect_equal(test.purge(), 1u);
  expect_equal(test.take(2), 2u);
  expect(!test.arena.audit());
  test.arena.unpin(*first);
  expect_equal(test.purge(), 1u);
  expect_equal(test.take(2), 0u);
  Area* const second = test.arena.pin_next(arena_page(1), info);
  expect(info.range == VirtRange{arena_page(2), arena_page(4)} && info.state == AreaState::live);
  test.arena.unpin(*second);
  expect(test.arena.pin_next(arena_page(3), info) == nullptr);
}

// What audit() finds first in a sound arena of seven areas, once `bend` has bent one of them.
template <class Bend>
ArenaFinding bent_by(Bend bend) noexcept {
  TestArena<8> test{64};
  std::array<Area*, 7> areas{};
  for (Area*& area : areas) {
    area = test.arena.take({.size = pages_of(2), .guard = pages_of(1)}).value();
    test.arena.publish(*area);
  }
  expect(!test.arena.audit());
  bend(test, areas);
  return test.arena.audit();
}

TEST(every_law_of_an_arena_is_seen_broken) {
  using Areas = std::array<Area*, 7>;
  const auto broken_by = [](auto bend) noexcept {
    return bent_by([bend](auto&, Areas& areas) noexcept { bend(areas); }).broken;
  };
  expect(broken_by([](Areas& areas) noexcept { areas[0]->parent = areas[5]; }) == ArenaLaw::links_both_ways);
  expect(broken_by([](Areas& areas) noexcept { ++areas[2]->height; }) == ArenaLaw::is_balanced);
  expect(broken_by([](Areas& areas) noexcept { areas[3]->gap += kArenaPage; }) == ArenaLaw::gaps_are_counted);
  expect(broken_by([](Areas& areas) noexcept { areas[4]->room[2] += kArenaPage; }) ==
         ArenaLaw::room_is_known);
  expect(broken_by([](Areas& areas) noexcept { areas[6]->guard = pages_of(3); }) ==
         ArenaLaw::guards_are_inside);
  expect(broken_by([](Areas& areas) noexcept { areas[0]->state = AreaState::retired; }) ==
         ArenaLaw::areas_are_counted);
  const ArenaFinding apart = bent_by([](auto&, Areas& areas) noexcept { areas[1]->begin -= kArenaPage; });
  expect(apart.broken == ArenaLaw::areas_are_apart && apart.area == arena_page(2));
  const ArenaFinding listed = bent_by([](auto& test, Areas& areas) noexcept {
    expect(bool{test.retire(0)});
    areas[0]->state = AreaState::purging;
  });
  expect(listed.broken == ArenaLaw::backlog_is_linked && listed.area == arena_page(0));
}

TEST(every_law_of_an_arena_has_words_of_its_own) {
  for (unsigned i = 0; i <= static_cast<unsigned>(ArenaLaw::backlog_is_linked); ++i) {
    expect(name_of(static_cast<ArenaLaw>(i)) != TextView{"unknown law"});
    for (unsigned j = 0; j < i; ++j)
      expect(name_of(static_cast<ArenaLaw>(i)) != name_of(static_cast<ArenaLaw>(j)));
  }
  expect(name_of(static_cast<ArenaLaw>(99)) == TextView{"unknown law"});
}

}  // namespace
}  // namespace quarry::vm
