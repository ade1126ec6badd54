// quarry/boot/x86_test_machine.hpp: a 1 GiB PC, and all that its flow needs, for the tests beside it.
#pragma once

#include "quarry/boot/flow.hpp"
#include "quarry/early/memblock.hpp"
#include "quarry/map/e820_map.hpp"

namespace quarry::boot::x86 {

inline constexpr std::uint64_t kM = 1u << 20;

constexpr PhysRange range(std::uint64_t begin, std::uint64_t end) { return {PhysAddr{begin}, PhysAddr{end}}; }
constexpr firmware::MapEntry entry(std::uint64_t begin, std::uint64_t end, firmware::MapType type) {
  return {.base = PhysAddr{begin}, .size = Bytes{end - begin}, .type = type};
}

inline constexpr firmware::MapEntry kPc[] = {
    entry(0, 0x9fc00, firmware::MapType::usable), entry(0x9fc00, 0xa0000, firmware::MapType::reserved),
    entry(0xf0000, kM, firmware::MapType::reserved), entry(kM, 1024 * kM, firmware::MapType::usable),
    entry(4095 * kM, 4096 * kM, firmware::MapType::reserved)};

struct TestMachine {
  std::byte bytes[24 << 10];
  Arena arena{bytes};
  early::Region memory[32], reserved[32];
  early::Memblock memblock{early::Config{}, early::Storage{memory, reserved, {}}};
  map::E820Map map{map::E820Storage::from(arena, 64).value()};
  Machine machine;
  State state{.machine = machine, .arena = arena, .memblock = memblock, .map = map};

  TestMachine() {
    machine.map = kPc;
    machine.limits.max_nodes = 8;
    machine.kernel.whole = range(16 * kM, 56 * kM);
    machine.kernel.brk = range(56 * kM, 56 * kM + 0x11000);
    machine.kernel.brk_space = range(56 * kM, 56 * kM + 0x30000);
    machine.initrd = range(1023 * kM, 1023 * kM + 0xfb77a);
    // State copied what it needs of the limits when it was made, before they were set here.
    state.nodes = numa::Nodes{arena, {.max_nodes = 8, .page = PageSize{12}}};
  }
  bool boots() { return static_cast<bool>(run(state)); }
  bool is_reserved(PhysRange wanted) const {
    for (const early::Region& region : memblock.reserved().view())
      if (region.base <= wanted.begin() && wanted.end() <= region.end()) return true;
    return false;
  }
};

}  // namespace quarry::boot::x86
