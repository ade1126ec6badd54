// The device tree of QEMU's virt machine of riscv64, as OpenSBI hands it on: a part of qemu_machine.hpp.
//
// Source    QEMU 7.2, "virt" machine (behaviour: what -M virt,dumpdtb=FILE writes); OpenSBI 1.1 (behaviour).
#include <fmt/format.h>

#include <algorithm>

#include "linux/qemu_machine.hpp"
#include "linux/tree_writer.hpp"

namespace quarry::lnx {
namespace {

using namespace std::string_view_literals;

struct RiscvTree {
  const QemuMachine& qemu;
  TreeWriter tree = {};
  unsigned sockets = 1;
  std::vector<unsigned> socket_of = {};  // by processor

  // Phandles count from the last processor down, two each; interrupt controllers follow, again from the last.
  std::uint32_t cpu(unsigned i) const { return 2 * (qemu.topology.cpus - 1 - i) + 1; }
  std::uint32_t controller(unsigned socket) const { return 2 * qemu.topology.cpus + sockets - socket; }
  std::uint32_t test() const { return 2 * qemu.topology.cpus + sockets + 1; }
  // The first three controllers share the devices.
  std::uint32_t controller_of_pci() const { return controller(std::min(sockets - 1, 2u)); }
  std::uint32_t controller_of_virtio() const { return controller(std::min(sockets - 1, 1u)); }

  void reg(std::uint64_t base, std::uint64_t size) {
    const PhysRange range = PhysRange::sized(PhysAddr{base}, Bytes{size});
    tree.ranges("reg", std::span{&range, 1});
  }
  void node_of(unsigned socket) {
    if (!qemu.nodes.empty()) tree.number("numa-node-id", socket);
  }

