// quarry/early/free_ranges.hpp: walks over memory, over what of it is free, and over its page frames.
//
// A walk is a pair of indices: a table may grow while it runs, and a reservation made behind the cursor does no
// harm, as in Linux. As long as no table changes, a walk upwards goes from region to region without looking
// the index up.
//
//   memory     |== 0 ==|   |====== 1 ======|
//   taken   |0|      |1|       |2|
//   gaps      |---1--| |---2---| |-----3-------->     gap i lies before taken region i
#pragma once

#include "quarry/base/units.hpp"
#include "quarry/early/region_table.hpp"

namespace quarry::early {

// What a walk yields: a run of bytes of one memory region.
struct MemoryRange {
  PhysRange range;
  NodeId node = kAnyNode;
  Flags flags = Flags::none;
  friend constexpr bool operator==(const MemoryRange&, const MemoryRange&) noexcept = default;
};

// Which regions a walk goes to: Linux's should_skip_region, the other way round.
struct Filter {
  NodeId node = kAnyNode;
  // hotplug, nomap, driver_managed: go there too. mirror: go only there.
  Flags flags = Flags::none;
  bool avoids_hotplug = false;  // movable_node is on: hotplug regions only when asked for

  constexpr bool takes(const Region& region) const noexcept {
    if (node != kAnyNode && node != region.node) return false;
    if (avoids_hotplug && has(region.flags, Flags::hotplug) && !has(flags, Flags::hotplug)) return false;
    if (has(flags, Flags::mirror) && !has(region.flags, Flags::mirror)) return false;
    if (has(region.flags, Flags::nomap) && !has(flags, Flags::nomap)) return false;
    return !has(region.flags, Flags::driver_managed) || has(flags, Flags::driver_managed);
  }
  friend constexpr bool operator==(const Filter&, const Filter&) noexcept = default;
};

enum class Walk : std::uint8_t { upwards, downwards };

struct WalkEnd {};

// What a walk goes over: the regions of `memory` that the filter takes, minus those of `taken`.
struct WalkBounds {
  const RegionTable* memory;
  const RegionTable* taken;  // null: nothing is taken
  Filter filter;
  PhysRange window{PhysAddr{0}, PhysAddr{UINT64_MAX}};  // ranges are cut to it
};

// Where a walk is. It may be copied and outlives the walk, but not the tables.
template <Walk kWalk>
class FreeCursor {
 public:
  // On the first range of the walk.
  static FreeCursor first_of(const WalkBounds& bounds) noexcept;
  MemoryRange operator*() const noexcept { return {{begin_, end_}, node_, flags_}; }
  FreeCursor& operator++() noexcept {
    if constexpr (kWalk == Walk::upwards)
      if (step_up()) return *this;
    *this = advanced(*this);
    return *this;
  }
  friend bool operator==(const FreeCursor& at, WalkEnd) noexcept { return at.done_; }

 private:
  explicit FreeCursor(const WalkBounds& bounds) noexcept : bounds_{bounds} {}
  // By value: a cursor whose address nobody has can live in registers from one step to the next.
  static FreeCursor advanced(FreeCursor from) noexcept;
  // Goes to the next gap when it lies in the region of the last one and nothing has changed.
  bool step_up() noexcept {
    if (next_ == run_end_ || versions() != seen_) return false;
    const PhysAddr begin = floor_, end = next_->base;
    if (begin >= end) return false;
    begin_ = begin;
    end_ = end;
    floor_ = next_->end();
    ++next_;
    return true;
  }
  // Changes when one of the tables does.
  std::uint64_t versions() const noexcept { return bounds_.memory->version() + bounds_.taken->version(); }
  void advance() noexcept;
  void prepare_steps(const Region& region) noexcept;
  void advance_up() noexcept;
  void advance_down() noexcept;
  PhysRange gap() const noexcept;
  bool arrive(const Region& region, PhysRange gap) noexcept;

  WalkBounds bounds_;
  PhysAddr begin_{};  // of what the walk is on
  NodeId node_ = kAnyNode;
  Flags flags_ = Flags::none;
  std::size_t region_ = 0;  // upwards: this region is next; downwards: the one below this index is
  std::size_t gap_ = 0;     // the next gap, 0 .. number of taken regions
  bool done_ = false;
  PhysAddr end_{};  // not beside begin_: compilers would keep both in one vector register
  // Of walks upwards, while versions() is `seen_`: the taken region above the next gap, from where to where regions
  // lie one behind the other (the first one is above gap `gap_`, all begin inside the region of memory), and where
  // the next gap begins.
  const Region* next_ = nullptr;
  const Region* run_ = nullptr;
  const Region* run_end_ = nullptr;
  PhysAddr floor_{};
  std::uint64_t seen_ = 0;
};
extern template class FreeCursor<Walk::upwards>;
extern template class FreeCursor<Walk::downwards>;

// Free ranges in order of address or against it. Those of different memory regions stay apart also when
// they touch; none is empty.
//
// Cost      O(1) a step, amortised; the first step O(log n).
template <Walk kWalk>
class FreeRanges {
 public:
  explicit FreeRanges(const WalkBounds& bounds) noexcept : bounds_{bounds} {}
  FreeCursor<kWalk> begin() const noexcept { return FreeCursor<kWalk>::first_of(bounds_); }
  WalkEnd end() const noexcept { return {}; }

 private:
  WalkBounds bounds_;
};

// What a walk over page frames yields.
struct NodePfns {
  PfnRange pages;
  NodeId node = kAnyNode;
  friend constexpr bool operator==(const NodePfns&, const NodePfns&) noexcept = default;
};

class PfnCursor {
 public:
  PfnCursor(const RegionTable& memory, PageSize page, NodeId node) noexcept
      : memory_{&memory}, page_{page}, node_{node} {
    advance();
  }
  const NodePfns& operator*() const noexcept { return here_; }
  const NodePfns* operator->() const noexcept { return &here_; }
  PfnCursor& operator++() noexcept {
    advance();
    return *this;
  }
  friend bool operator==(const PfnCursor& at, WalkEnd) noexcept { return at.done_; }

 private:
  void advance() noexcept;

  const RegionTable* memory_;
  PageSize page_;
  NodeId node_;
  NodePfns here_;
  std::size_t next_ = 0;
  bool done_ = false;
};

// The whole page frames of each memory region, unmapped memory included: its begin rounded up, its end
// rounded down, left out when nothing remains. Linux's for_each_mem_pfn_range.
class PfnRanges {
 public:
  PfnRanges(const RegionTable& memory, PageSize page, NodeId node) noexcept : first_{memory, page, node} {}
  PfnCursor begin() const noexcept { return first_; }
  WalkEnd end() const noexcept { return {}; }

 private:
  PfnCursor first_;
};

}  // namespace quarry::early
