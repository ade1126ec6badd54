// Agreement with Linux on machines that nobody chose: those of tools/random-machines on which this boot once was another than
// the kernel's. Nothing of them may differ any more but what no description tells.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "cli/compare_boot.hpp"
#include "linux/compare.hpp"
#include "linux/file_bytes.hpp"

namespace quarry::lnx {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> random_cases() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator{QUARRY_RANDOM_CASES})
    if (is_corpus_case(entry.path())) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

// Where a device's window begins is in no description.
bool is_told_by_nothing(const Quantity& quantity) {
  return quantity.reason.find("a device's window") != std::string::npos;
}

TEST(RandomAgreement, what_once_differed_agrees) {
  std::map<std::string, unsigned> boots;
  std::size_t agree = 0;
  for (const fs::path& directory : random_cases()) {
    const std::string name = directory.filename().string();
    const auto machine = read_corpus_case(directory);
    ASSERT_TRUE(machine) << machine.problem().text;
    const auto booted = cli::boot_to_compare(*machine);
    const Outcomes linux_has =
        read_outcomes([&](std::string_view file) { return read_file(directory / file); });
    const Comparison comparison = compare(booted.shown, linux_has, {.failure = booted.failure});
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
