// Agreement with Linux: every recorded boot is booted here from its inputs alone, and all that the kernel showed of its
// memory is held against the outcome, as `quarry compare` does. What is not modelled stands in a list with its reason;
// nothing else may differ, and what agrees must be taken off the list.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>

#include "linux/file_bytes.hpp"
#include "tests/compared_case.hpp"
#include "tests/corpus_files.hpp"

namespace quarry::lnx {
namespace {

namespace fs = std::filesystem;

std::string text_file(const fs::path& path) {
  const auto bytes = read_file(path);
  return bytes ? std::string{text_of(*bytes)} : std::string{};
}

std::string range_text(PhysRange range) {
  return fmt::format("{:#x}-{:#x}", range.begin().raw, range.end().raw);
}

// What may differ: `where` is an architecture ("arm64") or a case, `name` the begin of a quantity's name.
struct Allowed {
  std::string_view where, kind, name, why;
  bool fits(std::string_view boot, const Quantity& quantity) const {
    return boot.starts_with(where) && kind == quantity.kind && quantity.name.starts_with(name);
  }
};
constexpr std::string_view kPlugged = "memory that was plugged in after the boot";
constexpr std::string_view kWindow = "a device's window begins where RAM ends";
constexpr std::string_view kStopped = "our boot stops before the zones are cut, Linux's while it cuts them";
constexpr std::string_view kUefi = "where UEFI's stub puts UEFI's map is not told by the description";
constexpr Allowed kAllowed[] = {
    {"x86-hotplug-dimm", "e820", "/sys/firmware/memmap", kPlugged},
    {"x86-hotplug-dimm", "iomem", "System RAM", kPlugged},
    {"x86-pc-96m", "iomem", "RAM buffer", kWindow},
    {"x86-q35-odd-size", "iomem", "RAM buffer", kWindow},
    {"x86-uefi", "memblock.reserved", "configuration", kUefi},
    {"x86-srat-orphan", "nodes", "", kStopped},
    {"x86-srat-orphan", "zones", "", kStopped},
    {"x86-percpu-page", "totals", "Memory: available",
     "areas mapped page by page have one of vmalloc's tables"},
};

TEST(LinuxAgreement, every_recorded_boot_ends_as_linux_ended_it) {
  std::map<std::string, VerdictCounts> totals;
  std::map<std::string, unsigned> boots;
  std::vector<unsigned> used(std::size(kAllowed));
  for (const fs::path& directory : corpus::cases_in(QUARRY_CORPUS)) {
    const std::string name = directory.filename().string();
    const std::string arch = name.substr(0, name.find('-'));
    const auto compared = compare_case(directory);
    ASSERT_TRUE(compared) << compared.problem().text;
    const Comparison& comparison = *compared;
    for (const Quantity& quantity : comparison.quantities) {
      totals[arch].add(quantity.verdict);
      if (quantity.verdict != Verdict::differ) continue;
      bool is_allowed = false;
      for (std::size_t i = 0; i < std::size(kAllowed); ++i)
        if (kAllowed[i].fits(name, quantity)) is_allowed = true, ++used[i];
      EXPECT_TRUE(is_allowed) << name << ": " << quantity.kind << ", " << quantity.name << "\n  quarry "
                              << quantity.ours << "\n  linux  " << quantity.theirs;
    }
    EXPECT_GE(comparison.total().known(), 20u) << name << ": the kernel showed too little";
    ++boots[arch];
  }
  for (std::size_t i = 0; i < std::size(kAllowed); ++i)
    EXPECT_NE(used[i], 0u) << kAllowed[i].where << ", " << kAllowed[i].kind << " " << kAllowed[i].name
                           << " agrees now: take it off the list (" << kAllowed[i].why << ")";
  for (const auto& [arch, total] : totals)
    std::printf("agreement: %-6s %zu of %zu quantities of %u boots\n", arch.c_str(), total.agree,
                total.known(), boots[arch]);
  EXPECT_EQ(totals.size(), 3u);
}

// A changed number is seen, whichever it is: otherwise nothing above would mean much.
TEST(LinuxAgreement, a_changed_outcome_is_a_difference) {
  const fs::path directory = fs::path{QUARRY_CORPUS} / "x86-pc-1g";
  const auto machine = read_corpus_case(directory);
  ASSERT_TRUE(machine);
  const auto booted = cli::boot_to_compare(*machine);
  const auto differing = [&](std::string_view file, std::string_view from, std::string_view to) {
    const FileSource changed = [&](std::string_view name) -> std::optional<std::vector<std::byte>> {
      std::string text = text_file(directory / name);
      if (text.empty()) return std::nullopt;
      if (name == file) {
        const std::size_t at = text.find(from);
        if (at == std::string::npos) return std::nullopt;
        text.replace(at, from.size(), to);
      }
      std::vector<std::byte> bytes(text.size());
      std::transform(text.begin(), text.end(), bytes.begin(),
                     [](char c) { return static_cast<std::byte>(c); });
      return bytes;
    };
    return compare(booted.shown, read_outcomes(changed), {}).total().differ;
  };
  const std::size_t before = differing("", "", "");
  constexpr std::string_view changes[][3] = {
      {"dmesg.txt", "last_pfn = 0x3ffe0", "last_pfn = 0x3ffe1"},
      {"dmesg.txt", "DMA32    [mem 0x0000000001000000", "DMA32    [mem 0x0000000001001000"},
      {"dmesg.txt", "usable ==> reserved", "reserved ==> usable"},
      {"dmesg.txt", "Total pages: ", "Total pages: 1"},
      {"dmesg.txt", "NODE_DATA(0) allocated [mem 0x3", "NODE_DATA(0) allocated [mem 0x2"},
      {"dmesg.txt", "s212992", "s212993"},
      {"dmesg.txt", "Dentry cache hash table entries: ", "Dentry cache hash table entries: 1"},
      {"zoneinfo.txt", "start_pfn:           1", "start_pfn:           2"},
      {"zoneinfo.txt", "spanned  4095", "spanned  4096"},
      {"zoneinfo.txt", "min      175", "min      176"},
      {"zoneinfo.txt", "(0, 948", "(0, 949"},
      {"iomem.txt", "032b1000", "032b2000"},
      {"memmap.txt", "0x9fbff", "0x9fbfe"},
      {"meminfo.txt", "MemTotal:         9", "MemTotal:         8"},
      {"node.txt", "node0/distance: 10", "node0/distance: 11"},
      {"memory_blocks.txt", "zones=DMA32", "zones=Normal"},
      {"vm.txt", "min_free_kbytes: 4", "min_free_kbytes: 5"},
  };
  for (const auto& [file, from, to] : changes)
    EXPECT_EQ(differing(file, from, to), before + 1) << file << ": " << from << " -> " << to;
}

// --- Inputs only ---------------------------------------------------------------------------------------------------

// Whether a line of a log is an input: the same list that the contract of the tool has, said independently of the reader.
bool is_input_line(const std::string& line) {
  constexpr std::string_view input_lines[] = {
      "Linux version", "Command line: ",   "Kernel command line: ", "BIOS-e820:", "efi: ",
      "SRAT: ",        "RAMDISK: ",        "Machine model: ",       "DMI: ",      "SMBIOS ",
      "Allowing ",     "Booting Linux on", "ACPI: SLIT 0x"};
  for (const std::string_view word : input_lines)
    if (line.find(word) != std::string::npos) return true;
  return line.find("ACPI: ") != std::string::npos && line.find(" 0x0000") != std::string::npos;
}

std::string fingerprint(const MachineDescription& machine) {
  std::string text =
      fmt::format("{} {} {} {} {} {}\n", static_cast<int>(machine.kernel.arch), machine.kernel.release,
                  machine.command_line, machine.model, machine.cpus, machine.tree.size());
  for (const auto& entry : machine.map)
    text += fmt::format("{:#x}+{:#x} {}\n", entry.base.raw, entry.size.raw,
                        static_cast<std::uint32_t>(entry.type));
  for (const EfiEntry& entry : machine.efi_map)
    text += fmt::format("efi {:#x}+{:#x} {} {:#x}\n", entry.base.raw, entry.size.raw, entry.type,
                        entry.attributes);
  for (const auto& entry : machine.memory_affinity)
    text += fmt::format("{:#x}+{:#x} {} {} {}\n", entry.base.raw, entry.size.raw, entry.domain, entry.enabled,
                        entry.hotpluggable);
  for (const auto& entry : machine.cpu_affinity) text += fmt::format("cpu {} {}\n", entry.cpu, entry.domain);
  for (const auto distance : machine.distances) text += fmt::format("{} ", distance);
  for (const AcpiTable& table : machine.acpi_tables) text += table.signature + range_text(table.range) + "\n";
  return text + fmt::format("tree {:#x}+{:#x} kernel {} brk {} initrd {}\n", machine.tree_at.raw,
                            machine.tree_size.raw, range_text(machine.image.whole),
                            range_text(machine.image.brk), range_text(machine.initrd));
}

TEST(LinuxAgreement, removing_every_outcome_changes_no_description) {
  constexpr std::string_view input_files[] = {"case.json", "kernel.txt", "machine.dtb", "given.dtb",
                                              "srat.bin",  "slit.bin",   "madt.bin"};
  unsigned compared = 0;
  for (const fs::path& directory : corpus::cases_in(QUARRY_CORPUS)) {
    const auto all = read_corpus_case(directory);
    const FileSource inputs_only = [&](std::string_view name) -> std::optional<std::vector<std::byte>> {
      if (std::find(std::begin(input_files), std::end(input_files), name) != std::end(input_files))
        return read_file(directory / name);
      if (name != "dmesg.txt") return std::nullopt;
      std::istringstream in{text_file(directory / "dmesg.txt")};
      std::vector<std::byte> kept;
      for (std::string line; std::getline(in, line);)
        if (is_input_line(line))
          for (const char c : line + "\n") kept.push_back(static_cast<std::byte>(c));
      return kept;
    };
    const auto less = read_corpus_case(inputs_only, directory.string());
    ASSERT_TRUE(all) << all.problem().text;
    ASSERT_TRUE(less) << less.problem().text;
    EXPECT_EQ(fingerprint(*all), fingerprint(*less)) << directory;
    ++compared;
  }
  EXPECT_GT(compared, 0u);
}

}  // namespace
}  // namespace quarry::lnx
