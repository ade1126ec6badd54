// Which options of QEMU leave RAM alone, and what -cpu and -device say of it: a part of qemu_parts.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "linux/qemu_parts.hpp"

namespace quarry::lnx {
namespace {

// What has a window on the outside, a disk, a network, or is about QEMU itself.
constexpr std::string_view kAlone[] = {"nographic",
                                       "nodefaults",
                                       "no-reboot",
                                       "no-shutdown",
                                       "no-user-config",
                                       "nodefconfig",
                                       "S",
                                       "s",
                                       "daemonize",
                                       "snapshot",
                                       "full-screen",
                                       "no-fd-bootchk",
                                       "no-quit",
                                       "only-migratable",
                                       "mem-prealloc",
                                       "no-hpet",
                                       "alt-grab",
                                       "ctrl-grab",
                                       "win2k-hack",
                                       "singlestep",
                                       "semihosting",
                                       "no-kvm-irqchip",
                                       "xen-attach",
                                       "usb",
                                       "portrait",
                                       "curses",
                                       "sdl"};
constexpr std::string_view kWithArgument[] = {"display",
                                              "serial",
                                              "parallel",
                                              "monitor",
                                              "mon",
                                              "qmp",
                                              "qmp-pretty",
                                              "chardev",
                                              "net",
                                              "netdev",
                                              "nic",
                                              "name",
                                              "uuid",
                                              "boot",
                                              "rtc",
                                              "vnc",
                                              "spice",
                                              "vga",
                                              "k",
                                              "audiodev",
                                              "audio",
                                              "soundhw",
                                              "pidfile",
                                              "D",
                                              "d",
                                              "dfilter",
                                              "trace",
                                              "seed",
                                              "icount",
                                              "watchdog",
                                              "watchdog-action",
                                              "action",
                                              "sandbox",
                                              "runas",
                                              "chroot",
                                              "drive",
                                              "blockdev",
                                              "hda",
                                              "hdb",
                                              "hdc",
                                              "hdd",
                                              "cdrom",
                                              "fda",
                                              "fdb",
                                              "sd",
                                              "mtdblock",
                                              "fsdev",
                                              "virtfs",
                                              "tpmdev",
                                              "L",
                                              "mem-path",
                                              "compat",
                                              "msg",
                                              "gdb",
                                              "overcommit",
                                              "g",
                                              "add-fd",
                                              "iscsi",
                                              "semihosting-config",
                                              "debugcon",
                                              "echr",
                                              "loadvm",
                                              "incoming",
                                              "global",
                                              "smbios",
                                              "fw_cfg",
                                              "perfmap",
                                              "jitdump",
                                              "usbdevice",
                                              "device-list",
                                              "win2k",
                                              "prom-env",
                                              "plugin",
                                              "enable-sync-profile",
                                              "set",
                                              "option-rom"};

// Processors of AMD, to which QEMU counts its own of 64 bits that are of no make.
constexpr std::string_view kOfAmd[] = {"qemu64", "phenom", "max", "EPYC", "Opteron"};
constexpr std::string_view kWithGigabytePages[] = {"max",        "host",           "base",
                                                   "EPYC",       "Dhyana",         "Opteron_G4",
                                                   "Opteron_G5", "Skylake-Server", "Cascadelake-Server",
                                                   "Cooperlake", "Icelake-Server", "SapphireRapids",
                                                   "Snowridge",  "Denverton",      "KnightsMill",
                                                   "phenom"};
constexpr std::string_view kWithFiveLevels[] = {"max", "host", "Icelake-Server", "SapphireRapids"};

template <std::size_t count>
bool is_among(const std::string_view (&names)[count], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

// "EPYC" is also "EPYC-Rome", "EPYC-v3" and "EPYC-IBPB".
template <std::size_t count>
bool is_of_family(const std::string_view (&families)[count], std::string_view name) {
  return std::any_of(std::begin(families), std::end(families), [&](std::string_view family) {
    return name.starts_with(family) &&
           (name.size() == family.size() || name[family.size()] == '-' || name[family.size()] == '_');
  });
}

void assume_family(QemuMachine& machine) {
  const std::string_view name = machine.processor;
  if (machine.arch != boot::Arch::x86_64) return;
  // With KVM it is the host's that is seen.
  if (!machine.vendor && !machine.has_kvm && is_of_family(kOfAmd, name)) machine.vendor = "AuthenticAMD";
  if (!machine.gigabyte_pages) machine.gigabyte_pages = is_of_family(kWithGigabytePages, name);
  if (!machine.five_levels) machine.five_levels = is_of_family(kWithFiveLevels, name);
}

}  // namespace

std::optional<HarmlessArgument> harmless_option(std::string_view name) {
  if (is_among(kAlone, name)) return HarmlessArgument::none;
  if (is_among(kWithArgument, name)) return HarmlessArgument::one;
  return std::nullopt;
}

std::optional<Problem> read_processor(std::string_view word, QemuMachine& machine) {
  QemuProperties given{"-cpu", word, "model"};
  machine.processor = given.take("model").value_or("");
  machine.vendor = given.take("vendor");
  const auto bits = given.take_number("phys-bits", 52);
  if (!bits) return bits.problem();
  constexpr unsigned least_bits = 32;
  if (*bits && **bits != 0 && **bits < least_bits)
    return qemu_problem("-cpu", word, fmt::format("phys-bits={}: expected 32 to 52", **bits));
  if (*bits && **bits != 0) machine.phys_bits = *bits;
  const auto of_host = given.take_switch("host-phys-bits");
  if (!of_host) return of_host.problem();
  machine.is_phys_bits_of_host = of_host->value_or(machine.processor == "host");
  given.take("host-phys-bits-limit");
  // The other properties are features, of which two change how memory is mapped: pdpe1gb, +pdpe1gb, -la57, la57=off.
  for (const QemuProperties::Property& property : given.rest()) {
    std::string_view name = property.name;
    bool is_on = property.value == "on";
    if (name.starts_with('+') || name.starts_with('-')) {
      is_on = name.starts_with('+');
      name.remove_prefix(1);
    }
    if (name == "pdpe1gb") machine.gigabyte_pages = is_on;
    if (name == "la57") machine.five_levels = is_on;
  }
  assume_family(machine);
  return std::nullopt;
}

void read_drive(const QemuRequest::Option& option, QemuDrives& drives) {
  const std::string& name = option.name;
  if (name == "-nodefaults") drives.has_no_defaults = true;
  if (name == "-hdc" || name == "-cdrom") drives.has_second_cd = true;
  if (name.starts_with("-hd") || name == "-cdrom") ++drives.other;
  if (name != "-drive") return;
  QemuProperties given{name, option.value, ""};
  const std::string interface = given.take("if").value_or("ide");
  if (given.take("index") == "2") drives.has_second_cd = true;
  if (interface == "virtio") ++drives.virtio;
  if (interface == "ide") ++drives.other;
}

void complete_drives(const QemuDrives& drives, QemuMachine& machine) {
  constexpr unsigned place_of_cd = 2;
  machine.virtio_disks += drives.virtio;
  if (machine.board != QemuBoard::q35) return;  // the older controller needs no memory
  const bool has_usual_cd =
      !drives.has_no_defaults && !drives.has_second_cd && !drives.has_devices && drives.other <= place_of_cd;
  machine.sata_drives = drives.other + (has_usual_cd ? 1 : 0);
}

void read_device(std::string_view word, QemuRequest& request, QemuMachine& machine, QemuDrives& drives) {
  QemuProperties given{"-device", word, "driver"};
  const std::string device = given.take("driver").value_or("");
  const auto note = [&](std::string_view what) {
    machine.notes.push_back(fmt::format("-device {}: {}", device, what));
  };
  const auto contains = [&](std::string_view part) { return device.find(part) != std::string::npos; };
  if (device == "ide-hd" || device == "ide-cd" || device == "scsi-hd" || device == "scsi-cd")
    drives.has_devices = true;
  if (device == "ide-hd" || device == "ide-cd") ++drives.other;
  if (device.starts_with("virtio-blk")) ++drives.virtio;
  if (device == "pc-dimm" || device == "nvdimm")
    request.modules.push_back({device, given.take("memdev").value_or(""), std::string{word}});
  else if (device.starts_with("virtio-mem") || device.starts_with("virtio-pmem"))
    note("memory that a driver adds later is not in the firmware's map");
  else if (device.starts_with("cxl-") || device.starts_with("pxb-cxl"))
    note("CXL windows are not modelled");
  else if (device.starts_with("nvme") || device.starts_with("scsi-") || device.starts_with("usb-") ||
           contains("hci") || device == "vmgenid" || device.starts_with("tpm-"))
    note("the few pages that SeaBIOS may keep for it at the end of low RAM are not modelled");
}

}  // namespace quarry::lnx
