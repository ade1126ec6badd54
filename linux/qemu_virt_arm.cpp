// The device tree of QEMU's virt machine of arm64 and arm: a part of qemu_machine.hpp.
//
// Every node that QEMU makes is in it, in QEMU's order, for a kernel unpacks the tree into memory by its nodes and
// properties.
//
// Source    QEMU 7.2, "virt" machine (behaviour: what -M virt,dumpdtb=FILE writes).
#include <fmt/format.h>

#include <algorithm>

#include "linux/qemu_machine.hpp"
#include "linux/tree_writer.hpp"

namespace quarry::lnx {
namespace {

using namespace std::string_view_literals;

constexpr std::uint32_t kClock = 0x8000;  // the first of QEMU's phandles
constexpr std::uint64_t kGiB = 1u << 30;

// What several nodes refer to.
struct Handles {
  std::uint32_t gic = 0, msi = 0, gpio = 0;
  std::uint32_t cpu(std::size_t i, std::size_t count) const {
    return kClock + static_cast<std::uint32_t>(count - i);
  }
};

struct ArmTree {
  const QemuMachine& qemu;
  TreeWriter tree = {};
  Handles handles = {};

  bool is_64bit() const { return qemu.arch == boot::Arch::arm64; }
  bool has_gic_2() const { return qemu.gic_version == 2; }
  bool has_msi() const { return has_gic_2() || qemu.has_its; }
  // Flags of a processor's own interrupt: level, and for the older controller which processors.
  std::uint32_t private_flags() const {
    return 4 | (has_gic_2() ? ((1u << qemu.topology.cpus) - 1) << 8 : 0);
  }
  void reg(std::initializer_list<PhysRange> ranges) {
    tree.ranges("reg", std::span{ranges.begin(), ranges.size()});
  }
  void reg(std::uint64_t base, std::uint64_t size) { reg({PhysRange::sized(PhysAddr{base}, Bytes{size})}); }

