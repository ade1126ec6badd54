// Boards of which there is only a log: a few lines of each form that kernels of 2.6 to 6.9 have printed of memory.
#include "linux/log_board.hpp"

#include <gtest/gtest.h>

#include "linux/describe.hpp"
#include "linux/tree_facts.hpp"
#include "linux/tree_writer.hpp"

namespace quarry::lnx {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}
LogBoard board_of(std::string_view text) {
  const auto board = read_log_board(bytes_of(text));
  EXPECT_TRUE(board) << board.problem().text;
  return board ? *board : LogBoard{};
}
PhysRange range(std::uint64_t begin, std::uint64_t end) { return {PhysAddr{begin}, PhysAddr{end}}; }
std::vector<PhysRange> banks_of(std::string_view text) {
  std::vector<PhysRange> banks;
  for (const LogBoard::Bank& bank : board_of(text).banks) banks.push_back(bank.range);
  return banks;
}
MachineDescription machine_of(std::string_view log, const DescribeOptions& options = {}) {
  auto machine = describe_bytes(bytes_of(log), "log", options);
  EXPECT_TRUE(machine) << machine.problem().text;
  return machine ? *std::move(machine) : MachineDescription{};
}
std::string refusal_of(std::string_view log) {
  const auto machine = describe_bytes(bytes_of(log), "log", {});
  return machine ? "accepted" : machine.problem().text;
}
bool has_note(const MachineDescription& machine, std::string_view words) {
  for (const std::string& note : machine.notes)
    if (note.find(words) != std::string::npos) return true;
  return false;
}

// BPI-R4, 6.9: reservations that cut memory into three ranges.
constexpr std::string_view kArm64 =
    "[    0.000000] Booting Linux on physical CPU 0x0000000000 [0x411fd090]\n"
    "[    0.000000] Linux version 6.9.0-bpi-r4 (user@host)\n"
    "[    0.000000] Machine model: Banana Pi BPI-R4\n"
    "[    0.000000] OF: reserved mem: 0x0000000042ff0000..0x0000000042ffffff (64 KiB) map non-reusable "
    "ramoops@42ff0000\n"
    "[    0.000000] OF: reserved mem: 0x0000000043000000..0x000000004304ffff (320 KiB) nomap non-reusable "
    "secmon@43000000\n"
    "[    0.000000] NUMA: No NUMA configuration found\n"
    "[    0.000000] Zone ranges:\n"
    "[    0.000000]   DMA      [mem 0x0000000040000000-0x00000000ffffffff]\n"
    "[    0.000000]   DMA32    empty\n"
    "[    0.000000]   Normal   [mem 0x0000000100000000-0x000000013fffffff]\n"
    "[    0.000000] Early memory node ranges\n"
    "[    0.000000]   node   0: [mem 0x0000000040000000-0x0000000042ffffff]\n"
    "[    0.000000]   node   0: [mem 0x0000000043000000-0x000000004304ffff]\n"
    "[    0.000000]   node   0: [mem 0x0000000043050000-0x000000013fffffff]\n"
    "[    0.000000] cma: Reserved 32 MiB at 0x00000000fe000000 on node -1\n"
    "[    0.000000] Kernel command line: console=ttyS0,115200\n"
    "[    0.000000] smp: Brought up 1 node, 4 CPUs\n";

// PolarFire, 6.3: what lies below the kernel, and a node that is refused.
constexpr std::string_view kRiscv =
    "Linux version 6.3.0-rc2\n"
    "OF: fdt: Ignoring memory range 0x80000000 - 0x80200000\n"
    "Machine model: Microchip PolarFire-SoC Icicle Kit\n"
    "OF: fdt: Reserved memory: failed to reserve memory for node 'region@BFC00000': base 0x00000000bfc00000, "
    "size 4 "
    "MiB\n"
    "OF: reserved mem: 0x00000000bfc00000..0x00000000bfffffff (4096 KiB) nomap non-reusable region@BFC00000\n"
    "Zone ranges:\n  DMA32    [mem 0x0000000080200000-0x00000000bfffffff]\n  Normal   empty\n"
    "Early memory node ranges\n  node   0: [mem 0x0000000080200000-0x00000000bfffffff]\n"
    "SBI specification v0.3 detected\n";

