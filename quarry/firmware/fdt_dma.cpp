#include "quarry/firmware/fdt_dma.hpp"

#include <array>

namespace quarry::firmware {
namespace {

// Where an address means nothing on the CPU's side. The arithmetic below wraps around it as Linux's does.
constexpr std::uint64_t kNowhere = UINT64_MAX;
constexpr std::uint32_t kMaxAddressCells = 4;

// A node and all above it: [0] is the root.
struct Ancestry {
  std::array<std::optional<FdtNode>, kMaxFdtDepth + 1> nodes;
  const FdtNode& operator[](std::size_t depth) const noexcept { return *nodes[depth]; }
};

enum class Bus : std::uint8_t { plain, pci };

Bus bus_of(const FdtNode& node) noexcept {
  if (node.base_name() == "pcie") return Bus::pci;
  const auto type = node.property("device_type");
  if (!type) return Bus::plain;
  for (const TextView name : {TextView{"pci"}, TextView{"pciex"}, TextView{"vci"}, TextView{"ht"}})
    if (type->text() == name) return Bus::pci;
  return Bus::plain;
}

// The cells of addresses on the bus of the node at `depth`: the nearest word about it, from there upwards.
FdtCells bus_cells(const Ancestry& line, std::size_t depth) noexcept {
  std::optional<std::uint32_t> address, size;
  for (std::size_t at = depth + 1; at-- > 0;) {
    if (!address) address = line[at].number("#address-cells");
    if (!size) size = line[at].number("#size-cells");
  }
  return {address.value_or(1), size.value_or(1)};
}

// The same for the bus that the node at `depth` sits on.
FdtCells cells_around(const Ancestry& line, std::size_t depth) noexcept {
  if (depth == 0) return bus_cells(line, 0);
  if (bus_of(line[depth - 1]) == Bus::pci) return {3, 2};
  return bus_cells(line, depth - 1);
}

struct BusAddress {
  std::uint64_t value = 0;
  std::uint32_t space = 0;  // PCI's first cell
};

// PCI: whether both name memory, both I/O, or both neither.
bool same_space(std::uint32_t a, std::uint32_t b) noexcept {
  const auto kind = [](std::uint32_t cell) { return ((cell >> 24) & 3) == 3 ? 2 : (cell >> 24) & 3; };
  return kind(a) == kind(b);
}

BusAddress address_at(ByteView bytes, std::size_t offset, std::uint32_t cells, Bus bus) noexcept {
  BusAddress address{read_cells(bytes, offset, cells).value, 0};
  if (bus == Bus::pci && cells > 0) {
    address.space = load_be<std::uint32_t>(bytes, offset);
    address.value = read_cells(bytes, offset + 4, cells - 1).value;
  }
  return address;
}

// One step up: from the bus of the node at `depth` to the bus which that node sits on.
//
// Returns   none when no entry of its "dma-ranges" has the address.
std::optional<BusAddress> through(const Ancestry& line, std::size_t depth, BusAddress address, FdtCells below,
                                  FdtCells above) noexcept {
  const auto ranges = line[depth].property("dma-ranges");
  const std::uint64_t keep = above.address == 1 ? UINT32_MAX : UINT64_MAX;
  if (!ranges || ranges->size() == 0) return BusAddress{address.value & keep, 0};
  const Bus bus = bus_of(line[depth]), outer = bus_of(line[depth - 1]);
  const std::size_t parent = std::size_t{4} * below.address, size = parent + std::size_t{4} * above.address;
  const std::uint64_t entry = std::uint64_t{size} + std::uint64_t{4} * below.size;
  for (std::size_t at = 0; holds(ranges->bytes(), at, entry); at += static_cast<std::size_t>(entry)) {
    const BusAddress from = address_at(ranges->bytes(), at, below.address, bus);
    const std::uint64_t length = read_cells(ranges->bytes(), at + size, below.size).value;
    if (bus == Bus::pci && !same_space(from.space, address.space)) continue;
    if (address.value < from.value || address.value >= from.value + length) continue;
    BusAddress to = address_at(ranges->bytes(), at + parent, above.address, outer);
    to.value = (to.value + (address.value - from.value)) & keep;
    return to;
  }
  return std::nullopt;
}

constexpr bool lawful(FdtCells cells) noexcept {
  return cells.address > 0 && cells.address <= kMaxAddressCells && cells.size > 0;
}

// The CPU's address of what lies at `offset` in the "dma-ranges" of the node at `depth`.
std::uint64_t cpu_address(const Ancestry& line, std::size_t depth, ByteView bytes,
                          std::size_t offset) noexcept {
  if (depth == 0) return kNowhere;
  FdtCells cells = cells_around(line, depth);
  if (!lawful(cells) || !holds(bytes, offset, std::uint64_t{4} * cells.address)) return kNowhere;
  BusAddress address = address_at(bytes, offset, cells.address, bus_of(line[depth - 1]));
  for (std::size_t at = depth - 1; at > 0; --at) {
    const FdtCells above = cells_around(line, at);
    if (!lawful(above)) return kNowhere;
    const auto next = through(line, at, address, cells, above);
    if (!next) return kNowhere;
    address = *next;
    cells = above;
  }
  return address.value;
}

// The last byte that the masters below the node at `depth` reach.
std::uint64_t limit_of(const Ancestry& line, std::size_t depth) noexcept {
  const auto ranges = line[depth].property("dma-ranges");
  if (!ranges || ranges->size() == 0) return UINT64_MAX;
  const FdtCells below = bus_cells(line, depth);
  const FdtCells above = bus_cells(line, depth == 0 ? 0 : depth - 1);
  const std::uint64_t parent = std::uint64_t{4} * below.address;
  const std::uint64_t size = parent + std::uint64_t{4} * above.address;
  const std::uint64_t entry = size + std::uint64_t{4} * below.size;
  std::uint64_t last = 0;
  for (std::size_t at = 0; entry != 0 && holds(ranges->bytes(), at, entry);
       at += static_cast<std::size_t>(entry)) {
    const std::uint64_t base =
        cpu_address(line, depth, ranges->bytes(), at + static_cast<std::size_t>(parent));
    const std::uint64_t length =
        read_cells(ranges->bytes(), at + static_cast<std::size_t>(size), below.size).value;
    if (base + length > last) last = base + length - 1;
  }
  return last;
}

}  // namespace

PhysAddr lowest_dma_limit(const Fdt& tree) noexcept {
  Ancestry line;
  std::uint64_t lowest = UINT64_MAX;
  std::size_t hidden = SIZE_MAX;  // nodes deeper than this are below a node that does not count
  for (const auto& [node, depth] : tree.nodes()) {
    if (depth > hidden) continue;
    hidden = SIZE_MAX;
    if (depth > kMaxFdtDepth || (depth != 0 && !node.available())) {
      hidden = depth;
      continue;
    }
    line.nodes[depth] = node;
    const std::uint64_t limit = limit_of(line, depth);
    if (limit < lowest) lowest = limit;
  }
  return PhysAddr{lowest};
}

}  // namespace quarry::firmware
