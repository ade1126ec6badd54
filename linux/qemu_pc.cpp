// QEMU's x86 machines with the firmware that comes with them: a part of qemu_machine.hpp.
//
//   0        640K  1M                low RAM's end     3G or so          4G                          1T
//   [========]     [================|tables]           [ devices, ROM ]  [=== the rest of RAM ===]   (here, where
//   SeaBIOS's data at the ends of both                                       AMD's HyperTransport is in its way)
//
// Source    QEMU 7.2 with SeaBIOS 1.16.2 and qboot (behaviour); ACPI 6.5, 5.2.16 SRAT; SMBIOS 2.8.
#include <fmt/format.h>

#include <algorithm>

#include "linux/qemu_machine.hpp"

namespace quarry::lnx {
namespace {

using firmware::MapType;

constexpr std::uint64_t kKiB = 1024, kMiB = kKiB << 10, kGiB = kMiB << 10, kTiB = kGiB << 10;
constexpr std::uint64_t kHyperTransport = 0xfd'0000'0000, kHyperTransportEnd = kTiB;
constexpr std::uint64_t kTables = 128 * kKiB;  // what QEMU rounds its ACPI tables up to
constexpr unsigned kUsualPhysBits = 40;

std::uint64_t rounded_up(std::uint64_t number, std::uint64_t to) { return (number + to - 1) / to * to; }

std::uint64_t low_limit(const QemuMachine& qemu) {
  const std::uint64_t ram = qemu.ram.raw;
  constexpr std::uint64_t of_pc = 3584 * kMiB, of_full_pc = 3 * kGiB;
  constexpr std::uint64_t of_q35 = 2816 * kMiB, of_full_q35 = 2 * kGiB;
  switch (qemu.board) {
    case QemuBoard::pc: {
      const std::uint64_t limit = qemu.max_ram_below_4g.value_or(Bytes{of_pc}).raw;
      return ram >= limit ? std::min(limit, of_full_pc) : limit;
    }
    case QemuBoard::q35:
      return std::min(ram >= of_q35 ? of_full_q35 : of_q35,
                      qemu.max_ram_below_4g.value_or(Bytes{4 * kGiB}).raw);
    default: return of_full_pc;
  }
}

// RAM as the processor sees it: from 0 to `low`, and from `high` on.
struct Split {
  std::uint64_t low = 0, above = 0, high = 4 * kGiB;

