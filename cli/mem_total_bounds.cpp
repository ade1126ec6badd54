#include "cli/mem_total_bounds.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "cli/lists.hpp"

namespace quarry::cli {
namespace {

std::uint64_t kib_of(const BootReport& report, std::string_view begin) {
  std::uint64_t bytes = 0;
  for (const LedgerEntry& entry : report.ledger)
    if (entry.owner.starts_with(begin)) bytes += entry.bytes;
  return bytes >> 10;
}

std::uint64_t past_4g_kib(const BootReport& report) {
  constexpr std::uint64_t limit = std::uint64_t{4} << 30;
  std::uint64_t bytes = 0;
  for (const FirmwareEntry& entry : report.firmware)
    if (entry.is_ram && entry.range.end > limit)
      bytes += entry.range.end - std::max(entry.range.begin, limit);
  return bytes >> 10;
}

double percent_of_ram(std::uint64_t kib, const BootReport& report) {
  return report.ram_bytes == 0
             ? 0
             : 100 * 1024 * static_cast<double>(kib) / static_cast<double>(report.ram_bytes);
}

}  // namespace

lnx::StandInBoot stand_in_boot(const BootReport& report) {
  return {.ram = report.ram_bytes >> 10,
          .mem_total = report.mem_total_kib,
          .nodes = report.nodes.size(),
          .bounce_buffers = kib_of(report, "swiotlb"),
          .late_hashes = kib_of(report, "dentry hash table") + kib_of(report, "inode hash table"),
          .percpu_areas = kib_of(report, "per-CPU areas"),
          .past_4g = past_4g_kib(report)};
}

void read_mem_total_bounds(const lnx::MachineDescription& machine, BootReport& report) {
  const auto range = lnx::mem_total_range(machine, stand_in_boot(report));
  if (!range) return;
  MemTotalBounds bounds{.stands_in = machine.kernel.release,
                        .stands_for = *machine.kernel.stands_for,
                        .low_kib = range->low,
                        .high_kib = range->high,
                        .reasons = {}};
  for (const lnx::MemTotalReason& reason : range->reasons)
    bounds.reasons.push_back({reason.what, reason.source, reason.low, reason.high});
  report.mem_total_bounds = std::move(bounds);
}

std::vector<std::string> mem_total_lines(const BootReport& report, const TextStyle& style) {
  if (!report.mem_total_bounds) return {fmt::format("MemTotal: {} kB", report.mem_total_kib)};
  const MemTotalBounds& bounds = *report.mem_total_bounds;
  std::vector<std::string> lines{fmt::format("MemTotal: between {} and {} kB ({:.2f} % of RAM)",
                                             bounds.low_kib, bounds.high_kib,
                                             percent_of_ram(bounds.high_kib - bounds.low_kib, report))};
  lines.push_back(fmt::format("  {:>10} kB  with {}, which stands in for {}", report.mem_total_kib,
                              bounds.stands_in,
                              bounds.stands_for.empty() ? "a kernel that nobody named" : bounds.stands_for));
  for (const MemTotalReason& reason : bounds.reasons) {
    const std::string change = fmt::format("  {:>+10} to {:+} kB  ", reason.low, reason.high);
    lines.push_back(change + wrapped({reason.what, fmt::format("({})", reason.source)}, " ",
                                     columns_of(change), style.width));
  }
  return lines;
}

}  // namespace quarry::cli
