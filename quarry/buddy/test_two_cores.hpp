// quarry/buddy/test_two_cores.hpp: two cores that keep blocks of one zone at hand.
#pragma once

#include "quarry/buddy/test_state.hpp"

namespace quarry::buddy {

inline constexpr std::uint32_t kTwoCoresZone = 2;

// Two cores and one zone of four of the largest blocks, released once start() has been called.
template <Geometry G, class Policy>
struct TwoCores {
  using M = ManyCores<G, Policy>;
  static constexpr std::uint64_t kWhole = std::uint64_t{1} << G.pageblock_order_;
  static constexpr std::uint64_t kBlock = M::kBlock;
  static constexpr PfnRange blocks(std::uint64_t begin, std::uint64_t end) { return M::blocks(begin, end); }

  TwoCores() {
    machine.add_zone(0, zones::ZoneType::normal, 0, 4);
    machine.start().value();
  }
  void start(CpuLimits limits) {
    machine.allocator.release(M::blocks(0, 4)).value();
    start_lists(limits);
  }
  void start_lists(CpuLimits limits) {
    machine.allocator.start_cpu_lists(machine.source()).value();
    Saboteur::limit(machine.allocator, kTwoCoresZone, limits);
  }
  Pfn alloc(unsigned order = 0, MigrateType type = MigrateType::movable) {
    return machine.allocator.alloc_pages(Order{order}, {.type = type}).value();
  }
  void free(Pfn page, unsigned order = 0) { machine.allocator.free_pages(page, Order{order}).value(); }
  std::uint64_t on(unsigned of) { return machine.allocator.pages_on(kTwoCoresZone, of).raw; }
  unsigned eagerness() { return Saboteur::lists(machine.allocator, kTwoCoresZone, core).eagerness; }
  bool is_on_core(Pfn page) { return machine.map.at(page).state() == page::State::per_cpu; }

  unsigned core = 0;
  M machine{TestCores{2, &core}};
};

}  // namespace quarry::buddy
