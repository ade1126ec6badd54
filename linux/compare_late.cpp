// Areas, tables, sections, resources and totals.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "linux/compare_sheet.hpp"

namespace quarry::lnx {
namespace {

std::vector<std::string> words_of_ranges(const std::vector<PhysRange>& ranges) {
  std::vector<std::string> lines;
  lines.reserve(ranges.size());
  for (const PhysRange range : ranges) lines.push_back(range_words(range));
  return lines;
}

// Areas are announced while they are made: a log that goes on to the zones without a word has none.
ShownLines areas_in(const LogOutcomes& log, const std::vector<PhysRange>& areas) {
  if (areas.empty() && !log.managed_kib) return std::nullopt;
  return words_of_ranges(areas);
}

void compare_areas(Sheet& sheet, const LogOutcomes& ours, const LogOutcomes& theirs) {
  const auto hold = [&](std::string_view kind, const char* name, const auto& mine, const auto& shown) {
    if (!mine.empty() || !shown.empty())
      sheet.hold_list(kind, name, words_of_ranges(mine), areas_in(theirs, shown));
  };
  // A tree's nodes that may be used as areas are announced as pools.
  hold("cma", "CMA areas", ours.cma, theirs.cma);
  hold("crashkernel", "crashkernel", ours.crashkernel, theirs.crashkernel);
  std::vector<std::string> mine, shown;
  for (const LoggedPool& pool : theirs.pools) {
    if (pool.kind == "CMA" || pool.kind == "DMA") continue;  // in the lines of their nodes
    shown.push_back(fmt::format("{} {}", pool.node, range_words(pool.range)));
    for (const LoggedPool& own : ours.pools)
      if (own.node == pool.node || (pool.node.empty() && own.range == pool.range))
        mine.push_back(fmt::format("{} {}", pool.node, range_words(own.range)));
  }
  if (!shown.empty()) sheet.hold_list("reserved_memory", "pools", mine, shown);
}

void compare_node_data(Sheet& sheet, const LogOutcomes& ours, const LogOutcomes& theirs) {
  for (std::size_t i = 0; i < std::max(ours.node_data.size(), theirs.node_data.size()); ++i) {
    const auto words = [&](const LogOutcomes& log) -> Shown {
      return i < log.node_data.size() ? Shown{range_words(log.node_data[i].range)} : std::nullopt;
    };
    const unsigned node = i < theirs.node_data.size() ? theirs.node_data[i].node : ours.node_data[i].node;
    sheet.hold("node_data", fmt::format("NODE_DATA({})", node), words(ours), words(theirs));
  }
}

Shown words_of(const std::optional<LoggedPercpu>& percpu) {
  if (!percpu) return std::nullopt;
  return fmt::format("{} pages/cpu s{} r{} d{} u{}", percpu->pages, percpu->static_bytes,
                     percpu->reserved_bytes, percpu->dynamic_bytes, percpu->unit_bytes);
}

void compare_tables(Sheet& sheet, const LogOutcomes& ours, const LogOutcomes& theirs) {
  sheet.hold("percpu", "per-CPU layout", words_of(ours.percpu), words_of(theirs.percpu));
  const auto words = [](const LoggedHash* hash) {
    return hash == nullptr ? std::nullopt
                           : Shown{fmt::format("{} entries, {} bytes", hash->entries, hash->bytes)};
  };
  const auto named = [](const LogOutcomes& log, std::string_view name) -> const LoggedHash* {
    for (const LoggedHash& hash : log.hashes)
      if (hash.name == name) return &hash;
    return nullptr;
  };
  for (const LoggedHash& hash : theirs.hashes)
    sheet.hold("hashes", hash.name, words(named(ours, hash.name)), words(&hash));
  for (const LoggedHash& hash : ours.hashes)
    if (named(theirs, hash.name) == nullptr) sheet.hold("hashes", hash.name, words(&hash), std::nullopt);
  sheet.hold_number("log_buffer", "log_buf_len", ours.log_buffer, theirs.log_buffer);
  const auto range = [](const std::optional<PhysRange>& at) {
    return at ? Shown{range_words(*at)} : std::nullopt;
  };
  sheet.hold("bounce_buffers", "software IO TLB", range(ours.bounce_buffers), range(theirs.bounce_buffers));
}

void compare_sections(Sheet& sheet, const Outcomes& ours, const Outcomes& theirs) {
  const auto block = [](const Outcomes& out) -> std::optional<std::uint64_t> {
    if (out.block_size) return out.block_size->raw;
    if (out.log.block_mib && *out.log.block_mib <= UINT64_MAX >> 20) return *out.log.block_mib << 20;
    return std::nullopt;
  };
  sheet.hold_number("sections", "memory block size", block(ours), block(theirs));
  const auto lines = [](const std::optional<std::vector<BlockOutcome>>& blocks) -> ShownLines {
    if (!blocks) return std::nullopt;
    std::vector<std::string> text;
    for (const BlockOutcome& one : *blocks)
      text.push_back(fmt::format("{:x} {} {}", one.index, one.zones, one.nodes));
    return text;
  };
  sheet.hold_list("sections", "memory blocks", lines(ours.blocks), lines(theirs.blocks));
}

// What of /proc/iomem is about memory: the others are devices.
constexpr std::string_view kMemoryResources[] = {"System RAM",
                                                 "Kernel code",
                                                 "Kernel rodata",
                                                 "Kernel data",
                                                 "Kernel bss",
                                                 "Crash kernel",
                                                 "Reserved",
                                                 "reserved",
                                                 "RAM buffer",
                                                 "ACPI Tables",
                                                 "ACPI Non-volatile Storage",
                                                 "Unusable memory",
                                                 "Persistent Memory",
                                                 "Persistent Memory (legacy)",
                                                 "Soft Reserved",
                                                 "Unknown E820 type",
                                                 "System RAM (boot alias)"};

void compare_iomem(Sheet& sheet, const Outcomes& ours, const Outcomes& theirs) {
  for (const std::string_view name : kMemoryResources) {
    const auto lines = [&](const Outcomes& out) -> ShownLines {
      if (!out.iomem) return std::nullopt;
      std::vector<std::string> text;
      for (const ResourceOutcome& resource : *out.iomem)
        if (resource.name == name) text.push_back(range_words(resource.range));
      return text;
    };
    const ShownLines mine = lines(ours), shown = lines(theirs);
    const bool is_there = (mine && !mine->empty()) || (shown && !shown->empty());
    if (is_there) sheet.hold_list("iomem", std::string{name}, mine, shown);
  }
}

void compare_hugepages(Sheet& sheet, const Outcomes& ours, const Outcomes& theirs) {
  if (!ours.hugepages || !theirs.hugepages) return;
  for (const HugepageOutcome& shown : *theirs.hugepages) {
    std::optional<std::uint64_t> mine;
    for (const HugepageOutcome& own : *ours.hugepages)
      if (own.size == shown.size && own.node == shown.node) mine = own.pages;
    const std::string where = shown.node ? fmt::format(" on node {}", *shown.node) : std::string{};
    sheet.hold_number("hugepages", fmt::format("pages of {} KiB{}", shown.size.raw >> 10, where), mine,
                      shown.pages);
  }
}

void compare_totals(Sheet& sheet, const Outcomes& ours, const Outcomes& theirs) {
  sheet.hold_number("totals", "Memory: available KiB", ours.log.managed_kib, theirs.log.managed_kib);
  sheet.hold_number("totals", "Memory: all KiB", ours.log.total_kib, theirs.log.total_kib);
  std::vector<std::string> names;
  for (const auto* log : {&theirs.log, &ours.log})
    for (const LoggedShare& share : log->memory_shares)
      if (std::find(names.begin(), names.end(), share.name) == names.end()) names.push_back(share.name);
  for (const std::string& name : names) {
    const auto kib = [&](const LogOutcomes& log) -> std::optional<std::uint64_t> {
      for (const LoggedShare& share : log.memory_shares)
        if (share.name == name) return share.kib;
      return std::nullopt;
    };
    sheet.hold_number("totals", fmt::format("Memory: {} KiB", name), kib(ours.log), kib(theirs.log));
  }
  sheet.hold_number("totals", "MemTotal KiB", ours.meminfo.mem_total_kib, theirs.meminfo.mem_total_kib);
  sheet.hold_number("totals", "CmaTotal KiB", ours.meminfo.cma_total_kib, theirs.meminfo.cma_total_kib);
  sheet.hold_number("totals", "HighTotal KiB", ours.meminfo.high_total_kib, theirs.meminfo.high_total_kib);
  for (const auto& [node, mine] : ours.nodes.total_kib) {
    std::optional<std::uint64_t> shown;
    for (const auto& [other, kib] : theirs.nodes.total_kib)
      if (other == node) shown = kib;
    sheet.hold_number("totals", fmt::format("node {} MemTotal KiB", node), mine, shown);
  }
}

}  // namespace

void compare_late(Sheet& sheet, const Outcomes& ours, const Outcomes& theirs) {
  compare_node_data(sheet, ours.log, theirs.log);
  compare_areas(sheet, ours.log, theirs.log);
  compare_reserved_memory(sheet, ours.log, theirs.log);
  compare_tables(sheet, ours.log, theirs.log);
  compare_sections(sheet, ours, theirs);
  compare_iomem(sheet, ours, theirs);
  compare_hugepages(sheet, ours, theirs);
  compare_totals(sheet, ours, theirs);
}

}  // namespace quarry::lnx
