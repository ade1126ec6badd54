// How many pages each core may keep: every populated zone of every recorded boot, from the managed pages and the low
// watermark that Linux printed beside its own limits. Arithmetic only: hand_over_timeline_test boots the machines.
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "quarry/buddy/cpu_limits.hpp"
#include "tests/corpus_files.hpp"

namespace quarry::buddy {
namespace {

namespace fs = std::filesystem;

struct PrintedZone {
  unsigned node = 0;
  std::string name{};
  std::uint64_t managed = 0, low = 0;
  std::vector<CpuLimits> of_cores{};
};

std::vector<PrintedZone> zones_of(const fs::path& folder) {
  std::vector<PrintedZone> zones;
  std::istringstream in{corpus::text_of(folder / "zoneinfo.txt")};
  for (std::string line; std::getline(in, line);) {
    std::istringstream words{line};
    std::string first, second, third;
    words >> first >> second >> third;
    if (first == "Node") {
      zones.push_back({.node = static_cast<unsigned>(std::stoul(second))});
      words >> zones.back().name;
    }
    if (first == "managed") zones.back().managed = std::stoull(second);
    if (first == "low" && zones.back().low == 0) zones.back().low = std::stoull(second);
    if (first == "high:")
      zones.back().of_cores.push_back({.batch = 0, .high = static_cast<std::uint32_t>(std::stoul(second))});
    if (first == "batch:")
      zones.back().of_cores.back().batch = static_cast<std::uint32_t>(std::stoul(second));
  }
  std::erase_if(zones, [](const PrintedZone& zone) { return zone.managed == 0; });
  return zones;
}

// "0,2-3" has three.
unsigned count_of(const std::string& list) {
  unsigned count = 0;
  std::istringstream in{list};
  for (std::string part; std::getline(in, part, ',');) {
    const std::size_t dash = part.find('-');
    count += dash == std::string::npos
                 ? 1
                 : static_cast<unsigned>(std::stoul(part.substr(dash + 1)) - std::stoul(part)) + 1;
  }
  return count;
}

// The online cores of each node; empty on kernels without NUMA.
std::map<unsigned, unsigned> cores_of(const fs::path& folder) {
  std::map<unsigned, unsigned> cores;
  std::istringstream in{corpus::text_of(folder / "node.txt")};
  for (std::string line; std::getline(in, line);) {
    const std::size_t list = line.find("/cpulist: ");
    if (line.starts_with("node") && list != std::string::npos)
      cores[static_cast<unsigned>(std::stoul(line.substr(4)))] = count_of(line.substr(list + 10));
  }
  return cores;
}

// What came back after the watermarks were computed: the initrd and what only the boot needed.
std::uint64_t pages_back_later(const fs::path& folder) {
  std::uint64_t kib = 0;
  for (const std::string& line : corpus::log_of(folder)) {
    const bool is_later = line.starts_with("Freeing initrd") || line.starts_with("Freeing unused");
    if (is_later) kib += std::stoull(line.substr(line.find(": ") + 2));
  }
  return kib / 4;
}

TEST(CpuLimits, EveryZoneOfEveryRecordedBootHasThem) {
  unsigned boots = 0, zones = 0, later = 0;
  for (const fs::path& folder : corpus::cases_with("zoneinfo.txt")) {
    ++boots;
    const auto cores = cores_of(folder);
    for (const PrintedZone& zone : zones_of(folder)) {
      SCOPED_TRACE(folder.filename().string() + ", node " + std::to_string(zone.node) + " " + zone.name);
      ++zones;
      const auto all = static_cast<unsigned>(zone.of_cores.size());
      ASSERT_NE(all, 0u);
      const auto own = cores.find(zone.node);
      const unsigned near = own == cores.end() || own->second == 0 ? all : own->second;
      const PageSize page{12};
      CpuLimits ours = cpu_limits(PageCount{zone.managed}, PageCount{zone.low}, near, page);
      if (ours != zone.of_cores[0]) {
        ++later;
        const PageCount before{zone.managed - pages_back_later(folder)};
        ours = cpu_limits(before, PageCount{zone.low}, near, page);
      }
      for (const CpuLimits& theirs : zone.of_cores) {
        EXPECT_EQ(ours.batch, theirs.batch);
        EXPECT_EQ(ours.high, theirs.high);
      }
    }
  }
  EXPECT_EQ(boots, 173u);
  EXPECT_EQ(zones, 360u);
  EXPECT_EQ(later, 3u);  // just above a step, because of what came back
  std::printf("limits of cores: %u zones of %u boots, %u before pages came back\n", zones, boots, later);
}

}  // namespace
}  // namespace quarry::buddy
