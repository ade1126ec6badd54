#include "quarry/vm/kmap_law.hpp"

#include "quarry/vm/kmap_machine_test.hpp"
#include "tests/test.hpp"

namespace quarry::vm {
namespace {

LowFrames<TestCores>::Memory memory;
constexpr Pfn high(std::uint64_t number) noexcept { return Pfn{0x10'0000 + number}; }

// Window 0 is used twice, 1 and 2 are idle, 3 is free; then somebody wrote over a slot or an entry.
struct Damaged : TestCores::State, KmapMachine<> {
  Damaged() noexcept : KmapMachine<>{memory, TestCores{*this}} {
    expect(bool{open()});
    for (const std::uint64_t frame : {0u, 0u, 1u, 2u}) expect(bool{pool.kmap(high(frame))});
    expect(bool{pool.kunmap(high(1))} && bool{pool.kunmap(high(2))});
    expect_equal(pool.audit().broken, KmapLaw::holds);
  }
  void expect_found(KmapLaw law, std::uint32_t at) noexcept {
    const KmapFinding finding = pool.audit();
    expect_equal(finding.broken, law);
    expect_equal(finding.window, at);
  }
  VirtAddr window(std::uint64_t number) const noexcept { return pool_range.begin() + Bytes{number * kPage}; }
};

TEST(users_of_a_window_that_is_not_in_use_are_found) {
  Damaged world;
  world.slots[1].users = 1;
  world.expect_found(KmapLaw::users_say_state, 1);
  world.slots[1].users = 0;
  world.slots[0].users = 0;
  world.expect_found(KmapLaw::users_say_state, 0);
}

TEST(a_frame_that_is_shown_twice_is_found) {
  Damaged world;
  world.slots[2].frame = world.slots[0].frame;
  expect_equal(world.pool.audit().broken, KmapLaw::frame_is_found);
}

TEST(a_window_in_no_list_and_one_in_a_wrong_list_are_found) {
  Damaged world;
  world.slots[1].after = KmapSlot::kNone;
  world.expect_found(KmapLaw::lists_are_whole, 0);
  world.slots[1].after = 3;
  world.expect_found(KmapLaw::lists_are_whole, 0);
  world.slots[1].after = 2;
  world.slots[2].before = 0;
  world.expect_found(KmapLaw::lists_are_whole, 0);
  world.slots[2].before = 1;
  world.expect_found(KmapLaw::holds, 0);
}

TEST(windows_that_are_counted_wrongly_are_found) {
  Damaged world;
  world.slots[3].state = KmapState::used;
  world.slots[3].users = 1;
  world.slots[3].frame = high(0);
  expect_equal(world.pool.audit().broken, KmapLaw::frame_is_found);
  // One that a chain leads to, but that no count knows.
  world.slots[3].frame = high(5);
  for (KmapSlot& slot : world.slots) slot.head = 3;
  world.slots[3].chain = 0;
  world.slots[0].chain = 1;
  world.slots[1].chain = 2;
  world.slots[2].chain = KmapSlot::kNone;
  expect_equal(world.pool.audit().broken, KmapLaw::lists_are_whole);
}

TEST(page_tables_that_lead_elsewhere_are_found) {
  Damaged world;
  world.tree.shut(world.window(2));
  world.expect_found(KmapLaw::entry_is_as_said, 2);
  world.tree.show(world.window(2), PhysAddr{high(7).raw << 12}, Access{.write = true});
  world.expect_found(KmapLaw::entry_is_as_said, 2);
  world.tree.shut(world.window(2));
  world.tree.show(world.window(2), PhysAddr{high(2).raw << 12}, Access{.write = true});
  world.tree.show(world.window(3), PhysAddr{high(2).raw << 12}, Access{.write = true});
  world.expect_found(KmapLaw::entry_is_as_said, 3);
}

TEST(a_local_window_that_is_shut_or_open_unasked_is_found) {
  Damaged world;
  world.tree.show(world.local_range.begin() + Bytes{4 * Damaged::kPage}, PhysAddr{0}, {});
  expect_equal(world.local.audit().broken, KmapLaw::entry_is_as_said);
  expect_equal(world.local.audit().window, 4u);
  world.tree.shut(world.local_range.begin() + Bytes{4 * Damaged::kPage});
  expect(!world.local.audit());
  world.depths[2].used = 1;
  expect_equal(world.local.audit().window, 6u);
}

TEST(every_law_of_windows_has_words) {
  for (unsigned law = 0; law <= static_cast<unsigned>(KmapLaw::entry_is_as_said); ++law)
    expect(name_of(static_cast<KmapLaw>(law)) != TextView{"unknown law"});
  expect(name_of(static_cast<KmapLaw>(99)) == TextView{"unknown law"});
}

}  // namespace
}  // namespace quarry::vm
