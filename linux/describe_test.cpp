// MACHINE arguments: what each kind of thing becomes, and the one line that refuses what is none of them.
#include "linux/describe.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace quarry::lnx {
namespace {

namespace fs = std::filesystem;

Expected<MachineDescription> from_text(const std::string& text, DescribeOptions options = {}) {
  std::istringstream in{text};
  options.standard_input = &in;
  return describe("-", options);
}

TEST(Describe, every_builtin_is_a_machine) {
  ASSERT_FALSE(builtins().empty());
  for (const Builtin& builtin : builtins()) {
    const auto machine = describe(builtin.name);
    ASSERT_TRUE(machine) << machine.problem().text;
    EXPECT_TRUE(!machine->map.empty() || !machine->tree.empty()) << builtin.name;
    EXPECT_FALSE(machine->image.whole.empty()) << builtin.name;
    EXPECT_TRUE(machine->notes.empty()) << builtin.name;
  }
  EXPECT_EQ(describe("numa-8n")->distances.size(), 64u);
  EXPECT_EQ(describe("arm-highmem-2g")->kernel.geometry, k4KFlat);
  EXPECT_EQ(describe(kDefaultMachine)->cpus, 1u);
}

TEST(Describe, refuses_what_is_no_machine_in_one_line) {
  for (const char* name : {"no-such-thing", "/", "/nonexistent/file"}) {
    const auto machine = describe(name);
    ASSERT_FALSE(machine) << name;
    EXPECT_EQ(machine.problem().exit_status, ExitStatus::bad_arguments);
    EXPECT_EQ(machine.problem().text.find('\n'), std::string::npos);
  }
  for (const std::string& text : {std::string{}, std::string{"hello\n"}, std::string{"\xd0\x0d\xfe\xed", 4},
                                  std::string{"Linux version 6.1\nCommand line: x\n"}}) {
    const auto machine = from_text(text);
    ASSERT_FALSE(machine) << text;
    EXPECT_EQ(machine.problem().exit_status, ExitStatus::malformed_input);
    EXPECT_NE(machine.problem().text.find("expected") == std::string::npos
                  ? machine.problem().text.find("neither")
                  : std::size_t{0},
              std::string::npos);
  }
}

TEST(Describe, a_log_is_described_by_its_inputs) {
  const std::string log =
      "Linux version 5.10.0\nCommand line: root=x\nBIOS-e820: [mem 0x0-0x9fbff] usable\n"
      "BIOS-e820: [mem 0x100000-0x3fffffff] usable\nRAMDISK: [mem 0x1000000-0x1ffffff]\nsmpboot: Allowing 4 "
      "CPUs, 0 hotplug CPUs\n";
  const auto machine = from_text(log, {.command_line = "mem=1G", .cpus = 2});
  ASSERT_TRUE(machine) << machine.problem().text;
  EXPECT_EQ(machine->map.size(), 2u);
  EXPECT_EQ(machine->command_line, "mem=1G");
  EXPECT_EQ(machine->cpus, 2u);
  EXPECT_EQ(machine->initrd.size(), Bytes{0x1000000});
  EXPECT_FALSE(machine->notes.empty()) << "an unknown kernel is said to be assumed";
  EXPECT_EQ(machine->machine().map.size(), 2u);
}

TEST(Describe, a_log_without_a_map_is_completed_by_the_memory_option) {
  const std::string log =
      "Booting Linux on physical CPU 0x0000000000 [0x410fd034]\nLinux version 5.3.0\nMachine model: A "
      "board\n";
  const auto without = from_text(log);
  ASSERT_FALSE(without);
  EXPECT_NE(without.problem().text.find("--memory"), std::string::npos);
  const auto with = from_text(log, {.memory = {PhysRange{PhysAddr{0x40000000}, PhysAddr{0x80000000}}}});
  ASSERT_TRUE(with) << with.problem().text;
  EXPECT_EQ(with->kernel.arch, boot::Arch::arm64);
  EXPECT_EQ(with->image.text.begin(), PhysAddr{0x40210000});
}

// A tree of one empty root: header, empty reservation block, BEGIN_NODE "" END_NODE END.
std::string empty_tree() {
  const auto word = [](std::uint32_t value) {
    return std::string{static_cast<char>(value >> 24), static_cast<char>(value >> 16),
                       static_cast<char>(value >> 8), static_cast<char>(value)};
  };
  const std::string body = word(1) + word(0) + word(2) + word(9);
  std::string tree;
  for (const std::uint32_t value : {0xd00dfeedu, 72u, 56u, 72u, 40u, 17u, 16u, 0u, 0u, 16u})
    tree += word(value);
  return tree + std::string(16, '\0') + body;
}

TEST(Describe, a_tree_without_memory_offers_the_option_that_helps) {
  const auto without = from_text(empty_tree());
  ASSERT_FALSE(without);
  EXPECT_EQ(without.problem().exit_status, ExitStatus::malformed_input);
  EXPECT_NE(without.problem().text.find("--memory BASE+SIZE"), std::string::npos);
  const auto memory = parse_base_and_size("0x80000000+512M", "--memory");
  ASSERT_TRUE(memory);
  const auto with = from_text(empty_tree(), {.memory = {*memory}});
  ASSERT_TRUE(with) << with.problem().text;
  EXPECT_EQ(with->extra_memory.size(), 1u);
  EXPECT_GE(with->image.whole.begin(), memory->begin());
  EXPECT_GE(with->tree_at, with->image.whole.end());
}

TEST(Describe, base_and_size_are_read_strictly) {
  EXPECT_EQ(*parse_base_and_size("1000+4K", "--memory"), (PhysRange{PhysAddr{0x1000}, PhysAddr{0x2000}}));
  for (const char* text :
       {"", "+", "1000", "1000+", "+4K", "x+4K", "1000+0", "1000+4Kx", "ffffffffffffffff+4K"}) {
    const auto range = parse_base_and_size(text, "--memory");
    ASSERT_FALSE(range) << text;
    EXPECT_EQ(range.problem().exit_status, ExitStatus::bad_arguments);
    EXPECT_NE(range.problem().text.find("--memory"), std::string::npos);
  }
}

TEST(Describe, a_host_without_any_source_says_which_were_tried) {
  const fs::path root = fs::temp_directory_path() / "quarry_describe_test_empty";
  fs::create_directories(root);
  const auto machine = describe_host({}, root.string());
  ASSERT_FALSE(machine);
  EXPECT_EQ(machine.problem().exit_status, ExitStatus::malformed_input);
  for (const char* source : {"/sys/firmware/memmap", "/proc/iomem", "/sys/firmware/fdt", "/dev/kmsg"})
    EXPECT_NE(machine.problem().text.find(source), std::string::npos) << source;
  fs::remove_all(root);
}

TEST(Describe, a_host_is_described_from_its_memory_map) {
  const fs::path root = fs::temp_directory_path() / "quarry_describe_test_host";
  const auto put = [&](const std::string& name, const std::string& text) {
    fs::create_directories((root / name).parent_path());
    std::ofstream{root / name} << text;
  };
  put("sys/firmware/memmap/0/start", "0x0\n");
  put("sys/firmware/memmap/0/end", "0x9fbff\n");
  put("sys/firmware/memmap/0/type", "System RAM\n");
  put("sys/firmware/memmap/1/start", "0x100000\n");
  put("sys/firmware/memmap/1/end", "0x3fffffff\n");
  put("sys/firmware/memmap/1/type", "ACPI Tables\n");
  put("proc/cmdline", "quiet\n");
  const auto machine = describe_host({.arch = boot::Arch::x86_64}, root.string());
  ASSERT_TRUE(machine) << machine.problem().text;
  ASSERT_EQ(machine->map.size(), 2u);
  EXPECT_EQ(machine->map[0].size, Bytes{0x9fc00});
  EXPECT_EQ(machine->map[1].type, firmware::MapType::acpi);
  EXPECT_EQ(machine->command_line, "quiet");
  EXPECT_FALSE(machine->sources.empty());
  fs::remove_all(root);
}

TEST(KernelProfile, geometry_follows_from_the_configuration) {
  EXPECT_EQ(builtin_profile(boot::Arch::x86_64).geometry, k4KSparse);
  EXPECT_EQ(builtin_profile(boot::Arch::arm64).geometry, k4KSparse);
  EXPECT_EQ(builtin_profile(boot::Arch::arm).geometry, k4KFlat);
  EXPECT_EQ(builtin_profile(boot::Arch::arm, "6.1.0-50-armmp-lpae").geometry, k4KFlatHuge);
  EXPECT_FALSE(read_kernel_profile("release=6.1\n"));
  EXPECT_FALSE(read_kernel_profile("arch=vax\n"));
  EXPECT_FALSE(read_kernel_profile("arch=arm64\npage_size=8192\n"));
  EXPECT_FALSE(read_kernel_profile("arch=arm64\nconfig.CONFIG_ARCH_FORCE_MAX_ORDER=99\n"));
  EXPECT_FALSE(read_kernel_profile("arch=arm64\nno equals sign\n"));
}

}  // namespace
}  // namespace quarry::lnx
