#include "quarry/firmware/fdt_memory.hpp"

namespace quarry::firmware {
namespace {

struct ListProperty {
  bool present;
  FdtRegs regs;
};

ListProperty list_of(const FdtNode& node, TextView name, FdtCells cells) noexcept {
  const auto found = node.property(name);
  if (!found) return {false, {}};
  return {true, FdtRegs{found->bytes(), cells}};
}

FdtOptionalNumber number_of(const FdtNode& node, TextView name, std::uint32_t cells) noexcept {
  const auto found = node.property(name);
  if (!found) return {};
  FdtOptionalNumber number{.present = true};
  if (found->size() != std::uint64_t{cells} * 4) return number;
  const FdtNumber read = read_cells(found->bytes(), 0, cells);
  number.well_formed = read.fits;
  number.value = read.fits ? read.value : 0;
  return number;
}

std::optional<PhysAddr> address_of(const FdtNode& node, TextView name) noexcept {
  const auto found = node.property(name);
  if (!found || (found->size() != 4 && found->size() != 8)) return std::nullopt;
  return PhysAddr{read_cells(found->bytes(), 0, static_cast<std::uint32_t>(found->size() / 4)).value};
}

bool has_type(const FdtNode& node, TextView type) noexcept {
  const auto found = node.property("device_type");
  return found && found->text() == type;
}

bool has_failed(const FdtNode& node) noexcept {
  const auto status = node.property("status");
  return status && (status->text() == "fail" || status->text().starts_with("fail-"));
}

}  // namespace

FdtCells root_cells(const Fdt& tree) noexcept { return tree.root().cells(); }

TextView model(const Fdt& tree) noexcept {
  if (const auto found = tree.root().property("model")) return found->text();
  if (const auto found = tree.root().property("compatible")) return found->text();
  return {};
}

bool machine_compatible_with(const Fdt& tree, TextView wanted) noexcept {
  return tree.root().compatible_with(wanted);
}

std::optional<FdtMemoryNode> memory_node(const Fdt& tree, const FdtNode& node) noexcept {
  if (!has_type(node, "memory")) return std::nullopt;
  const FdtCells cells = root_cells(tree);
  const ListProperty usable = list_of(node, "linux,usable-memory", cells);
  const ListProperty list = usable.present ? usable : list_of(node, "reg", cells);
  return FdtMemoryNode{.node = node,
                       .regs = list.regs,
                       .has_regs = list.present,
                       .usable_memory = usable.present,
                       .available = node.available(),
                       .hotpluggable = node.has("hotpluggable"),
                       .numa_node = node.number("numa-node-id")};
}

std::optional<FdtReservedMemory> reserved_memory(const Fdt& tree) noexcept {
  const auto node = tree.find("/reserved-memory");
  if (!node) return std::nullopt;
  const FdtCells root = root_cells(tree);
  const bool well_formed = node->number("#address-cells") == root.address &&
                           node->number("#size-cells") == root.size && node->has("ranges");
  return FdtReservedMemory{*node, well_formed};
}

FdtReservedNode reserved_node(const Fdt& tree, const FdtNode& child) noexcept {
  const FdtCells cells = root_cells(tree);
  const ListProperty reg = list_of(child, "reg", cells);
  const ListProperty ranges = list_of(child, "alloc-ranges", cells);
  return {.node = child,
          .available = child.available(),
          .has_reg = reg.present,
          .regs = reg.regs,
          .size = number_of(child, "size", cells.size),
          .alignment = number_of(child, "alignment", cells.address),
          .has_alloc_ranges = ranges.present,
          .alloc_ranges = ranges.regs,
          .no_map = child.has("no-map"),
          .reusable = child.has("reusable"),
          .cma_default = child.has("linux,cma-default"),
          .dma_default = child.has("linux,dma-default")};
}

FdtChosen chosen(const Fdt& tree) noexcept {
  FdtChosen said;
  const auto node = tree.find("/chosen");  // finds chosen@0 as well
  if (!node) return said;
  const FdtCells cells = root_cells(tree);
  said.initrd_start = address_of(*node, "linux,initrd-start");
  said.initrd_end = address_of(*node, "linux,initrd-end");
  if (const auto text = node->property("bootargs")) said.bootargs = text->text();
  const ListProperty usable = list_of(*node, "linux,usable-memory-range", cells);
  const ListProperty header = list_of(*node, "linux,elfcorehdr", cells);
  said.has_usable_range = usable.present;
  said.usable_range = usable.regs;
  said.has_elfcorehdr = header.present;
  said.elfcorehdr = header.regs;
  return said;
}

FdtDistance FdtDistanceMap::operator[](std::size_t at) const noexcept {
  check(at < size(), "index outside the distance matrix");
  return {load_be<std::uint32_t>(matrix, at * kEntryBytes),
          load_be<std::uint32_t>(matrix, at * kEntryBytes + 4),
          load_be<std::uint32_t>(matrix, at * kEntryBytes + 8)};
}

std::optional<FdtDistanceMap> distance_map(const Fdt& tree) noexcept {
  for (const auto& [node, depth] : tree.nodes()) {
    if (!node.compatible_with("numa-distance-map-v1")) continue;
    FdtDistanceMap map{.node = node, .has_matrix = false, .matrix = {}};
    if (const auto found = node.property("distance-matrix")) {
      map.has_matrix = found->size() != 0 && (found->size() & 3) == 0;
      map.matrix = found->bytes();
    }
    return map;
  }
  return std::nullopt;
}

std::optional<FdtCpu> cpu_node(const FdtNode& cpus, const FdtNode& child) noexcept {
  if ((child.base_name() != "cpu" && !has_type(child, "cpu")) || has_failed(child)) return std::nullopt;
  FdtCpu cpu{
      .node = child, .reg = {}, .available = child.available(), .numa_node = child.number("numa-node-id")};
  const std::uint32_t cells = cpus.cells().address;
  if (const auto reg = child.property("reg")) {
    cpu.reg.present = true;
    if (cells != 0 && reg->size() >= std::uint64_t{cells} * 4) {
      const FdtNumber read = read_cells(reg->bytes(), 0, cells);
      cpu.reg.well_formed = read.fits;
      cpu.reg.value = read.fits ? read.value : 0;
    }
  }
  return cpu;
}

unsigned count_cpus(const Fdt& tree) noexcept {
  const auto cpus = tree.find("/cpus");
  unsigned count = 0;
  if (!cpus) return 0;
  for (const FdtNode child : cpus->children())
    if (cpu_node(*cpus, child)) ++count;
  return count;
}

}  // namespace quarry::firmware
