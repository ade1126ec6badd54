// Memblock against a table of cells: random operations, all short sequences, and large tables. What
// takes longer is in tests/early_proof.cpp.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdio>

#include "tests/memblock_exhaustive.hpp"
#include "tests/memblock_growth.hpp"

namespace quarry::early {
namespace {

constexpr std::size_t kCells = 64;
constexpr std::uint64_t kQuarterPage = 1024;
// From below 4 GiB to above it.
constexpr std::uint64_t kAcross4G = (std::uint64_t{1} << 32) - 32 * kQuarterPage;

template <class Both>
void run_random_steps(Both& both, int length) {
  const auto bytes = *rc::gen::resize(
      length, rc::gen::container<std::vector<std::array<std::uint8_t, 8>>>(
                  rc::gen::container<std::array<std::uint8_t, 8>>(rc::gen::arbitrary<std::uint8_t>())));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::uint8_t raw[8];
    std::copy(bytes[i].begin(), bytes[i].end(), raw);
    if (const char* differs = both.step(step_from<Both::kCellCount>(raw)))
      RC_FAIL("step " + std::to_string(i) + ": " + differs);
  }
}

template <std::uint64_t kBase>
void run_random_steps(std::size_t regions) {
  Lockstep<kCells, kQuarterPage, kBase> both{regions};
  RC_ASSERT(both.step({.verb = Verb::add, .range = {2, kCells}}) == nullptr);
  run_random_steps(both, 400);
}

RC_GTEST_PROP(MemblockModel, RandomOperationsDoWhatTheCellsSay, ()) { run_random_steps<0>(256); }
RC_GTEST_PROP(MemblockModel, TablesThatGrowOnTheWayChangeNothingElse, ()) { run_random_steps<0>(3); }
RC_GTEST_PROP(MemblockModel, Across4GiBItIsTheSame, ()) { run_random_steps<kAcross4G>(256); }
RC_GTEST_PROP(MemblockModel, AndTablesGrowThereAsWell, ()) { run_random_steps<kAcross4G>(3); }

// Every other cell is reserved, so that the table has nine rings; steps begin in the first ones.
RC_GTEST_PROP(MemblockModel, LargeTablesDoWhatTheCellsSay, ()) {
  constexpr std::size_t many_cells = 1100;
  Lockstep<many_cells, kQuarterPage> both{700};
  both.apply({.verb = Verb::add, .range = {4, many_cells}});
  for (std::size_t i = 5; i < many_cells; i += 2) both.apply({.verb = Verb::reserve, .range = {i, i + 1}});
  RC_ASSERT(both.compare_tables() == nullptr);
  run_random_steps(both, 60);
}

TEST(MemblockModel, TablesOfTenThousandRegionsGrowWhereTheyBelong) { EXPECT_EQ(grow_to(10'000), nullptr); }

// --- All of something ------------------------------------------------------------------------------------

template <std::size_t kPages>
using Pages = Lockstep<kPages + 1, 4096>;

void expect_covered(const Coverage& seen) {
  EXPECT_EQ(seen.wrong, nullptr) << seen.wrong;
  for (const Step& step : seen.how) print(step);
  std::printf("%zu operations, %.3f million transitions, %.3f million distinct states\n", seen.operations,
              static_cast<double>(seen.transitions) / 1e6, static_cast<double>(seen.states) / 1e6);
}

TEST(MemblockModel, AllSequencesOfTwoOperationsOnSixPages) {
  const std::vector<Step> steps = steps_about(Theme::everything, 6);
  for (const Direction direction : {Direction::top_down, Direction::bottom_up}) {
    Pages<6> both{16};
    populate(both, direction);
    const Coverage seen = Sequences{both, steps, 2}.run();
    expect_covered(seen);
    EXPECT_EQ(seen.sequences, steps.size() * steps.size());
  }
}

TEST(MemblockModel, AllSequencesOfThreeOperationsOnThreePages) {
  const std::vector<Step> steps = steps_about(Theme::everything, 3);
  Pages<3> both{16};
  populate(both, Direction::top_down);
  const Coverage seen = Sequences{both, steps, 3}.run();
  expect_covered(seen);
  EXPECT_EQ(seen.sequences, steps.size() * steps.size() * steps.size());
}

TEST(MemblockModel, AllDistinctStatesOfThreePagesThreeOperationsDeep) {
  const std::vector<Step> steps = steps_about(Theme::everything, 3);
  Pages<3> both{16};
  populate(both, Direction::top_down);
  const Coverage seen = States{both, steps, 1'000'000}.run(3);
  expect_covered(seen);
  EXPECT_TRUE(seen.is_whole);
  EXPECT_EQ(seen.states_by_depth.size(), 4u);
}

// The exhaustive tests must be able to fail: this Memblock forgets a page of each range that it frees.
struct Forgetful : Pages<3> {
  using Pages<3>::Pages;
  const char* step_tables(Step step) {
    if (step.verb == Verb::free && step.range.end > step.range.begin + 1) {
      Pages<3>::apply({.verb = Verb::free, .range = {step.range.begin, step.range.end - 1}});
      return compare_with(step);
    }
    return Pages<3>::step_tables(step);
  }
  const char* compare_with(const Step& step) const {
    Model want = model();
    want.free(step.range);
    return want.is_reserved(memblock().reserved().view()) ? nullptr : "reserved differs";
  }
};

TEST(MemblockModel, WhoForgetsAPageIsFoundOut) {
  const std::vector<Step> steps = steps_about(Theme::nodes, 3);
  Forgetful both{16};
  populate(both, Direction::top_down);
  const Coverage sequences = Sequences<Forgetful>{both, steps, 2}.run();
  ASSERT_NE(sequences.wrong, nullptr);
  EXPECT_EQ(sequences.how.size(), 2u);
  Forgetful again{16};
  populate(again, Direction::top_down);
  const Coverage states = States<Forgetful>{again, steps, 1000}.run(2);
  ASSERT_NE(states.wrong, nullptr);
  EXPECT_EQ(states.how.size(), 2u);
}

}  // namespace
}  // namespace quarry::early
