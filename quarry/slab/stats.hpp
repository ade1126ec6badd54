// quarry/slab/stats.hpp: what a cache says of itself, as plain numbers, and the laws that it keeps.
#pragma once

#include <cstdint>

#include "quarry/slab/hardening.hpp"

namespace quarry::slab {

// A line of /proc/slabinfo, and a little more.
struct CacheStats {
  TextView name;
  std::uint32_t object_size = 0;  // bytes, as asked for
  std::uint32_t size = 0;         // bytes of a slot
  std::uint32_t align = 0;        // bytes
  std::uint16_t objects_per_slab = 0;
  PageCount pages_per_slab{};
  PageCount pages{};  // of all slabs, small ones included
  std::uint64_t active_objects = 0;
  std::uint64_t total_objects = 0;
  std::uint64_t active_slabs = 0;  // those with an object in use; Linux prints all of them here
  std::uint64_t total_slabs = 0;
  std::uint64_t partial_slabs = 0;
  std::uint64_t at_hand =
      0;  // objects that cores have at hand, or that wait between them; not among the active ones
  std::uint64_t failures = 0;  // allocations that got nothing
};

// What audit() checks, in this order.
enum class Law : std::uint8_t {
  none,               // all of them hold
  stretches_differ,   // no two stretches of a node that count slabs are the same
  list_is_linked,     // lists stay in their stretch, add up to the node's counts, and link both ways
  slab_is_ours,       // each slab on them has descriptors of state slab, this cache's number and node
  partial_or_full,    // those on the one list have a free object, those on the other none
  chain_is_complete,  // a slab's chain holds every object that is not in use, once
  counts_agree,       // the node's counts are the sums over its slabs
  few_are_empty,      // empty slabs are given back but for min_partial a node
  arrays_hold_ours,   // what rests in arrays are objects of this cache that no chain holds
  ids_agree,          // a cache's number leads back to it, and caches are listed once
};

// "slab_is_ours", and so on: the enumerator's own words.
constexpr TextView name_of(Law law) noexcept {
  constexpr const char* names[] = {"none",         "stretches_differ", "list_is_linked",
                                   "slab_is_ours", "partial_or_full",  "chain_is_complete",
                                   "counts_agree", "few_are_empty",    "arrays_hold_ours",
                                   "ids_agree"};
  return names[static_cast<unsigned>(law)];
}

// The first law that does not hold, and where.
struct Audit {
  Law broken = Law::none;
  TextView cache{};
  Pfn slab{};
  constexpr bool holds() const noexcept { return broken == Law::none; }
};

// What was still in use when a cache was asked to go.
struct Leaks {
  std::uint64_t objects = 0;
  std::uint64_t slabs = 0;
  constexpr bool none() const noexcept { return objects == 0; }
};
// One object of them. Without Hardening::owners nobody knows who had it.
struct Leak {
  TextView cache;
  const void* object = nullptr;
  Track allocated{};
};
struct LeakHook {
  void* self = nullptr;
  void (*tell)(void* self, const Leak& leak) noexcept = nullptr;
};

}  // namespace quarry::slab
