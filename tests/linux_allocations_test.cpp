// Linux's own boot-time allocations against ours: every recorded x86 boot is booted here from its inputs alone, and what
// the kernel's memblock=debug lines say about each allocation is held against what memblock was asked here.
//
// Goal    the same allocations, in the same order, of the same sizes, at the same addresses; and from inputs alone.
// Method  the log's operations from the brk on, and our memblock's events, become lists of comparable lines. What is
//         known to differ stands in a list with its reason; nothing else is left out.

#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "tests/linux_boots.hpp"

namespace quarry::lnx {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

// Operations that are left out on Linux's side, by the function that made them, each with the reason.
const std::map<std::string, std::string>& not_modelled() {
  static const std::map<std::string, std::string> list{
      {"memblock_double_array", "told by the line about the doubled table"},
      {"smp_scan_config",
       "where firmware put its MP table is in no input; it lies in the first MiB, which is reserved"},
  };
  return list;
}

// --- What the kernel printed --------------------------------------------------------------------------------------

// Which part of ours stands for a function of Linux.
std::string owner_of(const json& op) {
  const std::string caller = op.value("caller", ""), kind = op.at("op");
  const std::uint64_t size = op.value("size", std::uint64_t{0});
  if (kind == "alloc_unprinted") return op.value("why", "").starts_with("node data") ? "node data" : "area";
  if (caller == "setup_arch" && kind == "phys_alloc_range")
    return op.at("min") == "0x0" ? "initrd" : "crashkernel";
  static const std::map<std::string, std::string> owners{
      {"reserve_real_mode", "real-mode trampoline"},
      {"init_mem_mapping", "page tables"},
      {"alloc_low_pages", "page tables"},
      {"early_pgtable_alloc", "page tables"},
      {"iotable_init", "kernel mappings"},
      {"vm_reserve_area_early", "kernel mappings"},
      {"setup_usemap", "pageblock types"},
      {"early_init_dt_alloc_memory_arch", "unflattened tree"},
      {"numa_init", "numa distances"},
      {"memmap_alloc", "page descriptors"},
      {"setup_arch", "resources"},
      {"bootmem_init", "crashkernel"},
      {"early_init_dt_alloc_reserved_memory_arch", "area"},
      {"spp_getpage", "page tables"},
      {"vmemmap_alloc_block_zero.constprop.0", "page tables"},
      {"numa_alloc_distance", "numa distances"},
      {"sparse_init", "section roots"},
      {"sparse_index_alloc", "section tables"},
      {"vmemmap_populate", "page descriptors"},
      {"acpi_parse_hpet", "resources"},
      {"io_apic_init_mappings", "resources"},
      {"e820__reserve_resources", "resources"},
      {"firmware_map_add_early", "firmware map"},
      {"register_nosave_region", "nosave regions"},
      {"start_kernel", "command line"},
      {"pcpu_build_alloc_info", "per-CPU bookkeeping"},
      {"pcpu_page_first_chunk", "per-CPU bookkeeping"},
      {"pcpu_setup_first_chunk", "per-CPU bookkeeping"},
      {"pcpu_alloc_first_chunk", "per-CPU bookkeeping"},
      {"pcpu_fc_alloc", "per-CPU areas"},
      {"alloc_bootmem_cpumask_var", "processor masks"},
      {"setup_log_buf", "log buffer"},
      {"__alloc_bootmem_huge_page", "gigantic pages"},
  };
  if (caller == "sparse_init_nid")
    return kind == "alloc_exact_nid_raw" ? "page descriptors" : "section usage maps";
  if (caller == "early_alloc") return size > 4096 ? "vectors" : "page tables";
  if (caller == "free_area_init") return kind == "alloc_try_nid" ? "node data" : "page descriptors";
  if (caller == "pcpu_embed_first_chunk")
    return number(op.at("min")) != 0 ? "per-CPU areas" : "per-CPU bookkeeping";
  if (caller == "__earlyonly_bootmem_alloc") return size > 4096 ? "page descriptors" : "page tables";
  if (caller == "swiotlb_init_remap") return number(op.at("max")) != 0 ? "swiotlb" : "swiotlb tables";
  if (caller == "alloc_large_system_hash") return "hash table";
  const auto found = owners.find(caller);
  return found == owners.end() ? fmt::format("{} {}", caller, size) : found->second;
}

std::string line_of(const json& op) {
  const std::string kind = op.at("op"), caller = op.value("caller", "");
  if (op.value("late", false) || not_modelled().contains(caller)) return {};
  if (kind == "reserve") return reservation("", number(op.at("size")), number(op.at("base")));
  if (kind == "phys_free") return release(number(op.at("size")), number(op.at("base")));
  if (!kind.starts_with("alloc_") && kind != "phys_alloc_range") return {};
  // Of no bytes nothing is taken.
  if (op.at("addr").is_null() || number(op.at("size")) == 0) return {};
  return allocation(owner_of(op), number(op.at("size")), number(op.at("addr")));
}

// Where tables of memblock went, in whole pages.
Lines printed_tables(const fs::path& directory) {
  Lines places;
  std::istringstream in{text_file(directory / "memblock-ops.jsonl")};
  for (std::string text; std::getline(in, text);) {
    const json op = json::parse(text);
    if (op.at("op") != "array_doubled") continue;
    const std::uint64_t at = number(op.at("base")), size = number(op.at("end")) + 1 - at;
    places.push_back(fmt::format("{:#x}+{:#x}", at, (size + 4095) & ~std::uint64_t{4095}));
  }
  return places;
}

Lines printed(const fs::path& directory) {
  Lines lines;
  const bool is_uefi = text_file(directory / "case.json").find("\"boot\": \"uefi\"") != std::string::npos;
  std::istringstream in{text_file(directory / "memblock-ops.jsonl")};
  for (std::string text; std::getline(in, text);) {
    const json op = json::parse(text);
    // Another loader than UEFI's stub puts the map where the case says.
    if (is_uefi && op.value("caller", "") == "efi_memblock_x86_reserve_range") continue;
    const std::string line = line_of(op);
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

// The first lines in which the two differ.
std::string difference(const Lines& linux_has, const Lines& we_have) {
  std::size_t at = 0;
  while (at < linux_has.size() && at < we_have.size() && linux_has[at] == we_have[at]) ++at;
  if (at == linux_has.size() && at == we_have.size()) return {};
  std::string text =
      fmt::format("  after {} that are equal, of {} and {}:\n", at, linux_has.size(), we_have.size());
  for (std::size_t i = at; i < std::min(at + 3, linux_has.size()); ++i)
    text += "    linux  " + linux_has[i] + "\n";
  for (std::size_t i = at; i < std::min(at + 3, we_have.size()); ++i)
    text += "    quarry " + we_have[i] + "\n";
  return text;
}

TEST(LinuxAllocations, every_recorded_boot_allocates_what_linux_allocated) {
  unsigned agree = 0, lines = 0;
  for (const fs::path& directory : x86_cases()) {
    const std::string name = directory.filename().string();
    const auto booted = boot_case(directory);
    const Lines theirs = printed(directory);
    const std::string different = difference(theirs, booted->asked);
    lines += static_cast<unsigned>(theirs.size());
    agree += different.empty();
    EXPECT_EQ(printed_tables(directory), booted->grown) << name;
    EXPECT_TRUE(different.empty()) << name << "\n" << booted->failure << different;
  }
  EXPECT_EQ(agree, 77u);
  EXPECT_EQ(lines, 6347u);
  std::printf("allocations: %u of %zu x86 cases agree, %u operations\n", agree, x86_cases().size(), lines);
}

// On arm64 and arm allocations alone: reservations and what is freed are made at other moments of the flow. Contiguous and
// reserved areas have names here that the log does not give them.
Lines allocations_of(const Booted& booted) {
  Lines lines;
  for (const std::string& line : booted.asked) {
    const std::size_t takes = line.find(" takes ");
    if (takes == std::string::npos) continue;
    std::string owner = line.substr(0, line.find("  "));
    bool is_area = owner == "cma" || owner == "pernuma";
    for (const auto& area : booted.system->state().reserved_memory)
      is_area = is_area || string_of(area.name) == owner;
    for (const auto& area : booted.system->state().cma) is_area = is_area || string_of(area.name) == owner;
    if (is_area) owner = "area";
    if (owner == "page of zeros") owner = "page tables";  // the same function takes both
    lines.push_back(fmt::format("{:<22}{}", owner, line.substr(takes)));
  }
  return lines;
}

Lines allocations_of(const Lines& printed) {
  Lines lines;
  for (const std::string& line : printed)
    if (line.find(" takes ") != std::string::npos) lines.push_back(line);
  return lines;
}

void compare_allocations(std::string_view arch, unsigned boots, unsigned operations) {
  unsigned agree = 0, lines = 0;
  for (const fs::path& directory : cases_of(arch)) {
    const std::string name = directory.filename().string();
    const auto booted = boot_case(directory);
    const Lines theirs = allocations_of(printed(directory)), ours = allocations_of(*booted);
    const std::string different = difference(theirs, ours);
    lines += static_cast<unsigned>(theirs.size());
    agree += different.empty();
    EXPECT_TRUE(different.empty()) << name << "\n" << booted->failure << different;
  }
  EXPECT_EQ(agree, boots);
  EXPECT_EQ(lines, operations);
}

TEST(LinuxAllocations, recorded_arm64_boots_allocate_what_linux_allocated) {
  compare_allocations("arm64-", 58, 4901);
}

TEST(LinuxAllocations, recorded_arm_boots_allocate_what_linux_allocated) {
  compare_allocations("armhf-", 39, 1558);
}

// --- Inputs only --------------------------------------------------------------------------------------------------

bool is_input_line(const std::string& line) {
  constexpr std::string_view input_lines[] = {"Linux version", "Command line: ", "BIOS-e820:", "efi: ",
                                              "SRAT: ",        "RAMDISK: ",      "DMI: ",      "SMBIOS ",
                                              "Allowing ",     "ACPI: SLIT 0x"};
  for (const std::string_view word : input_lines)
    if (line.find(word) != std::string::npos) return true;
  return line.find("ACPI: ") != std::string::npos && line.find(" 0x0000") != std::string::npos;
}

std::optional<std::vector<std::byte>> input_file(const fs::path& directory, std::string_view name) {
  constexpr std::string_view inputs[] = {"case.json", "kernel.txt", "srat.bin",
                                         "slit.bin",  "madt.bin",   "dmesg.txt"};
  if (std::find(std::begin(inputs), std::end(inputs), name) == std::end(inputs)) return std::nullopt;
  const auto all = read_file(directory / name);
  if (name != "dmesg.txt" || !all) return all;
  std::istringstream in{std::string{text_of(*all)}};
  std::vector<std::byte> kept;
  for (std::string line; std::getline(in, line);) {
    if (!is_input_line(line)) continue;
    line += '\n';
    for (const char c : line) kept.push_back(static_cast<std::byte>(c));
  }
  return kept;
}

TEST(LinuxAllocations, without_any_outcome_the_same_is_allocated) {
  for (const fs::path& directory : x86_cases()) {
    const FileSource inputs = [&](std::string_view name) { return input_file(directory, name); };
    const auto with_all = boot_case(directory);
    auto machine = read_corpus_case(inputs, directory.string());
    ASSERT_TRUE(machine) << directory;
    EXPECT_EQ(boot_machine(*std::move(machine))->asked, with_all->asked) << directory;
  }
}

}  // namespace
}  // namespace quarry::lnx
