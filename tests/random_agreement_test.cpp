// Agreement with Linux on machines that nobody chose: those of tools/random-machines on which this boot once was another than
// the kernel's. Nothing of them may differ any more but what no description tells.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "tests/compared_case.hpp"
#include "tests/corpus_files.hpp"

namespace quarry::lnx {
namespace {

namespace fs = std::filesystem;

// Where a device's window begins is in no description.
bool is_told_by_nothing(const Quantity& quantity) {
  return quantity.reason.find("a device's window") != std::string::npos;
}

TEST(RandomAgreement, what_once_differed_agrees) {
  std::map<std::string, unsigned> boots;
  std::size_t agree = 0;
  for (const fs::path& directory : corpus::cases_in(QUARRY_RANDOM_CASES)) {
    const std::string name = directory.filename().string();
    const auto compared = compare_case(directory);
    ASSERT_TRUE(compared) << compared.problem().text;
    const Comparison& comparison = *compared;
    for (const Quantity& quantity : comparison.quantities)
      EXPECT_TRUE(quantity.verdict != Verdict::differ || is_told_by_nothing(quantity))
          << name << ": " << quantity.kind << ", " << quantity.name << "\n  quarry " << quantity.ours
          << "\n  linux  " << quantity.theirs;
    EXPECT_GE(comparison.total().known(), 20u) << name << ": the kernel showed too little";
    agree += comparison.total().agree;
    ++boots[name.substr(0, name.find('-', name.find('-') + 1))];
  }
  EXPECT_EQ(boots.size(), 3u);
  std::printf("random machines: %zu quantities agree\n", agree);
}

}  // namespace
}  // namespace quarry::lnx
