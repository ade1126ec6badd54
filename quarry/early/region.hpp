// quarry/early/region.hpp: what memblock keeps: sorted regions of bytes with flags and a node.
//
// Two sorted tables of regions: what is memory, and what of it (or outside it) is taken.
//
//   memory    |=========================|        |==================|
//   reserved       |###|      |##|                   |#####|   |##########|
//   free      |----|   |------|  |------|        |---|     |---|
//
// Ranges are bytes. Adding and reserving may overlap what is there: a region that exists keeps its
// flags and node, new ground takes the new ones, and neighbours that touch and are alike become one.
// Semantics, names and the text of the dump are those of Linux 6.1's memblock.
#pragma once

#include <cstdint>
#include <span>

#include "quarry/base/range.hpp"
#include "quarry/base/result.hpp"
#include "quarry/base/text.hpp"

namespace quarry::early {

// What is known about a region. Values are Linux's, as its dump prints them.
enum class Flags : std::uint32_t {
  none = 0x0,
  hotplug = 0x1,         // may be unplugged later
  mirror = 0x2,          // mirrored: kernel data goes here first
  nomap = 0x4,           // not in the direct map: memory that nobody may touch
  driver_managed = 0x8,  // added by a driver, unknown to firmware
};
constexpr Flags operator|(Flags a, Flags b) noexcept {
  return static_cast<Flags>(static_cast<std::uint32_t>(a) | static_cast<std::uint32_t>(b));
}
constexpr Flags operator&(Flags a, Flags b) noexcept {
  return static_cast<Flags>(static_cast<std::uint32_t>(a) & static_cast<std::uint32_t>(b));
}
constexpr Flags without(Flags all, Flags some) noexcept {
  return static_cast<Flags>(static_cast<std::uint32_t>(all) & ~static_cast<std::uint32_t>(some));
}
constexpr bool has(Flags all, Flags some) noexcept { return (all & some) != Flags::none; }
inline constexpr Flags kAllFlags = Flags::hotplug | Flags::mirror | Flags::nomap | Flags::driver_managed;

// Any node, and "no node was said": Linux's NUMA_NO_NODE and MAX_NUMNODES mean the same here.
inline constexpr NodeId kAnyNode{0xffff};

struct Region {
  PhysAddr base{};
  Bytes size{};
  Flags flags = Flags::none;
  NodeId node = kAnyNode;
  // The table's own, and no part of the region: see region_slots.hpp.
  std::uint16_t ring_head = 0;

  constexpr PhysAddr end() const noexcept { return PhysAddr{base.raw + size.raw}; }
  constexpr PhysRange range() const noexcept { return {base, end()}; }
  constexpr bool is_like(const Region& other) const noexcept {
    return flags == other.flags && node == other.node;
  }
  friend constexpr bool operator==(const Region& a, const Region& b) noexcept {
    return a.base == b.base && a.size == b.size && a.is_like(b);
  }
};
static_assert(sizeof(Region) == 24, "a grown table must fit where a 64-bit kernel's would lie");

}  // namespace quarry::early
