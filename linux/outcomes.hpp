// linux/outcomes.hpp: what a booted kernel shows of its physical memory: its log and files of /proc, /sys and debugfs.
//
//   dmesg.txt  zoneinfo  iomem  meminfo  memmap  node  memory_blocks  memblock-*  vm        of one recorded boot
//        \________|________|_______|_______|______|_________|____________|______/
//                                     Outcomes                        nothing of it is ever an input of a boot
//
// The same type holds what a boot of ours shows, so that the two can be held against each other. What is not
// shown is absent; a malformed line is one that is not there.
#pragma once

#include "linux/boot_log.hpp"
#include "linux/corpus_case.hpp"

namespace quarry::lnx {

// One zone of /proc/zoneinfo. Units: pages.
struct ZoneOutcome {
  unsigned node = 0;
  std::string name;
  std::optional<std::uint64_t> start_pfn, spanned, present, managed, cma;  // kernels differ in what they show
  std::optional<std::uint64_t> min, low, high;                             // watermarks
  std::optional<std::vector<std::uint64_t>> protection;  // against each zone type, lowest first
  bool is_populated() const noexcept { return present.value_or(0) != 0; }
};

// A line of /proc/iomem.
struct ResourceOutcome {
  unsigned depth = 0;
  PhysRange range;
  std::string name;
};

struct MeminfoOutcome {
  std::optional<std::uint64_t> mem_total_kib, cma_total_kib, high_total_kib;
};

// /sys/devices/system/node: masks by name ("online" -> "0-3"), distances and memory of each node.
struct NodesOutcome {
  std::vector<std::pair<std::string, std::string>> masks;
  std::vector<std::pair<unsigned, std::vector<unsigned>>> distances;
  std::vector<std::pair<unsigned, std::uint64_t>> total_kib;
};

// A memory block of /sys/devices/system/memory that is online: "memory8 00000008 online zones=DMA nodes=node0".
struct BlockOutcome {
  std::uint64_t index = 0;
  std::string zones;  // "none": its pages are of several zones
  std::string nodes;
};

// A pool of huge pages: of one size, on one node or in all.
struct HugepageOutcome {
  Bytes size{0};
  std::optional<unsigned> node;
  std::uint64_t pages = 0;
};

// The name under which LogOutcomes::maps has the kernel's table after all changes to it. No kernel prints it.
inline constexpr const char* kFinalMap = "after all changes";

struct Outcomes {
  LogOutcomes log;
  std::optional<std::vector<ZoneOutcome>> zones;
  std::optional<std::vector<ResourceOutcome>> iomem;
  std::optional<std::vector<LoggedMapEntry>> memmap;  // /sys/firmware/memmap
  MeminfoOutcome meminfo;
  NodesOutcome nodes;
  std::optional<Bytes> block_size;
  std::optional<std::vector<BlockOutcome>> blocks;
  std::optional<std::vector<LoggedRegion>> late_memory, late_reserved;  // debugfs, after the boot
  std::optional<std::uint64_t> min_free_kib;
  std::optional<std::vector<HugepageOutcome>> hugepages;
};

std::vector<ZoneOutcome> read_zoneinfo(std::string_view text);
std::vector<ResourceOutcome> read_iomem_file(std::string_view text);
MeminfoOutcome read_meminfo(std::string_view text);
std::vector<LoggedMapEntry> read_memmap(std::string_view text);
NodesOutcome read_node_files(std::string_view text);
std::vector<BlockOutcome> read_memory_blocks(std::string_view text);
std::vector<LoggedRegion> read_debugfs_regions(std::string_view text);

// All that a case directory has. A file that is missing is an outcome that is not shown.
Outcomes read_outcomes(const FileSource& files);

}  // namespace quarry::lnx
