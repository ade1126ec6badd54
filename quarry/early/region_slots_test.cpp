#include "quarry/early/region_slots.hpp"

#include "quarry/base/divide.hpp"
#include "tests/test.hpp"

namespace quarry::early {
namespace {

constexpr std::size_t kMany = 1000;  // rings of 64; the last one has not all its slots

Region numbered(std::uint64_t number) noexcept { return {PhysAddr{number * 16}, Bytes{8}}; }

// Whether the regions are these numbers, by index and by iterator, and all rings are sound.
void expect_numbers(const RegionSlots& slots, const std::uint16_t* numbers, std::size_t count,
                    Site site = Site::here()) noexcept {
  expect_equal(slots.count(), count, site);
  expect(slots.view().are_rings_sound(), site);
  std::size_t at = 0;
  for (const Region& region : slots.view()) {
    expect_equal(region.base.raw, numbers[at] * std::uint64_t{16}, site);
    expect(slots[at] == region, site);
    ++at;
  }
  expect_equal(at, count, site);
}

// What a division leaves over; `%` calls libgcc on arm.
std::size_t rest(std::size_t number, std::size_t by) noexcept {
  return number - static_cast<std::size_t>(divide(number, by)) * by;
}

// The same sequence of insertions and erasures on an array of numbers; places are scattered by a multiplication.
struct Numbers {
  Region storage[kMany];
  RegionSlots slots{storage};
  std::uint16_t numbers[kMany] = {};
  std::size_t count = 0;

  void insert(std::size_t at, std::uint16_t number) noexcept {
    for (std::size_t i = count++; i > at; --i) numbers[i] = numbers[i - 1];
    numbers[at] = number;
    slots.insert(at, numbered(number));
  }
  void erase(std::size_t first, std::size_t last) noexcept {
    for (std::size_t i = last; i < count; ++i) numbers[i - (last - first)] = numbers[i];
    count -= last - first;
    slots.erase(first, last);
  }
};

TEST(scattered_insertions_fill_every_slot_and_scattered_erasures_empty_it) {
  Numbers all;
  for (std::uint16_t i = 0; i < kMany; ++i) all.insert(rest(std::size_t{i} * 7919, all.count + 1), i);
  expect_numbers(all.slots, all.numbers, kMany);
  expect(!all.slots.view().is_array());
  while (all.count > 0) {
    const std::size_t at = rest(rest(all.count * 7919, 613), all.count);
    all.erase(at, at + 1);
    if (rest(all.count, 50) == 0) expect_numbers(all.slots, all.numbers, all.count);
  }
}

TEST(erasing_many_at_once_leaves_the_others_in_order) {
  Numbers all;
  for (std::uint16_t i = 0; i < kMany; ++i) all.insert(rest(std::size_t{i} * 7919, all.count + 1), i);
  all.erase(3, 3);
  all.erase(100, 105);
  expect_numbers(all.slots, all.numbers, kMany - 5);
  all.erase(50, 700);
  expect_numbers(all.slots, all.numbers, kMany - 655);
  for (std::uint16_t i = 0; i < 600; ++i) all.insert(rest(std::size_t{i} * 31, all.count + 1), i);
  expect_numbers(all.slots, all.numbers, kMany - 55);
}

TEST(slots_move_to_storage_with_other_rings_and_over_themselves) {
  static_assert(sizeof(Region) * 2 * kMany < std::size_t{64} << 10);
  Numbers all;
  Region larger[2 * kMany];
  for (std::uint16_t i = 0; i < 900; ++i) all.insert(rest(std::size_t{i} * 7919, all.count + 1), i);
  all.slots.move_to(larger);
  expect_numbers(all.slots, all.numbers, 900);
  all.slots.move_to({larger + 40, kMany});
  expect_numbers(all.slots, all.numbers, 900);
  for (std::uint16_t i = 0; i < 50; ++i) all.insert(i, i);
  expect_numbers(all.slots, all.numbers, 950);
}

TEST(runs_are_what_lies_one_behind_the_other) {
  Numbers all;
  for (std::uint16_t i = 0; i < 500; ++i) all.insert(rest(std::size_t{i} * 7919, all.count + 1), i);
  const Regions view = all.slots.view();
  for (std::size_t at = 0; at < view.size();) {
    const auto run = view.run_from(at);
    expect(!run.empty());
    for (const Region& region : run) expect(&region == &view[at++]);
  }
  expect(view.run_from(view.size()).empty());
}

TEST(a_search_finds_each_region_and_each_gap) {
  Region storage[kMany];
  RegionSlots slots{storage};
  for (std::size_t i = 0; i < 400; ++i) slots.insert(i, numbered(2 * i + 2));
  for (std::size_t i = 0; i < 400; ++i) slots.insert(2 * i, numbered(2 * i + 1));
  const Regions view = slots.view();
  for (std::size_t i = 0; i < 800; ++i) {
    const std::uint64_t base = (std::uint64_t{i} + 1) * 16;
    expect_equal(first_ending_above(view, PhysAddr{base - 1}), i);
    expect_equal(first_ending_above(view, PhysAddr{base}), i);
    expect_equal(first_ending_above(view, PhysAddr{base + 7}), i);
    expect_equal(first_ending_above(view, PhysAddr{base + 8}), i + 1);
    expect_equal(first_beginning_from(view, PhysAddr{base}), i);
    expect_equal(first_beginning_from(view, PhysAddr{base + 1}), i + 1);
  }
  expect_equal(first_ending_above(view, PhysAddr{UINT64_MAX}), view.size());
  expect_equal(first_ending_above(Regions{}, PhysAddr{0}), 0u);
}

// Whether a search for each number and its neighbours is what counting says.
void expect_searches(const RegionSlots& slots, Site site = Site::here()) noexcept {
  std::size_t below = 0;
  for (std::uint64_t number = 0; number <= kMany; ++number) {
    const bool is_there = below < slots.count() && slots[below].base.raw == number * 16;
    expect_equal(first_beginning_from(slots.view(), PhysAddr{number * 16}), below, site);
    below += is_there;
    expect_equal(first_beginning_from(slots.view(), PhysAddr{number * 16 + 1}), below, site);
  }
  expect_equal(below, slots.count(), site);
}

TEST(a_search_is_right_however_full_the_rings_are_and_however_they_are_turned) {
  Region storage[kMany];
  RegionSlots slots{storage};
  for (std::size_t i = 0; i < kMany; ++i) {
    const std::uint64_t number = rest(i * 619, kMany);
    std::size_t at = 0;
    while (at < slots.count() && slots[at].base.raw < number * 16) ++at;
    slots.insert(at, numbered(number));
    if (rest(i, 23) == 0) expect_searches(slots);
  }
  expect_searches(slots);
  for (std::size_t i = 0; slots.count() > 0; ++i) {
    const std::size_t at = rest(i * 7919, slots.count());
    slots.erase(at, at + 1);
    if (rest(i, 23) == 0) expect_searches(slots);
  }
}

}  // namespace
}  // namespace quarry::early
