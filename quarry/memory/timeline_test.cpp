#include "quarry/memory/timeline.hpp"

#include "quarry/base/geometries.hpp"
#include "quarry/buddy/test_machine.hpp"
#include "tests/test.hpp"

namespace quarry::memory {

using buddy::TestMachine;
using zones::ZoneType;

namespace {

constexpr int record(HandOverStep first, HandOverStep second, PageCount total) noexcept {
  Timeline timeline;
  timeline.record({.step = first, .total = PageCount{5}});
  timeline.record({.step = second, .total = total});
  return 0;
}
using enum HandOverStep;

}  // namespace

// Goal: a step that is left out or told twice, and pages that go away, are mistakes of ours and stop.
static_assert(!Stops<[] { return record(low_memory, high_memory, PageCount{5}); }>);
static_assert(Stops<[] { return record(high_memory, cpu_lists, PageCount{5}); }>);
static_assert(Stops<[] { return record(low_memory, low_memory, PageCount{5}); }>);
static_assert(Stops<[] { return record(low_memory, cpu_lists, PageCount{5}); }>);
static_assert(Stops<[] { return record(low_memory, high_memory, PageCount{4}); }>);

// Goal: each moment has what is managed, free and contiguous then, over all zones, and what its step gave.
TEST(a_timeline_has_the_counts_of_each_moment) {
  TestMachine<k4KSparse> machine;
  machine.add_zone(0, ZoneType::dma, 0, 2);
  machine.add_zone(0, ZoneType::normal, 2, 6);
  expect(static_cast<bool>(machine.start()));
  Timeline timeline;
  expect(timeline.moments().empty());
  constexpr std::uint64_t block = TestMachine<k4KSparse>::kBlock;

  expect(static_cast<bool>(machine.allocator.release(machine.blocks(0, 4))));
  const Moment low = timeline.record(HandOverStep::low_memory, machine.allocator);
  expect(low == Moment{HandOverStep::low_memory, PageCount{4 * block}, PageCount{4 * block},
                       PageCount{4 * block}, PageCount{0}});
  expect(static_cast<bool>(machine.allocator.alloc_pages(Order{3}, {})));
  const Moment high = timeline.record(HandOverStep::high_memory, machine.allocator);
  expect(high == Moment{HandOverStep::high_memory, PageCount{0}, PageCount{4 * block},
                        PageCount{4 * block - 8}, PageCount{0}});
  expect(static_cast<bool>(
      machine.allocator.release_cma(machine.zone(0, ZoneType::normal), machine.blocks(5, 6))));
  const Moment lists = timeline.record(HandOverStep::cpu_lists, machine.allocator);
  expect(lists == Moment{HandOverStep::cpu_lists, PageCount{block}, PageCount{5 * block},
                         PageCount{5 * block - 8}, PageCount{block}});
  expect_equal(timeline.moments().size(), std::size_t{3});
  expect(timeline.moments()[1] == high);
}

TEST(every_step_of_the_hand_over_has_both_names) {
  for (std::size_t i = 0; i < kHandOverSteps; ++i) {
    const auto step = static_cast<HandOverStep>(i);
    expect(!name_of(step).empty() && !linux_name_of(step).empty());
    for (std::size_t other = 0; other < i; ++other)
      expect(!(name_of(step) == name_of(static_cast<HandOverStep>(other))));
  }
  expect(linux_name_of(HandOverStep::init_memory) == TextView{"free_initmem"});
}

}  // namespace quarry::memory
