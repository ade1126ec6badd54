// linux/boot_log.hpp: what a kernel's boot log says about physical memory.
//
// A log mixes what the kernel was given with what it decided. The two never meet in one type here:
//
//   log  |-- LogInputs: firmware map, SRAT, command line, initrd, model, CPUs   -> a machine to boot
//        |-- LogOutcomes: zones, node ranges, memblock, NODE_DATA, Memory:      -> to compare with, only
//
// Kernels 3.x to 6.x; lines with or without timestamp, thread, syslog or journal prefix, level or CR; bytes
// that are no text. Of a log with several boots the first is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "linux/origins.hpp"
#include "linux/problem.hpp"
#include "quarry/base/range.hpp"
#include "quarry/boot/machine.hpp"
#include "quarry/firmware/memory_map.hpp"

namespace quarry::lnx {

// One descriptor of the UEFI map; types and attributes are UEFI's (UEFI 2.10, 7.2).
struct EfiEntry {
  PhysAddr base;
  Bytes size;
  std::uint32_t type = 0;
  std::uint64_t attributes = 0;
  friend bool operator==(const EfiEntry&, const EfiEntry&) noexcept = default;
};
inline constexpr std::uint64_t kEfiMoreReliable = 0x10000;
inline constexpr std::uint64_t kEfiRuntime = std::uint64_t{1} << 63;

// An ACPI table that the log lists: signature, address and length.
struct AcpiTable {
  std::string signature;
  PhysRange range;
  friend bool operator==(const AcpiTable&, const AcpiTable&) noexcept = default;
};

// What the kernel was given. Everything that `boot` may know of a log.
struct LogInputs {
  std::optional<boot::Arch> arch;
  std::string banner;   // "Linux version ..."
  std::string release;  // "6.1.0-56-cloud-amd64"
  std::string command_line;
  std::string model;
  std::optional<unsigned> cpus;
  std::vector<firmware::MapEntry> e820;  // BIOS-e820 lines, in their order
  std::vector<EfiEntry> efi_map;
  std::vector<firmware::MemoryAffinity> memory_affinity;  // SRAT lines, in their order
  std::vector<firmware::CpuAffinity> cpu_affinity;
  std::vector<AcpiTable> acpi_tables;
  std::optional<PhysRange> ramdisk;
  std::optional<PhysRange> efi_memory_map;          // arm64: where UEFI's own map lies
  std::optional<PhysAddr> efi_memory_attributes;    // MEMATTR= of UEFI's configuration tables
  std::optional<PhysAddr> efi_memory_reservations;  // MEMRESERVE=
  bool has_smbios = false;
  bool has_kasan = false;  // the kernel is built with it
  bool is_32bit_x86 = false;
  std::vector<Origin> origins;  // `where` is the number of a line
  std::string foreign_arch;  // "mips", "powerpc": a kernel of a machine that is not known here; empty: none
};

// Reads the inputs. A log without a map is not an error here: a tree may come from elsewhere (see require_map).
//
// Errors    malformed_input: a line that starts as one of a map, of SRAT or of RAMDISK does and then breaks
//           off or contradicts itself; the text names line, words and what was expected. Nothing is
//           guessed from the rest of it.
// Cost      one pass.
Expected<LogInputs> read_log_inputs(std::span<const std::byte> log);

// Errors    malformed_input: neither BIOS-e820 nor efi: mem lines.
std::optional<Problem> require_map(const LogInputs& inputs);

// Whether these bytes look like a boot log at all: some line of the first hundred thousand characters is one.
bool looks_like_boot_log(std::span<const std::byte> bytes);

// What a UEFI map means to a kernel without e820: conventional, loader, boot services and persistent memory
// that may be cached are usable, ACPI reclaim is acpi; other cacheable memory is reserved, which on arm64
// means memory that nobody maps; what is not memory is left out.
std::vector<firmware::MapEntry> map_of_efi(std::span<const EfiEntry> entries);

// --- Outcomes ------------------------------------------------------------------------------------------

// `name` spans [begin, end); empty: the log says so.
struct LoggedZone {
  std::string name;
  PhysRange range;
};
struct LoggedNodeRange {
  unsigned node = 0;
  PhysRange range;
};
struct LoggedRegion {
  PhysRange range;
  std::uint32_t flags = 0;
  std::optional<unsigned> node;
  friend bool operator==(const LoggedRegion&, const LoggedRegion&) noexcept = default;
};
// One "MEMBLOCK configuration" of memblock=debug.
struct LoggedMemblock {
  std::vector<LoggedRegion> memory, reserved;
  std::optional<Bytes> memory_size, reserved_size;  // "memory size = … reserved size = …"
};
struct LoggedUnavailable {
  std::optional<unsigned> node;
  std::string zone;
  std::uint64_t pages = 0;
};
// "On node 0 totalpages: 20946307" (no zone), and below it "DMA zone: 3999 pages, LIFO batch:0".
struct LoggedZonePages {
  unsigned node = 0;
  std::string zone;
  std::uint64_t pages = 0;
};
// One printed map: "user: [mem …] usable". `who` is "BIOS-e820", "user", "extended", "modified" or "reserve setup_data".
struct LoggedMapEntry {
  PhysRange range;
  std::string type;
};
struct LoggedMap {
  std::string who;
  std::vector<LoggedMapEntry> entries;
};
// "e820: update [mem …] usable ==> reserved"; without a `to` it is "e820: remove [mem …] usable".
struct LoggedMapChange {
  PhysRange range;
  std::string from, to;
};
// "ACPI: SRAT: Node 0 PXM 3 [mem …]": which node a domain became.
struct LoggedAffinity {
  unsigned node = 0;
  std::uint32_t domain = 0;
  PhysRange range;
};
// "percpu: Embedded 61 pages/cpu s212992 r8192 d28672 u2097152"
struct LoggedPercpu {
  std::uint64_t pages = 0, static_bytes = 0, reserved_bytes = 0, dynamic_bytes = 0, unit_bytes = 0;
  friend bool operator==(const LoggedPercpu&, const LoggedPercpu&) noexcept = default;
};
// "Dentry cache hash table entries: 262144 (order: 9, 2097152 bytes, vmalloc)"
struct LoggedHash {
  std::string name;
  std::uint64_t entries = 0, bytes = 0;
};
// A node of /reserved-memory: "created CMA memory pool at …, size 64 MiB", "initialized node NAME".
struct LoggedPool {
  std::string kind;  // "CMA", "DMA", or what later kernels print of flags
  std::string node;  // name of the tree's node; empty: not said
  PhysRange range;
};
// A number of the "Memory:" line with what stands behind it: 14343, "kernel code".
struct LoggedShare {
  std::string name;
  std::uint64_t kib = 0;
};

// What the kernel decided. For comparisons; nothing that boots may include it.
struct LogOutcomes {
  std::vector<LoggedMap> maps;
  std::vector<LoggedMapChange> map_changes;
  std::vector<std::uint64_t> last_pfns;  // of all RAM, and where there is more, of that below 4G
  std::optional<std::uint64_t> max_arch_pfn;
  std::vector<LoggedAffinity> affinity;
  std::vector<LoggedNodeRange> faked;     // "Faking a node at [mem …]", where no table has any
  std::vector<LoggedNodeRange> emulated;  // "Faking node 1 at [mem …]", by numa=fake=
  bool says_movable = false;              // "Movable zone start for each node", with or without a line below
  std::vector<LoggedZone> zone_ranges;
  std::vector<LoggedNodeRange> movable_start;  // begin only
  std::vector<LoggedNodeRange> node_ranges;
  std::vector<LoggedNodeRange> initmem;  // "Initmem setup node"; empty: as memoryless
  std::vector<LoggedMemblock> dumps;
  std::vector<LoggedUnavailable> unavailable;
  std::vector<LoggedZonePages> zone_pages;
  std::vector<LoggedNodeRange> node_data;
  std::vector<std::vector<unsigned>> fallback_order;  // by line, the node first
  std::optional<std::uint64_t> zonelists;             // "Built 2 zonelists"
  std::optional<std::uint64_t> total_pages;
  std::string policy_zone;
  std::vector<PhysRange> cma;          // "cma: Reserved 64 MiB at …"
  std::vector<PhysRange> crashkernel;  // low memory first
  std::vector<LoggedPool> pools;
  std::vector<std::string> reserved_memory_lines;  // what is said of /reserved-memory, line by line
  std::optional<PhysRange> bounce_buffers;         // "software IO TLB: mapped [mem …]"
  std::optional<std::uint64_t> log_buffer;         // "log_buf_len: N bytes"
  std::optional<LoggedPercpu> percpu;
  std::vector<LoggedHash> hashes;
  std::optional<std::uint64_t> block_mib;               // "Memory block size: 128MB"
  std::optional<std::uint64_t> managed_kib, total_kib;  // "Memory: 123K/456K available"
  std::vector<LoggedShare> memory_shares;               // "(14343K kernel code, …)"
  bool panicked = false;  // before the "Memory:" line: this kernel did not live to see its page allocator
};

// Reads what is there and skips what is broken: a comparison says "unknown" of what it does not find.
LogOutcomes read_log_outcomes(std::span<const std::byte> log);

// --- Shared by both, and by whoever reads other lines ---------------------------------------------------

// A line without its prefixes: syslog's date, host and "kernel:", level, timestamp, thread and CR.
std::string_view message_of(std::string_view line);

}  // namespace quarry::lnx