  void memory();
  void virtio();
  void keys();
  void pcie();
  void serial_and_clock();
  void interrupts();
  void cpus();
  void cpu_map();
  void timer();
  void distances();
};

void ArmTree::memory() {
  std::vector<PhysRange> banks;
  PhysAddr at = kArmRam;
  for (const QemuNode& node : qemu.nodes) {
    banks.push_back(PhysRange::sized(at, node.memory));
    at = at + node.memory;
  }
  const bool has_nodes = !banks.empty();
  if (!has_nodes) banks.push_back(PhysRange::sized(kArmRam, qemu.ram));
  for (std::size_t i = banks.size(); i-- > 0;) {
    if (banks[i].empty()) continue;
    tree.begin(fmt::format("memory@{:x}", banks[i].begin().raw));
    if (has_nodes) tree.number("numa-node-id", static_cast<std::uint32_t>(i));
    reg({banks[i]});
    tree.text("device_type", "memory").end();
  }
}

void ArmTree::virtio() {
  constexpr std::uint32_t slots = 32, first_interrupt = 16;
  constexpr std::uint64_t base = 0xa000000, size = 0x200;
  for (std::uint32_t i = 0; i < slots; ++i) {
    tree.begin(fmt::format("virtio_mmio@{:x}", base + i * size)).flag("dma-coherent");
    tree.cells("interrupts", {0, first_interrupt + i, 1});
    reg(base + i * size, size);
    tree.text("compatible", "virtio,mmio").end();
  }
}

void ArmTree::keys() {
  tree.begin("gpio-keys").text("compatible", "gpio-keys");
  tree.begin("poweroff").cells("gpios", {handles.gpio, 3, 0}).number("linux,code", 0x74);
  tree.text("label", "GPIO Key Poweroff").end().end();
  tree.begin("pl061@9030000").number("phandle", handles.gpio).text("clock-names", "apb_pclk");
  tree.number("clocks", kClock)
      .cells("interrupts", {0, 7, 4})
      .flag("gpio-controller")
      .number("#gpio-cells", 2);
  tree.text("compatible", "arm,pl061\0arm,primecell"sv);
  reg(0x9030000, 0x1000);
  tree.end();
}

void ArmTree::pcie() {
  // Where RAM reaches beyond 256 GiB, what lies above it moves up.
  const std::uint64_t plugged = qemu.maximum.raw - qemu.ram.raw + qemu.slots * kGiB;
  const std::uint64_t ram_end = ((kArmRam + qemu.ram).raw + kGiB - 1) / kGiB * kGiB;
  const auto aligned = [](std::uint64_t at, std::uint64_t to) { return (at + to - 1) / to * to; };
  const std::uint64_t redistributors = aligned(std::max(256 * kGiB, ram_end + plugged), kGiB);
  const std::uint64_t high_configuration = aligned(redistributors + kGiB / 16, kGiB / 4);
  const std::uint64_t window = aligned(high_configuration + kGiB / 4, 512 * kGiB);
  const auto high = static_cast<std::uint32_t>(window >> 32);
  std::vector<std::uint32_t> routes;
  for (std::uint32_t slot = 0; slot < 4; ++slot)
    for (std::uint32_t pin = 0; pin < 4; ++pin) {
      const std::uint32_t route[] = {slot << 11,           0, 0, pin + 1, handles.gic, 0, 0, 0,
                                     3 + (slot + pin) % 4, 4};
      routes.insert(routes.end(), std::begin(route), std::end(route));
    }
  std::vector<std::uint32_t> windows{0x1000000, 0, 0,          0, 0x3eff0000, 0, 0x10000,
                                     0x2000000, 0, 0x10000000, 0, 0x10000000, 0, 0x2eff0000};
  if (qemu.has_high_memory) windows.insert(windows.end(), {0x3000000, high, 0, high, 0, 0x80, 0});
  tree.begin("pcie@10000000").cells("interrupt-map-mask", {0x1800, 0, 0, 7}).cells("interrupt-map", routes);
  tree.number("#interrupt-cells", 1).cells("ranges", windows);
  qemu.has_high_memory ? reg(high_configuration, kGiB / 4) : reg(0x3f000000, 0x1000000);
  if (has_msi()) tree.cells("msi-map", {0, handles.msi, 0, 0x10000});
  tree.flag("dma-coherent").cells("bus-range", {0, qemu.has_high_memory ? 0xffu : 0xfu});
  tree.number("linux,pci-domain", 0).number("#size-cells", 2).number("#address-cells", 3);
  tree.text("device_type", "pci").text("compatible", "pci-host-ecam-generic").end();
}

void ArmTree::serial_and_clock() {
  tree.begin("pl031@9010000").text("clock-names", "apb_pclk").number("clocks", kClock);
  tree.cells("interrupts", {0, 2, 4});
  reg(0x9010000, 0x1000);
  tree.text("compatible", "arm,pl031\0arm,primecell"sv).end();
  tree.begin("pl011@9000000").text("clock-names", "uartclk\0apb_pclk"sv).cells("clocks", {kClock, kClock});
  tree.cells("interrupts", {0, 1, 4});
  reg(0x9000000, 0x1000);
  tree.text("compatible", "arm,pl011\0arm,primecell"sv).end();
  tree.begin("pmu");
  if (is_64bit()) tree.cells("interrupts", {1, 7, private_flags()}).text("compatible", "arm,armv8-pmuv3");
  tree.end();
}

void ArmTree::interrupts() {
  tree.begin("intc@8000000").number("phandle", handles.gic);
  if (qemu.has_virtualization) tree.cells("interrupts", {1, 9, 4});
  const PhysRange distributor = PhysRange::sized(PhysAddr{0x8000000}, Bytes{0x10000});
  if (has_gic_2()) {
    const PhysRange interface = PhysRange::sized(PhysAddr{0x8010000}, Bytes{0x10000});
    const PhysRange of_hypervisor = PhysRange::sized(PhysAddr{0x8030000}, Bytes{0x10000});
    const PhysRange of_guests = PhysRange::sized(PhysAddr{0x8040000}, Bytes{0x10000});
    if (qemu.has_virtualization)
      reg({distributor, interface, of_hypervisor, of_guests});
    else
      reg({distributor, interface});
    tree.text("compatible", "arm,cortex-a15-gic");
  } else {
    reg({distributor, PhysRange::sized(PhysAddr{0x80a0000}, Bytes{0xf60000})});
    tree.number("#redistributor-regions", 1).text("compatible", "arm,gic-v3");
  }
  tree.flag("ranges").number("#size-cells", 2).number("#address-cells", 2).flag("interrupt-controller");
  tree.number("#interrupt-cells", 3);
  if (has_gic_2()) {
    tree.begin("v2m@8020000").number("phandle", handles.msi);
    reg(0x8020000, 0x1000);
    tree.flag("msi-controller").text("compatible", "arm,gic-v2m-frame").end();
  } else if (qemu.has_its) {
    tree.begin("its@8080000").number("phandle", handles.msi);
    reg(0x8080000, 0x20000);
    tree.number("#msi-cells", 1).flag("msi-controller").text("compatible", "arm,gic-v3-its").end();
  }
  tree.end();
}

void ArmTree::cpu_map() {
  const QemuTopology& topology = qemu.topology;
  const unsigned in_cluster = topology.cores * topology.threads, in_socket = in_cluster * topology.clusters;
  tree.begin("cpu-map");
  for (unsigned i = 0; i < topology.cpus; ++i) {
    const bool begins_core = i % topology.threads == 0, ends_core = (i + 1) % topology.threads == 0;
    const bool is_last = i + 1 == topology.cpus;
    if (i % in_socket == 0) tree.begin(fmt::format("socket{}", i / in_socket));
    if (i % in_cluster == 0) tree.begin(fmt::format("cluster{}", i % in_socket / in_cluster));
    if (begins_core) tree.begin(fmt::format("core{}", i % in_cluster / topology.threads));
    if (topology.threads > 1) tree.begin(fmt::format("thread{}", i % topology.threads));
    tree.number("cpu", handles.cpu(i, topology.cpus));
    if (topology.threads > 1) tree.end();
    if (ends_core || is_last) tree.end();
    if ((i + 1) % in_cluster == 0 || is_last) tree.end();
    if ((i + 1) % in_socket == 0 || is_last) tree.end();
  }
  tree.end();
}

void ArmTree::cpus() {
  const unsigned count = qemu.topology.cpus, group = has_gic_2() ? 8 : 16;
  const std::string_view known = qemu.processor;
  // What emulates everything says that it is a Cortex-A57, in either width.
  const std::string model = known == "max" || known == "host" ? "cortex-a57" : std::string{known};
  tree.begin("cpus").number("#size-cells", 0).number("#address-cells", 1);
  cpu_map();
  for (unsigned i = 0; i < count; ++i) {
    const std::uint32_t number = (i / group) << 8 | i % group;
    tree.begin(fmt::format("cpu@{}", i)).number("phandle", handles.cpu(i, count));
    if (qemu.cpus[i].node) tree.number("numa-node-id", *qemu.cpus[i].node);
    tree.number("reg", number);
    if (count > 1) tree.text("enable-method", "psci");
    tree.text("compatible", "arm," + model).text("device_type", "cpu").end();
  }
  tree.end();
}

void ArmTree::timer() {
  const std::uint32_t flags = private_flags();
  tree.begin("timer").cells("interrupts", {1, 13, flags, 1, 14, flags, 1, 11, flags, 1, 10, flags});
  tree.flag("always-on");
  tree.text("compatible", is_64bit() ? "arm,armv8-timer\0arm,armv7-timer"sv : "arm,armv7-timer"sv).end();
}

void ArmTree::distances() {
  if (qemu.distances.empty()) return;
  const auto nodes = static_cast<std::uint32_t>(qemu.nodes.size());
  std::vector<std::uint32_t> triples;
  for (std::uint32_t from = 0; from < nodes; ++from)
    for (std::uint32_t to = 0; to < nodes; ++to)
      triples.insert(triples.end(), {from, to, qemu.distances[from * nodes + to]});
  tree.begin("distance-map").cells("distance-matrix", triples);
  tree.text("compatible", "numa-distance-map-v1").end();
}

}  // namespace

std::vector<std::byte> arm_virt_tree(const QemuMachine& qemu, const QemuChosen& chosen) {
  ArmTree arm{.qemu = qemu};
  TreeWriter& tree = arm.tree;
  const std::uint32_t calls = arm.is_64bit() ? 0xc4000000 : 0x84000000;
  std::uint32_t next = kClock + qemu.topology.cpus + 1;
  arm.handles.gic = next++;
  if (arm.has_msi()) arm.handles.msi = next++;
  arm.handles.gpio = next;
  tree.number("interrupt-parent", arm.handles.gic).text("model", "linux,dummy-virt");
  tree.number("#size-cells", 2).number("#address-cells", 2).text("compatible", "linux,dummy-virt");
  tree.begin("psci").number("migrate", calls + 5).number("cpu_on", calls + 3).number("cpu_off", 0x84000002);
  tree.number("cpu_suspend", calls + 1).text("method", qemu.has_virtualization ? "smc" : "hvc");
  tree.text("compatible", "arm,psci-1.0\0arm,psci-0.2\0arm,psci"sv).end();
  arm.memory();
  tree.begin("platform-bus@c000000").number("interrupt-parent", arm.handles.gic);
  tree.cells("ranges", {0, 0, 0xc000000, 0x2000000}).number("#address-cells", 1).number("#size-cells", 1);
  tree.text("compatible", "qemu,platform\0simple-bus"sv).end();
  tree.begin("fw-cfg@9020000").flag("dma-coherent");
  arm.reg(0x9020000, 0x18);
  tree.text("compatible", "qemu,fw-cfg-mmio").end();
  arm.virtio();
  arm.keys();
  arm.pcie();
  arm.serial_and_clock();
  arm.interrupts();
  tree.begin("flash@0").number("bank-width", 4);
  arm.reg({PhysRange::sized(PhysAddr{0}, Bytes{0x4000000}),
           PhysRange::sized(PhysAddr{0x4000000}, Bytes{0x4000000})});
  tree.text("compatible", "cfi-flash").end();
  arm.cpus();
  arm.timer();
  arm.distances();
  tree.begin("apb-pclk").number("phandle", kClock).text("clock-output-names", "clk24mhz");
  tree.number("clock-frequency", 24'000'000)
      .number("#clock-cells", 0)
      .text("compatible", "fixed-clock")
      .end();
  tree.begin("chosen");
  if (!chosen.initrd.empty()) {
    tree.number("linux,initrd-end", static_cast<std::uint32_t>(chosen.initrd.end().raw));
    tree.number("linux,initrd-start", static_cast<std::uint32_t>(chosen.initrd.begin().raw));
  }
  if (!chosen.command_line.empty()) tree.text("bootargs", chosen.command_line);
  tree.text("stdout-path", "/pl011@9000000");
  if (qemu.has_randomness) tree.cells("rng-seed", {0, 0, 0, 0, 0, 0, 0, 0}).cells("kaslr-seed", {0, 0});
  tree.end();
  return tree.finish();
}

}  // namespace quarry::lnx
