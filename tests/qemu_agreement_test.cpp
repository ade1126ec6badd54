// Command lines of QEMU against what QEMU made of them: recorded boots, maps that its firmware printed, and its trees.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "linux/describe.hpp"
#include "linux/qemu_machine.hpp"
#include "quarry/firmware/fdt.hpp"
#include "tests/compared_case.hpp"
#include "tests/corpus_files.hpp"

namespace quarry::lnx {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

using Lines = std::vector<std::string>;

Lines lines_of_map(const MachineDescription& machine) {
  Lines lines;
  for (const firmware::MapEntry& entry : machine.map)
    lines.push_back(fmt::format("e820 {:x} {:x} {}", entry.base.raw, entry.base.raw + entry.size.raw,
                                static_cast<std::uint32_t>(entry.type)));
  return lines;
}

Lines lines_of_nodes(const MachineDescription& machine) {
  Lines lines;
  for (const firmware::CpuAffinity& cpu : machine.cpu_affinity)
    lines.push_back(fmt::format("cpu {} {} {}", cpu.cpu, cpu.domain, cpu.enabled ? 1 : 0));
  for (const firmware::MemoryAffinity& memory : machine.memory_affinity)
    lines.push_back(fmt::format("mem {} {:x} {:x} {}", memory.domain, memory.base.raw, memory.size.raw,
                                (memory.enabled ? 1 : 0) + (memory.hotpluggable ? 2 : 0)));
  if (!machine.distances.empty()) {
    std::size_t nodes = 1;
    while (nodes * nodes < machine.distances.size()) ++nodes;
    lines.push_back(fmt::format("slit {}", nodes));
    for (const std::uint8_t distance : machine.distances) lines.back() += fmt::format(" {}", distance);
  }
  return lines;
}

// One command line of tests/linux/qemu-maps.txt and what QEMU 7.2 with SeaBIOS 1.16.2 printed of it.
struct Captured {
  std::string line;
  Lines map, nodes;
  unsigned cpus = 0;
  bool is_refused = false;
};

std::vector<Captured> captured_maps() {
  std::vector<Captured> all;
  std::ifstream in{QUARRY_SOURCE "/tests/linux/qemu-maps.txt"};
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("> ")) {
      all.push_back({.line = line.substr(2), .map = {}, .nodes = {}});
    } else if (line.starts_with("e820")) {
      all.back().map.push_back(line);
    } else if (line.starts_with("cpus ")) {
      all.back().cpus = static_cast<unsigned>(std::stoul(line.substr(5)));
    } else if (line == "error") {
      all.back().is_refused = true;
    } else {
      all.back().nodes.push_back(line);
    }
  }
  return all;
}

TEST(QemuAgreement, the_maps_are_those_that_firmware_printed) {
  const auto all = captured_maps();
  ASSERT_GT(all.size(), 150u);
  unsigned refused = 0;
  for (const Captured& captured : all) {
    SCOPED_TRACE(captured.line);
    const auto machine = describe("qemu:" + captured.line);
    EXPECT_EQ(static_cast<bool>(machine), !captured.is_refused);
    refused += captured.is_refused;
    if (!machine) {
      EXPECT_EQ(machine.problem().exit_status, ExitStatus::bad_arguments);
      EXPECT_EQ(machine.problem().text.find('\n'), std::string::npos);
      continue;
    }
    EXPECT_EQ(lines_of_map(*machine), captured.map);
    EXPECT_EQ(lines_of_nodes(*machine), captured.nodes);
    EXPECT_EQ(machine->cpus, captured.cpus);
  }
  std::cout << fmt::format("{} command lines, of which QEMU refuses {}\n", all.size(), refused);
}

// --- Recorded boots ----------------------------------------------------------------------------------------

json json_of(const fs::path& file) { return json::parse(corpus::text_of(file)); }

// The command line of a recorded boot, with a file of `initrd` bytes for its initrd.
std::string line_of(const fs::path& folder, const std::string& initrd) {
  std::string line = "qemu:";
  const json result = json_of(folder / "result.json");
  std::string before;
  for (const json& word : result.at("qemu")) {
    const std::string text = before == "-initrd" ? initrd : word.get<std::string>();
    line += fmt::format("'{}' ", text);
    before = text;
  }
  return line;
}

struct SizedFile {
  fs::path path = fs::temp_directory_path() / fmt::format("quarry-qemu-initrd-{}", ::getpid());
  explicit SizedFile(std::uint64_t bytes) {
    std::ofstream{path, std::ios::binary};
    fs::resize_file(path, bytes);
  }
  ~SizedFile() { fs::remove(path); }
};

