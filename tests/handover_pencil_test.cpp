// What a pencil gets: from the ranges that memblock has free in the end, cut at the zones' ends, the free blocks of each
// order that a page allocator must have right after the hand-over. Every recorded boot.
#include <gtest/gtest.h>

#include <map>

#include "cli/boot_machine.hpp"
#include "tests/linux_boots.hpp"

namespace quarry::lnx {
namespace {

// Frames [first, second); none overlap, and none touch.
using Runs = std::map<std::uint64_t, std::uint64_t>;

void add(Runs& runs, std::uint64_t begin, std::uint64_t end) {
  if (begin >= end) return;
  for (auto& [from, to] : runs)
    if (to == begin) {
      to = end;
      return;
    }
  runs.emplace(begin, end);
}

// Whole frames of one node's memory that are not reserved, in ascending order.
Runs free_of_node(const early::Memblock& memblock, int node, std::uint64_t page) {
  Runs runs;
  for (const early::Region& memory : memblock.memory().view()) {
    const int home = memory.node == early::kAnyNode ? 0 : static_cast<int>(memory.node);
    if (home != node || early::has(memory.flags, early::Flags::nomap)) continue;
    std::uint64_t at = memory.base.raw;
    const auto take = [&](std::uint64_t end) { add(runs, (at + page - 1) / page, end / page); };
    for (const early::Region& reserved : memblock.reserved().view()) {
      if (reserved.end().raw <= at || reserved.base.raw >= memory.end().raw) continue;
      if (reserved.base.raw > at) take(reserved.base.raw);
      at = std::max(at, reserved.end().raw);
    }
    if (at < memory.end().raw) take(memory.end().raw);
  }
  return runs;
}

std::vector<std::uint64_t> blocks_of(const Runs& runs, std::uint64_t begin, std::uint64_t end,
                                     unsigned max_order) {
  std::vector<std::uint64_t> blocks(max_order + 1, 0);
  for (const auto& [from, to] : runs) {
    std::uint64_t at = std::max(from, begin);
    const std::uint64_t last = std::min(to, end);
    while (at < last) {
      unsigned order = 0;
      while (order < max_order && at % (std::uint64_t{2} << order) == 0 &&
             at + (std::uint64_t{2} << order) <= last)
        ++order;
      ++blocks[order];
      at += std::uint64_t{1} << order;
    }
  }
  return blocks;
}

// Memory that is mirrored lies in two zones at once: which frame is whose is not a matter of addresses.
bool has_overlapping_zones(const cli::NodeEntry& node) {
  for (std::size_t i = 1; i < node.zones.size(); ++i)
    if (node.zones[i].start_pfn < node.zones[i - 1].start_pfn + node.zones[i - 1].spanned_pages) return true;
  return false;
}

TEST(HandOver, has_the_blocks_that_a_pencil_gets_from_the_free_ranges) {
  unsigned boots = 0, zones = 0, overlapping = 0;
  for (const auto& directory : cases_of("")) {
    const std::string name = directory.filename().string();
    const auto machine = read_corpus_case(directory);
    if (!machine) continue;
    const auto report = cli::boot_to_read(*machine);
    if (!report) continue;  // x86-srat-orphan, which Linux does not boot either
    const auto booted = boot_case(directory);
    ASSERT_TRUE(booted->failure.empty()) << name;
    const Geometry& geometry = booted->view->geometry;
    ++boots;
    for (const auto& node : report->nodes) {
      if (has_overlapping_zones(node)) {
        ++overlapping;
        continue;
      }
      const Runs runs = free_of_node(booted->system->memblock(), node.id, geometry.page_size().bytes().raw);
      for (const auto& zone : node.zones) {
        ++zones;
        EXPECT_EQ(
            zone.free_area_handover,
            blocks_of(runs, zone.start_pfn, zone.start_pfn + zone.spanned_pages, geometry.max_order().raw()))
            << name << ": node " << node.id << ' ' << zone.name;
      }
    }
  }
  std::printf("hand-over: %u boots, %u zones; %u nodes with zones that overlap\n", boots, zones, overlapping);
  EXPECT_GE(boots, 173u);
  EXPECT_LE(overlapping, 4u);
}

}  // namespace
}  // namespace quarry::lnx
