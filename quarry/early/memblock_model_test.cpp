// Memblock against a table of cells: random operations, and all sequences of three.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <chrono>
#include <cstdio>

#include "tests/memblock_lockstep.hpp"

namespace quarry::early {
namespace {

constexpr std::size_t kCells = 64;
constexpr std::uint64_t kQuarterPage = 1024;
using SmallCells = Lockstep<kCells, kQuarterPage>;

template <std::size_t kCount, std::uint64_t kBytes>
void run_random_steps(Lockstep<kCount, kBytes>& both, int length) {
  const auto bytes = *rc::gen::resize(
      length, rc::gen::container<std::vector<std::array<std::uint8_t, 8>>>(
                  rc::gen::container<std::array<std::uint8_t, 8>>(rc::gen::arbitrary<std::uint8_t>())));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::uint8_t raw[8];
    std::copy(bytes[i].begin(), bytes[i].end(), raw);
    const std::string differs = both.step(step_from<kCount>(raw));
    if (!differs.empty()) RC_FAIL("step " + std::to_string(i) + ": " + differs);
  }
}

void run_random_steps(std::size_t regions) {
  SmallCells both{regions};
  RC_ASSERT(both.step({.verb = Verb::add, .range = {2, kCells}}) == "");
  run_random_steps(both, 400);
}

RC_GTEST_PROP(MemblockModel, RandomOperationsDoWhatTheCellsSay, ()) { run_random_steps(256); }
RC_GTEST_PROP(MemblockModel, TablesThatGrowOnTheWayChangeNothingElse, ()) { run_random_steps(3); }

// Every other cell is reserved, so that the table has nine rings; steps begin in the first ones.
RC_GTEST_PROP(MemblockModel, LargeTablesDoWhatTheCellsSay, ()) {
  constexpr std::size_t many_cells = 1100;
  Lockstep<many_cells, kQuarterPage> both{700};
  both.apply({.verb = Verb::add, .range = {4, many_cells}});
  for (std::size_t i = 5; i < many_cells; i += 2) both.apply({.verb = Verb::reserve, .range = {i, i + 1}});
  RC_ASSERT(both.compare_tables() == "");
  run_random_steps(both, 60);
}

// The operations of the exhaustive test: each range of six pages with each verb that takes one, and
// allocations of one to three pages.
constexpr std::size_t kPages = 7;  // page 0 is there, but never memory
using Pages = Lockstep<kPages, 4096>;

std::vector<Step> all_steps() {
  std::vector<Step> steps;
  for (std::size_t begin = 1; begin < kPages; ++begin)
    for (std::size_t end = begin + 1; end <= kPages; ++end) {
      const CellRange range{begin, end};
      for (const Verb verb : {Verb::remove, Verb::reserve, Verb::free, Verb::mark_hotplug, Verb::mark_mirror,
                              Verb::mark_nomap, Verb::clear_nomap})
        steps.push_back({.verb = verb, .range = range});
      steps.push_back({.verb = Verb::add, .range = range, .node = NodeId{0}});
      steps.push_back({.verb = Verb::set_node, .range = range, .node = NodeId{1}});
    }
  for (const NodeId node : {kAnyNode, NodeId{0}, NodeId{1}})
    for (std::size_t size = 1; size <= 3; ++size)
      for (const Verb verb : {Verb::alloc_try_nid, Verb::alloc_exact})
        if (verb != Verb::alloc_exact || node != kAnyNode)
          steps.push_back({.verb = verb, .node = node, .size = size});
  return steps;
}

// Six pages of memory of two nodes, the second one's last page hotpluggable and avoided.
void populate(Pages& both, bool bottom_up) {
  both.apply({.verb = Verb::add, .range = {1, 4}, .node = NodeId{0}});
  both.apply({.verb = Verb::add, .range = {4, 7}, .node = NodeId{1}});
  both.apply({.verb = Verb::mark_hotplug, .range = {6, 7}});
  both.apply({.verb = Verb::toggle_movable_node});
  if (bottom_up) both.apply({.verb = Verb::turn_around});
}

TEST(MemblockModel, AllSequencesOfThreeOperationsOnSixPages) {
  const std::vector<Step> steps = all_steps();
  const auto started = std::chrono::steady_clock::now();
  std::uint64_t sequences = 0;
  for (const Step& first : steps)
    for (const Step& second : steps) {
      // Every other pair runs bottom-up, and the pair itself is looked at with the first third step.
      Pages both{16};
      populate(both, (sequences & 1) != 0);
      ASSERT_EQ(both.step(first), "");
      ASSERT_EQ(both.step(second), "");
      for (const Step& third : steps) {
        Pages again{16};
        populate(again, (sequences & 1) != 0);
        again.apply(first);
        again.apply(second);
        again.apply(third);
        ASSERT_EQ(again.compare_tables(), "");
        ++sequences;
      }
    }
  const auto took = std::chrono::steady_clock::now() - started;
  std::printf("%zu operations, %llu sequences of three, %lld ms\n", steps.size(),
              static_cast<unsigned long long>(sequences),
              static_cast<long long>(std::chrono::duration_cast<std::chrono::milliseconds>(took).count()));
}

}  // namespace
}  // namespace quarry::early