  std::uint64_t end() const { return above == 0 ? 4 * kGiB : high + above; }
  // Where memory may be plugged, and how much.
  std::uint64_t plugs_at() const { return rounded_up(high + above, kGiB); }
};

std::uint64_t pluggable(const QemuMachine& qemu) {
  const std::uint64_t more = qemu.maximum.raw - qemu.ram.raw;
  return more == 0 ? 0 : more + qemu.slots * kGiB;  // room to align each
}

bool is_amd(const QemuMachine& qemu) { return qemu.vendor == "AuthenticAMD"; }

// One past the last address that the machine may use: RAM, what may be plugged, and a window for PCI.
std::uint64_t end_of_addresses(const QemuMachine& qemu, const Split& split) {
  const std::uint64_t window = qemu.board == QemuBoard::pc ? 2 * kGiB : 32 * kGiB;
  const std::uint64_t more = pluggable(qemu);
  return rounded_up(more == 0 ? split.high + split.above : split.plugs_at() + more, kGiB) + window;
}

bool has_hyper_transport(const QemuMachine& qemu) {
  constexpr unsigned first_version = 701;
  return is_amd(qemu) && qemu.version >= first_version && qemu.board != QemuBoard::microvm;
}

Split split_ram(const QemuMachine& qemu) {
  Split split;
  split.low = std::min(qemu.ram.raw, low_limit(qemu));
  split.above = qemu.ram.raw - split.low;
  if (has_hyper_transport(qemu) && end_of_addresses(qemu, split) > kHyperTransport)
    split.high = kHyperTransportEnd;
  return split;
}

// What of the SMBIOS does not fit into the megabyte's end lies beside the ACPI tables: an entry for each socket, for
// each 16 GiB and for each piece of RAM, and the names of the machine in many of them.
std::uint64_t smbios_above(const QemuMachine& qemu, const Split& split) {
  constexpr std::uint64_t fits_below = 600, fixed = 172, a_socket = 54, a_module = 53, an_area = 33;
  constexpr std::uint64_t module_bytes = 16 * kGiB;
  const std::uint64_t name = qemu.type.size() + 1, full_name = qemu.board == QemuBoard::pc ? 34 : 31;
  const std::uint64_t modules = rounded_up(qemu.ram.raw, module_bytes) / module_bytes;
  std::uint64_t digits = 0;  // of the modules' numbers, beyond one each
  for (std::uint64_t power = 10; power < modules; power *= 10) digits += modules - power;
  const std::uint64_t bytes = fixed + full_name + 2 * name + qemu.topology.sockets * (a_socket + name) +
                              modules * a_module + digits + (split.above == 0 ? 1 : 2) * an_area;
  return bytes > fits_below ? bytes : 0;
}

void add(MachineDescription& into, std::uint64_t begin, std::uint64_t end, MapType type) {
  if (begin < end) into.map.push_back({PhysAddr{begin}, Bytes{end - begin}, type});
}

// Where usable low RAM ends: below it SeaBIOS has put, from the top down, SMBIOS, ACPI's tables, a queue for each disk
// of virtio, and lists of commands for each drive of SATA.
std::uint64_t end_of_usable(const QemuMachine& qemu, const Split& split) {
  constexpr std::uint64_t page = 4 * kKiB, alignment = 64, queue = 0x2840, drive = 0x600;
  std::uint64_t at = split.low - rounded_up(smbios_above(qemu, split), alignment) - kTables;
  for (unsigned i = 0; i < qemu.virtio_disks; ++i) at = (at - queue) / page * page;
  return (at - qemu.sata_drives * drive) / page * page;
}

// SeaBIOS: its data below 640 KiB, tables at the end of low RAM, and what the chipset decodes.
void map_of_seabios(const QemuMachine& qemu, const Split& split, MachineDescription& into) {
  constexpr std::uint64_t data = 0x9fc00, hole = 640 * kKiB, rom = 0xf0000;
  add(into, 0, data, MapType::usable);
  add(into, data, hole, MapType::reserved);
  add(into, rom, kMiB, MapType::reserved);
  const std::uint64_t tables = end_of_usable(qemu, split);
  add(into, kMiB, tables, MapType::usable);
  add(into, tables, split.low, MapType::reserved);
  if (qemu.board == QemuBoard::q35) {
    add(into, 0xb0000000, 0xc0000000, MapType::reserved);  // PCI's configuration
    add(into, 0xfed1c000, 0xfed20000, MapType::reserved);  // the chipset's registers
  }
  if (qemu.has_kvm)
    add(into, 0xfeffc000, 0xff000000, MapType::reserved);  // what KVM needs of a guest on Intel
  add(into, 0xfffc0000, 4 * kGiB, MapType::reserved);      // SeaBIOS itself
  add(into, split.high, split.high + split.above, MapType::usable);
  if (has_hyper_transport(qemu) && qemu.phys_bits.value_or(kUsualPhysBits) >= kUsualPhysBits)
    add(into, kHyperTransport, kHyperTransportEnd, MapType::reserved);
  std::sort(into.map.begin(), into.map.end(),
            [](const firmware::MapEntry& a, const firmware::MapEntry& b) { return a.base < b.base; });
}

void map_of_qboot(const Split& split, MachineDescription& into) {
  add(into, 0, 0x9fc00, MapType::usable);
  add(into, 0x9fc00, 640 * kKiB, MapType::reserved);
  add(into, 0xd0000, 0xf0000, MapType::nvs);
  add(into, 0xf0000, kMiB, MapType::reserved);
  add(into, kMiB, split.low, MapType::usable);
  add(into, split.high, split.high + split.above, MapType::usable);
}

// Nodes one after another in RAM, cut where RAM is: around the hole below 1 MiB, and at the end of low RAM.
void add_affinity(const QemuMachine& qemu, const Split& split, MachineDescription& into) {
  constexpr std::uint64_t hole = 640 * kKiB;
  std::vector<firmware::MemoryAffinity>& memory = into.memory_affinity;
  const auto add_range = [&](std::uint64_t begin, std::uint64_t end, unsigned node) {
    if (begin < end)
      memory.push_back(
          {.base = PhysAddr{begin}, .size = Bytes{end - begin}, .domain = node, .enabled = true});
  };
  std::uint64_t begin = 0;
  for (unsigned node = 0; node < qemu.nodes.size(); ++node) {
    const std::uint64_t end = begin + qemu.nodes[node].memory.raw, low = std::min(end, split.low);
    add_range(begin, std::min(end, hole), node);
    add_range(std::max(begin, kMiB), low, node);
    add_range(split.high + std::max(begin, split.low) - split.low,
              split.high + end - std::min(end, split.low), node);
    begin = end;
  }
  // Cutting may give two entries more than there are nodes, and the table always has room for them.
  while (memory.size() < qemu.nodes.size() + 2)
    memory.push_back({.base = {}, .size = Bytes{0}, .enabled = false});
  if (const std::uint64_t more = pluggable(qemu); more != 0)
    memory.push_back({.base = PhysAddr{split.plugs_at()},
                      .size = Bytes{more},
                      .domain = static_cast<std::uint32_t>(qemu.nodes.size() - 1),
                      .enabled = true,
                      .hotpluggable = true});
  for (const QemuCpu& cpu : qemu.cpus)
    into.cpu_affinity.push_back({.cpu = cpu.apic, .domain = cpu.node.value_or(0), .enabled = true});
  into.distances = qemu.distances;
}

std::optional<Problem> refuse(const QemuMachine& qemu, const Split& split) {
  constexpr std::uint64_t least = 2 * kMiB;
  if (qemu.ram.raw < least)
    return Problem{ExitStatus::bad_arguments,
                   fmt::format("qemu: -m: {} bytes are too little for the firmware: expected 2M at least",
                               qemu.ram.raw)};
  constexpr unsigned most_drives = 64;
  if (qemu.virtio_disks + qemu.sata_drives > most_drives)
    return Problem{ExitStatus::bad_arguments,
                   fmt::format("qemu: -drive: expected {} drives at most", most_drives)};
  if (qemu.board == QemuBoard::microvm || qemu.is_phys_bits_of_host) return std::nullopt;
  const unsigned bits = qemu.phys_bits.value_or(kUsualPhysBits);
  const std::uint64_t end = end_of_addresses(qemu, split);
  if (end > std::uint64_t{1} << bits)
    return Problem{
        ExitStatus::bad_arguments,
        fmt::format(
            "qemu: -cpu: a processor with {} bits of address does not reach {:#x}, where this machine "
            "ends: expected -cpu {},phys-bits=N",
            bits, end - 1, qemu.processor)};
  return std::nullopt;
}

}  // namespace

PhysAddr end_of_low_ram(const QemuMachine& qemu) { return PhysAddr{split_ram(qemu).low}; }

std::optional<Problem> describe_pc(const QemuMachine& qemu, MachineDescription& into) {
  const Split split = split_ram(qemu);
  if (auto problem = refuse(qemu, split)) return problem;
  if (qemu.board == QemuBoard::microvm)
    map_of_qboot(split, into);
  else
    map_of_seabios(qemu, split, into);
  into.map_source = "e820";
  if (!qemu.nodes.empty() && qemu.has_acpi && qemu.board != QemuBoard::microvm)
    add_affinity(qemu, split, into);
  return std::nullopt;
}

}  // namespace quarry::lnx
