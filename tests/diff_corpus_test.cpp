// Pairs of recorded boots that differ in one thing: that thing is the first cause, and the change is the real kernels'.
#include <gtest/gtest.h>

#include <filesystem>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "cli/attribution.hpp"
#include "linux/corpus_case.hpp"
#include "linux/file_bytes.hpp"
#include "linux/outcomes.hpp"
#include "tests/corpus_files.hpp"

namespace quarry::cli {
namespace {

namespace fs = std::filesystem;
using lnx::DifferenceKind;
using nlohmann::json;

struct Case {
  fs::path folder;
  json file;
};

struct Pair {
  const Case* a;
  const Case* b;
  std::string thing;  // the key of case.json that is not the same
};

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  for (const fs::path& folder : corpus::cases_in(QUARRY_CORPUS)) {
    json file = json::parse(corpus::text_of(folder / "case.json"));
    for (const char* const key : {"name", "about"}) file.erase(key);
    cases.push_back({folder, std::move(file)});
  }
  return cases;
}

// The only key in which they differ; none: there are several.
std::optional<std::string> only_difference(const json& a, const json& b) {
  std::set<std::string> keys;
  for (const json* const file : {&a, &b})
    for (const auto& [key, ignored] : file->items()) keys.insert(key);
  std::optional<std::string> found;
  for (const std::string& key : keys) {
    if (a.value(key, json{}) == b.value(key, json{})) continue;
    if (found) return std::nullopt;
    found = key;
  }
  return found;
}

std::vector<Pair> pairs_of(const std::vector<Case>& cases) {
  std::vector<Pair> pairs;
  for (std::size_t i = 0; i < cases.size(); ++i)
    for (std::size_t j = i + 1; j < cases.size(); ++j)
      if (const auto thing = only_difference(cases[i].file, cases[j].file); thing && *thing != "arch")
        pairs.push_back({&cases[i], &cases[j], *thing});
  return pairs;
}

// What the recorder changes by that key.
std::set<DifferenceKind> kinds_of(const std::string& thing) {
  static const std::map<std::string, std::set<DifferenceKind>> kinds = {
      {"memory", {DifferenceKind::memory}},
      {"e820", {DifferenceKind::memory}},
      {"machine", {DifferenceKind::memory}},  // another chipset, which leaves another hole
      {"cmdline", {DifferenceKind::command_line}},
      {"numa", {DifferenceKind::numa}},
      {"srat", {DifferenceKind::numa}},
      {"smp", {DifferenceKind::processors}},
      {"boot", {DifferenceKind::tree}},  // by QEMU's own loader or the recorder's: what /chosen says
      {"dt", {DifferenceKind::memory, DifferenceKind::reserved, DifferenceKind::tree}},
  };
  const auto found = kinds.find(thing);
  return found == kinds.end() ? std::set<DifferenceKind>{} : found->second;
}

// Many pairs say the same of one thing: a few of each are enough here, and the tool's own test has them all.
bool is_one_of_many(const Pair& pair, std::map<std::string, unsigned>& seen) {
  constexpr unsigned all_of = 2, one_in = 40;
  const unsigned count = seen[pair.thing]++;
  return count >= all_of && count % one_in != 0;
}

std::optional<std::uint64_t> real_total(const Case& one) {
  return lnx::read_outcomes([&](std::string_view file) { return lnx::read_file(one.folder / file); })
      .meminfo.mem_total_kib;
}

void expect_explained(const Pair& pair) {
  const std::string names = pair.a->folder.filename().string() + " and " + pair.b->folder.filename().string();
  auto from = lnx::read_corpus_case(pair.a->folder), to = lnx::read_corpus_case(pair.b->folder);
  ASSERT_TRUE(from && to) << names;
  const lnx::MachineMix mix{*std::move(from), *std::move(to)};
  const auto found = attribute(mix);
  ASSERT_TRUE(found) << names << ": " << found.problem().text;
  EXPECT_TRUE(found->unexplained.is_zero()) << names;
  const Figures change = found->after - found->before;
  const auto before = real_total(*pair.a), after = real_total(*pair.b);
  ASSERT_TRUE(before && after) << names;
  EXPECT_EQ(change.mem_total, static_cast<std::int64_t>(*after) - static_cast<std::int64_t>(*before))
      << names;
  const auto kinds = kinds_of(pair.thing);
  if (kinds.empty()) {  // "qemu": a switch of the emulator that no kernel sees
    EXPECT_TRUE(mix.differences().empty()) << names << " in " << pair.thing;
    return;
  }
  ASSERT_FALSE(found->effects.empty()) << names;
  const auto& first = mix.differences()[found->effects.front().differences.front()];
  EXPECT_TRUE(kinds.contains(first.kind)) << names << " in " << pair.thing << ": " << first.what;
}

TEST(DiffCorpus, of_two_boots_that_differ_in_one_thing_it_is_named_first_and_the_change_is_linuxs) {
  const auto cases = all_cases();
  const auto pairs = pairs_of(cases);
  std::map<std::string, unsigned> seen, done;
  unsigned tried = 0;
  for (const Pair& pair : pairs) {
    if (is_one_of_many(pair, seen)) continue;
    expect_explained(pair);
    ++done[pair.thing], ++tried;
  }
  std::cout << tried << " of " << pairs.size() << " pairs that differ in one thing:";
  for (const auto& [thing, count] : done) std::cout << " " << thing << " " << count;
  std::cout << "\n";
  EXPECT_GE(tried, 20u);
  EXPECT_GE(done.size(), 8u);
}

}  // namespace
}  // namespace quarry::cli
