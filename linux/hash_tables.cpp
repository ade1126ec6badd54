#include "linux/hash_tables.hpp"

#include <algorithm>
#include <bit>

namespace quarry::lnx {
namespace {

// An entry for each 2^scale bytes of memory; sizes in bytes, `most` and `least` in entries.
struct Table {
  const char* name;
  unsigned scale;
  std::uint64_t bucket64, bucket32;  // where pointers have 64 bits and where they have 32
  std::uint64_t least = 0;
  std::uint64_t most = 0;  // 0: a sixteenth of memory, and growing more slowly from 64 GiB on
};
constexpr Table kTables[] = {
    {"Dentry cache", 13, 8, 4},
    {"Inode-cache", 14, 8, 4},
    {"Mount-cache", 19, 8, 4},
    {"Mountpoint-cache", 19, 8, 4},
    {"IP idents", 16, 8, 8, 2048, 256 << 10},
    {"tcp_listen_portaddr_hash", 21, 16, 8, 0, 64 << 10},
    {"TCP established", 17, 8, 4, 0, 512 << 10},
    {"MPTCP token", 20, 24, 16, 0, 64 << 10},
    {"UDP", 21, 32, 32, 256, 64 << 10},
    {"UDP-Lite", 21, 32, 32, 256, 64 << 10},
};
constexpr std::uint64_t kMostEntries = 0x80000000;
constexpr std::uint64_t kSlowerFrom = std::uint64_t{64} << 30;
constexpr std::uint64_t kMegabyte = 1u << 20;

struct Frames {
  std::uint64_t kernel, all;
  unsigned page_shift;
};

std::uint64_t entries_in(const Table& table, std::uint64_t bucket, const Frames& frames) {
  const std::uint64_t page = std::uint64_t{1} << frames.page_shift;
  const std::uint64_t step = std::max<std::uint64_t>(kMegabyte >> frames.page_shift, 1);
  std::uint64_t entries = (frames.kernel + step - 1) / step * step;
  unsigned scale = table.scale;
  if (table.most == 0)
    for (std::uint64_t limit = kSlowerFrom >> frames.page_shift; limit < entries; limit <<= 2) ++scale;
  entries = scale > frames.page_shift ? entries >> (scale - frames.page_shift)
                                      : entries << (frames.page_shift - scale);
  if (entries * bucket < page) entries = page / bucket;
  entries = std::max(std::bit_ceil(std::max<std::uint64_t>(entries, 1)), table.least);
  std::uint64_t most = table.most != 0 ? table.most : (frames.all << frames.page_shift >> 4) / bucket;
  most = std::min(most, kMostEntries);
  return std::bit_floor(std::max<std::uint64_t>(std::min(entries, most), 1));
}

// Frames of zones that the kernel reaches directly: high memory pays only for its descriptors.
std::uint64_t kernel_frames(const zones::Layout& layout, const MachineDescription& machine,
                            std::uint64_t all) {
  const Geometry& geometry = machine.kernel.geometry;
  constexpr std::uint64_t descriptor = 36;  // of the only architecture with high memory
  for (const zones::Zone& zone : layout.zones) {
    const bool is_high = zone.type == zones::ZoneType::highmem ||
                         (zone.type == zones::ZoneType::movable && machine.kernel.limits.has_highmem);
    if (!is_high || !zone.is_populated()) continue;
    const std::uint64_t bytes = zone.spanned.raw * descriptor;
    const std::uint64_t page = geometry.page_size().bytes().raw;
    all -= std::min(all, zone.present.raw + (bytes + page - 1) / page);
  }
  return all;
}

}  // namespace

std::vector<LoggedHash> hash_tables(const zones::Layout& layout, const MachineDescription& machine,
                                    PageCount all_pages) {
  const bool is_32bit = machine.kernel.arch == boot::Arch::arm;
  const unsigned page_shift = machine.kernel.geometry.page_size().shift();
  const Frames frames{kernel_frames(layout, machine, all_pages.raw), all_pages.raw, page_shift};
  std::vector<LoggedHash> tables;
  for (const Table& table : kTables) {
    const std::uint64_t bucket = is_32bit ? table.bucket32 : table.bucket64;
    const std::uint64_t entries = entries_in(table, bucket, frames);
    tables.push_back({table.name, entries, entries * bucket});
    if (tables.back().name != "TCP established") continue;
    // As many ports, at most 65,536.
    const std::uint64_t ports = std::min<std::uint64_t>(entries, 64 << 10);
    tables.push_back({"TCP bind", ports, ports * (is_32bit ? 16 : 32)});
  }
  constexpr std::uint64_t futexes_each = 256, futex_bucket = 64, perturbations = 64 << 10;
  const std::uint64_t futexes = std::bit_ceil(futexes_each * std::max(machine.cpus, 1u));
  tables.push_back({"futex", futexes, futexes * futex_bucket});
  tables.push_back({"Table-perturb", perturbations, perturbations * 4});
  const std::uint64_t page = std::uint64_t{1} << page_shift;
  tables.push_back({"VFS: Dquot-cache", page / (is_32bit ? 4 : 8), page});
  return tables;
}

}  // namespace quarry::lnx
