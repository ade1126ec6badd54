// quarry/early/current_allocator.hpp: who hands memory out at this moment of a boot: memblock, and later perhaps bootmem.
//
//   memblock   |== map, reservations, node data ==|
//   bootmem                                        |== descriptors, per-CPU areas, hashes ==| hand-over
//                                                  ^ use(bootmem)
//
// Calls are memblock's. Whoever allocates after nodes are known asks here, and works with either.
#pragma once

#include "quarry/early/config.hpp"

namespace quarry::early {

class Bootmem;
class Memblock;

// A handle: two pointers, and one branch on each call. What it points at outlives it.
class CurrentAllocator {
 public:
  explicit CurrentAllocator(Memblock& memblock) noexcept : memblock_{&memblock} {}

  // From here on bootmem hands memory out, and memblock must not change any more.
  void use(Bootmem& bootmem) noexcept { bootmem_ = &bootmem; }
  // Null: it is memblock's turn.
  Bootmem* bootmem() const noexcept { return bootmem_; }

  // Of memblock: its own functions of these names. Of bootmem:
  //   - `min` is a goal, and so dropped when nothing fits from there on; 0 is bootmem's low goal;
  //   - kAccessible and its like are no limit, since bootmem holds nothing that is not mapped;
  //   - exact is above 32-bit DMA on the node if it can be, then as preferred: bootmem knows no exact node;
  //   - all zero what they hand out, if bootmem does so at all.
  //
  // Errors    those of Memblock, or of Bootmem.
  Result<PhysAddr> phys_alloc_range(const Request& request, TextView owner) noexcept;
  Result<PhysAddr> phys_alloc_try_nid(const Request& request, TextView owner) noexcept;
  Result<PhysAddr> alloc_try_nid(const Request& request, TextView owner) noexcept;
  Result<PhysAddr> alloc_try_nid_raw(const Request& request, TextView owner) noexcept;
  Result<PhysAddr> alloc_exact_nid_raw(const Request& request, TextView owner) noexcept;
  // Of bootmem: the whole pages inside, which must all be of one node and taken.
  Result<Done> free(PhysRange range, TextView owner) noexcept;

 private:
  Result<PhysAddr> from_bootmem(const Request& request, NodePolicy policy, TextView owner) noexcept;

  Memblock* memblock_;
  Bootmem* bootmem_ = nullptr;
};

}  // namespace quarry::early
