// Agreement with Linux: every recorded boot is booted here from its inputs alone, and what the kernel printed about
// memory is held against the outcome: memblock's memory, zone ranges, early node ranges, and each zone's start, spanned
// and present pages. What is not modelled stands in a list with its reason; nothing else is left out.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>

#include "host/virtual_arena.hpp"
#include "linux/corpus_case.hpp"
#include "linux/file_bytes.hpp"
#include "linux/ledger.hpp"
#include "linux/linux_allocations.hpp"
#include "quarry/memory/early_system.hpp"

namespace quarry::lnx {
namespace {

namespace fs = std::filesystem;

// Cases whose outcome is known to differ, each with the reason. A case that starts to agree fails the test, too.
const std::map<std::string, std::string>& not_modelled() {
  static const std::map<std::string, std::string> list{};
  return list;
}

struct Booted {
  MachineDescription machine;
  hosted::VirtualArena memory{std::size_t{1} << 30};
  std::optional<boot::Machine> view;
  std::unique_ptr<LinuxAllocations> model;
  std::unique_ptr<Ledger> ledger;
  memory::EarlySystem* system = nullptr;
  std::string failure;
};

std::string string_of(TextView text) { return {text.data(), text.size()}; }

std::vector<PhysRange> ram_of(const MachineDescription& machine, const memory::EarlySystem* system) {
  std::vector<PhysRange> ram;
  for (const firmware::MapEntry& entry : machine.map)
    if (entry.type == firmware::MapType::usable) ram.push_back(PhysRange::sized(entry.base, entry.size));
  if (ram.empty() && system != nullptr)
    for (const early::Region& region : system->memblock().memory().view()) ram.push_back(region.range());
  return ram;
}

std::unique_ptr<Booted> boot_case(const fs::path& directory) {
  auto result = std::make_unique<Booted>();
  auto machine = read_corpus_case(directory);
  if (!machine) {
    result->failure = machine.problem().text;
    return result;
  }
  result->machine = *std::move(machine);
  result->view = result->machine.machine();
  result->model = std::make_unique<LinuxAllocations>(result->machine.kernel);
  result->ledger = std::make_unique<Ledger>(ram_of(result->machine, nullptr));
  Arena& arena = result->memory.arena();
  const early::SpareStorage spare{&arena, [](void* self, std::size_t bytes) noexcept -> std::byte* {
                                    const auto at =
                                        static_cast<Arena*>(self)->take_bytes(bytes, alignof(early::Region));
                                    return at ? at.value() : nullptr;
                                  }};
  const auto system = memory::EarlySystem::make(*result->view, arena,
                                                {.direct_map = {},
                                                 .spare = spare,
                                                 .observer = result->ledger->observer(),
                                                 .hooks = result->model->hooks(),
                                                 .steps = {}});
  if (!system) {
    result->failure = "the arena is too small";
    return result;
  }
  result->system = system.value();
  if (!result->system->run_flow()) {
    const boot::Failure& why = result->system->state().failure;
    result->failure = fmt::format("{}: {}", why.step, string_of(why.what));
  } else if (!result->system->cut_zones()) {
    result->failure = "cut_zones failed: " + string_of(result->system->state().failure.what);
  }
  return result;
}

std::string text_file(const fs::path& path) {
  const auto bytes = read_file(path);
  return bytes ? std::string{text_of(*bytes)} : std::string{};
}

// --- What was printed, and the same from here, as comparable text -------------------------------------------------

using Lines = std::vector<std::string>;

std::string range_text(PhysRange range) {
  return fmt::format("{:#x}-{:#x}", range.begin().raw, range.end().raw);
}

// debugfs: "   0: 0x40000000..0x7fffffff"
std::optional<Lines> debugfs_memory(const fs::path& directory) {
  const std::string text = text_file(directory / "memblock-memory.txt");
  if (text.empty()) return std::nullopt;
  Lines lines;
  std::istringstream in{text};
  for (std::string line; std::getline(in, line);) {
    std::uint64_t first = 0, last = 0;
    if (std::sscanf(line.c_str(), " %*u: 0x%lx..0x%lx", &first, &last) != 2) continue;
    lines.push_back(range_text({PhysAddr{first}, PhysAddr{last + (last != UINT64_MAX)}}));
  }
  return lines;
}

Lines joined(const std::vector<PhysRange>& ranges) {
  Lines lines;
  for (const PhysRange range : ranges) lines.push_back(range_text(range));
  return lines;
}

Lines our_memory(const Booted& booted) {
  std::vector<PhysRange> ranges;
  for (const early::Region& region : booted.system->memblock().memory().view())
    ranges.push_back(region.range());
  return joined(ranges);
}

std::optional<Lines> logged_memory(const LogOutcomes& log) {
  if (log.dumps.empty()) return std::nullopt;
  Lines lines;
  for (const LoggedRegion& region : log.dumps.back().memory) lines.push_back(range_text(region.range));
  return lines;
}

std::string zone_line(const std::string& name, PhysRange range) {
  return range.empty() ? name + " empty" : name + " " + range_text(range);
}

std::optional<Lines> logged_zone_ranges(const LogOutcomes& log) {
  if (log.zone_ranges.empty()) return std::nullopt;
  Lines lines;
  for (const LoggedZone& zone : log.zone_ranges)
    if (zone.name != "Device") lines.push_back(zone_line(zone.name, zone.range));
  return lines;
}

PhysRange bytes_of(const Booted& booted, PfnRange pages) {
  const PageSize page = booted.machine.kernel.geometry.page_size();
  return {page.address_of(pages.begin()), page.address_of(pages.end())};
}

Lines our_zone_ranges(const Booted& booted) {
  Lines lines;
  for (const zones::ZoneRange& range : booted.system->layout().ranges)
    if (range.configured && range.type != zones::ZoneType::movable)
      lines.push_back(zone_line(string_of(zones::name_of(range.type)), bytes_of(booted, range.span)));
  return lines;
}

std::optional<Lines> logged_node_ranges(const LogOutcomes& log) {
  if (log.node_ranges.empty()) return std::nullopt;
  Lines lines;
  for (const LoggedNodeRange& range : log.node_ranges)
    lines.push_back(fmt::format("{} {}", range.node, range_text(range.range)));
  return lines;
}

Lines our_node_ranges(const Booted& booted) {
  Lines lines;
  for (const zones::NodeRange& range : booted.system->layout().node_ranges)
    lines.push_back(
        fmt::format("{} {}", static_cast<unsigned>(range.node), range_text(bytes_of(booted, range.span))));
  return lines;
}

// /proc/zoneinfo: "Node 0, zone  DMA", then spanned, present and start_pfn.
std::optional<Lines> zoneinfo(const fs::path& directory) {
  const std::string text = text_file(directory / "zoneinfo.txt");
  if (text.empty()) return std::nullopt;
  Lines lines;
  std::istringstream in{text};
  unsigned node = 0;
  unsigned long spanned = 0, present = 0, start = 0;
  char name[32] = "";
  const auto flush = [&] {
    if (name[0] != '\0')
      lines.push_back(
          fmt::format("{} {} spanned {} present {} start {}", node, name, spanned, present, start));
    name[0] = '\0';
    spanned = present = start = 0;
  };
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("Node ")) {
      flush();
      std::sscanf(line.c_str(), "Node %u, zone %31s", &node, name);
    }
    std::sscanf(line.c_str(), " spanned %lu", &spanned);
    std::sscanf(line.c_str(), " present %lu", &present);
    std::sscanf(line.c_str(), " start_pfn: %lu", &start);
  }
  flush();
  std::erase_if(lines, [](const std::string& line) { return line.find(" present 0 ") != std::string::npos; });
  return lines;
}

