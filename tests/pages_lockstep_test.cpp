// The page allocator in lockstep with its cells: random runs on machines of several kinds, and the first few calls from
// sixteen pages on, all of them. pages_proof goes further.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "tests/pages_exhaustive.hpp"
#include "tests/pages_random.hpp"

namespace quarry::buddy {
namespace {

template <Geometry G, class Policy>
void runs_in_lockstep(const PagesSetup& setup) {
  const auto seed = *rc::gen::inRange<std::uint64_t>(1, 1'000'000'000);
  const std::string wrong = run_random_pages<G, Policy>(setup, seed, 40);
  if (!wrong.empty()) RC_FAIL(wrong);
}

template <class Policy>
class PagesLockstepOf : public ::testing::Test {};
using Policies = ::testing::Types<LinuxPolicy, CompactPolicy>;
TYPED_TEST_SUITE(PagesLockstepOf, Policies);

TYPED_TEST(PagesLockstepOf, SixteenPagesOnTwoCores) {
  EXPECT_TRUE(
      rc::check([] { runs_in_lockstep<kTinyFlat, TypeParam>(sixteen_pages(2, {.batch = 2, .high = 5})); }));
}
TYPED_TEST(PagesLockstepOf, AFlatMachineWithoutLists) {
  EXPECT_TRUE(
      rc::check([] { runs_in_lockstep<kSmallFlat, TypeParam>(large_machine(0, HandOver::at_once)); }));
}
TYPED_TEST(PagesLockstepOf, ASparseMachineOnTwoCoresWhoseSectionsAreDeferred) {
  EXPECT_TRUE(
      rc::check([] { runs_in_lockstep<kSmallSparse, TypeParam>(large_machine(2, HandOver::deferred)); }));
}
TYPED_TEST(PagesLockstepOf, AMachineThatIsMostlyAnArea) {
  EXPECT_TRUE(rc::check([] { runs_in_lockstep<kSmallFlat, TypeParam>(area_machine(2)); }));
}

template <Geometry G, class Policy>
void visits_every_state(PagesSetup setup, Theme theme, std::size_t depth) {
  if (theme == Theme::urgency) setup.min_free_kbytes = 12;
  PagesLockstep<G, Policy> both{setup};
  ASSERT_TRUE(both.is_ready());
  const auto steps =
      steps_about(theme, both.cells().size(), std::uint64_t{1} << G.pageblock_order_, G.max_order_ + 1);
  const PagesCoverage seen = PagesStates<PagesLockstep<G, Policy>>{both, steps, 1'000'000}.run(depth);
  std::string how;
  for (const PageStep& step : seen.how) how += "\n  " + text_of(step);
  EXPECT_EQ(seen.wrong, "") << how;
  EXPECT_TRUE(seen.is_whole);
  EXPECT_GT(seen.transitions, seen.states);
  std::printf("%llu states, %llu transitions\n", static_cast<unsigned long long>(seen.states),
              static_cast<unsigned long long>(seen.transitions));
}

// A look under sanitizers; pages_proof goes deeper.
TYPED_TEST(PagesLockstepOf, EveryStateThatAFewCallsLeadTo) {
  const CpuLimits small{.batch = 2, .high = 4};
  visits_every_state<kTinyFlat, TypeParam>(sixteen_pages(0, {}), Theme::blocks, 4);
  visits_every_state<kTinyFlat, TypeParam>(sixteen_pages(1, small), Theme::blocks, 4);
  visits_every_state<kTinyFlat, TypeParam>(sixteen_pages(1, small), Theme::urgency, 3);
  visits_every_state<kTinyFlat, TypeParam>(ragged_pages(1), Theme::urgency, 4);
  visits_every_state<kTinyFlat, TypeParam>(sixteen_pages(1, small), Theme::runs, 2);
  visits_every_state<kTinyFlat, TypeParam>(sixteen_pages(1, small), Theme::isolation, 2);
  PagesSetup deferred = sixteen_pages(0, {});
  deferred.hand_over = HandOver::deferred;
  visits_every_state<kTinySparse, TypeParam>(deferred, Theme::isolation, 2);
}

}  // namespace
}  // namespace quarry::buddy
