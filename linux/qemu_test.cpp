// Command lines of QEMU: words as a shell makes them, each option that moves memory, and the one line that refuses.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "linux/describe.hpp"
#include "linux/qemu_machine.hpp"
#include "linux/qemu_words.hpp"

namespace quarry::lnx {
namespace {

using Words = std::vector<std::string>;

Words words_of(std::string_view line) {
  const auto words = shell_words(line);
  return words ? *words : Words{words.problem().text};
}

QemuMachine parsed(std::string_view line) {
  const auto machine = parse_qemu(line);
  EXPECT_TRUE(machine) << line << ": " << machine.problem().text;
  return machine ? *machine : QemuMachine{};
}

std::string refusal(std::string_view line, DescribeOptions options = {}) {
  const auto machine = describe(std::string{"qemu:"} + std::string{line}, options);
  EXPECT_FALSE(machine) << line;
  if (machine) return {};
  EXPECT_EQ(machine.problem().exit_status, ExitStatus::bad_arguments) << line;
  EXPECT_EQ(machine.problem().text.find('\n'), std::string::npos) << line;
  return machine.problem().text;
}

void expect_refused(std::string_view line, std::string_view part) {
  const std::string text = refusal(line);
  EXPECT_NE(text.find(part), std::string::npos) << line << " says: " << text;
}

bool has_note(const MachineDescription& machine, std::string_view part) {
  return std::any_of(machine.notes.begin(), machine.notes.end(),
                     [&](const std::string& note) { return note.find(part) != std::string::npos; });
}

TEST(QemuWords, are_those_that_a_shell_makes) {
  EXPECT_EQ(words_of(""), Words{});
  EXPECT_EQ(words_of("  -M  q35\t-m 4G\n"), (Words{"-M", "q35", "-m", "4G"}));
  EXPECT_EQ(words_of("-append 'a \"b\" $c' \"d 'e' \\\"f\\\" \\g\""),
            (Words{"-append", "a \"b\" $c", "d 'e' \"f\" \\g"}));
  EXPECT_EQ(words_of("a\\ b c'd'\"e\""), (Words{"a b", "cde"}));
  EXPECT_EQ(words_of("''"), Words{""});
  EXPECT_EQ(words_of("-M q35 \\\n -m 4G"), (Words{"-M", "q35", "-m", "4G"}));
  EXPECT_NE(words_of("-append 'a b")[0].find("'a b: expected a second '"), std::string::npos);
  EXPECT_NE(words_of("-m $RAM")[0].find("$RAM: a shell would act on the '$'"), std::string::npos);
  EXPECT_NE(words_of("-m 4G | tee log")[0].find("'|'"), std::string::npos);
}

TEST(QemuWords, sizes_have_fractions_and_suffixes) {
  constexpr Bytes mib{1u << 20};
  EXPECT_EQ(parse_qemu_size("64", mib), Bytes{std::uint64_t{64} << 20});
  EXPECT_EQ(parse_qemu_size("64G", mib), Bytes{std::uint64_t{64} << 30});
  EXPECT_EQ(parse_qemu_size("64g"), Bytes{std::uint64_t{64} << 30});
  EXPECT_EQ(parse_qemu_size("1.5G"), Bytes{std::uint64_t{3} << 29});
  EXPECT_EQ(parse_qemu_size("0x10"), Bytes{16});
  EXPECT_EQ(parse_qemu_size("0xb"), Bytes{11}) << "a digit, not a suffix";
  EXPECT_EQ(parse_qemu_size("0x10M"), Bytes{16u << 20});
  EXPECT_EQ(parse_qemu_size("7B"), Bytes{7});
  for (const char* wrong : {"", "G", "x", "1.G", "1..5G", "1.5.5G", "-1", "4GB", "4 G", "0x", "0x1.5",
                            "99999999999E", "18446744073709551616"})
    EXPECT_FALSE(parse_qemu_size(wrong)) << wrong;
}

TEST(QemuWords, properties_may_be_doubled_switched_and_hold_commas) {
  QemuProperties given{"-x", "first,a=1,b,noc,a=2,d=x,,y", "type"};
  EXPECT_EQ(given.take("type"), "first");
  EXPECT_EQ(given.take("a"), "2");
  EXPECT_TRUE(**given.take_switch("b"));
  EXPECT_FALSE(**given.take_switch("c"));
  ASSERT_EQ(given.rest().size(), 1u);
  EXPECT_EQ(given.rest()[0].value, "x,y");
  EXPECT_NE(given.refuse_rest("a or b")->text.find("'d=x,y' is not understood: expected a or b"),
            std::string::npos);
}

TEST(Qemu, a_program_or_a_processor_or_an_option_tells_the_architecture) {
  EXPECT_EQ(parsed("").arch, boot::Arch::x86_64);
  EXPECT_EQ(parsed("").type, "pc-i440fx-7.2");
  EXPECT_EQ(parsed("-M q35").type, "pc-q35-7.2");
  EXPECT_EQ(parsed("/usr/bin/qemu-system-x86_64 --machine pc-q35-6.0").version, 600u);
  EXPECT_EQ(parsed("qemu-system-aarch64 -M virt").arch, boot::Arch::arm64);
  EXPECT_EQ(parsed("qemu-system-aarch64 -M virt -cpu cortex-a15").arch, boot::Arch::arm);
  EXPECT_EQ(parsed("qemu-system-arm -M virt").arch, boot::Arch::arm);
  EXPECT_EQ(parsed("-M virt -cpu rv64").arch, boot::Arch::riscv64);
  EXPECT_EQ(parse_qemu("-M virt", boot::Arch::riscv64)->arch, boot::Arch::riscv64);
  EXPECT_TRUE(parsed("kvm -m 1G").has_kvm);
  const auto machine = describe("qemu-system-riscv64 -M virt -m 1G");
  ASSERT_TRUE(machine) << machine.problem().text;
  EXPECT_EQ(machine->kernel.arch, boot::Arch::riscv64);
  EXPECT_EQ(refusal("-M q35", {.arch = boot::Arch::arm64}).substr(0, 20), "qemu: -M q35: no mac");
  expect_refused("qemu-system-arm", "-M: expected a machine");
  expect_refused("qemu-system-x86_64 -M virt", "virt: no machine of x86_64");
  expect_refused("qemu-system-sparc -m 1G", "qemu-system-sparc: expected");
}

TEST(Qemu, memory_is_what_m_says) {
  EXPECT_EQ(parsed("").ram, Bytes{128u << 20});
  EXPECT_EQ(parsed("-m 0").ram, Bytes{128u << 20});
  EXPECT_EQ(parsed("-m 2048").ram, Bytes{std::uint64_t{2} << 30});
  EXPECT_EQ(parsed("-m size=1G,slots=2,maxmem=8G").slots, 2u);
  EXPECT_EQ(parsed("-m 10000001B").ram, Bytes{10002432}) << "whole 8 KiB";
  EXPECT_EQ(parsed("-object memory-backend-file,id=a,size=3G,mem-path=/x -M q35,memory-backend=a").ram,
            Bytes{std::uint64_t{3} << 30});
  expect_refused("-m 4GB", "-m 4GB: size '4GB': expected a size");
  expect_refused("-m 1M", "expected 2M at least");
  expect_refused("-m 1G,slots=2", "slots: expected maxmem=");
  expect_refused("-m 4G,slots=2,maxmem=1G", "maxmem: expected at least");
  expect_refused("-m 4G,slots=2,maxmem=4G", "maxmem: expected more");
  expect_refused("-m 4G,slots=999,maxmem=8G", "slots '999': expected a number up to 256");
  expect_refused("-m 4G,speed=3", "'speed=3' is not understood");
  expect_refused("-m 5P", "expected 4P at most");
  expect_refused("-m 4G -M q35,memory-backend=x", "memory-backend=x: expected the id");
  expect_refused("-m 4G -M q35,memory-backend=x -object memory-backend-ram,id=x,size=2G",
                 "expected the 4294967296");
}

TEST(Qemu, processors_are_grouped_as_the_machine_does_it) {
  EXPECT_EQ(parsed("-smp 8").topology.cores, 8u);
  EXPECT_EQ(parsed("-M pc-q35-6.1 -smp 8").topology.sockets, 8u);
  EXPECT_EQ(parsed("-smp 8,sockets=2").topology.cores, 4u);
  EXPECT_EQ(parsed("-smp sockets=2,cores=3,threads=2").topology.cpus, 12u);
  EXPECT_EQ(parsed("-smp 2,maxcpus=6").cpus.size(), 6u);
  EXPECT_EQ(parsed("-smp 6,cores=3,sockets=2").cpus[3].apic, 4u)
      << "a socket's cores are numbered by powers of two";
  expect_refused("-smp 3,cores=2", "1 sockets of 1 dies");
  expect_refused("-smp 4,maxcpus=2", "maxcpus=2: expected at least as many as the 4");
  expect_refused("-smp 256", "machine pc-i440fx-7.2 has 255 at most");
  expect_refused("-smp many", "cpus 'many': expected a number");
  expect_refused("-M virt -cpu cortex-a57 -smp 9", "has 8 at most");
  EXPECT_EQ(parsed("-M virt,gic-version=3 -cpu cortex-a57 -smp 9").cpus.size(), 9u);
  expect_refused("-smp 1,sockets=512,dies=512,cores=512,threads=512",
                 "are 68719476736 processors: expected 1");
  expect_refused("-M virt -smp 4,dies=2", "dies: machine virt");
}

TEST(Qemu, nodes_have_all_of_the_memory_and_processors_and_distances) {
  const std::string backends =
      "-m 4G -smp 4 -object memory-backend-ram,id=a,size=1G -object memory-backend-ram,id=b,size=3G ";
  const std::string nodes = backends + "-numa node,memdev=a -numa node,memdev=b ";
  EXPECT_EQ(parsed(nodes).nodes[1].memory, Bytes{std::uint64_t{3} << 30});
  EXPECT_EQ(parsed("-m 4G -numa node,mem=1G -numa node,mem=3072").nodes.size(), 2u);
  EXPECT_EQ(parsed(backends + "-numa node,nodeid=1,memdev=b -numa node,nodeid=0,memdev=a").nodes[0].memory,
            Bytes{std::uint64_t{1} << 30});
  EXPECT_EQ(parsed(backends + "-numa node,memdev=a,cpus=3 -numa node,memdev=b,cpus=0-2").cpus[0].node, 1u);
  EXPECT_EQ(parsed(nodes + "-numa dist,src=0,dst=1,val=21").distances,
            (std::vector<std::uint8_t>{10, 21, 21, 10}));
  EXPECT_EQ(parsed(nodes + "-numa hmat-lb,initiator=0,target=0,hierarchy=memory").nodes.size(), 2u);
  EXPECT_EQ(parsed("-m 1G,slots=1,maxmem=2G").nodes.size(), 1u) << "what may be plugged needs a node";
  expect_refused(backends + "-numa node,memdev=a", "the nodes have 1073741824 bytes together");
  expect_refused(backends + "-numa node,memdev=b -numa node,memdev=b", "more than the 4294967296 bytes");
  expect_refused(backends + "-numa node,memdev=z", "memdev=z: expected the id");
  expect_refused(backends + "-numa node,memdev=a -numa node,nodeid=2,memdev=b", "node 1 is missing");
  expect_refused(backends + "-numa node,nodeid=0 -numa node,nodeid=0", "node 0 is there already");
  expect_refused(backends + "-numa node,memdev=a,mem=1G", "mem and memdev");
  expect_refused(backends + "-numa node,memdev=a,cpus=9 -numa node,memdev=b",
                 "cpus=9: expected processors from 0 to 3");
  expect_refused(backends + "-numa node,memdev=a,cpus=1 -numa node,memdev=b,cpus=0-3", "on node 0 already");
  expect_refused(nodes + "-numa dist,src=0,dst=1,val=9", "val=9: expected 10 to 255");
  expect_refused(nodes + "-numa dist,src=0,dst=0,val=11", "expected 10, a node's distance from itself");
  expect_refused(nodes + "-numa dist,src=0,dst=3,val=20", "node 3 is not there");
  expect_refused(nodes + "-numa dist,src=0,val=20", "expected dst=");
  expect_refused("-m 3G -numa node,mem=1G -numa node,mem=1G -numa node,mem=1G -numa dist,src=0,dst=1,val=20",
                 "between nodes 0 and 2 is missing");
  expect_refused(
      "-m 3G -numa node,mem=1G -numa node,mem=1G -numa node,mem=1G -numa dist,src=0,dst=1,val=20 "
      "-numa dist,src=1,dst=0,val=21 -numa dist,src=0,dst=2,val=20 -numa dist,src=1,dst=2,val=20",
      "expected both directions of all");
  expect_refused(nodes + "-numa cpu,node-id=7,socket-id=0", "node-id=7");
  expect_refused(nodes + "-numa cpu,node-id=0,socket-id=7", "no processor is there");
  expect_refused("-numa dist,src=0,dst=1,val=20", "there is no node");
  expect_refused("-numa pool", "expected node, dist, cpu");
}

TEST(Qemu, a_word_that_could_change_memory_is_not_passed_over) {
  expect_refused("-M q53", "machine 'q53' is not modelled: expected pc, q35, microvm or virt");
  expect_refused("-M pc-i440fx-1.7", "expected pc-i440fx-2.1 or later");
  expect_refused("-M q35,max-ram-below-4g=8G", "expected 1M to 4G");
  expect_refused("-M virt,highmem=perhaps", "highmem 'perhaps': expected on or off");
  expect_refused("-M virt,gic-version=7", "gic-version=7: expected 2, 3");
  expect_refused("-M q35,ram-hole=1G", "'ram-hole=1G' is not understood");
  expect_refused("'-new\nline'", "-new line: this option is not understood");
  expect_refused("-ram 4G", "-ram: this option is not understood");
  expect_refused("4G", "4G: expected options");
  expect_refused("-m 4G 5G", "5G: expected an option");
  expect_refused("-m", "-m: expected a word after it");
  expect_refused("-readconfig x", "expected its options");
  expect_refused("-cpu qemu64,phys-bits=99", "phys-bits '99': expected a number up to 52");
  expect_refused("-m 1T", "does not reach");
  expect_refused("-M virt,highmem=off -m 4G", "beyond the 32 bits of address of -M highmem=off");
  expect_refused("-M virt -cpu cortex-a53 -m 1T", "40 bits of address of -cpu cortex-a53");
  expect_refused("-M virt -dtb /nonexistent", "-dtb /nonexistent: cannot be read");
  expect_refused("-device pc-dimm,memdev=d", "there are 0 slots");
  expect_refused("-m 1G,slots=1,maxmem=2G -device pc-dimm,memdev=d", "memdev: expected the id");
  const std::string dimm =
      "-m 1G,slots=1,maxmem=2G -device pc-dimm,memdev=d -object memory-backend-ram,id=d,size=";
  expect_refused(dimm + "4G", "1073741824 bytes are left below maxmem");
  const auto plugged = describe("qemu:" + dimm + "1G");
  ASSERT_TRUE(plugged) << plugged.problem().text;
  EXPECT_TRUE(has_note(*plugged, "plugged in after the boot"));
}

TEST(Qemu, what_leaves_memory_alone_is_passed_over_and_what_is_not_modelled_is_said) {
  const auto plain = describe("qemu:-M q35 -m 4G -nodefaults");
  const auto dressed = describe(
      "qemu:qemu-system-x86_64 -M q35,accel=tcg,usb=on -m 4G -nodefaults -nographic -serial mon:stdio -name "
      "vm "
      "-display none -netdev user,id=n -device virtio-net-pci,netdev=n -drive if=none,id=d,file=d.img -vga "
      "none "
      "-object rng-random,id=r,filename=/dev/urandom -smp 1 -rtc base=utc -S -global x.y=z");
  ASSERT_TRUE(plain && dressed) << dressed.problem().text;
  ASSERT_EQ(plain->map.size(), dressed->map.size());
  EXPECT_EQ(plain->notes, dressed->notes);
  EXPECT_TRUE(
      has_note(*describe("qemu:-M q35 -bios /usr/share/ovmf/OVMF.fd"), "a UEFI makes a map of its own"));
  EXPECT_TRUE(has_note(*describe("qemu:-M q35 -drive if=pflash,file=x.fd"), "a UEFI makes a map of its own"));
  EXPECT_TRUE(has_note(*describe("qemu:-device nvme,serial=1"), "not modelled"));
  EXPECT_TRUE(has_note(*describe("qemu:-M pc-q35-9.1"), "described as QEMU 7.2"));
  EXPECT_TRUE(has_note(*describe("qemu:-acpitable file=x"), "not read"));
  EXPECT_TRUE(has_note(*describe("qemu:-kernel /nonexistent"), "-kernel /nonexistent: cannot be read"));
  EXPECT_TRUE(has_note(*describe("qemu:-initrd /nonexistent"), "it is left out"));
  EXPECT_TRUE(has_note(*describe("qemu:-M microvm"), "acpi=off"));
  EXPECT_TRUE(has_note(*describe("qemu:-no-acpi"), "not given back"));
  EXPECT_TRUE(describe("qemu:-M pc,acpi=off -m 2G -numa node,mem=2G")->memory_affinity.empty());
}

TEST(Qemu, KVM_keeps_pages_and_hides_the_make_of_the_processor) {
  const auto ends_at = [](const MachineDescription& machine, std::uint64_t address) {
    return std::any_of(machine.map.begin(), machine.map.end(), [&](const firmware::MapEntry& entry) {
      return entry.base.raw + entry.size.raw == address;
    });
  };
  constexpr std::uint64_t of_kvm = 0xff000000, of_amd = std::uint64_t{1} << 40;
  for (const char* line : {"qemu:-enable-kvm", "qemu:-accel kvm", "qemu:-M pc,accel=kvm:tcg", "qemu:kvm"}) {
    const auto machine = describe(line);
    ASSERT_TRUE(machine) << machine.problem().text;
    EXPECT_TRUE(ends_at(*machine, of_kvm)) << line;
    EXPECT_FALSE(ends_at(*machine, of_amd)) << line;
    EXPECT_TRUE(has_note(*machine, "Intel is assumed")) << line;
  }
  const auto amd = describe("qemu:-enable-kvm -cpu host,vendor=AuthenticAMD");
  ASSERT_TRUE(amd);
  EXPECT_TRUE(ends_at(*amd, of_amd));
  EXPECT_FALSE(ends_at(*describe("qemu:-m 1G"), of_kvm));
}

TEST(Qemu, options_of_the_tool_come_last) {
  const auto machine = describe("qemu:-m 1G -append 'mem=512M nokaslr'",
                                {.kernel_at = PhysAddr{0x2000000},
                                 .initrd = PhysRange{PhysAddr{0x4000000}, PhysAddr{0x5000000}},
                                 .cpus = 3});
  ASSERT_TRUE(machine) << machine.problem().text;
  EXPECT_EQ(machine->command_line, "mem=512M nokaslr");
  EXPECT_EQ(machine->image.whole.begin(), PhysAddr{0x2000000});
  EXPECT_EQ(machine->initrd.begin(), PhysAddr{0x4000000});
  EXPECT_EQ(machine->cpus, 3u);
  EXPECT_EQ(describe("qemu:-m 1G -append x", {.command_line = "y"})->command_line, "y");
  EXPECT_FALSE(describe("qemu:-m 1G", {.tree_at = PhysAddr{0x1000}}));
  EXPECT_EQ(describe("qemu:-M virt -m 1G", {.tree_at = PhysAddr{0x50000000}})->tree_at, PhysAddr{0x50000000});
}

TEST(Qemu, an_initrd_lies_where_the_loader_puts_it) {
  const auto file = std::filesystem::temp_directory_path() / "quarry-qemu-test-initrd";
  std::ofstream{file} << std::string(5000, 'x');
  const auto initrd_of = [&](const std::string& line) {
    const auto machine = describe("qemu:" + line + " -initrd " + file.string());
    EXPECT_TRUE(machine) << machine.problem().text;
    return machine ? machine->initrd : PhysRange{};
  };
  EXPECT_EQ(initrd_of("-m 1G").begin(), PhysAddr{0x3ffde000});
  EXPECT_EQ(initrd_of("-M q35 -m 4G").begin(), PhysAddr{0x7ffde000});
  EXPECT_EQ(initrd_of("-M microvm,acpi=off -m 4G").begin(), PhysAddr{0x7fffe000}) << "below 2 GiB";
  EXPECT_EQ(initrd_of("-M virt -m 4G").begin(), PhysAddr{0x48000000});
  EXPECT_EQ(initrd_of("qemu-system-riscv64 -M virt -m 64M").begin(), PhysAddr{0x82200000});
  EXPECT_EQ(initrd_of("-m 1G").size(), Bytes{5000});
  std::filesystem::resize_file(file, 3u << 20);
  expect_refused("-m 3M -initrd " + file.string(), "do not fit below");
  std::filesystem::remove(file);
}

}  // namespace
}  // namespace quarry::lnx
