// kernel/aarch64/firmware.hpp: what the device tree says of the devices that this kernel uses.
#pragma once

#include "gic.hpp"
#include "power.hpp"
#include "quarry/base/range.hpp"
#include "quarry/firmware/fdt.hpp"

namespace kernel::aarch64 {

// Registers of a device of the tree, as the processor sees them: through the ranges of all buses above it.
//
// Returns   the `at`-th range of its "reg"; empty where there is none, or where a bus does not pass it on.
quarry::PhysRange registers_of(const quarry::firmware::Fdt& tree, const quarry::firmware::FdtNode& device,
                               unsigned at) noexcept;

// A PL011: the one that /chosen names as the console, or the first. Empty: there is none.
quarry::PhysRange find_serial(const quarry::firmware::Fdt& tree) noexcept;

// Where an interrupt controller's parts are.
struct GicPlaces {
  Gic::Version version = Gic::Version::none;
  quarry::PhysRange distributor, cpu_interface;
  quarry::PhysRange redistributors[Gic::kMostRuns];
};
GicPlaces find_gic(const quarry::firmware::Fdt& tree) noexcept;

Conduit find_conduit(const quarry::firmware::Fdt& tree) noexcept;

// Calls `found(affinity)` for each processor in use, in the tree's order.
template <class F>
void for_each_core(const quarry::firmware::Fdt& tree, F found) noexcept;

}  // namespace kernel::aarch64

#include "quarry/firmware/fdt_memory.hpp"

template <class F>
void kernel::aarch64::for_each_core(const quarry::firmware::Fdt& tree, F found) noexcept {
  const auto cpus = tree.find("/cpus");
  if (!cpus) return;
  for (const quarry::firmware::FdtNode child : cpus->children()) {
    const auto cpu = quarry::firmware::cpu_node(*cpus, child);
    if (cpu && cpu->available && cpu->reg.well_formed) found(cpu->reg.value & kAffinity);
  }
}
