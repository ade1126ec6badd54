// kernel/aarch64/firmware.cpp
//
// Source    Devicetree Specification v0.4, 2.3.8 "ranges", 3.6 "/chosen"; Linux 6.1,
//           Documentation/devicetree/bindings: serial/pl011, interrupt-controller/arm,gic and arm,gic-v3, arm/psci.
#include "firmware.hpp"

namespace kernel::aarch64 {

using quarry::Bytes, quarry::PhysAddr, quarry::PhysRange, quarry::TextView;
using quarry::firmware::Fdt, quarry::firmware::FdtCells, quarry::firmware::FdtNode, quarry::firmware::FdtReg,
    quarry::firmware::FdtRegs;

namespace {

// What lies above a node that is not given more: two and one cells.
constexpr FdtCells kSilent{2, 1};
constexpr unsigned kMostDepth = 8;

// A node and all above it, the root first.
struct Path {
  unsigned depth = 0;
  FdtNode nodes[kMostDepth];
};

// Cost      O(bytes * depth).
bool find_path(Path& path, const FdtNode& wanted) noexcept {
  const FdtNode here = path.nodes[path.depth - 1];
  if (here == wanted) return true;
  if (path.depth == kMostDepth) return false;
  for (const FdtNode child : here.children()) {
    path.nodes[path.depth++] = child;
    if (find_path(path, wanted)) return true;
    --path.depth;
  }
  return false;
}

// An address of the bus `bus` as its parent sees it; an empty "ranges" changes nothing.
PhysRange pass_on(const FdtNode& bus, FdtCells above, PhysRange range) noexcept {
  const auto ranges = bus.property("ranges");
  if (!ranges) return {};
  const FdtCells own = bus.cells(kSilent);
  const std::size_t entry = own.address + above.address + own.size;
  for (std::size_t at = 0; (at + entry) * 4 <= ranges->size() && entry != 0; at += entry) {
    const auto from = ranges->cells(at, own.address);
    const auto to = ranges->cells(at + own.address, above.address);
    const auto size = ranges->cells(at + own.address + above.address, own.size);
    if (!from || !to || !size) continue;
    const PhysRange window = PhysRange::sized(PhysAddr{from.value()}, Bytes{size.value()});
    if (range.begin() < window.begin() || window.end() < range.end()) continue;
    return PhysRange::sized(PhysAddr{to.value() + (range.begin().raw - from.value())}, range.size());
  }
  return ranges->size() == 0 ? range : PhysRange{};
}

std::optional<FdtNode> first_compatible(const Fdt& tree, TextView wanted) noexcept {
  for (const auto visit : tree.nodes())
    if (visit.node.compatible_with(wanted) && visit.node.available()) return visit.node;
  return {};
}

// "/pl011@9000000", "serial0" or either with ":115200" behind it.
std::optional<FdtNode> console_node(const Fdt& tree) noexcept {
  const auto chosen = tree.find("/chosen");
  if (!chosen) return {};
  const auto property = chosen->property("stdout-path");
  if (!property) return {};
  const TextView text = property->text();
  const TextView path = text.part(0, text.find(':', 0));
  if (!path.empty() && path[0] == '/') return tree.find(path);
  const auto aliases = tree.find("/aliases");
  const auto alias = aliases ? aliases->property(path) : std::nullopt;
  if (!alias) return {};
  return tree.find(alias->text());
}

}  // namespace

PhysRange registers_of(const Fdt& tree, const FdtNode& device, unsigned at) noexcept {
  const FdtNode root = tree.root();
  Path path{1, {root, root, root, root, root, root, root, root}};
  const auto property = device.property("reg");
  if (!property || !find_path(path, device) || path.depth < 2) return {};
  const FdtRegs regs{property->bytes(), path.nodes[path.depth - 2].cells(kSilent)};
  if (at >= regs.size()) return {};
  const FdtReg reg = regs[at];
  PhysRange range = PhysRange::sized(reg.base, reg.size);
  for (unsigned bus = path.depth - 2; bus > 0 && !range.empty(); --bus)
    range = pass_on(path.nodes[bus], path.nodes[bus - 1].cells(kSilent), range);
  return range;
}

PhysRange find_serial(const Fdt& tree) noexcept {
  constexpr TextView kind = "arm,pl011";
  auto node = console_node(tree);
  if (!node || !node->compatible_with(kind)) node = first_compatible(tree, kind);
  return node ? registers_of(tree, *node, 0) : PhysRange{};
}

GicPlaces find_gic(const Fdt& tree) noexcept {
  GicPlaces places;
  if (const auto node = first_compatible(tree, "arm,gic-v3")) {
    places.version = Gic::Version::v3;
    places.distributor = registers_of(tree, *node, 0);
    const std::uint32_t runs = node->number("#redistributor-regions").value_or(1);
    for (unsigned i = 0; i < runs && i < Gic::kMostRuns; ++i)
      places.redistributors[i] = registers_of(tree, *node, 1 + i);
    return places;
  }
  for (const TextView kind : {"arm,cortex-a15-gic", "arm,gic-400", "arm,cortex-a9-gic"}) {
    const auto node = first_compatible(tree, kind);
    if (!node) continue;
    places.version = Gic::Version::v2;
    places.distributor = registers_of(tree, *node, 0);
    places.cpu_interface = registers_of(tree, *node, 1);
    return places;
  }
  return places;
}

Conduit find_conduit(const Fdt& tree) noexcept {
  for (const TextView kind : {"arm,psci-1.0", "arm,psci-0.2"}) {
    const auto node = first_compatible(tree, kind);
    const auto method = node ? node->property("method") : std::nullopt;
    if (method && method->text() == "hvc") return Conduit::hvc;
    if (method && method->text() == "smc") return Conduit::smc;
  }
  return Conduit::none;
}

}  // namespace kernel::aarch64
