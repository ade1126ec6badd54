// quarry/vm/area.hpp: one range of an arena of addresses, and what is known of it.
#pragma once

#include "quarry/base/text.hpp"
#include "quarry/vm/area_tree.hpp"
#include "quarry/vm/block_list.hpp"

namespace quarry::vm {

// What lies behind the addresses.
enum class AreaKind : std::uint8_t {
  vmalloc,  // frames of its own
  vmap,     // somebody else's frames
  ioremap,  // device memory
};

//   taken --> live --> retired --> purging --> gone
//     `--------------------------------------> gone      nothing was ever mapped there, or all is forgotten
enum class AreaState : std::uint8_t {
  taken,    // being filled; nobody else knows it
  live,     // found by its addresses
  retired,  // given back, but processors may remember it
  purging,  // of those, what is being forgotten now
};

// Lives in a record of whoever made the arena. The arena alone writes what it needs to find it; who took an area fills in the
// rest before it is live.
struct Area : AreaNode {
  AreaState state = AreaState::taken;
  AreaKind kind = AreaKind::vmalloc;
  Bytes guard{};              // of [begin, end), nobody's bytes at the end
  std::uint32_t readers = 0;  // who look at it: it is not purged
  Area* next = nullptr;       // of the same backlog
  TextView caller{};          // the characters outlive the area
  PhysAddr phys{};            // of device memory
  PageCount pages{};          // of its own
  BlockList blocks{};         // that these pages came in

  VirtRange range() const noexcept { return {VirtAddr{begin}, VirtAddr{end - guard.raw}}; }
  VirtRange guarded_range() const noexcept { return {VirtAddr{begin}, VirtAddr{end}}; }
};

// Where the records of areas come from: a cache of objects, or an array.
struct AreaRecords {
  void* self = nullptr;
  // Memory for an Area. Asked for with no lock held. Errors: no_memory, or what else the source says.
  Result<void*> (*take)(void* self) noexcept = nullptr;
  void (*give_back)(void* self, void* record) noexcept = nullptr;
};

// Records from a slab::KmemCache of objects as large and as aligned as an Area.
template <class Cache>
AreaRecords records_of(Cache& cache) noexcept {
  check(cache.object_size() >= sizeof(Area), "objects too small for areas");
  return {&cache, [](void* self) noexcept -> Result<void*> { return static_cast<Cache*>(self)->alloc(); },
          [](void* self, void* record) noexcept {
            const Result<Done> done = static_cast<Cache*>(self)->free(record);
            check(bool{done}, "a cache does not know the record that it gave");
          }};
}

}  // namespace quarry::vm
