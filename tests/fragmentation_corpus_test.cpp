// The indices of fragmentation against debugfs: what each recorded kernel printed is what our view makes of its free
// blocks.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include "cli/text.hpp"
#include "linux/corpus_case.hpp"
#include "linux/file_bytes.hpp"
#include "quarry/view/fragmentation.hpp"

namespace quarry::view {
namespace {

namespace fs = std::filesystem;

std::string text_file(const fs::path& path) {
  const auto bytes = lnx::read_file(path);
  return bytes ? std::string{lnx::text_of(*bytes)} : std::string{};
}

zones::ZoneType type_of(std::string_view name) {
  for (unsigned type = 0; type < zones::kZoneTypes; ++type) {
    const auto zone = static_cast<zones::ZoneType>(type);
    if (cli::to_string(zones::name_of(zone)) == name) return zone;
  }
  ADD_FAILURE() << "an unknown zone " << name;
  return {};
}

struct FreeBlocks {
  std::vector<CountedZone> zones;
  unsigned orders = 0;
};

// /proc/buddyinfo, which does not say of which type a block is.
FreeBlocks buddyinfo(const fs::path& directory) {
  FreeBlocks found;
  std::istringstream in{text_file(directory / "buddyinfo.txt")};
  for (std::string line; std::getline(in, line);) {
    std::istringstream words{line};
    std::string node, number, zone, name;
    words >> node >> number >> zone >> name;
    CountedZone counted{.node = static_cast<NodeId>(std::stoul(number)), .type = type_of(name)};
    unsigned order = 0;
    for (std::uint64_t blocks = 0; words >> blocks; ++order) counted.stats.free_blocks[order][0] = blocks;
    found.orders = order;
    found.zones.push_back(counted);
  }
  return found;
}

// The numbers of a table of indices, in thousandths.
std::vector<int> indices(const std::string& text) {
  std::vector<int> found;
  std::istringstream in{text};
  for (std::string word; in >> word;)
    if (word.size() == 5 && word[1] == '.')
      found.push_back(std::atoi(word.c_str()) * 1000 + std::atoi(word.c_str() + 2));
  return found;
}

// The kernel printed both one after the other, and went on in between: where it freed or took pages, the indices
// moved by a few thousandths, and the rest of the text is the same.
TEST(Fragmentation, every_recorded_unusable_index_follows_from_the_free_blocks) {
  unsigned same = 0, moved = 0;
  int furthest = 0;
  for (const auto& entry : fs::directory_iterator{QUARRY_CORPUS}) {
    if (!lnx::is_corpus_case(entry.path())) continue;
    const std::string theirs = text_file(entry.path() / "unusable_index.txt");
    if (theirs.empty()) continue;
    const FreeBlocks blocks = buddyinfo(entry.path());
    ASSERT_NE(blocks.orders, 0u) << entry.path();
    const std::string ours = cli::printed(
        [&](TextSink& out) { print_unusable_index(out, Order{blocks.orders - 1}, blocks.zones); });
    if (ours == theirs) {
      ++same;
      continue;
    }
    ++moved;
    const auto our_numbers = indices(ours), their_numbers = indices(theirs);
    ASSERT_EQ(our_numbers.size(), their_numbers.size()) << entry.path() << "\n" << ours << theirs;
    for (std::size_t i = 0; i < our_numbers.size(); ++i)
      furthest = std::max(furthest, std::abs(our_numbers[i] - their_numbers[i]));
  }
  EXPECT_EQ(same, 115u);
  EXPECT_EQ(moved, 58u);
  EXPECT_LE(furthest, 9);
  std::printf("unusable_index: the same text in %u cases, within %d/1000 in %u others\n", same, furthest,
              moved);
}

}  // namespace
}  // namespace quarry::view
