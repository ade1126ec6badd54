// cli/boot_report.hpp: what one boot left behind, read from the live structures.
//
// A value: when it is filled, the machine may be gone. The texts are what the library's own views wrote;
// the numbers are what pictures and JSON are made of.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "linux/ledger.hpp"

namespace quarry::cli {

struct Span {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;  // exclusive
  std::uint64_t size() const { return end - begin; }
};

struct FirmwareEntry {
  Span range;
  std::string type;    // "usable", "reserved", "ACPI data", …
  std::string source;  // "e820", "efi", "device tree, memory@40000000", "--memory"
  bool is_ram = false;
};

struct RegionEntry {
  Span range;
  std::vector<std::string> flags;   // "hotplug", "mirror", "nomap", "driver_managed"
  int node = -1;                    // -1: none was said
  std::string owner;                // reserved regions: who took it; several owners are joined by ", "
  std::vector<std::string> owners;  // the same, each by itself
};

// A piece of physical memory and what it is at the end of the boot: what the picture draws.
struct MapPiece {
  enum class Kind {
    free,
    kernel,
    initrd,
    tree,
    firmware,
    descriptors,
    node_data,
    cma,
    crashkernel,
    nomap,
    reserved,
    page_tables,
    other
  };
  Span range;
  Kind kind = Kind::free;
  std::string owner;
  std::string rule;
};

struct ZoneEntry {
  std::string name;
  std::uint64_t start_pfn = 0, spanned_pages = 0, present_pages = 0, managed_pages = 0, cma_pages = 0;
  std::uint64_t min_pages = 0, low_pages = 0, high_pages = 0;  // watermarks
  std::vector<std::uint64_t> free_area;                        // blocks by order, when the boot is done
  std::vector<std::uint64_t> free_area_handover;               // right after memblock's pages were released
};

struct NodeEntry {
  int id = 0;
  std::uint64_t start_pfn = 0, spanned_pages = 0, present_pages = 0;
  std::vector<unsigned> distances;
  std::vector<int> fallback;
  std::vector<std::pair<int, std::string>> zonelist;  // zonerefs in order
  std::vector<ZoneEntry> zones;
};

// What a bitmap of bootmem's said when the last allocation before the hand-over was made.
struct BitmapEntry {
  int node = 0;
  std::uint64_t start_pfn = 0, end_pfn = 0;  // exclusive
  std::uint64_t map_pfn = 0, map_bytes = 0;  // where the bitmap lay
  std::uint64_t free_pages = 0, reserved_pages = 0;
  std::uint64_t last_end_off = 0, hint_idx = 0;  // Linux's fields: bytes and pages from the node's begin
};

struct BootmemEntry {
  std::vector<BitmapEntry> nodes;
  // Of the hand-over: pages given, those of the bitmaps among them, and free ones that were given to nobody.
  std::uint64_t released_pages = 0, bitmap_pages = 0, lost_pages = 0;
  std::uint64_t blocks = 0;  // single pages and whole longs of the bitmap
};

struct ReservedNode {
  std::string name;
  Span range;
  std::vector<std::string> flags;
  std::string status;  // "reserved", or what the kernel says of it
};

// A fault of Linux 6.1 that this boot has, too.
struct BugEntry {
  std::string what;
  Span range;  // the memory that it is about; may be empty
};

struct CmaEntry {
  std::string name;
  Span range;
  bool is_default = false;
};

struct ResourceEntry {
  Span range;
  std::string name;
  unsigned depth = 0;
};

// Why MemTotal may lie up to `low` below and `high` above that of the kernel that was booted, which stands in for another. Units: KiB.
struct MemTotalReason {
  std::string what, source;
  std::int64_t low = 0, high = 0;
};
struct MemTotalBounds {
  std::string stands_in, stands_for;  // releases; stands_for may be empty: none is known
  std::uint64_t low_kib = 0, high_kib = 0;
  std::vector<MemTotalReason> reasons;  // the widest first
};

struct LedgerEntry {
  std::string owner;
  std::uint64_t bytes = 0;
  std::string rule;  // the function of Linux, and the option, that put it there
  std::string back;  // the function that gives it back; empty: none, or not known
  lnx::Fate fate = lnx::Fate::kept;
};

struct StepEntry {
  std::string function;  // the Linux function that the step stands for
  std::string about;
};

// A zone at a moment of the hand-over. Units: pages.
struct TimelineZone {
  int node = 0;
  std::string zone;
  std::uint64_t managed = 0, cma = 0, free = 0;
};

// What the page allocator had after one step of the hand-over. Units: pages.
struct TimelineEntry {
  std::string step, function;  // in our words, and the Linux function that it stands for
  std::uint64_t given = 0;     // by this step
  std::uint64_t total = 0, free = 0, cma = 0;
  std::vector<TimelineZone> zones;  // the populated ones, in order
};

// A self-test of the allocators on the booted machine: what was allocated and freed through them.
struct ExerciseEntry {
  std::string what;  // "page pairs, order 0 to 10", "kmalloc, 8 B to 16 KiB"
  std::uint64_t operations = 0;
  std::string outcome;  // "ok", or the name of the law that broke
};

// A part of the virtual address space of a kernel that was not moved.
struct AddressSpacePart {
  std::string name;  // "direct map", "vmalloc"
  std::uint64_t first = 0, last = 0;
  enum class Is { beside, inside } is = Is::beside;  // the part before it
};

struct BootReport {
  std::string source;  // what was booted: a file, "built-in pc-2g", "this host"
  std::string arch;
  std::uint64_t page_size = 4096;
  std::string cmdline;
  std::string model;
  unsigned cpus = 1;
  bool native = false;

  std::vector<FirmwareEntry> firmware;
  std::vector<RegionEntry> memory, reserved;
  std::vector<MapPiece> pieces;  // sorted, disjoint, covering all memory
  std::vector<NodeEntry> nodes;
  std::optional<BootmemEntry> bootmem;  // if it was in use
  std::vector<ReservedNode> reserved_memory;
  std::vector<CmaEntry> cma;
  std::vector<BugEntry> linux_bugs;
  std::vector<Span> crashkernel;
  std::vector<ResourceEntry> iomem;
  std::vector<LedgerEntry> ledger;  // sums to ram_bytes
  std::vector<StepEntry> steps;
  std::vector<TimelineEntry> timeline;
  std::vector<AddressSpacePart>
      address_space;  // sorted, those beside each other without gaps; empty: not known
  std::vector<ExerciseEntry> exercises;
  std::vector<std::string> notes;    // what a person should know: guesses, refusals, what is not modelled
  std::vector<std::string> sources;  // `host`: what could be read, and what could not and why

  std::uint64_t ram_bytes = 0;
  std::uint64_t mem_total_kib = 0, cma_total_kib = 0, high_total_kib = 0;
  std::optional<MemTotalBounds>
      mem_total_bounds;            // where of the kernel only the version is known, or nothing
  std::uint64_t min_free_kib = 0;  // vm.min_free_kbytes, where Linux computes the watermarks

  // The kernel's own words, from the library's views.
  struct Texts {
    std::string memblock, reserved_memory, zones, sections, zonelists, zonerefs, zoneinfo, iomem;
    std::string buddyinfo, pagetypeinfo, slabinfo, slab_memory, memory_line;
  } texts;
};

}  // namespace quarry::cli
