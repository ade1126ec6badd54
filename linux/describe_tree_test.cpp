// What a device tree makes of a machine: its architecture by its processors, and where kernel and tree are put.
#include <gtest/gtest.h>

#include "linux/describe.hpp"
#include "tests/fdt_builder.hpp"

namespace quarry::lnx {
namespace {

constexpr std::uint64_t kMiB = 1u << 20;

// A tree with a gigabyte at 0 and, if it is not empty, one processor.
void begin_tree(FdtBuilder& tree, TextView processor) {
  tree.cells("#address-cells", 2).cells("#size-cells", 2);
  tree.begin("memory@0").text("device_type", "memory").numbers("reg", 0, 1024 * kMiB).end();
  if (processor.empty()) return;
  tree.begin("cpus").cells("#address-cells", 1).cells("#size-cells", 0);
  tree.begin("cpu@0").text("device_type", "cpu").text("compatible", processor).cells("reg", 0).end().end();
}

MachineDescription described(FdtBuilder& tree, const DescribeOptions& options = {}) {
  const auto machine = describe_bytes(tree.finish(), "a tree", options);
  EXPECT_TRUE(machine) << machine.problem().text;
  return *machine;
}

bool has_note(const MachineDescription& machine, std::string_view text) {
  for (const std::string& note : machine.notes)
    if (note.find(text) != std::string::npos) return true;
  return false;
}

TEST(DescribeTree, a_processor_tells_the_architecture) {
  for (const char* const name : {"arm,cortex-a5", "arm,cortex-a7", "arm,cortex-a9", "arm,cortex-m4",
                                 "arm,cortex-m7", "arm,arm926ej-s", "arm,arm1176jzf", "arm,arm1176jzf-s",
                                 "marvell,sheeva-v7", "marvell,pj4a", "marvell,pj4b", "qcom,krait"}) {
    FdtBuilder tree;
    begin_tree(tree, name);
    EXPECT_EQ(described(tree).kernel.arch, boot::Arch::arm) << name;
  }
  for (const char* const name :
       {"arm,armv8", "arm,cortex-a53", "arm,cortex-a55", "arm,cortex-a57", "arm,cortex-a72", "arm,kryo",
        "apm,potenza", "cavium,thunder", "nvidia,tegra132-denver"}) {
    FdtBuilder tree;
    begin_tree(tree, name);
    EXPECT_EQ(described(tree).kernel.arch, boot::Arch::arm64) << name;
  }
}

TEST(DescribeTree, one_without_processors_is_an_old_board_unless_it_leads_to_uefi) {
  FdtBuilder old;
  begin_tree(old, "");
  const MachineDescription board = described(old);
  EXPECT_EQ(board.kernel.arch, boot::Arch::arm);
  EXPECT_TRUE(has_note(board, "arm is assumed (--arch)"));
  FdtBuilder other;
  begin_tree(other, "");
  EXPECT_EQ(described(other, {.arch = boot::Arch::arm64}).kernel.arch, boot::Arch::arm64);
  FdtBuilder stub;
  begin_tree(stub, "");
  stub.begin("chosen").numbers("linux,uefi-system-table", 0x1000).end();
  const MachineDescription server = described(stub);
  EXPECT_EQ(server.kernel.arch, boot::Arch::arm64);
  EXPECT_TRUE(has_note(server, "arm64 is assumed (--arch)"));
}

void reserve(FdtBuilder& tree, std::uint64_t base, std::uint64_t size, TextView status) {
  tree.begin("taken").numbers("reg", base, size).text("status", status).end();
}

TEST(DescribeTree, kernel_and_tree_keep_off_what_the_tree_reserves) {
  FdtBuilder empty;
  begin_tree(empty, "arm,cortex-a53");
  const MachineDescription habit = described(empty);
  const PhysAddr base = habit.image.whole.begin();
  EXPECT_LT(base, PhysAddr{4 * kMiB});

  FdtBuilder tree;
  tree.reserve(18 * kMiB, 4096);
  begin_tree(tree, "arm,cortex-a53");
  tree.begin("reserved-memory").cells("#address-cells", 2).cells("#size-cells", 2).flag("ranges");
  reserve(tree, 0, 16 * kMiB + 1, "okay");
  reserve(tree, 20 * kMiB, 8 * kMiB, "disabled");
  reserve(tree, 48 * kMiB, 12 * kMiB, "okay");
  tree.end();
  const MachineDescription machine = described(tree);
  EXPECT_EQ(machine.image.whole.begin() - base, Bytes{18 * kMiB})
      << "20 MiB: the node and the entry are in the way";
  EXPECT_GE(machine.tree_at, machine.image.whole.end());
  EXPECT_EQ(machine.tree_at, PhysAddr{60 * kMiB});
}

TEST(DescribeTree, without_any_room_the_habit_stays_and_the_boot_says_what_is_wrong) {
  FdtBuilder tree;
  begin_tree(tree, "arm,cortex-a53");
  tree.begin("reserved-memory").cells("#address-cells", 2).cells("#size-cells", 2).flag("ranges");
  reserve(tree, 0, 1024 * kMiB, "okay");
  reserve(tree, 1024 * kMiB, UINT64_MAX, "okay");
  tree.end();
  EXPECT_LT(described(tree).image.whole.begin(), PhysAddr{4 * kMiB});
}

TEST(DescribeTree, a_kernel_that_is_larger_than_the_memory_is_noticed) {
  constexpr std::string_view note = "does not fit into the RAM";
  for (const std::uint64_t size : {4 * kMiB, 512 * kMiB}) {
    FdtBuilder tree;
    tree.cells("#address-cells", 1).cells("#size-cells", 1);
    tree.begin("memory").text("device_type", "memory").cells("reg", 0x8000'0000, size).end();
    EXPECT_EQ(has_note(described(tree, {.arch = boot::Arch::arm}), note), size == 4 * kMiB) << size;
  }
}

TEST(DescribeTree, in_little_memory_the_tree_follows_the_kernel) {
  FdtBuilder tree;
  tree.cells("#address-cells", 1).cells("#size-cells", 1);
  tree.begin("memory").text("device_type", "memory").cells("reg", 0x8000'0000, 32 * kMiB).end();
  const MachineDescription machine = described(tree, {.arch = boot::Arch::arm});
  EXPECT_GE(machine.image.whole.begin(), PhysAddr{0x8000'0000});
  EXPECT_LT(machine.tree_at, PhysAddr{0x8000'0000 + 32 * kMiB});
  EXPECT_GE(machine.tree_at, machine.image.whole.end());
}

}  // namespace
}  // namespace quarry::lnx
