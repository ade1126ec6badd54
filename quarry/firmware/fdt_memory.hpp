// quarry/firmware/fdt_memory.hpp: what a device tree says about memory, typed, in the tree's own order.
//
// Nothing is decided here: no overlap is resolved, nothing is rounded, disabled nodes are shown as
// disabled. A flow walks the children it cares about and asks what each one is:
//
//   for (FdtNode node : tree.root().children())
//     if (const auto memory = memory_node(tree, node)) ...
//
// Source    Devicetree Specification v0.4, sections 3.4 (memory), 3.5 (reserved-memory), 3.6 (chosen),
//           3.7 and 3.8 (cpus); Linux 6.1, Documentation/devicetree/bindings (numa, reserved-memory, chosen).
#pragma once

#include <cstdint>
#include <optional>

#include "quarry/firmware/fdt.hpp"

namespace quarry::firmware {

// The root's #address-cells and #size-cells; 1 each when it is silent.
FdtCells root_cells(const Fdt& tree) noexcept;
// "model", or the first of "compatible"; empty without both.
TextView model(const Fdt& tree) noexcept;
bool machine_compatible_with(const Fdt& tree, TextView wanted) noexcept;

// A node whose device_type is "memory".
struct FdtMemoryNode {
  FdtNode node;
  FdtRegs regs;        // of "linux,usable-memory" when it is there, else of "reg"
  bool has_regs;       // false: the node has neither property
  bool usable_memory;  // the list is of "linux,usable-memory"
  bool available;      // status
  bool hotpluggable;
  std::optional<std::uint32_t> numa_node;  // "numa-node-id"
};

// Returns   none when `node` is no memory node. Addresses are in the root's cells, as Linux reads them.
std::optional<FdtMemoryNode> memory_node(const Fdt& tree, const FdtNode& node) noexcept;

// A number that a property may hold.
struct FdtOptionalNumber {
  bool present = false;
  bool well_formed = false;  // exactly as many cells as it must have
  std::uint64_t value = 0;   // 0 unless well_formed
};

// /reserved-memory itself.
struct FdtReservedMemory {
  FdtNode node;
  // Whether it has #address-cells and #size-cells equal to the root's, and "ranges". Linux ignores
  // the whole node otherwise.
  bool well_formed;
};
std::optional<FdtReservedMemory> reserved_memory(const Fdt& tree) noexcept;

// A child of /reserved-memory. Static when it has "reg", dynamic when it has only "size".
struct FdtReservedNode {
  FdtNode node;
  bool available;
  bool has_reg;
  FdtRegs regs;
  FdtOptionalNumber size;       // the root's #size-cells
  FdtOptionalNumber alignment;  // the root's #address-cells, as Linux wants it
  bool has_alloc_ranges;
  FdtRegs alloc_ranges;
  bool no_map;
  bool reusable;
  bool cma_default;  // "linux,cma-default"
  bool dma_default;  // "linux,dma-default"

  TextView name() const noexcept { return node.name(); }
  bool compatible_with(TextView wanted) const noexcept { return node.compatible_with(wanted); }
};
FdtReservedNode reserved_node(const Fdt& tree, const FdtNode& child) noexcept;

// /chosen, or /chosen@0.
struct FdtChosen {
  // "linux,initrd-start" and -end: 4 or 8 bytes each. None: missing, or of another length.
  std::optional<PhysAddr> initrd_start;
  std::optional<PhysAddr> initrd_end;
  std::optional<TextView> bootargs;
  bool has_usable_range = false;
  FdtRegs usable_range;  // "linux,usable-memory-range", in the root's cells
  bool has_elfcorehdr = false;
  FdtRegs elfcorehdr;  // "linux,elfcorehdr"
};
FdtChosen chosen(const Fdt& tree) noexcept;

// One cell triple of "distance-matrix".
struct FdtDistance {
  std::uint32_t from;
  std::uint32_t to;
  std::uint32_t distance;
};

// The first node compatible with "numa-distance-map-v1", anywhere in the tree.
struct FdtDistanceMap {
  FdtNode node;
  bool has_matrix;  // "distance-matrix" is there and holds whole cells, one at least
  ByteView matrix;
  static constexpr std::size_t kEntryBytes = 12;
  // Whole triples; a rest is left over.
  std::size_t size() const noexcept { return has_matrix ? whole_entries(matrix.size(), kEntryBytes) : 0; }
  FdtDistance operator[](std::size_t at) const noexcept;
};
std::optional<FdtDistanceMap> distance_map(const Fdt& tree) noexcept;

// A child of /cpus that is a processor: named "cpu", or with device_type "cpu", and not failed.
struct FdtCpu {
  FdtNode node;
  FdtOptionalNumber reg;  // first number, in the cells of /cpus
  bool available;
  std::optional<std::uint32_t> numa_node;
};
std::optional<FdtCpu> cpu_node(const FdtNode& cpus, const FdtNode& child) noexcept;
// Returns   how many processors /cpus has; 0 when there is no /cpus.
unsigned count_cpus(const Fdt& tree) noexcept;

}  // namespace quarry::firmware