Lines our_zones(const Booted& booted) {
  Lines lines;
  for (const zones::Zone& zone : booted.system->layout().zones)
    if (zone.is_populated())
      lines.push_back(fmt::format("{} {} spanned {} present {} start {}", static_cast<unsigned>(zone.node),
                                  string_of(zones::name_of(zone.type)), zone.spanned.raw, zone.present.raw,
                                  zone.start.raw));
  return lines;
}

// --- The comparison ----------------------------------------------------------------------------------------------

std::string difference(const std::string& what, const Lines& linux_has, const Lines& we_have) {
  if (linux_has == we_have) return {};
  std::string text = what + ":";
  for (const std::string& line : linux_has)
    if (std::find(we_have.begin(), we_have.end(), line) == we_have.end()) text += "\n    linux  " + line;
  for (const std::string& line : we_have)
    if (std::find(linux_has.begin(), linux_has.end(), line) == linux_has.end())
      text += "\n    quarry " + line;
  return text + "\n";
}

struct Verdict {
  std::string difference;   // empty: all that is known agrees
  unsigned quantities = 0;  // that the kernel showed
};

Verdict compare(const fs::path& directory, const Booted& booted) {
  Verdict verdict;
  const bool linux_died =
      text_file(directory / "result.json").find("\"outcome\": \"panic\"") != std::string::npos;
  if (linux_died || !booted.failure.empty()) {
    verdict.quantities = 3;  // a machine that cannot boot has no zones to show
    if (!linux_died) verdict.difference = "did not boot: " + booted.failure + "\n";
    if (booted.failure.empty()) verdict.difference = "boots, though Linux did not survive it\n";
    return verdict;
  }
  const auto log_bytes = read_file(directory / "dmesg.txt");
  const LogOutcomes log = log_bytes ? read_log_outcomes(*log_bytes) : LogOutcomes{};
  const auto hold = [&](const char* what, const std::optional<Lines>& theirs, const Lines& ours) {
    if (!theirs) return;
    ++verdict.quantities;
    verdict.difference += difference(what, *theirs, ours);
  };
  // debugfs shows the table after the hand-over, which no longer tells hotpluggable memory apart.
  const auto late_memory = debugfs_memory(directory);
  if (!late_memory) hold("memblock.memory", logged_memory(log), our_memory(booted));
  const PhysRange everything{PhysAddr{0}, PhysAddr{UINT64_MAX}};
  EXPECT_TRUE(booted.system->memblock().clear_hotplug(everything));
  if (late_memory) hold("memblock.memory", late_memory, our_memory(booted));
  hold("zone ranges", logged_zone_ranges(log), our_zone_ranges(booted));
  hold("early node ranges", logged_node_ranges(log), our_node_ranges(booted));
  hold("zones", zoneinfo(directory), our_zones(booted));
  return verdict;
}

