// Readers of what a kernel shows: whole files, files that break off anywhere, and bytes that are none. Nothing crashes,
// and what is read stands in the file.
#include "linux/outcomes.hpp"

#include <gtest/gtest.h>

#include "linux/file_bytes.hpp"
#include "tests/corpus_files.hpp"

namespace quarry::lnx {
namespace {

std::vector<std::byte> bytes_of(std::string_view text) {
  const auto all = std::as_bytes(std::span{text});
  return {all.begin(), all.end()};
}

constexpr std::string_view kZoneinfo =
    "Node 0, zone      DMA\n  per-node stats\n      nr_inactive_anon 66\n  pages free     3808\n"
    "        boost    0\n        min      175\n        low      218\n        high     261\n"
    "        spanned  4095\n        present  3998\n        managed  3840\n        cma      7\n"
    "        protection: (0, 948, 948)\n      nr_free_pages 3808\n  pagesets\n    cpu: 0\n"
    "              count: 0\n              high:  218\n  start_pfn:           1\nNode 12, zone  Movable\n"
    "        present  0\n";

TEST(Outcomes, what_raises_watermarks_for_a_while_is_taken_off_them) {
  std::string text{kZoneinfo};
  for (const auto& [from, to] :
       {std::pair{"boost    0", "boost    512"}, std::pair{"min      175", "min      687"},
        std::pair{"low      218", "low      730"}, std::pair{"high     261", "high     3"}})
    text.replace(text.find(from), std::string_view{from}.size(), to);
  const auto zones = read_zoneinfo(text);
  ASSERT_EQ(zones.size(), 2u);
  EXPECT_EQ(zones[0].min, 175u);
  EXPECT_EQ(zones[0].low, 218u);
  EXPECT_EQ(zones[0].high, 3u) << "less than what raises it: no mark of that zone, left as it is";
}

TEST(Outcomes, zoneinfo_has_counts_marks_and_protection_of_each_zone) {
  const auto zones = read_zoneinfo(kZoneinfo);
  ASSERT_EQ(zones.size(), 2u);
  EXPECT_EQ(zones[0].name, "DMA");
  EXPECT_EQ(zones[0].spanned, 4095u);
  EXPECT_EQ(zones[0].present, 3998u);
  EXPECT_EQ(zones[0].managed, 3840u);
  EXPECT_EQ(zones[0].cma, 7u);
  EXPECT_EQ(zones[0].min, 175u);
  EXPECT_EQ(zones[0].high, 261u) << "a per-CPU list's mark is none of the zone";
  EXPECT_EQ(zones[0].protection, (std::vector<std::uint64_t>{0, 948, 948}));
  EXPECT_EQ(zones[0].start_pfn, 1u);
  EXPECT_EQ(zones[1].node, 12u);
  EXPECT_FALSE(zones[1].is_populated());
  EXPECT_FALSE(zones[1].start_pfn);
}

TEST(Outcomes, iomem_keeps_names_ranges_and_depth) {
  const auto resources = read_iomem_file(
      "00001000-0009fbff : System RAM\n  01000000-01e01ef1 : Kernel code\n0-0 : x\nno line\n9-1 : wrong\n");
  ASSERT_EQ(resources.size(), 3u);
  EXPECT_EQ(resources[0].range.end(), PhysAddr{0x9fc00});
  EXPECT_EQ(resources[1].depth, 1u);
  EXPECT_EQ(resources[1].name, "Kernel code");
}

TEST(Outcomes, the_small_files_are_read_line_by_line) {
  const auto meminfo =
      read_meminfo("MemTotal:   996624 kB\nMemFree: 1 kB\nHighTotal: x kB\nCmaTotal: 64 MB\n");
  EXPECT_EQ(meminfo.mem_total_kib, 996624u);
  EXPECT_FALSE(meminfo.high_total_kib);
  EXPECT_FALSE(meminfo.cma_total_kib);
  const auto map = read_memmap("10 0x1000 0x1fff System RAM\n2 0x0 nothing\n");
  ASSERT_EQ(map.size(), 1u);
  EXPECT_EQ(map[0].type, "System RAM");
  const auto nodes = read_node_files(
      "has_memory: 0,2\nonline: 0-3\nnode2/distance: 30 10\nnode2/meminfo: Node 2 MemTotal:  12 kB\n"
      "node2/meminfo: Node 2 MemFree: 1 kB\n");
  ASSERT_EQ(nodes.masks.size(), 2u);
  EXPECT_EQ(nodes.masks[0].second, "0,2");
  EXPECT_EQ(nodes.distances.at(0).second, (std::vector<unsigned>{30, 10}));
  ASSERT_EQ(nodes.total_kib.size(), 1u);
  EXPECT_EQ(nodes.total_kib[0].second, 12u);
  const auto blocks = read_memory_blocks(
      "memory10 0000000a online zones=DMA nodes=node0\nmemory9 00000009 offline zones=Normal Movable "
      "nodes=node0\nmemory8 00000008 online zones=none nodes=node0 node1\n");
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(blocks[0].index, 8u) << "by index, not as text";
  EXPECT_EQ(blocks[0].nodes, "node0 node1");
  const auto regions = read_debugfs_regions("   0: 0x40000000..0x7fffffff\n  10: 0x1..\n");
  ASSERT_EQ(regions.size(), 1u);
  EXPECT_EQ(regions[0].range.end(), PhysAddr{0x80000000});
}

TEST(Outcomes, a_log_has_more_lines_than_lists) {
  const LogOutcomes log = read_log_outcomes(bytes_of(
      "BIOS-e820: [mem 0x0-0x9fbff] usable\nuser: [mem 0x0-0xfff] persistent (type 12)\n"
      "e820: update [mem 0x0-0xfff] usable ==> reserved\ne820: remove [mem 0xa0000-0xfffff] usable\n"
      "e820: last_pfn = 0x21e600 max_arch_pfn = 0x400000000\nlast_pfn = 0xdcf00 max_arch_pfn = 0x400000000\n"
      "Initmem setup node 9 [mem 0x0-0xfff]\nFaking a node at [mem 0x0-0xfff]\nFaking node 3 at [mem "
      "0x0-0xfff] (1MB)\n"
      "MEMBLOCK configuration:\n memory size = 0x1000 reserved size = 0x20\n"
      " memory[0x0]\t[0x0000000000000000-0xffffffffffffffff], 0x0000000000000000 bytes flags: 0x0\n"
      "cma: Reserved 64 MiB at 0x000000007ae00000\nReserved memory: created CMA memory pool at 0x7e000000, "
      "size 32 MiB\n"
      "OF: reserved mem: initialized node linux,cma, compatible id shared-dma-pool\n"
      "Reserving 128MB of memory at 880MB for crashkernel (System RAM: 1023MB)\n"
      "percpu: Embedded 35 pages/cpu @ffff88142f800000 s103128 r8192 d32040 u262144\n"
      "Dentry cache hash table entries: 262144 (order: 9, 2097152 bytes, vmalloc)\n"
      "Zone ranges:\n  DMA      [mem 0x1000-0xffffff]\nMovable zone start for each node\n"
      "Initmem setup node 1 as memoryless\nOn node 0 totalpages: 99\n  DMA zone: 64 pages used for memmap\n"
      "  DMA zone: 90 pages, LIFO batch:0\nBuilt 2 zonelists, mobility grouping on.  Total pages: 515808\n"
      "Policy zone: DMA32\nMemory: 1K/2K available (14343K kernel code, 0K cma-reserved)\n"
      "Kernel panic - not syncing: VFS\n"));
  ASSERT_EQ(log.maps.size(), 2u);
  EXPECT_EQ(log.maps[1].entries.at(0).type, "persistent (type 12)");
  ASSERT_EQ(log.map_changes.size(), 2u);
  EXPECT_EQ(log.map_changes[0].from, "usable");
  EXPECT_EQ(log.map_changes[0].to, "reserved");
  EXPECT_TRUE(log.map_changes[1].to.empty());
  EXPECT_EQ(log.last_pfns, (std::vector<std::uint64_t>{0x21e600, 0xdcf00}));
  ASSERT_EQ(log.initmem.size(), 1u) << "before the zones the words mean something else";
  EXPECT_TRUE(log.initmem[0].range.empty());
  EXPECT_EQ(log.faked.size(), 1u);
  EXPECT_EQ(log.emulated.at(0).node, 3u);
  EXPECT_TRUE(log.dumps.at(0).memory.empty()) << "an empty table prints one region of no size";
  EXPECT_EQ(log.dumps[0].reserved_size, Bytes{0x20});
  EXPECT_EQ(log.cma.at(0).size(), Bytes{64u << 20});
  EXPECT_EQ(log.pools.at(0).node, "linux,cma");
  EXPECT_EQ(log.crashkernel.at(0).begin(), PhysAddr{880u << 20});
  ASSERT_TRUE(log.percpu);
  EXPECT_EQ(log.percpu->dynamic_bytes, 32040u);
  EXPECT_EQ(log.hashes.at(0).bytes, 2097152u);
  EXPECT_TRUE(log.says_movable);
  ASSERT_EQ(log.zone_pages.size(), 2u);
  EXPECT_EQ(log.zone_pages[1].pages, 90u);
  EXPECT_EQ(log.total_pages, 515808u);
  EXPECT_EQ(log.policy_zone, "DMA32");
  EXPECT_EQ(log.memory_shares.at(1).name, "cma-reserved");
  EXPECT_FALSE(log.panicked) << "its page allocator was up by then";
}

// Cut off after each byte, a file has no more than the whole one has, and nothing that the whole one has not.
TEST(Outcomes, files_that_break_off_have_the_lines_before_it) {
  const auto whole = read_zoneinfo(kZoneinfo);
  for (std::size_t size = 0; size <= kZoneinfo.size(); ++size) {
    const auto part = read_zoneinfo(kZoneinfo.substr(0, size));
    ASSERT_LE(part.size(), whole.size());
    for (std::size_t i = 0; i + 1 < part.size(); ++i) EXPECT_EQ(part[i].managed, whole[i].managed);
  }
  const auto directory = corpus::cases_with("memblock-reserved.txt").at(0);
  for (const char* const name : {"iomem.txt", "memblock-reserved.txt", "meminfo.txt"}) {
    const std::string text = corpus::text_of(directory / name);
    for (std::size_t size = 0; size < text.size(); size += 7) {
      const std::string_view part = std::string_view{text}.substr(0, size);
      EXPECT_LE(read_iomem_file(part).size(), read_iomem_file(text).size());
      EXPECT_LE(read_debugfs_regions(part).size(), read_debugfs_regions(text).size());
      (void)read_meminfo(part), (void)read_memmap(part), (void)read_node_files(part),
          (void)read_memory_blocks(part), (void)read_zoneinfo(part);
    }
  }
}

TEST(Outcomes, a_directory_without_files_shows_nothing) {
  const Outcomes none = read_outcomes([](std::string_view) { return std::nullopt; });
  EXPECT_FALSE(none.zones);
  EXPECT_FALSE(none.iomem);
  EXPECT_FALSE(none.memmap);
  EXPECT_FALSE(none.late_reserved);
  EXPECT_FALSE(none.meminfo.mem_total_kib);
  EXPECT_TRUE(none.log.maps.empty());
  const Outcomes garbage =
      read_outcomes([](std::string_view) { return bytes_of("\xff\xfe Node 0, zone\n\n: 0x"); });
  ASSERT_TRUE(garbage.zones);
  EXPECT_TRUE(garbage.zones->empty());
  EXPECT_TRUE(garbage.blocks->empty());
  EXPECT_FALSE(garbage.block_size);
}

}  // namespace
}  // namespace quarry::lnx
