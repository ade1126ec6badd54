// tests/slub_geometry_test.cpp: every cache of every recorded Linux boot, laid out again.
#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "quarry/slab/geometry.hpp"

namespace {

namespace fs = std::filesystem;
using quarry::slab::Debug;
using quarry::slab::LineAlign;
using quarry::slab::LinkPlace;
using quarry::slab::ObjectSpec;
using quarry::slab::PackingRules;

// A line of slub.txt: what /sys/kernel/slab says of one cache.
struct Line {
  std::string name;
  std::map<std::string, unsigned> field;  // those that are 0 are left out
  unsigned operator[](const std::string& key) const {
    const auto at = field.find(key);
    return at == field.end() ? 0 : at->second;
  }
  bool is_kmalloc() const { return name.find("kmalloc-") != std::string::npos; }
};

std::vector<Line> read_slub(const fs::path& file) {
  std::ifstream in{file};
  std::vector<Line> lines;
  for (std::string text; std::getline(in, text);) {
    // A name may hold spaces, the fields never do.
    const std::size_t end = text.find(" object_size=");
    EXPECT_NE(end, std::string::npos) << text;
    Line line{.name = text.substr(0, end), .field = {}};
    std::istringstream fields{text.substr(end)};
    for (std::string field; fields >> field;) {
      const std::size_t equals = field.find('=');
      line.field[field.substr(0, equals)] =
          static_cast<unsigned>(std::strtoul(field.c_str() + equals + 1, nullptr, 10));
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

// What the kernel's log and command line say of the machine.
PackingRules rules_of(const fs::path& folder) {
  PackingRules rules;
  const std::string name = folder.filename().string();
  rules.word = name.starts_with("armhf") ? 4 : 8;
  rules.kmalloc_align = name.starts_with("arm64") ? 128 : name.starts_with("armhf") ? 64 : 8;
  if (name.starts_with("armhf")) rules.highest_order = 11;
  std::ifstream in{folder / "dmesg.txt"};
  for (std::string text; std::getline(in, text);) {
    const std::size_t at = text.find("SLUB: HWalign=");
    if (at == std::string::npos) continue;
    EXPECT_EQ(5, std::sscanf(text.c_str() + at, "SLUB: HWalign=%u, Order=%u-%u, MinObjects=%u, CPUs=%u",
                             &rules.cache_line, &rules.min_order, &rules.max_order, &rules.min_objects,
                             &rules.cpus));
    return rules;
  }
  ADD_FAILURE() << folder << " has no line about SLUB";
  return rules;
}

ObjectSpec spec_of(const Line& line, LinkPlace link, const PackingRules& rules) {
  ObjectSpec spec{.size = line["object_size"]};
  // A kmalloc class's alignment follows from its size; another cache's creator chose it, and the recorded
  // one is what came out of it.
  spec.align = line.is_kmalloc() ? quarry::slab::kmalloc_alignment(spec.size, rules) : line["align"];
  spec.line_align = line["hwcache_align"] != 0 ? LineAlign::yes : LineAlign::no;
  spec.link = link;
  if (line["red_zone"] != 0) spec.debug = spec.debug | Debug::red_zone;
  if (line["poison"] != 0) spec.debug = spec.debug | Debug::poison;
  if (line["sanity_checks"] != 0) spec.debug = spec.debug | Debug::sanity;
  if (line["store_user"] != 0) {
    spec.debug = spec.debug | Debug::store_user;
    if (line.is_kmalloc()) spec.debug = spec.debug | Debug::kmalloc;
  }
  return spec;
}

// The first field that disagrees, or nothing.
std::string difference(const Line& line, const ObjectSpec& spec, const PackingRules& rules) {
  const auto packing = quarry::slab::packing_of(spec, rules);
  if (!packing) return "refused";
  const auto& p = packing.value();
  const std::pair<const char*, unsigned> ours[] = {
      {"slab_size", p.size},          {"align", p.align},
      {"order", p.order.raw()},       {"objs_per_slab", p.objects},
      {"min_partial", p.min_partial}, {"cpu_partial", p.cpu_partial}};
  for (const auto& [key, value] : ours)
    if (value != line[key]) return key + (": " + std::to_string(value)) + " for " + std::to_string(line[key]);
  return {};
}

TEST(SlubGeometry, EveryRecordedCacheIsLaidOutAsLinuxDid) {
  if (!fs::is_directory(QUARRY_CORPUS)) GTEST_SKIP() << "no corpus at " << QUARRY_CORPUS;
  unsigned boots = 0, caches = 0, plain = 0, behind = 0;
  std::set<std::string> with_link_behind, merged_behind;
  for (const auto& folder : fs::directory_iterator{QUARRY_CORPUS}) {
    if (!fs::exists(folder.path() / "slub.txt")) continue;
    ++boots;
    const PackingRules rules = rules_of(folder.path());
    for (const Line& line : read_slub(folder.path() / "slub.txt")) {
      ++caches;
      const std::string wrong = difference(line, spec_of(line, LinkPlace::inside, rules), rules);
      if (wrong.empty()) {
        ++plain;
        continue;
      }
      // sysfs shows neither constructors nor SLAB_TYPESAFE_BY_RCU in this corpus; either puts the link behind.
      const std::string still = difference(line, spec_of(line, LinkPlace::behind, rules), rules);
      EXPECT_EQ("", still) << folder.path().filename() << ' ' << line.name << ", or inside " << wrong;
      if (!still.empty()) continue;
      ++behind;
      (line.name.starts_with(':') ? merged_behind : with_link_behind).insert(line.name);
    }
  }
  std::string names;
  for (const auto& name : with_link_behind) names += ' ' + name;
  for (const auto& name : merged_behind) names += ' ' + name;
  std::printf("%u boots, %u caches: %u with the link inside, %u with it behind:%s\n", boots, caches, plain,
              behind, names.c_str());
  EXPECT_GT(boots, 0u);
  // A merged cache has no constructor and no RCU: nothing could excuse it.
  EXPECT_TRUE(merged_behind.empty());
}

// ":a-0000104" is a cache that others may be merged into: the letters say what kind of memory it is of, the number is a slot's
// size. Whatever Linux merged has one such name, so no two of them with the same letters may serve for each other.
TEST(SlubGeometry, WhatLinuxMergedServesAndWhatItKeptApartDoesNot) {
  if (!fs::is_directory(QUARRY_CORPUS)) GTEST_SKIP() << "no corpus at " << QUARRY_CORPUS;
  unsigned caches = 0, names = 0, pairs = 0;
  for (const auto& folder : fs::directory_iterator{QUARRY_CORPUS}) {
    if (!fs::exists(folder.path() / "slub-aliases.txt")) continue;
    const PackingRules rules = rules_of(folder.path());
    std::map<std::string, unsigned> merged;  // by the name of what they were merged into
    std::ifstream in{folder.path() / "slub-aliases.txt"};
    for (std::string text; std::getline(in, text); ++names) ++merged[text.substr(text.rfind(' ') + 1)];
    std::map<std::string, std::vector<quarry::slab::Packing>> by_kind;
    for (const Line& line : read_slub(folder.path() / "slub.txt")) {
      if (!line.name.starts_with(':')) continue;
      ++caches;
      const std::size_t dash = line.name.rfind('-');
      const std::string kind = dash == std::string::npos ? "" : line.name.substr(1, dash - 1);
      const auto packing = quarry::slab::packing_of(spec_of(line, LinkPlace::inside, rules), rules).value();
      char name[32];
      std::snprintf(name, sizeof name, ":%s%s%07u", kind.c_str(), kind.empty() ? "" : "-", packing.size);
      EXPECT_EQ(name, line.name) << folder.path().filename();
      EXPECT_EQ(line["aliases"] + 1, merged[line.name]) << folder.path().filename() << ' ' << line.name;
      EXPECT_TRUE(serves(packing, packing, rules.word));
      for (const auto& other : by_kind[kind]) {
        ++pairs;
        EXPECT_FALSE(serves(packing, other, rules.word) || serves(other, packing, rules.word))
            << folder.path().filename() << ' ' << line.name << " and one of " << other.size;
      }
      by_kind[kind].push_back(packing);
    }
  }
  std::printf("%u mergeable caches with %u names, %u pairs that Linux kept apart\n", caches, names, pairs);
  EXPECT_GT(pairs, 10000u);
}

}  // namespace
