// The smaller files, a reader each, and the directory that has them all.
#include "linux/file_bytes.hpp"
#include "linux/huge_pages.hpp"
#include "linux/outcome_words.hpp"

namespace quarry::lnx {
namespace {

unsigned small(std::uint64_t number) {
  return static_cast<unsigned>(std::min<std::uint64_t>(number, UINT16_MAX));
}

// "MemTotal:         996624 kB" behind its name.
std::optional<std::uint64_t> kib_of(Scanner at) {
  at.spaces();
  const auto number = at.decimal();
  return number && at.skip(" kB") ? number : std::nullopt;
}

// "node0/distance: 10 20", "node0/meminfo: Node 0 MemTotal:  996624 kB"
void read_one_node(Scanner at, NodesOutcome& out) {
  const auto node = at.decimal();
  if (!node) return;
  if (at.skip("/distance: ")) {
    std::vector<unsigned> distances;
    while (const auto distance = at.decimal()) {
      distances.push_back(small(*distance));
      at.spaces();
    }
    out.distances.emplace_back(small(*node), std::move(distances));
  } else if (at.skip("/meminfo: Node ") && at.decimal() && at.skip(" MemTotal:")) {
    if (const auto kib = kib_of(at)) out.total_kib.emplace_back(small(*node), *kib);
  }
}

// What a file of /sys says in one hexadecimal number.
std::optional<std::uint64_t> only_hex(std::string_view text) {
  Scanner at{text};
  at.spaces();
  return at.hex();
}

}  // namespace

std::vector<ResourceOutcome> read_iomem_file(std::string_view text) {
  std::vector<ResourceOutcome> resources;
  for_each_line(text, [&](std::string_view line) {
    const std::size_t indent = std::min(line.find_first_not_of(' '), line.size());
    Scanner at{line.substr(indent)};
    const auto range = at.inclusive_range();
    if (range && at.skip(" : "))
      resources.push_back({static_cast<unsigned>(indent / 2), *range, std::string{at.rest()}});
  });
  return resources;
}

MeminfoOutcome read_meminfo(std::string_view text) {
  MeminfoOutcome out;
  for_each_line(text, [&](std::string_view line) {
    Scanner at{line};
    if (at.skip("MemTotal:"))
      out.mem_total_kib = kib_of(at);
    else if (at.skip("CmaTotal:"))
      out.cma_total_kib = kib_of(at);
    else if (at.skip("HighTotal:"))
      out.high_total_kib = kib_of(at);
  });
  return out;
}

// "0 0x0 0x9fbff System RAM"
std::vector<LoggedMapEntry> read_memmap(std::string_view text) {
  std::vector<LoggedMapEntry> entries;
  for_each_line(text, [&](std::string_view line) {
    Scanner at{line};
    if (!at.decimal() || !at.skip(" ")) return;
    const auto first = at.hex();
    if (!first || !at.skip(" ")) return;
    const auto last = at.hex();
    if (!last || !at.skip(" ")) return;
    if (const auto range = range_of_inclusive(*first, *last))
      entries.push_back({*range, std::string{at.rest()}});
  });
  return entries;
}

NodesOutcome read_node_files(std::string_view text) {
  NodesOutcome out;
  for_each_line(text, [&](std::string_view line) {
    Scanner at{line};
    if (at.skip("node")) return read_one_node(at, out);
    for (const std::string_view mask : {"possible", "online", "has_memory", "has_normal_memory"}) {
      Scanner value = at;
      if (value.skip(mask) && value.skip(": ")) out.masks.emplace_back(mask, value.rest());
    }
  });
  return out;
}

std::vector<BlockOutcome> read_memory_blocks(std::string_view text) {
  std::vector<BlockOutcome> blocks;
  for_each_line(text, [&](std::string_view line) {
    Scanner at{line};
    if (!at.skip("memory") || !at.decimal() || !at.skip(" ")) return;
    const auto index = at.hex();
    if (!index || !at.skip(" online zones=")) return;
    const std::size_t cut = at.rest().find(" nodes=");
    if (cut == std::string_view::npos) return;
    blocks.push_back({*index, std::string{at.rest().substr(0, cut)}, std::string{at.rest().substr(cut + 7)}});
  });
  std::sort(blocks.begin(), blocks.end(), [](const auto& a, const auto& b) { return a.index < b.index; });
  return blocks;
}

// "   0: 0x40000000..0x7fffffff"
std::vector<LoggedRegion> read_debugfs_regions(std::string_view text) {
  std::vector<LoggedRegion> regions;
  for_each_line(text, [&](std::string_view line) {
    Scanner at{line};
    at.spaces();
    if (!at.decimal() || !at.skip(": ")) return;
    const auto first = at.hex();
    if (!first || !at.skip("..")) return;
    const auto last = at.hex();
    if (const auto range = last ? range_of_inclusive(*first, *last) : std::nullopt)
      regions.push_back({.range = *range, .flags = 0, .node = std::nullopt});
  });
  return regions;
}

Outcomes read_outcomes(const FileSource& files) {
  Outcomes out;
  const auto read = [&](std::string_view name, auto take) {
    if (const auto bytes = files(name)) take(text_of(*bytes));
  };
  if (const auto log = files("dmesg.txt")) out.log = read_log_outcomes(*log);
  read("zoneinfo.txt", [&](std::string_view text) { out.zones = read_zoneinfo(text); });
  read("iomem.txt", [&](std::string_view text) { out.iomem = read_iomem_file(text); });
  read("meminfo.txt", [&](std::string_view text) { out.meminfo = read_meminfo(text); });
  read("memmap.txt", [&](std::string_view text) { out.memmap = read_memmap(text); });
  read("node.txt", [&](std::string_view text) { out.nodes = read_node_files(text); });
  read("memory_blocks.txt", [&](std::string_view text) { out.blocks = read_memory_blocks(text); });
  read("memory_block_size.txt", [&](std::string_view text) {
    if (const auto size = only_hex(text)) out.block_size = Bytes{*size};
  });
  read("memblock-memory.txt", [&](std::string_view text) { out.late_memory = read_debugfs_regions(text); });
  read("memblock-reserved.txt",
       [&](std::string_view text) { out.late_reserved = read_debugfs_regions(text); });
  read("hugepages.txt", [&](std::string_view text) { out.hugepages = read_huge_pages(text); });
  read("vm.txt", [&](std::string_view text) {
    for_each_line(text, [&](std::string_view line) {
      Scanner at{line};
      if (at.skip("min_free_kbytes: ")) out.min_free_kib = at.decimal();
    });
  });
  return out;
}

}  // namespace quarry::lnx
