// quarry/vm/kmap_slots.hpp: which window shows which frame, and which windows nobody uses.
//
//          take()           last drop()          retire()            settle()
//   free ----------> used <-------------> idle -----------> retired -----------> free
//                          first hold()                               all processors have forgotten it
//
// Numbers only: page tables and processors are quarry/vm/kmap.hpp's. Not thread-safe.
#pragma once

#include <span>

#include "quarry/base/result.hpp"
#include "quarry/base/units.hpp"
#include "quarry/vm/kmap_law.hpp"

namespace quarry::vm {

enum class KmapState : std::uint8_t {
  free,     // no processor knows it
  used,     // by one or more
  idle,     // by nobody, but it still shows its frame, to whoever wants that again
  retired,  // shut, until all processors have forgotten it
};

// Memory for one window, by the caller. What is in it is KmapSlots' alone.
struct KmapSlot {
  static constexpr std::uint32_t kNone = UINT32_MAX;
  Pfn frame{};  // of a window that is used or idle
  std::uint32_t users = 0;
  std::uint32_t head = kNone;   // the first window whose frame's hash is the number of this one
  std::uint32_t chain = kNone;  // the next with the same hash
  std::uint32_t before = kNone, after = kNone;  // of the same list
  KmapState state = KmapState::free;
};

struct KmapCounts {
  std::uint32_t free = 0, used = 0, idle = 0, retired = 0;
  friend bool operator==(const KmapCounts&, const KmapCounts&) noexcept = default;
};

class KmapSlots {
 public:
  static constexpr std::uint32_t kNone = KmapSlot::kNone;

  // All are free. The memory outlives this.
  explicit KmapSlots(std::span<KmapSlot> slots) noexcept;
  KmapSlots(const KmapSlots&) = delete;
  KmapSlots& operator=(const KmapSlots&) = delete;

  std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(slots_.size()); }
  KmapCounts counts() const noexcept { return counts_; }
  const KmapSlot& operator[](std::uint32_t slot) const noexcept { return slots_[slot]; }

  // The window that shows `frame`, used or idle; kNone: none does.
  //
  // Cost      O(1), as hashes go.
  std::uint32_t find(Pfn frame) const noexcept;

  // One more user of what shows `frame`.
  //
  // Errors    not_found: nothing does. overflow: it has as many users as can be counted. Nothing changed.
  Result<std::uint32_t> hold(Pfn frame) noexcept;
  // A free window for `frame`, which none shows, with one user.
  //
  // Errors    no_room: none is free.
  Result<std::uint32_t> take(Pfn frame) noexcept;
  // One user less.
  //
  // Returns   whether any is left.
  // Errors    not_found: nothing shows `frame`. wrong_owner: nobody uses what does. Nothing changed.
  enum class Left : std::uint8_t { some, none };
  Result<Left> drop(Pfn frame) noexcept;

  // Every idle window is retired; `visit` sees the number of each.
  //
  // Cost      O(idle).
  template <class Visit>
  void retire(Visit&& visit) noexcept {
    while (idle_.first != kNone) {
      const std::uint32_t slot = idle_.first;
      retire_one(slot);
      visit(slot);
    }
  }
  // Every retired window is free.
  //
  // Returns   how many were. Cost: O(retired).
  std::uint32_t settle() noexcept;

  // Cost      O(count).
  KmapFinding audit() const noexcept;

 private:
  struct List {
    std::uint32_t first = kNone, last = kNone;
  };
  std::uint32_t hash(Pfn frame) const noexcept {
    return static_cast<std::uint32_t>(frame.raw * 0x9e37'79b9'7f4a'7c15 >> 32) & mask_;
  }
  void append(List& list, std::uint32_t slot, KmapState state) noexcept;
  void remove(List& list, std::uint32_t slot) noexcept;
  void retire_one(std::uint32_t slot) noexcept;
  std::uint32_t& count_of(KmapState state) noexcept;
  // How long a list is, all of one state and linked both ways; kNone if it is not.
  std::uint32_t length_of(const List& list, KmapState state) const noexcept;

  std::span<KmapSlot> slots_;
  std::uint32_t mask_;  // of hashes: a power of two of them, no more than there are windows
  List free_, idle_, retired_;
  KmapCounts counts_;
};

}  // namespace quarry::vm