std::optional<KernelProfile> kernel_of(const fs::path& folder) {
  auto kernel = read_kernel_profile(corpus::text_of(folder / "kernel.txt"));
  return kernel ? std::optional{*std::move(kernel)} : std::nullopt;
}

bool has_word(const std::string& line, std::string_view word) { return line.find(word) != std::string::npos; }

// What two boots have in common with a real kernel.
struct Agreement {
  std::size_t agree = 0, differ = 0, unknown = 0;
  Lines differences;
};
Agreement agreement_of(const MachineDescription& machine, const fs::path& folder) {
  const auto booted = cli::boot_to_compare(machine);
  const Outcomes shown = read_outcomes([&](std::string_view file) { return read_file(folder / file); });
  const Comparison comparison = compare(booted.shown, shown, {.failure = booted.failure});
  const auto total = comparison.total();
  Agreement agreement{total.agree, total.differ, total.unknown, {}};
  for (const Quantity& quantity : comparison.quantities)
    if (quantity.verdict == Verdict::differ) agreement.differences.push_back(quantity.name);
  return agreement;
}

void expect_same_machine(const fs::path& folder, const MachineDescription& recorded) {
  // The log shows an initrd by whole pages; all sizes within the last one lead to the same place.
  const SizedFile initrd{recorded.initrd.empty() ? 1 : recorded.initrd.size().raw - 1};
  const std::string line = line_of(folder, initrd.path.string());
  auto machine = describe(line, {.kernel = kernel_of(folder)});
  ASSERT_TRUE(machine) << machine.problem().text;
  EXPECT_EQ(lines_of_map(*machine), lines_of_map(recorded));
  const bool has_own_tables = !has_word(line, "-acpitable");
  if (has_own_tables) {
    EXPECT_EQ(lines_of_nodes(*machine), lines_of_nodes(recorded));
  }
  EXPECT_EQ(machine->cpus, recorded.cpus);
  EXPECT_EQ(machine->interrupt_controllers, recorded.interrupt_controllers);
  EXPECT_EQ(machine->has_gigabyte_pages, recorded.has_gigabyte_pages);
  EXPECT_EQ(machine->kernel.limits.phys_bits, recorded.kernel.limits.phys_bits);
  EXPECT_EQ(machine->initrd.begin(), recorded.initrd.begin());
  EXPECT_EQ(machine->image.whole, recorded.image.whole);
  EXPECT_EQ(machine->image.brk, recorded.image.brk);
  EXPECT_EQ(machine->command_line, recorded.command_line);
  if (!has_own_tables) return;
  // As near to the real kernel as the recorded inputs are, but for where each ACPI table lies.
  machine->acpi_tables = recorded.acpi_tables;
  machine->initrd = recorded.initrd;
  const Agreement ours = agreement_of(*machine, folder), theirs = agreement_of(recorded, folder);
  EXPECT_EQ(ours.differences, theirs.differences);
  EXPECT_EQ(ours.agree, theirs.agree);
}

TEST(QemuAgreement, a_recorded_boot_of_x86_is_described_by_its_command_line) {
  unsigned cases = 0;
  for (const fs::path& folder : corpus::cases_in(QUARRY_CORPUS, "x86-")) {
    const json file = json_of(folder / "case.json");
    if (file.contains("boot")) continue;  // firmware's map was replaced, or is a UEFI's
    SCOPED_TRACE(folder.filename());
    const auto recorded = read_corpus_case(folder);
    ASSERT_TRUE(recorded) << recorded.problem().text;
    expect_same_machine(folder, *recorded);
    ++cases;
  }
  std::cout << fmt::format("{} recorded boots of x86\n", cases);
  EXPECT_GE(cases, 55u);
}

// --- Trees -------------------------------------------------------------------------------------------------

std::string text_of_bytes(std::span<const std::byte> bytes) {
  std::string text;
  for (const std::byte byte : bytes) text += fmt::format("{:02x}", std::to_integer<unsigned>(byte));
  return text;
}

// A tree as lines, "/cpus/cpu@0 reg 00000000", without the children of the root that are named.
void list_node(const firmware::FdtNode& node, const std::string& path, const Lines& without, Lines& lines) {
  lines.push_back(path + "/");
  for (const firmware::FdtProperty property : node.properties()) {
    const std::string name{property.name().data(), property.name().size()};
    const bool is_random = name == "rng-seed" || name == "kaslr-seed";
    lines.push_back(fmt::format("{} {} {}", path, name, is_random ? "" : text_of_bytes(property.bytes())));
  }
  for (const firmware::FdtNode child : node.children()) {
    const std::string name{child.name().data(), child.name().size()};
    if (path.empty() && std::find(without.begin(), without.end(), name) != without.end()) continue;
    list_node(child, path + "/" + name, without, lines);
  }
}

