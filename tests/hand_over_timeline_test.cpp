// The hand-over of every recorded machine, moment by moment: sums, order, and what Linux's kernel says of the same
// moments.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <sstream>

#include "cli/boot_machine.hpp"
#include "cli/timeline.hpp"
#include "linux/initcall_watermarks.hpp"
#include "tests/linux_boots.hpp"

namespace quarry::lnx {
namespace {

namespace fs = std::filesystem;

const cli::TimelineEntry* find(const cli::BootReport& report, std::string_view step) {
  const auto found = std::find_if(report.timeline.begin(), report.timeline.end(),
                                  [&](const auto& entry) { return entry.step == step; });
  return found == report.timeline.end() ? nullptr : &*found;
}

void expect_sums(const cli::BootReport& report) {
  std::uint64_t given = 0, total = 0;
  for (const auto& entry : report.timeline) {
    given += entry.given;
    EXPECT_EQ(entry.total, given) << entry.step;
    EXPECT_GE(entry.total, total) << entry.step;
    total = entry.total;
    std::uint64_t managed = 0, cma = 0, free = 0;
    for (const auto& zone : entry.zones) managed += zone.managed, cma += zone.cma, free += zone.free;
    EXPECT_EQ(entry.total, managed) << entry.step;
    EXPECT_EQ(entry.cma, cma) << entry.step;
    EXPECT_EQ(entry.free, free) << entry.step;
    EXPECT_LE(entry.free, entry.total) << entry.step;
  }
}

// The last moment is what the zones have when the boot is done.
void expect_the_end(const cli::BootReport& report) {
  const cli::TimelineEntry& last = report.timeline.back();
  EXPECT_EQ(last.total * (report.page_size >> 10), report.mem_total_kib);
  EXPECT_EQ(last.cma * (report.page_size >> 10), report.cma_total_kib);
  std::size_t at = 0;
  for (const auto& node : report.nodes)
    for (const auto& zone : node.zones) {
      ASSERT_LT(at, last.zones.size());
      EXPECT_EQ(last.zones[at].node, node.id);
      EXPECT_EQ(last.zones[at].zone, zone.name);
      EXPECT_EQ(last.zones[at].managed, zone.managed_pages) << zone.name;
      EXPECT_EQ(last.zones[at].cma, zone.cma_pages) << zone.name;
      ++at;
    }
  EXPECT_EQ(at, last.zones.size());
}

// The first moments are what `free_area_handover` has, by zone.
void expect_the_hand_over(const cli::BootReport& report) {
  const cli::TimelineEntry* const deferred = find(report, "deferred pages");
  const cli::TimelineEntry* const after = deferred != nullptr ? deferred : find(report, "high memory");
  ASSERT_NE(after, nullptr);
  std::size_t at = 0;
  for (const auto& node : report.nodes)
    for (const auto& zone : node.zones) {
      std::uint64_t pages = 0;
      for (std::size_t order = 0; order < zone.free_area_handover.size(); ++order)
        pages += zone.free_area_handover[order] << order;
      EXPECT_EQ(after->zones[at++].managed, pages) << node.id << " " << zone.name;
    }
}

TEST(HandOverTimeline, every_moment_of_every_recorded_machine_adds_up) {
  unsigned machines = 0, deferred = 0, high = 0, areas = 0;
  for (const std::string_view arch : {"x86-", "arm64-", "armhf-"})
    for (const fs::path& directory : cases_of(arch)) {
      SCOPED_TRACE(directory.filename().string());
      const auto machine = read_corpus_case(directory);
      ASSERT_TRUE(machine);
      const auto report = cli::boot_to_read(*machine);
      if (!report) continue;
      ++machines;
      expect_sums(*report);
      expect_the_end(*report);
      expect_the_hand_over(*report);
      deferred += find(*report, "deferred pages") != nullptr;
      high += find(*report, "high memory")->given != 0;
      areas += find(*report, "CMA areas")->cma != 0;
    }
  EXPECT_EQ(machines, 173u);
  EXPECT_GT(deferred, 0u);
  EXPECT_GT(high, 0u);
  EXPECT_GT(areas, 0u);
  std::printf("timelines: %u machines, %u with deferred pages, %u with high memory, %u with areas\n",
              machines, deferred, high, areas);
}

// HighMem, and Movable, which on a board with high memory is cut out of that.
bool is_high(const cli::BootReport& report, const std::string& zone) {
  return zone == "HighMem" || (zone == "Movable" && report.high_total_kib != 0);
}

// Goal: high pages are free from one step on, which gives no others, and what memblock keeps of them is not among them.
TEST(HandOverTimeline, high_pages_are_given_by_a_step_of_their_own) {
  unsigned machines = 0, with_kept = 0;
  for (const fs::path& directory : cases_of("armhf-")) {
    SCOPED_TRACE(directory.filename().string());
    const auto machine = read_corpus_case(directory);
    ASSERT_TRUE(machine);
    const auto report = cli::boot_to_read(*machine);
    ASSERT_TRUE(report);
    const cli::TimelineEntry* const low = find(*report, "low memory");
    const cli::TimelineEntry* const high = find(*report, "high memory");
    ASSERT_TRUE(low != nullptr && high != nullptr && low + 1 == high);
    std::uint64_t given = 0, present = 0;
    ASSERT_EQ(low->zones.size(), high->zones.size());
    for (std::size_t i = 0; i < low->zones.size(); ++i) {
      if (!is_high(*report, high->zones[i].zone)) {
        EXPECT_EQ(low->zones[i].managed, high->zones[i].managed) << high->zones[i].zone;
        continue;
      }
      EXPECT_EQ(low->zones[i].managed, 0u) << high->zones[i].zone;
      given += high->zones[i].managed;
    }
    EXPECT_EQ(high->given, given);
    for (const auto& node : report->nodes)
      for (const auto& zone : node.zones)
        if (is_high(*report, zone.name)) present += zone.present_pages;
    EXPECT_LE(given, present);
    machines += present != 0;
    with_kept += given < present;
  }
  EXPECT_GT(machines, 10u);
  EXPECT_GT(with_kept, 0u);
  std::printf("high memory: %u boards, %u that keep some of it back\n", machines, with_kept);
}

// --- What each core may keep, as Linux's /proc/zoneinfo has it --------------------------------------------------------

// "Node 0, zone DMA32: 63 13972 63 13972": batch and high of each CPU of each populated zone.
Lines pagesets(const std::string& zoneinfo) {
  Lines lines;
  std::istringstream in{zoneinfo};
  std::string high;
  for (std::string line; std::getline(in, line);) {
    std::istringstream words{line};
    std::string first, second, third, name;
    words >> first >> second >> third >> name;
    if (first == "Node" && third == "zone") lines.push_back(second + " " + name + ":");
    if (first == "high:") high = second;
    if (first == "batch:") lines.back() += " " + second + "/" + high;
  }
  std::erase_if(lines, [](const std::string& line) { return line.ends_with(":"); });
  return lines;
}

// "smp: Brought up 1 node, 1 CPU". A board's tree may name more processors than the emulator has, and no input says so.
unsigned started_cores(const fs::path& directory, unsigned described) {
  const std::string log = text_file(directory / "dmesg.txt");
  unsigned nodes = 0, cores = described;
  const std::size_t at = log.find("smp: Brought up ");
  if (at != std::string::npos)
    std::sscanf(log.c_str() + at, "smp: Brought up %u node, %u CPU", &nodes, &cores);
  return cores;
}

TEST(HandOverTimeline, cores_may_keep_what_linux_lets_them_keep) {
  unsigned agree = 0, known = 0, not_started = 0;
  for (const std::string_view arch : {"x86-", "arm64-", "armhf-"})
    for (const fs::path& directory : cases_of(arch)) {
      const Lines theirs = pagesets(text_file(directory / "zoneinfo.txt"));
      if (theirs.empty()) continue;
      auto machine = read_corpus_case(directory);
      ASSERT_TRUE(machine);
      if (arch == "armhf-") {
        const unsigned started = started_cores(directory, machine->cpus);
        not_started += started != machine->cpus;
        machine->cpus = started;
      }
      const auto report = cli::boot_to_read(*machine);
      ASSERT_TRUE(report);
      const Lines ours = pagesets(report->texts.zoneinfo);
      EXPECT_EQ(ours, theirs) << directory.filename();
      ++known;
      agree += ours == theirs;
    }
  EXPECT_EQ(agree, known);
  EXPECT_EQ(not_started, 4u);
  EXPECT_GT(known, 0u);
  std::printf("pagesets: %u of %u machines agree\n", agree, known);
}

}  // namespace
}  // namespace quarry::lnx
