// What Linux had when its page allocator began: every recorded x86 boot is booted here from its inputs alone, and what was
// reserved by then, the managed pages of each zone and MemTotal are held against the outcome. Nothing is left out.
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "cli/boot_machine.hpp"
#include "tests/linux_boots.hpp"

namespace quarry::lnx {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// --- What is reserved at the hand-over ------------------------------------------------------------------------------

// Ranges by their beginning; none touch.
class Ranges {
 public:
  void add(std::uint64_t begin, std::uint64_t end) {
    if (begin >= end) return;
    auto at = ranges_.upper_bound(begin);
    if (at != ranges_.begin() && std::prev(at)->second >= begin) --at;
    while (at != ranges_.end() && at->first <= end) {
      begin = std::min(begin, at->first);
      end = std::max(end, at->second);
      at = ranges_.erase(at);
    }
    ranges_.emplace(begin, end);
  }
  void remove(std::uint64_t begin, std::uint64_t end) {
    std::map<std::uint64_t, std::uint64_t> left;
    for (const auto& [from, to] : ranges_) {
      if (from < std::min(to, begin)) left.emplace(from, std::min(to, begin));
      if (std::max(from, end) < to) left.emplace(std::max(from, end), to);
    }
    ranges_ = std::move(left);
  }
  Lines lines() const {
    Lines lines;
    for (const auto& [from, to] : ranges_) lines.push_back(fmt::format("{:#x}-{:#x}", from, to));
    return lines;
  }

 private:
  std::map<std::uint64_t, std::uint64_t> ranges_;
};

// The log's last configuration, and what was done after it until memblock gave its pages away.
Lines reserved_by_linux(const fs::path& directory) {
  Ranges reserved;
  std::istringstream in{text_file(directory / "memblock-ops.jsonl")};
  for (std::string text; std::getline(in, text);) {
    const json op = json::parse(text);
    const std::string kind = op.at("op");
    if (op.value("late", false)) continue;
    if (kind == "dump") {
      reserved = {};
      for (const json& region : op.at("reserved"))
        reserved.add(number(region.at("base")), number(region.at("end")) + 1);
    } else if (kind == "reserve") {
      reserved.add(number(op.at("base")), number(op.at("base")) + number(op.at("size")));
    } else if (kind == "phys_free") {
      reserved.remove(number(op.at("base")), number(op.at("base")) + number(op.at("size")));
    } else if ((kind.starts_with("alloc_") || kind == "phys_alloc_range") && !op.at("addr").is_null()) {
      reserved.add(number(op.at("addr")), number(op.at("addr")) + number(op.at("size")));
    }
  }
  return reserved.lines();
}

// Where UEFI's stub put the map is in no input: its reservation, which lies beside RAM, is left out.
Lines reserved_by_us(const Booted& booted, const fs::path& directory) {
  Ranges reserved;
  for (const early::Region& region : booted.system->memblock().reserved().view())
    reserved.add(region.base.raw, region.end().raw);
  std::istringstream in{text_file(directory / "memblock-ops.jsonl")};
  for (std::string text; std::getline(in, text);)
    if (const json op = json::parse(text); op.value("caller", "") == "efi_memblock_x86_reserve_range")
      reserved.add(number(op.at("base")), number(op.at("base")) + number(op.at("size")));
  return reserved.lines();
}

TEST(LinuxAllocations, what_is_reserved_at_the_hand_over_is_what_linux_had_reserved) {
  unsigned agree = 0, maps = 0;
  for (const fs::path& directory : x86_cases()) {
    const std::string name = directory.filename().string();
    const auto booted = boot_case(directory);
    const Lines theirs = reserved_by_linux(directory), ours = reserved_by_us(*booted, directory);
    EXPECT_EQ(theirs, ours) << name;
    agree += theirs == ours;
    maps += text_file(directory / "memblock-ops.jsonl").find("efi_memblock_x86_reserve_range") !=
            std::string::npos;
  }
  EXPECT_EQ(maps, 6u);
  std::printf("reserved at the hand-over: %u of %zu x86 cases agree\n", agree, x86_cases().size());
}

// --- Pages --------------------------------------------------------------------------------------------------------

// /proc/zoneinfo: managed pages of each populated zone.
Lines printed_zones(const fs::path& directory) {
  Lines lines;
  std::istringstream in{text_file(directory / "zoneinfo.txt")};
  unsigned node = 0;
  unsigned long managed = 0, present = 0;
  char name[32] = "";
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("Node ")) std::sscanf(line.c_str(), "Node %u, zone %31s", &node, name);
    std::sscanf(line.c_str(), " present %lu", &present);
    if (std::sscanf(line.c_str(), " managed %lu", &managed) == 1 && present != 0)
      lines.push_back(fmt::format("node {} {} managed {}", node, name, managed));
  }
  return lines;
}

Lines our_zones(const cli::BootReport& report) {
  Lines lines;
  for (const auto& node : report.nodes)
    for (const auto& zone : node.zones)
      lines.push_back(fmt::format("node {} {} managed {}", node.id, zone.name, zone.managed_pages));
  return lines;
}

std::uint64_t printed_mem_total(const fs::path& directory) {
  unsigned long kib = 0;
  std::sscanf(text_file(directory / "meminfo.txt").c_str(), "MemTotal: %lu kB", &kib);
  return kib;
}

// How many of an architecture's boots manage what Linux managed; the others fail the test.
unsigned count_agreeing(const std::vector<fs::path>& cases) {
  unsigned agree = 0;
  for (const fs::path& directory : cases) {
    const std::string name = directory.filename().string();
    const auto machine = read_corpus_case(directory);
    if (!machine) continue;
    cli::EventLog log;
    const auto report = cli::boot_machine(*machine, cli::Mode::linux_mode, log);
    const std::uint64_t mem_total = printed_mem_total(directory);
    EXPECT_EQ(static_cast<bool>(report), mem_total != 0)
        << name << ": " << (report ? "" : report.problem().text);
    if (!report || mem_total == 0) {
      agree += !report && mem_total == 0;
      continue;
    }
    EXPECT_EQ(report->exercises.size(), 3u) << name;
    for (const auto& exercise : report->exercises)
      EXPECT_EQ(exercise.outcome, "ok") << name << ": " << exercise.what;
    const Lines theirs = printed_zones(directory), ours = our_zones(*report);
    EXPECT_EQ(theirs, ours) << name;
    EXPECT_EQ(mem_total, report->mem_total_kib) << name;
    agree += theirs == ours && mem_total == report->mem_total_kib;
  }
  return agree;
}

TEST(LinuxAllocations, recorded_x86_boots_manage_the_pages_that_linux_managed) {
  EXPECT_EQ(count_agreeing(x86_cases()), 77u);
}

TEST(LinuxAllocations, recorded_arm64_boots_manage_the_pages_that_linux_managed) {
  EXPECT_EQ(count_agreeing(cases_of("arm64-")), 58u);
}

TEST(LinuxAllocations, recorded_arm_boots_manage_the_pages_that_linux_managed) {
  EXPECT_EQ(count_agreeing(cases_of("armhf-")), 39u);
}

}  // namespace
}  // namespace quarry::lnx