// MDM9607, 3.18: no ranges, but how large low memory is, and where some of it lies.
constexpr std::string_view kOldArm =
    "<6>[    0.000000] Booting Linux on physical CPU 0x0\n<5>[    0.000000] Linux version 3.18.20\n"
    "<6>[    0.000000] CPU: ARMv7 Processor [410fc075] revision 5 (ARMv7), cr=10c53c7d\n"
    "<6>[    0.000000] Reserved memory: reserved region for node 'modem_adsp_region@0': base 0x82a00000, "
    "size 80 MiB\n"
    "<6>[    0.000000] Removed memory: created DMA memory pool at 0x82a00000, size 80 MiB\n"
    "<6>[    0.000000] Reserved memory: allocated memory for 'audio_region@0' node: base 0x8fc00000, size 4 "
    "MiB\n"
    "<6>[    0.000000] Reserved memory: created CMA memory pool at 0x8fc00000, size 4 MiB\n"
    "<6>[    0.000000] cma: Reserved 4 MiB at 0x8f800000\n"
    "<7>[    0.000000] On node 0 totalpages: 64000\n"
    "<5>[    0.000000]     lowmem  : 0xc0000000 - 0xd0000000   ( 256 MB)\n";

// Guruplug, 2.6: sizes and nothing else.
constexpr std::string_view kOldest =
    "Jan  1 00:00:57 host kernel: Linux version 2.6.33.6\n"
    "Jan  1 00:00:57 host kernel: Memory policy: ECC disabled, Data cache writeback\n"
    "Jan  1 00:00:57 host kernel: On node 0 totalpages: 131072\n"
    "Jan  1 00:00:57 host kernel: Memory: 256MB 256MB = 512MB total\n"
    "Jan  1 00:00:57 host kernel: Memory: 513536KB available (4816K code, 862K data, 140K init, 0K "
    "highmem)\n";

}  // namespace

TEST(TreeWriter, names_that_no_node_may_have_are_mended) {
  TreeWriter tree;
  tree.number("#address-cells", 2).number("#size-cells", 2);
  const PhysRange bank{PhysAddr{0x40000000}, PhysAddr{0x50000000}};
  tree.begin("memory@40000000").text("device_type", "memory").ranges("reg", std::span{&bank, 1}).end();
  tree.begin(std::string_view{"a\0b/c", 5}).end();
  const auto facts = read_tree_facts(tree.finish(), "made");
  ASSERT_TRUE(facts);
  EXPECT_TRUE(facts->has_memory);
}

TEST(LogBoard, ranges_of_a_node_that_touch_are_one_bank) {
  const LogBoard board = board_of(kArm64);
  ASSERT_EQ(board.banks.size(), 1u);
  EXPECT_EQ(board.banks[0].range, range(0x40000000, 0x140000000));
  ASSERT_EQ(board.reservations.size(), 2u);
  EXPECT_EQ(board.reservations[0].name, "ramoops@42ff0000");
  EXPECT_FALSE(board.reservations[0].no_map || board.reservations[0].reusable);
  EXPECT_TRUE(board.reservations[1].no_map);
  EXPECT_EQ(board.reservations[1].range, range(0x43000000, 0x43050000));
  EXPECT_TRUE(board.has_nodes && !board.is_place_assumed);
  EXPECT_EQ(board.cma_size, Bytes{32u << 20});
  EXPECT_EQ(board.has_zone_dma, true);
  EXPECT_EQ(board.has_highmem, false);
}

TEST(LogBoard, what_lies_below_the_kernel_was_told_and_is_not_taken) {
  const LogBoard board = board_of(kRiscv);
  ASSERT_EQ(board.banks.size(), 1u);
  EXPECT_EQ(board.banks[0].range, range(0x80000000, 0xc0000000));
  EXPECT_EQ(board.kernel_at, PhysAddr{0x80200000});
  ASSERT_EQ(board.reservations.size(), 1u);
  EXPECT_TRUE(board.reservations[0].is_refused);
  const MachineDescription machine = machine_of(kRiscv);
  EXPECT_EQ(machine.kernel.arch, boot::Arch::riscv64);
  EXPECT_EQ(machine.image.whole.begin(), PhysAddr{0x80200000});
  EXPECT_FALSE(machine.kernel.limits.maps_below_kernel);
  EXPECT_TRUE(machine.kernel.limits.has_zone_dma32);
}

TEST(LogBoard, kernels_without_ranges_tell_sizes_and_the_place_is_assumed) {
  EXPECT_EQ(banks_of(kOldArm), std::vector{range(0x80000000, 0x90000000)});
  const LogBoard board = board_of(kOldArm);
  EXPECT_TRUE(board.is_place_assumed);
  ASSERT_EQ(board.reservations.size(), 2u);
  EXPECT_TRUE(board.reservations[0].no_map);
  EXPECT_TRUE(board.reservations[1].reusable && board.reservations[1].name == "audio_region@0");
  EXPECT_EQ(banks_of(kOldest), (std::vector{range(0, 0x10000000), range(0x10000000, 0x20000000)}));
  EXPECT_TRUE(has_note(machine_of(kOldest), "where memory begins is not in the log: 0x0 is assumed"));
}

