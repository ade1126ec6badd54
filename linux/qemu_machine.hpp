// linux/qemu_machine.hpp: the machine that a command line of QEMU asks for, as QEMU 7.2 understands it.
//
//   "qemu-system-x86_64 -M q35 -m 64G -smp 8 -nographic"      words     linux/qemu_words.hpp
//                           |
//                      QemuMachine                            this      linux/qemu_command.cpp, qemu_numa.cpp
//                           |
//            e820, SRAT, SLIT | a device tree                 firmware  linux/qemu_pc.cpp, qemu_virt.cpp
//                           |
//                  MachineDescription                         whole     linux/describe_qemu.cpp
//
// Source    QEMU 7.2, "System Emulation" manual, invocation; behaviour of its programs.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "linux/description.hpp"

namespace quarry::lnx {

enum class QemuBoard { pc, q35, microvm, virt };

struct QemuTopology {
  unsigned cpus = 1, max_cpus = 1;
  unsigned sockets = 1, dies = 1, clusters = 1, cores = 1, threads = 1;
};

struct QemuNode {
  Bytes memory{0};
};

// Where a processor that may exist is, and what it belongs to.
struct QemuCpu {
  unsigned socket = 0, die = 0, core = 0, thread = 0;
  std::uint32_t apic = 0;  // x86
  std::optional<unsigned> node;
};

struct QemuMachine {
  QemuBoard board = QemuBoard::pc;
  boot::Arch arch = boot::Arch::x86_64;
  std::string type = "pc-i440fx-7.2";  // with its version
  unsigned version = 702;              // 7.2; 0: the board has none
  Bytes ram{std::uint64_t{128} << 20};
  Bytes maximum{0};  // -m maxmem; as large as `ram` when nothing can be plugged
  unsigned slots = 0;
  QemuTopology topology;
  std::vector<QemuCpu> cpus;    // max_cpus of them
  std::vector<QemuNode> nodes;  // none: no -numa, and nothing that needs one
  std::vector<std::uint8_t> distances;

  std::string processor;  // -cpu's name
  std::optional<std::string> vendor;
  std::optional<unsigned> phys_bits;
  bool is_phys_bits_of_host = false;
  std::optional<bool> gigabyte_pages, five_levels;
  bool has_kvm = false;

  std::optional<Bytes> max_ram_below_4g;
  bool has_acpi = true, has_high_memory = true, has_its = true, has_virtualization = false,
       has_randomness = true, has_security = false, has_aia = false;
  unsigned gic_version = 2;

  // What SeaBIOS keeps memory for.
  unsigned virtio_disks = 0, sata_drives = 0;

  std::optional<std::string> append, kernel, initrd, dtb, bios;
  std::vector<std::string> notes;
};

// Errors    bad_arguments: a word that QEMU, or this, does not understand; a machine that QEMU refuses. The text names
//           the word.
Expected<QemuMachine> parse_qemu(std::string_view line, std::optional<boot::Arch> arch = {});

// x86: map, affinity and distances. Errors bad_arguments: QEMU would refuse it.
std::optional<Problem> describe_pc(const QemuMachine& qemu, MachineDescription& into);

// The highest address, exclusive, that RAM below 4 GiB takes.
PhysAddr end_of_low_ram(const QemuMachine& qemu);

// What the machine's own tree says, before a boot loader has put command line and initrd into it.
inline constexpr PhysAddr kArmRam{0x4000'0000}, kRiscvRam{0x8000'0000};
struct QemuChosen {
  std::string command_line;
  PhysRange initrd;
};
std::vector<std::byte> arm_virt_tree(const QemuMachine& qemu, const QemuChosen& chosen);
std::vector<std::byte> riscv_virt_tree(const QemuMachine& qemu, const QemuChosen& chosen);

}  // namespace quarry::lnx
