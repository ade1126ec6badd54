#include "linux/hash_tables.hpp"

#include <algorithm>
#include <bit>

#include "linux/system_hashes.hpp"

namespace quarry::lnx {
namespace {

// The same as SystemHash, with a name and both sizes of a bucket.
struct Table {
  const char* name;
  unsigned scale;
  std::uint64_t bucket64, bucket32;  // where pointers have 64 bits and where they have 32
  std::uint64_t least = 0;
  std::uint64_t most = 0;
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
}  // namespace

std::vector<LoggedHash> hash_tables(const MachineDescription& machine, const zones::CountedPages& pages) {
  const bool is_32bit = machine.kernel.arch == boot::Arch::arm;
  const PageSize page = machine.kernel.geometry.page_size();
  std::vector<LoggedHash> tables;
  for (const Table& table : kTables) {
    const SystemHash hash{.bucket = Bytes{is_32bit ? table.bucket32 : table.bucket64},
                          .scale = table.scale,
                          .least = table.least,
                          .most = table.most};
    const std::uint64_t entries = entries_of(hash, pages, page);
    tables.push_back({table.name, entries, entries * hash.bucket.raw});
    if (tables.back().name != "TCP established") continue;
    // As many ports, at most 65,536.
    const std::uint64_t ports = std::min<std::uint64_t>(entries, 64 << 10);
    tables.push_back({"TCP bind", ports, ports * (is_32bit ? 16 : 32)});
  }
  const TextView line{machine.command_line.data(), machine.command_line.size()};
  if (const auto stacks = stack_table(line, Bytes{is_32bit ? 4u : 8u})) {
    const std::uint64_t entries = entries_of(*stacks, pages, page);
    tables.push_back({"stackdepot", entries, entries * stacks->bucket.raw});
  }
  constexpr std::uint64_t futexes_each = 256, futex_bucket = 64, perturbations = 64 << 10;
  const std::uint64_t futexes = std::bit_ceil(futexes_each * std::max(machine.cpus, 1u));
  tables.push_back({"futex", futexes, futexes * futex_bucket});
  tables.push_back({"Table-perturb", perturbations, perturbations * 4});
  const std::uint64_t page_bytes = page.bytes().raw;
  tables.push_back({"VFS: Dquot-cache", page_bytes / (is_32bit ? 4 : 8), page_bytes});
  return tables;
}

}  // namespace quarry::lnx
