// A machine from a command line of QEMU: a part of describe_parts.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "linux/corpus_case.hpp"
#include "linux/describe_parts.hpp"
#include "linux/file_bytes.hpp"
#include "linux/kernel_file.hpp"
#include "linux/log_description.hpp"
#include "linux/qemu_machine.hpp"
#include "linux/qemu_words.hpp"

namespace quarry::lnx {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "qemu:", kProgram = "qemu-system-";
constexpr std::uint64_t kMiB = 1u << 20, kGiB = kMiB << 10;

PhysAddr rounded_up(PhysAddr at, std::uint64_t to) { return PhysAddr{(at.raw + to - 1) & ~(to - 1)}; }

// The line's own kernel, unless an option names another one.
//
// Errors    those of read_kernel_file().
std::optional<Problem> take_file_of_kernel(QemuMachine& qemu, DescribeOptions& options) {
  std::error_code error;
  if (!qemu.kernel || options.kernel) return std::nullopt;
  if (!fs::is_regular_file(*qemu.kernel, error)) {
    qemu.notes.push_back(fmt::format("-kernel {}: cannot be read (--kernel)", *qemu.kernel));
    return std::nullopt;
  }
  auto kernel = read_kernel_file(*qemu.kernel, options.config_file);
  if (!kernel) return kernel.problem();
  options.kernel = *std::move(kernel);
  return std::nullopt;
}

Bytes size_of_initrd(QemuMachine& qemu) {
  if (!qemu.initrd) return Bytes{0};
  std::error_code error;
  const std::uintmax_t size = fs::file_size(*qemu.initrd, error);
  if (!error) return Bytes{size};
  qemu.notes.push_back(fmt::format("-initrd {}: cannot be read: it is left out (--initrd)", *qemu.initrd));
  return Bytes{0};
}

// Firmware that is not the machine's own makes a map of its own.
void note_firmware(QemuMachine& qemu) {
  if (!qemu.bios) return;
  const std::string file = fs::path{*qemu.bios}.filename().string();
  const bool is_riscv = qemu.arch == boot::Arch::riscv64;
  if (file.starts_with("bios") || (is_riscv && (file == "default" || file == "none"))) return;
  const std::string_view own = is_riscv                          ? "OpenSBI's reservation"
                               : qemu.arch == boot::Arch::x86_64 ? "SeaBIOS's map"
                                                                 : "the machine's own tree";
  qemu.notes.push_back(fmt::format(
      "-bios, pflash: {} is described; a UEFI makes a map of its own, which a boot log of it tells", own));
}

// As high below the end of low RAM as its tables leave it, and as the kernel can read it.
Expected<PhysRange> place_x86_initrd(const QemuMachine& qemu, Bytes size) {
  if (size.raw == 0) return PhysRange{};
  constexpr std::uint64_t tables = 128 << 10, page = 4096, of_qboot = 2 * kGiB;
  const bool is_microvm = qemu.board == QemuBoard::microvm;
  const std::uint64_t low = end_of_low_ram(qemu).raw;
  const std::uint64_t end = is_microvm ? std::min(low, of_qboot) : low - tables;
  if (size.raw >= end)
    return Problem{ExitStatus::bad_arguments,
                   fmt::format("qemu: -initrd {}: its {} bytes do not fit below {:#x}, where RAM ends",
                               *qemu.initrd, size.raw, end)};
  return PhysRange::sized(PhysAddr{(end - 1 - size.raw) & ~(page - 1)}, size);
}

Expected<MachineDescription> describe_x86(QemuMachine& qemu, const DescribeOptions& options) {
  MachineDescription machine;
  if (auto problem = choose_kernel(qemu.arch, {}, options, machine)) return *std::move(problem);
  if (auto problem = describe_pc(qemu, machine)) return *std::move(problem);
  auto initrd = place_x86_initrd(qemu, size_of_initrd(qemu));
  if (!initrd) return initrd.problem();
  machine.initrd = *initrd;
  machine.cpus = qemu.topology.max_cpus;
  machine.has_gigabyte_pages = qemu.gigabyte_pages.value_or(false);
  const auto levels = machine.kernel.config.find("CONFIG_PGTABLE_LEVELS");
  const bool has_five_levels = levels != machine.kernel.config.end() && levels->second == "5";
  if (has_five_levels && qemu.five_levels.value_or(false)) machine.kernel.limits.phys_bits = 52;
  machine.model = qemu.board == QemuBoard::pc    ? "QEMU Standard PC (i440FX + PIIX, 1996)"
                  : qemu.board == QemuBoard::q35 ? "QEMU Standard PC (Q35 + ICH9, 2009)"
                                                 : "QEMU microvm";
  machine.command_line = options.command_line.value_or(qemu.append.value_or(""));
  LogInputs log;
  log.has_smbios = qemu.board != QemuBoard::microvm;
  place_x86_kernel(log, machine);
  if (machine.command_line.find("nokaslr") == std::string::npos && !options.kernel_at)
    machine.notes.emplace_back(
        "where KASLR puts the kernel is not known: its usual place is assumed (--kernel-at)");
  if (qemu.has_kvm && !qemu.vendor)
    machine.notes.emplace_back(
        "with KVM the processor is of the host's make: Intel is assumed "
        "(-cpu NAME,vendor=AuthenticAMD)");
  if (qemu.board == QemuBoard::microvm && qemu.has_acpi)
    machine.notes.emplace_back("-M microvm: described with qboot, as with acpi=off");
  if (qemu.board != QemuBoard::microvm && !qemu.has_acpi)
    machine.notes.emplace_back(
        "without ACPI more of low RAM is usable: the room of its tables is not given back");
  return machine;
}

// Where QEMU's loader puts things on virt.
struct VirtPlaces {
  PhysAddr kernel, tree;
  PhysRange initrd;
};

VirtPlaces place_arm(const QemuMachine& qemu, const KernelProfile& kernel, Bytes initrd) {
  constexpr std::uint64_t page = 4096;
  LoaderRequest request;
  request.arch = qemu.arch;
  request.kind = LoaderRequest::Kind::qemu;
  request.lowest_memory = kArmRam;
  const bool is_64bit = qemu.arch == boot::Arch::arm64;
  VirtPlaces places;
  places.kernel = place(request, kernel).kernel_base;
  const PhysAddr image_end =
      is_64bit ? image_at(kernel, places.kernel).whole.end() : kArmRam + Bytes{0x10000} + kernel.image_bytes;
  const PhysAddr usual = kArmRam + Bytes{std::min(qemu.ram.raw / 2, 128 * kMiB)};
  places.initrd = PhysRange::sized(rounded_up(std::max(usual, image_end), page), initrd);
  places.tree = rounded_up(places.initrd.end(), is_64bit ? 2 * kMiB : page);
  return places;
}

VirtPlaces place_riscv(const QemuMachine& qemu, Bytes initrd, Bytes tree) {
  const bool has_firmware = qemu.bios != "none";
  const PhysAddr kernel = kRiscvRam + Bytes{has_firmware ? 2 * kMiB : 0};
  const PhysAddr end = std::min(kRiscvRam + qemu.ram, PhysAddr{3 * kGiB});
  const std::uint64_t below = end.raw - std::min(tree.raw, end.raw - kRiscvRam.raw);
  return {.kernel = kernel,
          .tree = PhysAddr{below & ~(2 * kMiB - 1)},
          .initrd = PhysRange::sized(kernel + Bytes{std::min(qemu.ram.raw / 2, 128 * kMiB)}, initrd)};
}

std::optional<Problem> refuse_virt(const QemuMachine& qemu) {
  constexpr std::string_view of_40_bits[] = {"cortex-a7", "cortex-a15", "cortex-a35", "cortex-a53",
                                             "cortex-a55"};
  const auto too_large = [&](unsigned bits, std::string_view why) {
    return Problem{ExitStatus::bad_arguments,
                   fmt::format("qemu: -m: RAM ends at {:#x}, beyond the {} bits of address {}",
                               (kArmRam + qemu.maximum).raw - 1, bits, why)};
  };
  if (qemu.ram.raw < 16 * kMiB)
    return Problem{
        ExitStatus::bad_arguments,
        fmt::format("qemu: -m: {} bytes are too little for a kernel: expected 16M at least", qemu.ram.raw)};
  if (qemu.arch == boot::Arch::riscv64) return std::nullopt;
  const std::uint64_t end = (kArmRam + qemu.maximum).raw;
  const bool has_40_bits =
      std::find(std::begin(of_40_bits), std::end(of_40_bits), qemu.processor) != std::end(of_40_bits);
  const unsigned bits = has_40_bits                                                        ? 40
                        : qemu.processor == "cortex-a57" || qemu.processor == "cortex-a72" ? 44
                                                                                           : 48;
  if (!qemu.has_high_memory && end > 4 * kGiB) return too_large(32, "of -M highmem=off");
  if (end > std::uint64_t{1} << bits) return too_large(bits, fmt::format("of -cpu {}", qemu.processor));
  return std::nullopt;
}

Expected<std::vector<std::byte>> given_tree(QemuMachine& qemu) {
  auto tree = read_file(*qemu.dtb);
  if (!tree)
    return Problem{ExitStatus::bad_arguments, fmt::format("qemu: -dtb {}: cannot be read", *qemu.dtb)};
  const auto facts = read_tree_facts(*tree, *qemu.dtb);
  if (!facts) return facts.problem();
  std::uint64_t memory = 0;
  for (const PhysRange bank : facts->memory) memory += bank.size().raw;
  if (memory != qemu.ram.raw)
    qemu.notes.push_back(
        fmt::format("-dtb {}: its memory nodes hold, where QEMU writes -m over them", *qemu.dtb));
  return *std::move(tree);
}

Expected<MachineDescription> describe_virt(QemuMachine& qemu, const DescribeOptions& options) {
  if (auto problem = refuse_virt(qemu)) return *std::move(problem);
  MachineDescription probe;
  if (auto problem = choose_kernel(qemu.arch, {}, options, probe)) return *std::move(problem);
  const bool is_riscv = qemu.arch == boot::Arch::riscv64;
  const Bytes initrd = size_of_initrd(qemu);
  // A tree grows by its command line and nothing else that places depend on.
  QemuChosen chosen{.command_line = qemu.append.value_or(""), .initrd = {}};
  const auto tree_of = [&] { return is_riscv ? riscv_virt_tree(qemu, chosen) : arm_virt_tree(qemu, chosen); };
  const VirtPlaces places =
      is_riscv ? place_riscv(qemu, initrd, Bytes{tree_of().size()}) : place_arm(qemu, probe.kernel, initrd);
  chosen.initrd = places.initrd;
  auto tree = qemu.dtb ? given_tree(qemu) : Expected{tree_of()};
  if (!tree) return tree.problem();
  constexpr std::uint64_t own_tree = kMiB, room_beside = 10'000;
  const Bytes tree_size{qemu.dtb ? 2 * (tree->size() + room_beside) : own_tree};

  DescribeOptions placed = options;
  placed.arch = qemu.arch;
  placed.kernel_at = options.kernel_at.value_or(places.kernel);
  placed.tree_at = options.tree_at.value_or(places.tree);
  if (!placed.initrd && !places.initrd.empty()) placed.initrd = places.initrd;
  if (!placed.command_line && qemu.append) placed.command_line = qemu.append;
  auto machine = describe_tree(*std::move(tree), qemu.dtb.value_or("QEMU's tree"), {}, placed);
  if (machine && !is_riscv) machine->tree_size = tree_size;
  return machine;
}

}  // namespace

std::optional<std::string_view> qemu_line(std::string_view name) {
  if (name.starts_with(kPrefix)) return name.substr(kPrefix.size());
  return name.starts_with(kProgram) ? std::optional{name} : std::nullopt;
}

Expected<MachineDescription> describe_qemu(std::string_view line, const DescribeOptions& options) {
  auto qemu = parse_qemu(line, options.arch);
  if (!qemu) return qemu.problem();
  DescribeOptions complete = options;
  if (auto problem = take_file_of_kernel(*qemu, complete)) return *std::move(problem);
  note_firmware(*qemu);
  const bool is_x86 = qemu->arch == boot::Arch::x86_64;
  auto machine = is_x86 ? describe_x86(*qemu, complete) : describe_virt(*qemu, complete);
  if (!machine) return machine;
  machine->source = fmt::format("QEMU's {}", qemu->type);
  machine->notes.insert(machine->notes.begin(), qemu->notes.begin(), qemu->notes.end());
  for (std::string& note : machine->notes) keep_on_one_line(note);
  if (auto problem = require_fitting(options, *machine)) return *std::move(problem);
  if (is_x86)
    if (auto problem = apply_options(complete, *machine)) return *std::move(problem);
  return machine;
}

}  // namespace quarry::lnx
