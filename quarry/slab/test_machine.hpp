// quarry/slab/test_machine.hpp: test pages and a booted slab allocator on them, made anew for each test.
#pragma once

#include "quarry/slab/slab_allocator.hpp"
#include "quarry/slab/test_pages.hpp"

namespace quarry::slab::testing {

struct Machine {
  explicit Machine(TestPages::Memory& memory, PackingRules rules = {},
                   Spread spread = Spread::together) noexcept
      : pages{memory, spread}, slabs{pages, rules} {}
  TestPages pages;
  SlabAllocator<TestPages> slabs;

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

// One machine at a time, in memory that needs no stack and no constructor.
inline Machine& new_machine(PackingRules rules = {}, Spread spread = Spread::together) noexcept {
  static TestPages::Memory memory;
  alignas(Machine) static std::byte place[sizeof(Machine)];
  return *::new (static_cast<void*>(place)) Machine{memory, rules, spread};
}
inline Machine& booted_machine(PackingRules rules = {}, Spread spread = Spread::together) noexcept {
  Machine& machine = new_machine(rules, spread);
  check(static_cast<bool>(machine.slabs.boot()), "the test machine does not boot");
  return machine;
}

}  // namespace quarry::slab::testing
