// Bootmem against a list of pages: random operations, and all short sequences on six pages. All of
// three are in tests/early_proof.cpp.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <cstdio>

#include "tests/bootmem_lockstep.hpp"

namespace quarry::early::by_page {
namespace {

void run_random_steps(LongBits width) {
  const auto steps = *rc::gen::resize(
      300, rc::gen::container<std::vector<std::array<std::uint8_t, 8>>>(
               rc::gen::container<std::array<std::uint8_t, 8>>(rc::gen::arbitrary<std::uint8_t>())));
  Lockstep both{kRandom, width};
  for (const auto& [min, low] : kRandom.nodes)
    RC_ASSERT(both.step({.verb = Verb::free, .begin = min * kPage, .length = (low - min) * kPage}) == "");
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const std::string differs = both.step(step_from(steps[i]));
    if (!differs.empty()) RC_FAIL("step " + std::to_string(i) + ": " + differs);
  }
  for (const std::size_t node : {1u, 0u, 2u}) {
    RC_ASSERT(both.hand_over(node) == "");
    for (std::size_t i = 0; i < steps.size() && i < 20; ++i) RC_ASSERT(both.step(step_from(steps[i])) == "");
  }
}

RC_GTEST_PROP(BootmemModel, RandomOperationsDoWhatThePagesSay, ()) { run_random_steps(LongBits::bits64); }
RC_GTEST_PROP(BootmemModel, AndSoTheyDoInLongsOf32Bits, ()) { run_random_steps(LongBits::bits32); }

TEST(BootmemModel, AllSequencesOfTwoOperationsOnSixPages) {
  std::uint64_t sequences = 0;
  EXPECT_EQ(run_sequences(2, sequences), "");
  EXPECT_EQ(sequences, all_steps().size() * all_steps().size());
  std::printf("%llu sequences of two\n", static_cast<unsigned long long>(sequences));
}

}  // namespace
}  // namespace quarry::early::by_page
