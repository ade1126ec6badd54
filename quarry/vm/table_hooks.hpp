// quarry/vm/table_hooks.hpp: whom a page-table writer asks for memory, and whom it tells what changed.
#pragma once

#include "quarry/base/result.hpp"
#include "quarry/base/units.hpp"
#include "quarry/vm/address.hpp"

namespace quarry::vm {

// Where the pages of tables come from: the boot-time allocator early, the page allocator later. One page a
// table, of the size that the format has, in the port's direct map; what it holds does not matter.
struct TablePages {
  void* self = nullptr;
  // Errors    no_memory, or what else the source says.
  Result<Pfn> (*take)(void* self) noexcept = nullptr;
  // Nothing walks the page any more.
  void (*give_back)(void* self, Pfn page) noexcept = nullptr;
};

// The processors that walk the tables, all of them. Without functions none does yet.
//
// Law: whatever was in force and is no more is told by gone() or all() before its table's page is given back.
struct Walkers {
  void* self = nullptr;
  // Entries for `range` were absent and are there now: what makes earlier writes visible to a walk (a barrier on arm,
  // an sfence on riscv64, nothing on x86).
  void (*made)(void* self, VirtRange range) noexcept = nullptr;
  // Forget all that is remembered of `range`: translations and the entries of tables on the way to them.
  void (*gone)(void* self, VirtRange range) noexcept = nullptr;
  // The same for the whole tree.
  void (*all)(void* self) noexcept = nullptr;
  // Forget `range` on the processor that calls, alone, because no other uses these addresses: quick, and under a guard.
  // Null: nobody asks for it.
  void (*gone_here)(void* self, VirtRange range) noexcept = nullptr;

  void tell_made(VirtRange range) const noexcept {
    if (made != nullptr) made(self, range);
  }
  void tell_gone(VirtRange range) const noexcept {
    if (gone != nullptr) gone(self, range);
  }
  void tell_all() const noexcept {
    if (all != nullptr) all(self);
  }
  void tell_gone_here(VirtRange range) const noexcept {
    if (gone_here != nullptr) gone_here(self, range);
  }
  // Whether a processor that has to forget can do so alone.
  bool can_tell_here() const noexcept { return gone == nullptr || gone_here != nullptr; }
};

}  // namespace quarry::vm
