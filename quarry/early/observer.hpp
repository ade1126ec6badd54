// quarry/early/observer.hpp: whoever wants to know what the boot-time allocators decide, and why.
#pragma once

#include "quarry/early/region.hpp"

namespace quarry::early {

enum class Action : std::uint8_t {
  add,           // memory became known
  remove,        // memory is forgotten
  reserve,       // taken by name
  free,          // a reservation ended
  free_late,     // whole pages go to the page allocator directly, after the hand-over
  alloc,         // taken wherever it fits; `range` is the answer
  alloc_failed,  // `range` is the window that was searched, `size` and `alignment` what did not fit
  fallback,      // a rung of the ladder had no room and `reason` says which one is tried next
  grow,          // a table was doubled into `range`; `owner` is the table's name
  grow_failed,   // a table stays as it is, and so does what needed it to grow
  mark,          // flags of `range` changed; `flags` are those that were set or cleared, `reason` says which
  set_node,      // `range` belongs to `node`
};

// Whether a leak detector is to follow an allocation: not those from before it has memory of its own.
enum class LeakTrace : std::uint8_t { traced, untraced };

// One decision, told after it took effect.
struct Event {
  Action action{};
  PhysRange range{};
  Flags flags = Flags::none;
  NodeId node = kAnyNode;
  TextView owner{};   // who asked: a stage, a device tree node, a table
  TextView reason{};  // why it went where it went: the rung of the fallback ladder; may be empty
  Bytes size{};       // alloc, alloc_failed, fallback: what was asked for
  Bytes alignment{};  // the same
  LeakTrace leak = LeakTrace::traced;  // alloc
  std::size_t pieces = 0;              // add, reserve: new regions; the others: regions that were split
  std::size_t merged = 0;              // regions that became one with a neighbour
};

// The cold rooms' observer: a pointer and a function, either of which may be absent. The ledger, `where`,
// traces and leak detection are observers; no allocator has special code for any of them.
struct Observer {
  void* self = nullptr;
  void (*on)(void* self, const Event& event) noexcept = nullptr;

  // Worth asking where events are many: then none is made up that nobody hears.
  bool listens() const noexcept { return on != nullptr; }
  void tell(const Event& event) const noexcept {
    if (on != nullptr) on(self, event);
  }
};

}  // namespace quarry::early
