// Boot logs: every form of line that a map, SRAT or an initrd has had, what is refused, and what is never an input.
#include "linux/boot_log.hpp"

#include <gtest/gtest.h>

#include <string>

namespace quarry::lnx {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
LogInputs inputs_of(std::string_view text) {
  auto inputs = read_log_inputs(bytes_of(text));
  EXPECT_TRUE(inputs) << inputs.problem().text;
  return inputs ? *inputs : LogInputs{};
}
std::string refusal_of(std::string_view text) {
  const auto inputs = read_log_inputs(bytes_of(text));
  return inputs ? "accepted" : inputs.problem().text;
}
bool is_blank(const LogInputs& log) {
  return !log.arch && log.banner.empty() && log.release.empty() && log.command_line.empty() &&
         log.model.empty() && !log.cpus && log.e820.empty() && log.efi_map.empty() &&
         log.memory_affinity.empty() && log.cpu_affinity.empty() && log.acpi_tables.empty() && !log.ramdisk &&
         !log.efi_memory_map && !log.has_smbios && log.foreign_arch.empty();
}
firmware::MapEntry entry(std::uint64_t base, std::uint64_t size, std::uint32_t type) {
  return {PhysAddr{base}, Bytes{size}, firmware::MapType{type}};
}

TEST(BootLog, reads_new_and_old_forms_of_the_map) {
  const LogInputs log = inputs_of(
      "[    0.000000] BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable\n"
      " BIOS-e820: 0000000000100000 - 0000000000200000 (ACPI NVS)\n"
      "<6>[    0.000000] BIOS-e820: [mem 0x0000000000200000-0x00000000002fffff] persistent (type 12)\r\n"
      "Feb 14 15:05:13 host kernel: [    0.000000] BIOS-e820: [mem 0x300000-0x3fffff] soft reserved\n"
      "kern  :info  : [    0.000000][    T0] BIOS-e820: [mem 0x400000-0x4fffff] type 77\n"
      "Jan  1 00:00:57 host kernel: BIOS-e820: [mem 0x500000-0x4fffff] reserved\n");
  const std::vector<firmware::MapEntry> expected{
      entry(0, 0x9fc00, 1),          entry(0x100000, 0x100000, 4),
      entry(0x200000, 0x100000, 12), entry(0x300000, 0x100000, 0xefffffff),
      entry(0x400000, 0x100000, 77), entry(0x500000, 0, 2)};
  EXPECT_EQ(log.e820, expected);
}

TEST(BootLog, what_a_hypervisor_gives_its_guest_is_the_guests_map) {
  const LogInputs log = inputs_of(
      "e820: BIOS-provided physical RAM map:\nXen: [mem 0x0000000000000000-0x000000000009dfff] usable\n"
      "Xen: [mem 0x000000000009e000-0x00000000000fffff] reserved\nXen: Booting on a host\n"
      "e820: update [mem 0x0-0xfff] usable ==> reserved\n");
  const std::vector<firmware::MapEntry> expected = {entry(0, 0x9e000, 1), entry(0x9e000, 0x62000, 2)};
  EXPECT_EQ(log.e820, expected);
  EXPECT_EQ(log.arch, boot::Arch::x86_64);
  EXPECT_EQ(refusal_of("Xen: [mem 0x0-0xfff] perhaps\n").substr(0, 7), "line 1:");
}

TEST(BootLog, kernels_of_machines_that_are_not_known_are_told_apart) {
  EXPECT_EQ(inputs_of("CPU0 revision is: 00025b00 (Broadcom BMIPS5200)\n").foreign_arch, "mips");
  EXPECT_EQ(inputs_of("CPU maps initialized for 1 thread per core\n").foreign_arch, "powerpc");
  EXPECT_EQ(inputs_of("dcache_bsize      = 0x20\n").foreign_arch, "powerpc");
  EXPECT_EQ(inputs_of("CPU: ARMv7 Processor [413fc090] revision 0 (ARMv7), cr=10c5387d\n").foreign_arch, "");
}

TEST(BootLog, what_a_person_or_the_kernel_made_of_the_map_is_not_the_firmwares) {
  const LogInputs log = inputs_of(
      "user: [mem 0x0-0xfff] usable\nextended: [mem 0x0-0xfff] usable\n"
      "e820: update [mem 0x0-0xfff] usable ==> reserved\nmodified: [mem 0x0-0xfff] usable\n");
  EXPECT_TRUE(log.e820.empty());
  const auto problem = require_map(log);
  ASSERT_TRUE(problem);
  EXPECT_EQ(problem->exit_status, ExitStatus::malformed_input);
  EXPECT_NE(problem->text.find("BIOS-e820"), std::string::npos);
}

TEST(BootLog, a_line_that_breaks_off_is_refused_with_its_number) {
  const std::string good = "Linux version 6.1\n";
  EXPECT_NE(refusal_of(good + "BIOS-e820: [mem 0x0000000000").find("line 2"), std::string::npos);
  EXPECT_NE(refusal_of(good + "BIOS-e820: [mem 0x1000-0xfff").find("expected [mem"), std::string::npos);
  EXPECT_NE(refusal_of(good + "BIOS-e820: [mem 0x2000-0xfff] usable").find("line 2"), std::string::npos);
  EXPECT_NE(refusal_of(good + "BIOS-e820: [mem 0x0-0xfff] usab").find("line 2"), std::string::npos);
  EXPECT_NE(refusal_of(good + "BIOS-e820: [mem 0x0-0xfff] usablefoo").find("line 2"), std::string::npos);
  EXPECT_NE(
      refusal_of(good + "BIOS-e820: [mem 0x00000000000000000-0xfffff0000000000000] usable").find("line 2"),
      std::string::npos);
  EXPECT_NE(refusal_of(good + "RAMDISK: [mem 0x100").find("RAMDISK"), std::string::npos);
  EXPECT_NE(refusal_of(good + "ACPI: SRAT: Node 0 PXM 0 [mem 0x0-").find("PXM"), std::string::npos);
  EXPECT_NE(refusal_of(good + "efi: mem00: [Conventional|   |WB] range=[0x0").find("range="),
            std::string::npos);
}

TEST(BootLog, lines_that_ran_together_are_taken_apart) {
  const LogInputs log = inputs_of(
      "[    0.000000] BIOS-e820: [mem 0x0-0xfff] usable[    0.000000] BIOS-e820: [mem 0x1000-0x1fff] "
      "reserved\n");
  EXPECT_EQ(log.e820.size(), 2u);
}

TEST(BootLog, a_line_that_two_consoles_printed_counts_once) {
  EXPECT_EQ(inputs_of("BIOS-e820: [mem 0x0-0xfff] usable\nBIOS-e820: [mem 0x0-0xfff] usable\n").e820.size(),
            1u);
}

TEST(BootLog, the_next_boot_in_the_same_file_is_another_machine) {
  const LogInputs log = inputs_of(
      "Linux version 6.1.0\nCommand line: a\nBIOS-e820: [mem 0x0-0xfff] usable\n"
      "Linux version 6.2.0\nCommand line: b\nBIOS-e820: [mem 0x1000-0x1fff] usable\n");
  EXPECT_EQ(log.release, "6.1.0");
  EXPECT_EQ(log.command_line, "a");
  EXPECT_EQ(log.e820.size(), 1u);
}

TEST(BootLog, reads_every_form_of_srat) {
  const LogInputs log = inputs_of(
      "SRAT: PXM 3 -> APIC 0x1f -> Node 1\n"
      "ACPI: NUMA: SRAT: PXM 1 -> MPIDR 0x100 -> Node 1\n"
      "ACPI: SRAT: Node 1 PXM 3 [mem 0x100000000-0x1ffffffff] hotplug\n"
      "SRAT: Node 0 PXM 0 [mem 0x00000000-0x7fffffff]\n"
      "SRAT: Node 0 PXM 0 0-a0000\n"
      "ACPI: SRAT 0x000000007FFE24D2 000240 (v01 BOCHS  BXPC     00000001 BXPC 00000001)\n");
  ASSERT_EQ(log.cpu_affinity.size(), 2u);
  EXPECT_EQ(log.cpu_affinity[0].cpu, 0x1fu);
  EXPECT_EQ(log.cpu_affinity[0].domain, 3u);
  ASSERT_EQ(log.memory_affinity.size(), 3u);
  EXPECT_EQ(log.memory_affinity[0].domain, 3u);
  EXPECT_TRUE(log.memory_affinity[0].hotpluggable);
  EXPECT_FALSE(log.memory_affinity[1].hotpluggable);
  EXPECT_EQ(log.memory_affinity[2].size, Bytes{0xa0000});
  ASSERT_EQ(log.acpi_tables.size(), 1u);
  EXPECT_EQ(log.acpi_tables[0].signature, "SRAT");
  EXPECT_EQ(log.acpi_tables[0].range.size(), Bytes{0x240});
}

TEST(BootLog, reads_every_form_of_the_efi_map) {
  const LogInputs log = inputs_of(
      "efi: mem00: type=3, attr=0xf, range=[0x0000000000000000-0x0000000000001000) (0MB)\n"
      "efi: mem01: [Conventional|   |  |MR|  |  |WB|WT|WC|UC] range=[0x0000000000001000-0x0000000000001fff] "
      "(0MB)\n"
      "efi:   0x000040000000-0x000043ffffff [Runtime Code|RUN|  |  |  |  |WB|  |  |  ]\n"
      "efi: EFI v2.70 by EDK II\n");
  ASSERT_EQ(log.efi_map.size(), 3u);
  EXPECT_EQ(log.efi_map[0], (EfiEntry{PhysAddr{0}, Bytes{0x1000}, 3, 0xf}));
  EXPECT_EQ(log.efi_map[1], (EfiEntry{PhysAddr{0x1000}, Bytes{0x1000}, 7, kEfiMoreReliable | 0xf}));
  EXPECT_EQ(log.efi_map[2], (EfiEntry{PhysAddr{0x40000000}, Bytes{0x4000000}, 5, kEfiRuntime | 0x8}));
  const auto map = map_of_efi(log.efi_map);
  ASSERT_EQ(map.size(), 3u);
  EXPECT_EQ(map[1].type, firmware::MapType::usable);
  EXPECT_EQ(map[2].type, firmware::MapType::reserved);
}

TEST(BootLog, reads_names_numbers_and_the_initrd) {
  const LogInputs log = inputs_of(
      "Booting Linux on physical CPU 0x0000000000 [0x411fd070]\n"
      "OF: fdt: Machine model: A board\nKernel command line: x\nCPU topo: Allowing 16 present CPUs plus 2 "
      "hotplug CPUs\n"
      "RAMDISK: 37d0a000 - 37fef4ba\n");
  EXPECT_EQ(log.arch, boot::Arch::arm64);
  EXPECT_EQ(log.model, "A board");
  EXPECT_EQ(log.command_line, "x");
  EXPECT_EQ(log.cpus, 18u);
  ASSERT_TRUE(log.ramdisk);
  EXPECT_EQ(log.ramdisk->end(), PhysAddr{0x37fef4ba});
}

TEST(BootLog, outcomes_are_read_apart_from_inputs) {
  const std::string outcomes =
      "last_pfn = 0x180000 max_arch_pfn = 0x400000000\nMEMBLOCK configuration:\n memory.cnt  = 0x1\n"
      " memory[0x0]\t[0x0000000000001000-0x000000000009efff], 0x000000000009e000 bytes on node 1 flags: 0x4\n"
      " reserved[0x0]\t[0x0-0xffff], 0x10000 bytes flags: 0x0\n"
      "Zone ranges:\n  DMA      [mem 0x1000-0xffffff]\nmemblock_reserve: [0x0-0xfff] x\n  DMA32    empty\n"
      "Movable zone start for each node\n  Node 1: 0x80000000\nEarly memory node ranges\n"
      "  node   0: [mem 0x1000-0x9efff]\nInitmem setup node 0 [mem 0x1000-0x9efff]\n"
      "On node 0, zone DMA: 1 pages in unavailable ranges\nNODE_DATA(3) allocated [mem 0x1000-0x1fff]\n"
      "Fallback order for Node 1: 1 0 2\nMemory: 1986544K/2096632K available (x)\n";
  EXPECT_TRUE(is_blank(inputs_of(outcomes)));
  const LogOutcomes log = read_log_outcomes(bytes_of(outcomes));
  ASSERT_EQ(log.zone_ranges.size(), 2u);
  EXPECT_TRUE(log.zone_ranges[1].range.empty());
  ASSERT_EQ(log.dumps.size(), 1u);
  EXPECT_EQ(log.dumps[0].memory.at(0).flags, 4u);
  EXPECT_EQ(log.dumps[0].memory.at(0).node, 1u);
  EXPECT_EQ(log.dumps[0].reserved.size(), 1u);
  EXPECT_EQ(log.node_ranges.size(), 1u);
  EXPECT_EQ(log.movable_start.at(0).node, 1u);
  EXPECT_EQ(log.unavailable.at(0).zone, "DMA");
  EXPECT_EQ(log.node_data.at(0).node, 3u);
  EXPECT_EQ(log.fallback_order.at(0), (std::vector<unsigned>{1, 1, 0, 2}));
  EXPECT_EQ(log.managed_kib, 1986544u);
}

TEST(BootLog, bytes_that_are_no_text_are_no_log) {
  constexpr char noise[] = "\xff\xfe\0[[[ \n\x80 0.0] [    0.000000]\n";
  const std::string_view log{noise, sizeof noise - 1};
  EXPECT_FALSE(looks_like_boot_log(bytes_of(log)));
  EXPECT_TRUE(is_blank(inputs_of(log)));
}

}  // namespace
}  // namespace quarry::lnx
