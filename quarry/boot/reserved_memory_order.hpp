// quarry/boot/reserved_memory_order.hpp: the order in which the nodes of /reserved-memory are looked at.
#pragma once

#include <optional>
#include <span>

#include "quarry/boot/flow.hpp"
#include "quarry/firmware/fdt_memory.hpp"

namespace quarry::boot {

// Whether somebody else had reserved a part of what a node has.
enum class Ground : std::uint8_t { own, shared };

// A node that the kernel keeps in its list: static nodes with their first range, dynamic ones with nothing yet.
struct ReservedMemoryEntry {
  std::optional<firmware::FdtReservedNode> node;
  PhysAddr base;
  Bytes size;
  ReservedMemory* outcome = nullptr;
  Ground ground = Ground::own;
};

// Sorts by base, and at one base what has no size yet comes first. The sort is not stable: nodes that compare
// alike, which all dynamic nodes do, end in the order in which Linux places them.
//
// Cost      O(n log n).
// Source    Linux 6.1, lib/sort.c (behaviour): a heap sort that walks from the leaves upwards.
void sort_reserved_memory(std::span<ReservedMemoryEntry> entries) noexcept;

}  // namespace quarry::boot