TEST(LogBoard, a_kernel_that_died_early_has_listed_memory_by_its_debugging) {
  const LogBoard board = board_of(
      "Linux version 5.2.1-lpae\nMEMBLOCK configuration:\n memory size = 0x3e000000 reserved size = 0x0\n"
      " memory.cnt  = 0x2\n memory[0x0]\t[0x00000000-0x00000fff], 0x1000 bytes flags: 0x4\n"
      " memory[0x1]\t[0x00001000-0x3dffffff], 0x3dfff000 bytes flags: 0x0\n reserved.cnt  = 0x0\n");
  ASSERT_EQ(board.banks.size(), 1u);
  EXPECT_EQ(board.banks[0].range, range(0, 0x3e000000));
  ASSERT_EQ(board.reservations.size(), 1u);
  EXPECT_TRUE(board.reservations[0].no_map);
  EXPECT_EQ(board.reservations[0].range, range(0, 0x1000));
}

TEST(LogBoard, a_machine_of_it_has_a_tree_and_says_where_that_is_from) {
  const MachineDescription machine = machine_of(kArm64);
  EXPECT_TRUE(machine.is_tree_from_log);
  EXPECT_TRUE(has_note(machine, "the device tree is not in the log"));
  EXPECT_EQ(machine.source, "boot log log");
  EXPECT_EQ(machine.model, "Banana Pi BPI-R4");
  EXPECT_EQ(machine.command_line, "console=ttyS0,115200");
  EXPECT_EQ(machine.cpus, 4u);
  EXPECT_EQ(machine.kernel.limits.cma_size, Bytes{32u << 20});
  const auto facts = read_tree_facts(machine.tree, "tree");
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->cpus, 4u);
  EXPECT_EQ(facts->lowest_memory, PhysAddr{0x40000000});
}

TEST(LogBoard, what_was_an_input_agrees_with_nothing) {
  LogOutcomes outcomes = read_log_outcomes(bytes_of(kArm64));
  ASSERT_FALSE(outcomes.node_ranges.empty());
  forget_inputs(outcomes);
  EXPECT_TRUE(outcomes.node_ranges.empty() && outcomes.pools.empty() && outcomes.dumps.empty());
  EXPECT_TRUE(outcomes.reserved_memory_lines.empty());
  EXPECT_FALSE(outcomes.zone_ranges.empty());
}

TEST(LogBoard, logs_that_tell_nothing_of_memory_or_of_another_machine_are_refused_in_one_line) {
  EXPECT_NE(refusal_of("Linux version 5.0\nMemory policy: Data cache writealloc\n").find("--dtb FILE"),
            std::string::npos);
  // Without its beginning a log may be of any machine.
  EXPECT_NE(refusal_of("Linux version 5.0\nEarly memory node ranges\n  node   0: [mem 0x1000-0x3fffffff]\n")
                .find("BIOS-e820"),
            std::string::npos);
  const std::string mips =
      refusal_of("Linux version 5.11.0\nCPU0 revision is: 00025b00 (Broadcom BMIPS5200)\n");
  EXPECT_EQ(mips, "log: a log of a mips kernel: expected x86_64, arm64, arm or riscv64");
  const std::string pc =
      refusal_of("Linux version 6.7.0\nBIOS-e820: [mem 0x0-0x9ffff] usable\n0MB HIGHMEM available.\n");
  EXPECT_EQ(pc, "log: a log of a 32-bit x86 kernel: expected x86_64, arm64, arm or riscv64");
}

TEST(LogBoard, lines_that_break_off_or_contradict_themselves_tell_nothing) {
  constexpr std::string_view good =
      "Early memory node ranges\n  node   0: [mem 0x0000000080000000-0x00000000bfffffff]\n";
  for (const std::string_view line :
       {"Ignoring memory range 0x80000000 - 0x7000000\n", "Ignoring memory range 0x8000\n",
        "OF: reserved mem: 0x43000000..0x42000000 (1 KiB) map reusable x\n",
        "OF: reserved mem: 0x43000000..\n",
        "OF: reserved mem: 0x43000000..0x43000fff (4 KiB) perhaps reusable x\n",
        "Reserved memory: created CMA memory pool at 0x90000000, size 0 MiB\n",
        "Reserved memory: created CMA memory pool at 0xfffffffffff00000, size 4096 MiB\n",
        "Reserved memory: reserved region for node 'x\n",
        "Reserved memory: reserved region for node 'x': base\n"}) {
    const LogBoard board = board_of(std::string{line} + std::string{good});
    EXPECT_EQ(board.banks.size(), 1u) << line;
    EXPECT_TRUE(board.reservations.empty()) << line;
    EXPECT_FALSE(board.kernel_at) << line;
  }
}

}  // namespace quarry::lnx
