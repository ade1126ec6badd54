#include "quarry/buddy/cpu_arrays.hpp"

#include "quarry/buddy/test_two_cores.hpp"
#include "tests/test.hpp"

namespace quarry::buddy {

// An array has room for half of what a core may keep.
TEST_ON_COMPACT(a_batch_at_a_time_is_given_back_the_oldest_first) {
  TwoCores<G, Policy> two;
  two.start({.batch = 4, .high = 24});
  Pfn pages[24];
  for (Pfn& page : pages) page = two.alloc();
  two.machine.allocator.drain_all();
  for (unsigned i = 0; i < 12; ++i) two.free(pages[i]);
  expect_equal(two.on(0), 12u);
  for (unsigned round = 0; round < 3; ++round) {
    const unsigned next = 12 + 4 * round;
    two.free(pages[next]);
    expect_equal(two.on(0), 9u);
    for (unsigned i = 0; i <= next; ++i) expect_equal(two.is_on_core(pages[i]), i >= 4 + 4 * round);
    for (unsigned i = 1; i < 4; ++i) two.free(pages[next + i]);
    expect_equal(two.on(0), 12u);
  }
  expect(!two.machine.allocator.audit());
}

// However much a core may keep in all, of one kind it has room for so many, and for one where that is all it may.
TEST_ON_COMPACT(an_array_is_limited_by_its_room_and_by_what_a_core_may_keep) {
  using Lists = CpuArrays<G>;
  struct Case {
    std::uint32_t high;
    unsigned order;
    std::uint32_t blocks;
  };
  const Case cases[] = {{1 << 20, 0, Lists::kMostRoom},
                        {1 << 20, 3, Lists::kMostRoom / 16},
                        {40, 0, 20},
                        {40, 2, 5},
                        {8, 3, 1},
                        {7, 3, 0}};
  for (const Case& one : cases) {
    TwoCores<G, Policy> two;
    two.start({.batch = 1, .high = one.high});
    Pfn pages[Lists::kMostRoom + 1];
    for (unsigned i = 0; i <= one.blocks; ++i) pages[i] = two.alloc(one.order);
    two.machine.allocator.drain_all();
    for (unsigned i = 0; i <= one.blocks; ++i) two.free(pages[i], one.order);
    expect_equal(two.on(0), std::uint64_t{one.blocks} << one.order);
    expect(!two.is_on_core(pages[0]));
    expect(!two.machine.allocator.audit());
  }
}

// Above the line, which is where the highest page of the last batch lay, a page is not used again before it was at home.
TEST_ON_COMPACT(what_comes_back_from_above_the_line_goes_home_in_batches) {
  TwoCores<G, Policy> two;
  two.start({.batch = 4, .high = 100});
  constexpr unsigned together = 50;  // half of what a core may keep
  Pfn pages[20 + together + 1];
  for (Pfn& page : pages) page = two.alloc();
  for (unsigned i = 0; i < 8; ++i) two.free(pages[i]);
  two.machine.allocator.drain_all();
  const Pfn low = two.alloc();  // a batch from the lowest pages: the line is there now
  expect(low < pages[8]);
  const std::uint64_t kept = two.on(0);
  two.free(low);
  expect_equal(two.alloc(), low);  // below the line the last one is the first
  for (unsigned i = 20; i < 20 + together; ++i) two.free(pages[i]);
  expect_equal(two.on(0), kept + together);
  for (unsigned i = 0; i < kept; ++i) expect(two.alloc() < pages[8]);
  two.free(pages[20 + together]);  // one more takes those before it along
  for (unsigned i = 0; i < together; ++i) expect(!two.is_on_core(pages[20 + i]));
  expect(two.is_on_core(pages[20 + together]));
  expect(!two.machine.allocator.audit());
}

}  // namespace quarry::buddy