std::vector<fs::path> cases() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator{QUARRY_CORPUS})
    if (is_corpus_case(entry.path())) found.push_back(entry.path());
  std::sort(found.begin(), found.end());
  return found;
}

TEST(LinuxAgreement, every_recorded_boot_ends_as_linux_ended_it) {
  struct Total {
    unsigned agree = 0, listed = 0, all = 0, quantities = 0;
  };
  std::map<std::string, Total> totals;
  unsigned agree = 0;
  for (const fs::path& directory : cases()) {
    const std::string name = directory.filename().string();
    const auto booted = boot_case(directory);
    const Verdict verdict = compare(directory, *booted);
    Total& total = totals[name.substr(0, name.find('-'))];
    ++total.all;
    total.quantities += verdict.quantities;
    const auto listed = not_modelled().find(name);
    if (listed != not_modelled().end()) {
      ++total.listed;
      EXPECT_FALSE(verdict.difference.empty())
          << name << " agrees now: take it off the list (" << listed->second << ")";
      continue;
    }
    EXPECT_TRUE(verdict.difference.empty()) << name << "\n" << verdict.difference;
    if (verdict.difference.empty()) {
      ++total.agree;
      ++agree;
    }
    EXPECT_GE(verdict.quantities, 3u) << name << ": the kernel showed too little";
    if (booted->ledger) {
      EXPECT_EQ(booted->ledger->audit(), "") << name;
    }
  }
  for (const auto& [arch, total] : totals)
    std::printf("agreement: %-6s %u of %u cases (%u listed as not modelled), %u quantities\n", arch.c_str(),
                total.agree, total.all, total.listed, total.quantities);
  EXPECT_EQ(totals.size(), 3u);
  EXPECT_GE(agree, 24u);
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
  for (const fs::path& directory : cases()) {
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