  void outside();
  void reset(std::string_view name, std::uint32_t value);
  void memory();
  void cpus();
  void pci();
  void soc();
  void controllers();
  void reserved();
};

void RiscvTree::outside() {
  tree.begin("pmu");
  tree.cells("riscv,event-to-mhpmcounters",
             {1,       1,       0x7fff9, 2,       2,       0x7fffc, 0x10019, 0x10019, 0x7fff8, 0x1001b,
              0x1001b, 0x7fff8, 0x10021, 0x10021, 0x7fff8, 0,       0,       0,       0,       0});
  tree.text("compatible", "riscv,pmu").end();
  tree.begin("fw-cfg@10100000").flag("dma-coherent");
  reg(0x10100000, 0x18);
  tree.text("compatible", "qemu,fw-cfg-mmio").end();
  tree.begin("flash@20000000").number("bank-width", 4);
  const PhysRange banks[] = {PhysRange::sized(PhysAddr{0x20000000}, Bytes{0x2000000}),
                             PhysRange::sized(PhysAddr{0x22000000}, Bytes{0x2000000})};
  tree.ranges("reg", banks).text("compatible", "cfi-flash").end();
}

void RiscvTree::reset(std::string_view name, std::uint32_t value) {
  tree.begin(name).number("value", value).number("offset", 0).number("regmap", test());
  tree.text("compatible", fmt::format("syscon-{}", name)).end();
}

void RiscvTree::memory() {
  PhysAddr at = kRiscvRam;
  for (unsigned socket = 0; socket < sockets; ++socket) {
    const Bytes size = qemu.nodes.empty() ? qemu.ram : qemu.nodes[socket].memory;
    tree.begin(fmt::format("memory@{:x}", at.raw));
    node_of(socket);
    tree.text("device_type", "memory");
    reg(at.raw, size.raw);
    tree.end();
    at = at + size;
  }
}

void RiscvTree::cpus() {
  const unsigned count = qemu.topology.cpus;
  tree.begin("cpus")
      .number("#address-cells", 1)
      .number("#size-cells", 0)
      .number("timebase-frequency", 10'000'000);
  for (unsigned i = 0; i < count; ++i) {
    tree.begin(fmt::format("cpu@{}", i)).number("phandle", cpu(i));
    node_of(socket_of[i]);
    tree.text("device_type", "cpu").number("reg", i).text("status", "okay").text("compatible", "riscv");
    tree.text("riscv,isa", "rv64imafdch_zicsr_zifencei_zihintpause_zba_zbb_zbc_zbs_sstc");
    tree.text("mmu-type", "riscv,sv48").begin("interrupt-controller").number("#interrupt-cells", 1);
    tree.flag("interrupt-controller").text("compatible", "riscv,cpu-intc").number("phandle", cpu(i) + 1);
    tree.end().end();
  }
  tree.begin("cpu-map");
  for (unsigned i = 0, core = 0; i < count; ++i, ++core) {
    if (i == 0 || socket_of[i] != socket_of[i - 1]) {
      tree.begin(fmt::format("cluster{}", socket_of[i]));
      core = 0;
    }
    tree.begin(fmt::format("core{}", core)).number("cpu", cpu(i)).end();
    if (i + 1 == count || socket_of[i] != socket_of[i + 1]) tree.end();
  }
  tree.end().end();
}

void RiscvTree::pci() {
  // The high window is as large as it is far: the next power of two after RAM, from 16 GiB on.
  constexpr std::uint64_t least = std::uint64_t{16} << 30;
  const std::uint64_t end = (kRiscvRam + qemu.ram).raw;
  const auto high = static_cast<std::uint32_t>((end + least - 1) / least * least >> 32);
  std::vector<std::uint32_t> routes;
  for (std::uint32_t slot = 0; slot < 4; ++slot)
    for (std::uint32_t pin = 0; pin < 4; ++pin) {
      const std::uint32_t route[] = {slot << 11, 0, 0, pin + 1, controller_of_pci(), 0x20 + (slot + pin) % 4};
      routes.insert(routes.end(), std::begin(route), std::end(route));
    }
  tree.begin("pci@30000000").cells("interrupt-map-mask", {0x1800, 0, 0, 7}).cells("interrupt-map", routes);
  tree.cells("ranges",
             {0x1000000,  0, 0,          0,         0x3000000, 0, 0x10000, 0x2000000, 0, 0x40000000, 0,
              0x40000000, 0, 0x40000000, 0x3000000, high,      0, high,    0,         4, 0});
  reg(0x30000000, 0x10000000);
  tree.flag("dma-coherent")
      .cells("bus-range", {0, 0xff})
      .number("linux,pci-domain", 0)
      .text("device_type", "pci");
  tree.text("compatible", "pci-host-ecam-generic").number("#size-cells", 2).number("#interrupt-cells", 1);
  tree.number("#address-cells", 3).end();
}

void RiscvTree::controllers() {
  const auto interrupts = [&](unsigned socket, std::uint32_t machine_level, std::uint32_t other_level) {
    std::vector<std::uint32_t> cells;
    for (unsigned i = 0; i < qemu.topology.cpus; ++i)
      if (socket_of[i] == socket)
        cells.insert(cells.end(), {cpu(i) + 1, machine_level, cpu(i) + 1, other_level});
    return cells;
  };
  for (unsigned socket = 0; socket < sockets; ++socket) {
    const std::uint64_t base = 0xc000000 + std::uint64_t{0x600000} * socket;
    tree.begin(fmt::format("plic@{:x}", base)).number("phandle", controller(socket));
    node_of(socket);
    tree.number("riscv,ndev", 96);
    reg(base, 0x600000);
    tree.cells("interrupts-extended", interrupts(socket, 11, 9)).flag("interrupt-controller");
    tree.text("compatible", "sifive,plic-1.0.0\0riscv,plic0"sv).number("#address-cells", 0);
    tree.number("#interrupt-cells", 1).end();
  }
  for (unsigned socket = 0; socket < sockets; ++socket) {
    const std::uint64_t base = 0x2000000 + std::uint64_t{0x10000} * socket;
    tree.begin(fmt::format("clint@{:x}", base));
    node_of(socket);
    tree.cells("interrupts-extended", interrupts(socket, 3, 7));
    reg(base, 0x10000);
    tree.text("compatible", "sifive,clint0\0riscv,clint0"sv).end();
  }
}

void RiscvTree::soc() {
  constexpr unsigned transports = 8;
  tree.begin("soc").number("#address-cells", 2).number("#size-cells", 2).text("compatible", "simple-bus");
  tree.flag("ranges");
  tree.begin("rtc@101000").number("interrupts", 11).number("interrupt-parent", controller(0));
  reg(0x101000, 0x1000);
  tree.text("compatible", "google,goldfish-rtc").end();
  tree.begin("serial@10000000").number("interrupts", 10).number("interrupt-parent", controller(0));
  tree.number("clock-frequency", 3'686'400);
  reg(0x10000000, 0x100);
  tree.text("compatible", "ns16550a").end();
  tree.begin("test@100000").number("phandle", test());
  reg(0x100000, 0x1000);
  tree.text("compatible", "sifive,test1\0sifive,test0\0syscon"sv).end();
  pci();
  for (unsigned i = transports; i > 0; --i) {
    const std::uint64_t base = 0x10000000 + std::uint64_t{0x1000} * i;
    tree.begin(fmt::format("virtio_mmio@{:x}", base)).number("interrupts", i);
    tree.number("interrupt-parent", controller_of_virtio());
    reg(base, 0x1000);
    tree.text("compatible", "virtio,mmio").end();
  }
  controllers();
  tree.end();
}

// OpenSBI keeps its own half megabyte, and says so.
void RiscvTree::reserved() {
  if (qemu.bios == "none") return;
  tree.begin("reserved-memory").number("#address-cells", 2).number("#size-cells", 2).flag("ranges");
  tree.begin(fmt::format("mmode_resv0@{:x}", kRiscvRam.raw));
  reg(kRiscvRam.raw, 0x80000);
  tree.flag("no-map").end().end();
}

}  // namespace

std::vector<std::byte> riscv_virt_tree(const QemuMachine& qemu, const QemuChosen& chosen) {
  RiscvTree riscv{.qemu = qemu};
  TreeWriter& tree = riscv.tree;
  riscv.sockets = std::max(1u, static_cast<unsigned>(qemu.nodes.size()));
  for (unsigned i = 0; i < qemu.topology.cpus; ++i) riscv.socket_of.push_back(qemu.cpus[i].node.value_or(0));
  tree.number("#address-cells", 2).number("#size-cells", 2).text("compatible", "riscv-virtio");
  tree.text("model", "riscv-virtio,qemu");
  riscv.outside();
  tree.begin("chosen");
  if (!chosen.initrd.empty()) {
    tree.number("linux,initrd-end", static_cast<std::uint32_t>(chosen.initrd.end().raw));
    tree.number("linux,initrd-start", static_cast<std::uint32_t>(chosen.initrd.begin().raw));
  }
  tree.cells("rng-seed", {0, 0, 0, 0, 0, 0, 0, 0});
  if (!chosen.command_line.empty()) tree.text("bootargs", chosen.command_line);
  tree.text("stdout-path", "/soc/serial@10000000").end();
  riscv.reset("poweroff", 0x5555);
  riscv.reset("reboot", 0x7777);
  if (!qemu.distances.empty()) {
    const auto nodes = static_cast<std::uint32_t>(qemu.nodes.size());
    std::vector<std::uint32_t> triples;
    for (std::uint32_t i = 0; i < nodes * nodes; ++i)
      triples.insert(triples.end(), {i / nodes, i % nodes, qemu.distances[i]});
    tree.begin("distance-map").cells("distance-matrix", triples);
    tree.text("compatible", "numa-distance-map-v1").end();
  }
  tree.begin("platform-bus@4000000").number("interrupt-parent", riscv.controller(0));
  tree.cells("ranges", {0, 0, 0x4000000, 0x2000000}).number("#address-cells", 1).number("#size-cells", 1);
  tree.text("compatible", "qemu,platform\0simple-bus"sv).end();
  riscv.memory();
  riscv.cpus();
  riscv.soc();
  riscv.reserved();
  return tree.finish();
}

}  // namespace quarry::lnx
