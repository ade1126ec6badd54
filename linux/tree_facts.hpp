// linux/tree_facts.hpp: what a description wants to know of a device tree before anything boots.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "linux/problem.hpp"
#include "quarry/base/range.hpp"

namespace quarry::lnx {

struct TreeFacts {
  std::string model;
  std::string bootargs;
  PhysRange initrd;               // /chosen's; empty: none, or one that makes no sense
  PhysAddr lowest_memory;         // of all memory nodes that are in use
  std::vector<PhysRange> memory;  // their ranges, as written
  std::vector<PhysRange> taken;   // memreserve's and those of reserved nodes in use: a loader keeps off them
  bool has_memory = false;        // some memory node in use has a size
  bool points_to_uefi = false;    // /chosen has linux,uefi-system-table
  bool is_64bit_arm = false;      // of its processors
  bool is_32bit_arm = false;
  bool is_riscv = false;
  unsigned cpus = 0;
  unsigned satp_bits = 0;  // riscv64: of "mmu-type" of the first processor; 0: silent
  Bytes size{0};           // totalsize
};

// Errors    malformed_input: what is wrong and at which byte; `name` is whose bytes they are.
Expected<TreeFacts> read_tree_facts(std::span<const std::byte> tree, const std::string& name);

}  // namespace quarry::lnx