Lines list_tree(std::span<const std::byte> bytes, const Lines& without) {
  const auto tree = firmware::Fdt::from(bytes);
  if (!tree) return {"malformed"};
  Lines lines;
  list_node(tree.value().root(), "", without, lines);
  return lines;
}

void expect_same_lines(const Lines& ours, const Lines& theirs) {
  const std::size_t both = std::min(ours.size(), theirs.size());
  for (std::size_t i = 0; i < both; ++i) ASSERT_EQ(ours[i], theirs[i]);
  EXPECT_EQ(ours.size(), theirs.size());
}

TEST(QemuAgreement, a_recorded_tree_of_virt_is_that_of_its_command_line) {
  unsigned cases = 0;
  for (const fs::path& folder : corpus::cases_in(QUARRY_CORPUS, "arm")) {
    const json file = json_of(folder / "case.json");
    const bool is_edited = file.value("boot", "") == "uefi" || file.contains("dt") || file.contains("dtb") ||
                           file.contains("dtb_machine");
    const std::string machine = file.value("machine", "virt");
    if (is_edited || !machine.starts_with("virt") || !fs::exists(folder / "machine.dtb")) continue;
    SCOPED_TRACE(folder.filename());
    const std::string how = file.value("boot", "loader");
    const bool is_whole = how == "qemu";  // else the recorder's loader has filled in /chosen
    const auto recorded = read_corpus_case(folder);
    ASSERT_TRUE(recorded) << recorded.problem().text;
    const SizedFile initrd{std::max<std::uint64_t>(recorded->initrd.size().raw, 1)};
    const auto ours = describe(line_of(folder, initrd.path.string()), {.kernel = kernel_of(folder)});
    ASSERT_TRUE(ours) << ours.problem().text;
    const Lines without = is_whole ? Lines{} : Lines{"chosen"};
    expect_same_lines(list_tree(ours->tree, without), list_tree(recorded->tree, without));
    EXPECT_EQ(ours->kernel.arch, recorded->kernel.arch);
    EXPECT_EQ(ours->cpus, recorded->cpus);
    ++cases;
    if (!is_whole) continue;
    EXPECT_EQ(ours->tree_at, recorded->tree_at);
    EXPECT_EQ(ours->tree_size, recorded->tree_size);
    EXPECT_EQ(ours->initrd, recorded->initrd);
    EXPECT_EQ(ours->image.whole, recorded->image.whole);
    EXPECT_EQ(ours->command_line, recorded->command_line);
    const Agreement here = agreement_of(*ours, folder), there = agreement_of(*recorded, folder);
    EXPECT_EQ(here.differences, there.differences);
    EXPECT_EQ(here.agree, there.agree);
  }
  std::cout << fmt::format("{} recorded trees of arm and arm64\n", cases);
  EXPECT_GE(cases, 35u);
}

TEST(QemuAgreement, larger_machines_have_the_trees_that_QEMU_wrote) {
  const SizedFile initrd{989180};
  const struct {
    const char* file;
    std::string line;
    Lines without;
  } trees[] = {
      {"qemu-arm64-300g.dtb",
       "qemu-system-aarch64 -M virt,gic-version=3 -cpu cortex-a72 -smp "
       "18,sockets=3,clusters=1,cores=3,threads=2 "
       "-m 300G,maxmem=400G,slots=2 -object memory-backend-ram,id=a,size=299G "
       "-object memory-backend-ram,id=b,size=1G -numa node,memdev=a -numa node,memdev=b",
       {}},
      {"qemu-riscv64-20g.dtb", "qemu-system-riscv64 -M virt -m 20G", {"reserved-memory"}},
      {"qemu-riscv64-nodes.dtb",
       "qemu-system-riscv64 -M virt -m 3G -smp 5 -object memory-backend-ram,id=a,size=1G "
       "-object memory-backend-ram,id=b,size=1G -object memory-backend-ram,id=c,size=1G -numa node,memdev=a "
       "-numa node,memdev=b -numa node,memdev=c -numa dist,src=0,dst=1,val=15 -numa dist,src=0,dst=2,val=25 "
       "-numa dist,src=1,dst=2,val=35 -append console=ttyS0 -kernel k -initrd " +
           initrd.path.string(),
       {"reserved-memory"}}};
  for (const auto& expected : trees) {
    SCOPED_TRACE(expected.file);
    const auto machine = describe(expected.line);
    ASSERT_TRUE(machine) << machine.problem().text;
    const auto tree = corpus::bytes_of(fs::path{QUARRY_SOURCE "/tests/linux"} / expected.file);
    expect_same_lines(list_tree(machine->tree, expected.without), list_tree(tree, {}));
  }
}

}  // namespace
}  // namespace quarry::lnx
