// quarry/slab/test_machine.hpp: test pages and a booted slab allocator on them, made anew for each test.
#pragma once

#include "quarry/slab/slab_allocator.hpp"
#include "quarry/slab/test_pages.hpp"

namespace quarry::slab::testing {

template <Hardening H>
struct MachineOf {
  explicit MachineOf(TestPages::Memory& memory, const SlabConfig& config, Spread spread) noexcept
      : pages{memory, spread}, slabs{pages, config} {}
  TestPages pages;
  SlabAllocator<TestPages, H> slabs;

  // Pages that slabs must account for: those of all slabs, and the page of cache numbers.
  std::uint64_t pages_of_slabs() noexcept {
    std::uint64_t pages_in_slabs = 1;
    for (auto* cache = slabs.first(); cache != nullptr; cache = cache->next()) {
      const CacheStats stats = cache->stats();
      pages_in_slabs += stats.total_slabs * stats.pages_per_slab.raw;
    }
    return pages_in_slabs;
  }
};

using Machine = MachineOf<kPlain>;

inline TestPages::Memory& test_memory() noexcept {
  static TestPages::Memory memory;
  return memory;
}
// One machine at a time, in memory that needs no stack and no constructor.
template <Hardening H = kPlain>
MachineOf<H>& machine_with(const SlabConfig& config, Spread spread = Spread::together) noexcept {
  using Made = MachineOf<H>;
  alignas(Made) static std::byte place[sizeof(Made)];
  return *::new (static_cast<void*>(place)) Made{test_memory(), config, spread};
}
template <Hardening H = kPlain>
MachineOf<H>& booted_with(const SlabConfig& config, Spread spread = Spread::together) noexcept {
  MachineOf<H>& machine = machine_with<H>(config, spread);
  check(static_cast<bool>(machine.slabs.boot()), "the test machine does not boot");
  return machine;
}
// One whose cores keep nothing, so that each object is seen to come from its slab and to go there.
inline SlabConfig slabs_alone(const PackingRules& rules = {}) noexcept {
  return {.packing = rules, .cores_keep_objects = false, .merging = false};
}
inline Machine& new_machine(PackingRules rules = {}, Spread spread = Spread::together) noexcept {
  return machine_with(slabs_alone(rules), spread);
}
inline Machine& booted_machine(PackingRules rules = {}, Spread spread = Spread::together) noexcept {
  return booted_with(slabs_alone(rules), spread);
}

}  // namespace quarry::slab::testing
