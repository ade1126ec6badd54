// quarry/boot/device_tree_test_machine.hpp: a board with a device tree, for the tests beside it.
#pragma once

#include <optional>

#include "quarry/boot/flow.hpp"
#include "quarry/early/memblock.hpp"
#include "quarry/map/e820_map.hpp"

namespace quarry::boot {

inline constexpr std::uint64_t kM = 1u << 20, kG = 1u << 30;
constexpr PhysRange range(std::uint64_t begin, std::uint64_t end) { return {PhysAddr{begin}, PhysAddr{end}}; }

// A tree with cells of two words and one bank, open for more.
template <class Builder>
Builder tree_with_bank(std::uint64_t base, std::uint64_t size) {
  Builder tree;
  tree.cells("#address-cells", 2).cells("#size-cells", 2);
  if (size != 0) tree.begin("memory@0").text("device_type", "memory").numbers("reg", base, size).end();
  return tree;
}
template <class Builder>
Builder& open_reserved(Builder& tree) {
  return tree.begin("reserved-memory").cells("#address-cells", 2).cells("#size-cells", 2).flag("ranges");
}

// 1 GiB at 1 GiB, kernel at 1026 MiB, tree at 1054 MiB, unless the test changes `machine` before boot().
struct TestBoard {
  std::byte bytes[96 << 10];
  Arena arena{bytes};
  early::Region memory[64], reserved[64];
  Machine machine;
  std::optional<early::Memblock> memblock;
  std::optional<map::E820Map> map;
  std::optional<State> state;

  template <class Builder>
  TestBoard(Arch arch, Builder& tree, unsigned phys_bits = 48) {
    machine.arch = arch;
    machine.tree = tree.finish();
    machine.tree_at = PhysAddr{1054 * kM};
    machine.limits.phys_bits = phys_bits;
    machine.limits.max_nodes = 8;
    machine.limits.has_cma = true;
    machine.limits.cma_size = Bytes{16 * kM};
    machine.limits.has_restricted_dma = true;
    machine.kernel.whole = range(1026 * kM + 0x10000, 1052 * kM);
    if (arch != Arch::arm) return;
    machine.geometry = Geometry{{.page_shift = 12, .max_order = 11, .pageblock_order = 11}};
    machine.limits.has_zone_dma32 = false;
    machine.limits.has_highmem = true;
    machine.limits.has_numa = false;
    machine.kernel.page_directory = range(1026 * kM + 0x4000, 1026 * kM + 0x8000);
  }

  State& begin() {
    early::Config config;
    config.phys_addr_bits = machine.limits.phys_bits == 32 && reproduces_bugs(machine) ? 32 : 64;
    config.numa = machine.limits.has_numa ? early::Numa::present : early::Numa::absent;
    memblock.emplace(config, early::Storage{memory, reserved, {}});
    map.emplace(map::E820Storage::from(arena, 1).value());
    state.emplace(State{.machine = machine, .arena = arena, .memblock = *memblock, .map = *map});
    return *state;
  }
  bool boots() { return static_cast<bool>(run(begin())); }

  bool is_reserved(PhysRange wanted) const {
    for (const early::Region& region : memblock->reserved().view())
      if (region.base <= wanted.begin() && wanted.end() <= region.end()) return true;
    return false;
  }
  const ReservedMemory* outcome(TextView name) const {
    for (const ReservedMemory& made : state->reserved_memory)
      if (made.name == name) return &made;
    return nullptr;
  }
  bool says(ReservedMemoryEvent::Kind kind, TextView node = {}) const {
    for (const ReservedMemoryEvent& event : state->reserved_memory_events)
      if (event.kind == kind && (node.empty() || event.node == node)) return true;
    return false;
  }
  bool notes(TextView text) const {
    for (const Note& note : state->notes)
      if (note.text == text) return true;
    return false;
  }
};

}  // namespace quarry::boot
