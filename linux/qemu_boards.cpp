// -M: which board, and which of its properties move memory: a part of qemu_parts.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "linux/qemu_parts.hpp"

namespace quarry::lnx {
namespace {

constexpr Bytes kMiB{1u << 20};

// "7.2" of "pc-q35-7.2" as 702; 0 for what is none. "4.0.1" is 4.0.
unsigned version_of(std::string_view text) {
  unsigned major = 0, minor = 0;
  const char* const end = text.data() + text.size();
  const auto point = std::from_chars(text.data(), end, major);
  if (point.ec != std::errc{} || point.ptr == end || *point.ptr != '.' || major > 99) return 0;
  const auto last = std::from_chars(point.ptr + 1, end, minor);
  if (last.ec != std::errc{} || minor > 99 || (last.ptr != end && *last.ptr != '.')) return 0;
  return major * 100 + minor;
}

std::optional<Problem> read_switches(QemuProperties& given, QemuMachine& machine) {
  const struct {
    const char* name;
    bool& into;
  } switches[] = {{"acpi", machine.has_acpi},
                  {"highmem", machine.has_high_memory},
                  {"its", machine.has_its},
                  {"virtualization", machine.has_virtualization},
                  {"secure", machine.has_security},
                  {"dtb-randomness", machine.has_randomness},
                  {"dtb-kaslr-seed", machine.has_randomness}};
  for (const auto& property : switches) {
    const auto value = given.take_switch(property.name);
    if (!value) {
      if (std::string_view{property.name} != "acpi") return value.problem();
      continue;  // auto
    }
    if (*value) property.into = **value;
  }
  return std::nullopt;
}

// What is left of -M: about devices, speed or how the host keeps memory.
constexpr std::string_view kHarmlessProperties[] = {"usb",
                                                    "vmport",
                                                    "smbus",
                                                    "sata",
                                                    "pit",
                                                    "pic",
                                                    "rtc",
                                                    "isa-serial",
                                                    "hpet",
                                                    "smm",
                                                    "graphics",
                                                    "dump-guest-core",
                                                    "mem-merge",
                                                    "kernel-irqchip",
                                                    "kvm-type",
                                                    "kvm-shadow-mem",
                                                    "nvdimm",
                                                    "nvdimm-persistence",
                                                    "igd-passthru",
                                                    "suppress-vmdesc",
                                                    "default-bus-bypass-iommu",
                                                    "default_bus_bypass_iommu",
                                                    "iommu",
                                                    "ras",
                                                    "mte",
                                                    "acpi",
                                                    "pcie",
                                                    "ioapic2",
                                                    "x-option-roms",
                                                    "option-roms",
                                                    "auto-kernel-cmdline",
                                                    "fd-bootchk",
                                                    "i8042",
                                                    "x-oem-id",
                                                    "x-oem-table-id",
                                                    "oem-id",
                                                    "oem-table-id",
                                                    "pcspk-audiodev",
                                                    "memory-encryption",
                                                    "confidential-guest-support",
                                                    "thread-id",
                                                    "max-fw-size",
                                                    "hotplug",
                                                    "compact-highmem",
                                                    "highmem-ecam",
                                                    "highmem-mmio",
                                                    "highmem-redists",
                                                    "aclint",
                                                    "aia",
                                                    "aia-guests",
                                                    "hmat",
                                                    "default-ram-id",
                                                    "bus-lock-ratelimit",
                                                    "spcr",
                                                    "cxl"};

}  // namespace

std::optional<Problem> read_machine_type(const std::string& type, const std::string& word,
                                         QemuMachine& machine) {
  constexpr unsigned known_version = 702, first_version = 201;
  const struct {
    std::string_view alias, prefix;
    QemuBoard board;
  } boards[] = {{"pc", "pc-i440fx-", QemuBoard::pc},
                {"q35", "pc-q35-", QemuBoard::q35},
                {"microvm", "", QemuBoard::microvm},
                {"virt", "virt-", QemuBoard::virt}};
  for (const auto& board : boards) {
    const bool has_version = !board.prefix.empty() && type.starts_with(board.prefix);
    if (type != board.alias && !has_version) continue;
    machine.board = board.board;
    machine.version =
        has_version ? version_of(std::string_view{type}.substr(board.prefix.size())) : known_version;
    machine.type = type == board.alias && !board.prefix.empty() ? std::string{board.prefix} + "7.2" : type;
    if (has_version && machine.version < first_version)
      return qemu_problem("-M", word, fmt::format("{}: expected {}2.1 or later", type, board.prefix));
    if (machine.version > known_version)
      machine.notes.push_back(fmt::format("-M {}: described as QEMU 7.2 makes its newest", type));
    return std::nullopt;
  }
  return qemu_problem(
      "-M", word,
      fmt::format("machine '{}' is not modelled: expected pc, q35, microvm or virt, or one of "
                  "their versions such as pc-q35-7.2",
                  type));
}

std::optional<Problem> read_machine(std::string_view word, QemuRequest& request, QemuMachine& machine) {
  QemuProperties given{"-M", word, "type"};
  if (const auto type = given.take("type"); type && !type->empty()) {
    request.machine_type = *type;
    request.machine_word = word;
  }
  if (const auto accel = given.take("accel")) machine.has_kvm = machine.has_kvm || accel->starts_with("kvm");
  if (auto problem = read_switches(given, machine)) return problem;
  const auto below = given.take_size("max-ram-below-4g");
  if (!below) return below.problem();
  constexpr std::uint64_t most_below = std::uint64_t{4} << 30;
  if (*below && ((*below)->raw > most_below || *below < kMiB))
    return qemu_problem("-M", word, "max-ram-below-4g: expected 1M to 4G");
  if (*below) machine.max_ram_below_4g = *below;
  if (const auto gic = given.take("gic-version")) {
    if (*gic != "2" && *gic != "3" && *gic != "4" && *gic != "max" && *gic != "host")
      return qemu_problem("-M", word, fmt::format("gic-version={}: expected 2, 3, 4, max or host", *gic));
    machine.gic_version = *gic == "2" ? 2 : 3;
  }
  if (const auto backend = given.take("memory-backend")) request.memory_backend = *backend;
  for (const auto& smp : {"smp.cpus", "smp.sockets", "memory.size"})
    if (given.take(smp)) return qemu_problem("-M", word, fmt::format("{}: expected -smp or -m", smp));
  for (const std::string_view known : kHarmlessProperties) given.take(known);
  return given.refuse_rest(
      "a type, max-ram-below-4g, highmem, gic-version, its, secure, virtualization, acpi, "
      "memory-backend or what changes no memory");
}

}  // namespace quarry::lnx
