// quarry/early/region_table.hpp: one sorted table of regions, and what insertion, splitting and merging
// do to it. No policy, no growth: whoever owns the table sees to it that there is room.
#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "quarry/early/region_slots.hpp"

namespace quarry::early {

// A run of indices, [first, last).
struct IndexRange {
  std::size_t first = 0;
  std::size_t last = 0;
  constexpr bool empty() const noexcept { return first == last; }
  constexpr std::size_t size() const noexcept { return last - first; }
};

// What an addition did.
struct Change {
  std::size_t pieces = 0;
  std::size_t merged = 0;
};

// What a removal did: how many regions became two, and which is now the first one behind the removed bytes.
struct Removal {
  std::size_t split = 0;
  std::size_t at = 0;
};

class RegionTable {
 public:
  // Law: the storage holds one region at least; it stays the caller's.
  RegionTable(TextView name, std::span<Region> storage) noexcept : name_{name}, slots_{storage} {
    check(!storage.empty(), "a region table needs storage for one region");
  }

  TextView name() const noexcept { return name_; }
  // Linux counts one region of no bytes in a table without regions: cnt() is what it prints.
  std::size_t count() const noexcept { return slots_.count(); }
  std::size_t cnt() const noexcept { return empty() ? 1 : count(); }
  std::size_t max() const noexcept { return slots_.max(); }
  bool empty() const noexcept { return slots_.count() == 0; }
  // Law: the sum of all sizes and of what trim() cut off, which Linux keeps counting too.
  Bytes total_size() const noexcept { return Bytes{total_}; }
  Bytes uncounted_trims() const noexcept { return Bytes{trimmed_}; }
  // The node of that region of no bytes: 0 until something was added, none once all is gone again.
  NodeId dummy_node() const noexcept { return was_filled_ ? kAnyNode : NodeId::first; }
  // A number that is another one after each change, of regions or of where they lie.
  std::uint64_t version() const noexcept { return version_; }
  // False after leave_unmerged(): neighbours may touch and be alike until the next merge.
  bool is_merged() const noexcept { return merged_; }
  const Region& operator[](std::size_t at) const noexcept {
    check(at < count(), "index outside the region table");
    return slots_[at];
  }
  // Valid until the table changes or grows.
  Regions view() const noexcept { return slots_.view(); }

  // Adds what of `range` is in no region yet, as regions of `flags` and `node`, and merges.
  //
  //   regions        |=======|     |====|
  //   range       [=====================]
  //   pieces      |--|       |-----|
  //
  // Returns   how many pieces, and how many regions merged; nothing, and nothing changed, when there is no room
  //           for all pieces before they merge.
  // Cost      O(log n + regions overlapped + sqrt(max())), or O(n) for up to 256 regions.
  std::optional<Change> add(PhysRange range, Flags flags, NodeId node) noexcept;

  // The same for a range that lies between the regions `at` - 1 and `at`, and so needs no search.
  //
  // Cost      O(sqrt(max())), or O(n) for up to 256 regions.
  std::optional<Change> add_between(std::size_t at, const Region& whole) noexcept;

  // Takes the bytes of `range` out; regions that straddle an end of it keep what lies outside.
  //
  // Needs     max() >= count() + 1, unless `range` reaches below the first region or above the last.
  // Cost      as above.
  Removal remove(PhysRange range) noexcept;

  // Splits the regions that straddle an end of `range`, so that each lies inside or outside it.
  //
  // Returns   those inside. merge() them afterwards, or say leave_unmerged().
  // Needs     max() >= count() + 2.
  // Cost      as above.
  IndexRange isolate(PhysRange range) noexcept;
  // Joins neighbours that touch and are alike, from the one before `which` to the one behind it; all of
  // the table's when an isolate() was left unmerged.
  //
  // Returns   how many regions disappeared.
  std::size_t merge(IndexRange which) noexcept;
  void leave_unmerged() noexcept { merged_ = count() < 2; }

  void erase(IndexRange which) noexcept;
  // What the owner may change of a region: not where it lies.
  void set_flags(std::size_t at, Flags flags) noexcept { mine(at).flags = flags; }
  void set_node(std::size_t at, NodeId node) noexcept { mine(at).node = node; }
  // Shrinks a region to `range`, which lies inside it and is not empty. total_size() stays as it was.
  void trim(std::size_t at, PhysRange range) noexcept;

  // Moves all regions to larger storage, which may overlap the old one.
  void move_to(std::span<Region> storage) noexcept;
  // Forgets all regions and returns to `storage`.
  void reset(std::span<Region> storage) noexcept;

 private:
  Region& mine(std::size_t at) noexcept {
    ++version_;
    check(at < count(), "index outside the region table");
    return slots_[at];
  }
  std::size_t fill(IndexRange met, const Region& whole) noexcept;
  bool extend(std::size_t at, const Region& piece, Change& change) noexcept;
  void close_gap(IndexRange gap) noexcept;
  void split(std::size_t at, PhysAddr where) noexcept;

  TextView name_;
  RegionSlots slots_;
  std::uint64_t total_ = 0;    // law: sum of sizes + trimmed_, wrapping only if the sum does
  std::uint64_t trimmed_ = 0;  // bytes that trim() cut off and total_ still has
  std::uint64_t version_ = 0;  // how many changes there were
  bool merged_ = true;         // law: when true, no two neighbours touch and are alike
  bool was_filled_ = false;    // a region was here once
};

}  // namespace quarry::early
