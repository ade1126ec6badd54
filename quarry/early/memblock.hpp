// quarry/early/memblock.hpp: the allocator of the first moments: what is memory, what is taken.
//
// Firmware's map becomes regions by add(); whoever is in the way says reserve(); the rest is found and
// taken by the alloc functions. At the hand-over the page allocator gets what free_ranges() yields.
// Names, semantics and each fallback are those of Linux 6.1, without the `memblock_`.
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "quarry/early/audit.hpp"
#include "quarry/early/ceilings.hpp"
#include "quarry/early/config.hpp"
#include "quarry/early/floors.hpp"
#include "quarry/early/free_ranges.hpp"
#include "quarry/early/observer.hpp"
#include "quarry/early/region_table.hpp"

namespace quarry::early {

// Errors of everything that changes a table (add, remove, reserve, free, marks, nodes, limits, allocations):
//   too_early   the table is full and allow_resize() was not called yet;
//   no_memory   the table is full and there is no place for one of twice the size;
//   no_room     there is a place, but neither the direct map nor the spare storage makes memory of it.
// Nothing changed then. Where the cost is not said: O(log n + regions overlapped + root of the table's size), or O(n) up
// to 256 regions.
class Memblock {
 public:
  // Law: `storage` outlives this, and holds a region of memory and one of reserved at least.
  Memblock(const Config& config, Storage storage, DirectMap direct_map = {}, Observer observer = {}) noexcept;
  Memblock(const Memblock&) = delete;
  Memblock& operator=(const Memblock&) = delete;

  // --- What is memory, what is taken (memblock.cpp) ---------------------------------------------------

  // Makes known what of `range` is not known yet; regions that exist keep their flags and node.
  Result<Done> add(PhysRange range, TextView owner, Flags flags = Flags::none,
                   NodeId node = kAnyNode) noexcept;
  Result<Done> remove(PhysRange range, TextView owner) noexcept;
  // Reservations may lie anywhere, also outside memory, and overlap: they count once.
  Result<Done> reserve(PhysRange range, TextView owner) noexcept;
  // Ends reservations: Linux's memblock_phys_free. Bytes that nobody reserved are no error. A table's own
  // place is not for others to free: what is allocated there next overwrites the table.
  Result<Done> free(PhysRange range, TextView owner) noexcept;
  // Errors    not_found: there is no physmem table.
  Result<Done> physmem_add(PhysRange range, TextView owner) noexcept;
  // After the hand-over: tells the observer that the whole pages inside `range` go to the page allocator.
  PfnRange free_late(PhysRange range, TextView owner) noexcept;

  // --- Marks, nodes and limits (memblock_marks.cpp) ----------------------------------------------------

  Result<Done> mark_hotplug(PhysRange range) noexcept;
  Result<Done> clear_hotplug(PhysRange range) noexcept;
  // Does nothing unless kernelcore=mirror is on.
  Result<Done> mark_mirror(PhysRange range) noexcept;
  Result<Done> mark_nomap(PhysRange range) noexcept;
  Result<Done> clear_nomap(PhysRange range) noexcept;
  // Gives memory, or reservations, to a node. Does nothing without NUMA.
  Result<Done> set_node(PhysRange range, NodeId node) noexcept;
  Result<Done> set_reserved_node(PhysRange range, NodeId node) noexcept;

  // Shrinks each memory region to multiples of `alignment` and drops those that vanish. phys_mem_size()
  // keeps counting what was cut off at the ends of the others, as Linux's does.
  //
  // Errors    bad_argument: no power of two.
  // Cost      O(n).
  Result<Done> trim_memory(Bytes alignment) noexcept;
  // Forgets memory outside `range`, but for unmapped memory, and reservations outside it. An unmapped region
  // that straddles an end of `range` stays, in two regions until something else merges them. Does
  // nothing for an empty range or before memory is known.
  Result<Done> cap_memory_range(PhysRange range) noexcept;
  // The same for everything above the first `limit` bytes of memory (mem= of arm64). UINT64_MAX: no limit.
  Result<Done> mem_limit_remove_map(Bytes limit) noexcept;
  // Forgets memory, unmapped as well, and reservations above the first `limit` bytes of memory. 0: no limit.
  Result<Done> enforce_memory_limit(Bytes limit) noexcept;

  // --- Finding and allocating (memblock_alloc.cpp) -----------------------------------------------------
  //
  // All find the highest place that fits, or the lowest when the direction is bottom_up; never in the first
  // page, in unmapped or driver-managed memory, nor in hotpluggable memory when movable_node is on. Mirrored
  // memory comes first where there is some. Each rung that fails is told to the observer.
  //
  // Returns   the address; it is reserved then, except by the find functions.
  // Errors    bad_argument: a size of 0, an alignment that is no power of two.
  //           no_memory: no gap fits on any rung.
  //           out_of_range: the answer is not in the direct map and so cannot be zeroed (the zeroing ones).
  //           And those above, when the reservation has no room. Nothing changed.
  // Cost      O(log n + gaps passed) to find; those before the place where the last one of this kind or a smaller
  //           one was found are not passed again (ceilings.hpp, floors.hpp).

  // Any node, mirrored memory first.
  Result<PhysAddr> find_in_range(const Request& request) const noexcept;
  // One rung: this node and these flags, nothing else.
  Result<PhysAddr> find_in_range_node(const Request& request, Flags flags) const noexcept;

  // The ladder: the node with mirror; any node with mirror (unless exact); then both without mirror.
  Result<PhysAddr> alloc_range_nid(const Request& request, NodePolicy policy, TextView owner) noexcept;
  // The ladder from any node, inside [min, max): its `node` is not looked at.
  Result<PhysAddr> phys_alloc_range(const Request& request, TextView owner) noexcept;
  // The ladder without a lower bound, up to the current limit: `min` and `max` are not looked at.
  Result<PhysAddr> phys_alloc_try_nid(const Request& request, TextView owner) noexcept;

  // These never go above the current limit, and forget `min` when the ladder fails with it. Zeroed through
  // the direct map, or as it was (_raw).
  Result<PhysAddr> alloc_try_nid(const Request& request, TextView owner) noexcept;
  Result<PhysAddr> alloc_try_nid_raw(const Request& request, TextView owner) noexcept;
  Result<PhysAddr> alloc_exact_nid_raw(const Request& request, TextView owner) noexcept;
  // Short forms of alloc_try_nid.
  Result<PhysAddr> alloc(Bytes size, Bytes alignment, TextView owner) noexcept;
  Result<PhysAddr> alloc_node(Bytes size, Bytes alignment, NodeId node, TextView owner) noexcept;
  Result<PhysAddr> alloc_low(Bytes size, Bytes alignment, TextView owner) noexcept;
  Result<PhysAddr> alloc_from(Bytes size, Bytes alignment, PhysAddr min, TextView owner) noexcept;
  // Allocates and forgets the memory altogether: arm's memblock_steal.
  Result<PhysAddr> steal(Bytes size, Bytes alignment, TextView owner) noexcept;

  // --- Policy ------------------------------------------------------------------------------------------

  void set_current_limit(PhysAddr limit) noexcept;
  PhysAddr current_limit() const noexcept { return config_.current_limit; }
  void set_direction(Direction direction) noexcept { config_.direction = direction; }
  Direction direction() const noexcept { return config_.direction; }
  void set_movable_node(MovableNode movable_node) noexcept { config_.movable_node = movable_node; }
  MovableNode movable_node() const noexcept { return config_.movable_node; }
  void set_kernelcore_mirror(KernelcoreMirror mirror) noexcept { config_.kernelcore_mirror = mirror; }
  // Something was marked as mirrored.
  bool has_mirror() const noexcept { return has_mirror_; }
  // From here on a full table doubles into memory it reserves for itself. To be called when all is reserved
  // that must not be overwritten, and what is below the current limit is mapped.
  void allow_resize() noexcept { may_resize_ = true; }
  // Gives the grown tables' memory away by free_late() and forgets everything. The end of this Memblock.
  //
  // Returns   where the tables lay: memory's, then reserved's, then physmem's; empty for one that never grew.
  std::array<PhysRange, 3> discard() noexcept;
  // The same without giving anything away.
  std::array<PhysRange, 3> grown_tables() const noexcept {
    return {memory_.place, reserved_.place, physmem_ ? physmem_->place : PhysRange{}};
  }

  // --- Questions ---------------------------------------------------------------------------------------

  const Config& config() const noexcept { return config_; }
  const RegionTable& memory() const noexcept { return memory_.table; }
  const RegionTable& reserved() const noexcept { return reserved_.table; }
  // Null: this machine keeps no such table.
  const RegionTable* physmem() const noexcept { return physmem_ ? &physmem_->table : nullptr; }
  bool is_memory(PhysAddr at) const noexcept;
  bool is_reserved(PhysAddr at) const noexcept;
  // Memory that is in the direct map: not nomap.
  bool is_map_memory(PhysAddr at) const noexcept;
  // Whether one region of memory holds all of `range`: two that touch do not.
  bool is_region_memory(PhysRange range) const noexcept;
  // Whether a byte of `range` is reserved.
  bool is_region_reserved(PhysRange range) const noexcept;
  // Whether a byte of `range` is memory.
  bool overlaps_memory(PhysRange range) const noexcept;
  // The region of memory that holds a page frame, as whole frames, and its node.
  //
  // Errors    not_found: the frame is not memory.
  Result<NodePfns> search_pfn_nid(Pfn pfn) const noexcept;
  // 0 before memory is known.
  PhysAddr start_of_dram() const noexcept;
  PhysAddr end_of_dram() const noexcept;
  // As counted, see trim_memory().
  Bytes phys_mem_size() const noexcept { return memory_.table.total_size(); }
  Bytes reserved_size() const noexcept { return reserved_.table.total_size(); }

  // --- Walks: for (const MemoryRange& at : memblock.free_ranges()) ------------------------------------

  // Memory that is not reserved; what the filter means is written at Filter::flags.
  FreeRanges<Walk::upwards> free_ranges(NodeId node = kAnyNode, Flags flags = Flags::none) const noexcept;
  FreeRanges<Walk::downwards> free_ranges_reverse(NodeId node = kAnyNode,
                                                  Flags flags = Flags::none) const noexcept;
  // Memory, reserved or not, but for unmapped: for_each_mem_range. Its regions: memory().view().
  FreeRanges<Walk::upwards> memory_ranges() const noexcept;
  FreeRanges<Walk::downwards> memory_ranges_reverse() const noexcept;
  // The whole page frames of each memory region, unmapped ones included: for_each_mem_pfn_range.
  PfnRanges pfn_ranges(NodeId node = kAnyNode) const noexcept;

  // --- Text and audit ----------------------------------------------------------------------------------

  // Linux's memblock_dump_all, without the log's time stamps (dump.cpp).
  void dump_all(TextSink& out) const noexcept;
  // The first law that is broken, of any table; none when all is well.
  std::optional<Law> audit() const noexcept;

 private:
  // A table with where it lies: in the caller's storage, or in physical memory that it has reserved.
  struct Home {
    RegionTable table;
    std::span<Region> first_storage;
    PhysRange place;  // empty: first_storage
  };
  // Which rung of the ladder answered.
  enum class Rung : std::uint8_t { as_asked, any_node, unmirrored, unmirrored_any_node };
  struct Found {
    PhysAddr at;
    Rung rung = Rung::as_asked;
    bool below_min = false;
  };
  enum class Contents : std::uint8_t { raw, zeroed };

  PhysAddr phys_addr_max() const noexcept;
  PhysRange capped(PhysRange range) const noexcept;
  PhysRange from(PhysAddr at) const noexcept;
  NodeId known(NodeId node) const noexcept;
  WalkBounds bounds(const RegionTable* taken, NodeId node, Flags flags) const noexcept;

  Result<Change> add_range(Home& home, PhysRange range, Flags flags, NodeId node) noexcept;
  std::size_t take_out(Home& home, PhysRange range) noexcept;
  Result<std::size_t> remove_range(Home& home, PhysRange range) noexcept;
  void cut_off(Home& home, PhysRange range, TextView owner) noexcept;
  Result<Done> change_flags(PhysRange range, Flags flags, Region (*changed)(Region, Flags),
                            TextView how) noexcept;
  Result<Done> change_node(Home& home, PhysRange range, NodeId node) noexcept;
  std::optional<PhysAddr> max_address(Bytes limit) const noexcept;

  Result<Done> make_room(Home& home, std::size_t more, PhysRange for_whom) noexcept;
  Result<Done> double_array(Home& home, PhysRange for_whom) noexcept;
  Result<PhysRange> find_table_place(const Home& home, PhysRange for_whom, Bytes size) const noexcept;
  Result<std::span<Region>> storage_at(PhysRange place, std::size_t regions) const noexcept;
  void give_back(PhysRange old_place) noexcept;
  void tell_growth(const Home& home, Result<PhysRange> place) const noexcept;

  bool make_sound(Request& request, TextView owner) const noexcept;
  PhysRange window_of(const Request& request) const noexcept;
  bool knows_bounds() const noexcept { return bounds_of_ == memory_.table.version(); }
  bool are_ceilings_true() const noexcept;
  bool are_floors_true() const noexcept;
  // A place that fits, and before which reserved region it lies if the search knows.
  struct Place {
    PhysAddr at;
    std::optional<std::size_t> gap{};
  };
  std::optional<Place> lowest_place(const Request& request, WalkBounds where,
                                    PhysAddr bottom_of_all) const noexcept;
  std::optional<Place> highest_place(const Request& request, const WalkBounds& where,
                                     PhysAddr top_of_all) const noexcept;
  std::optional<Place> find_place(const Request& request, const WalkBounds& where) const noexcept;
  WalkBounds rung_of(const Request& request, Flags flags) const noexcept;
  Result<PhysAddr> find_rung(const Request& request, Flags flags) const noexcept;
  Flags choose_flags() const noexcept;
  Result<Found> climb(const Request& request, NodePolicy policy, TextView owner) noexcept;
  Result<PhysAddr> find_and_reserve(const Request& request, Flags flags) noexcept;
  Result<PhysAddr> alloc_internal(const Request& request, NodePolicy policy, Contents contents,
                                  TextView owner) noexcept;
  bool zero(PhysRange range) const noexcept;
  void keep_zero(PhysRange freed) const noexcept;
  Result<PhysAddr> told(const Request& request, const Result<Found>& found, TextView owner) const noexcept;
  void tell_fallback(const Request& request, TextView owner, TextView reason) const noexcept;
  TextView reason_of(const Found& found) const noexcept;

  Config config_;
  DirectMap direct_map_;
  Observer observer_;
  Home memory_;
  Home reserved_;
  std::optional<Home> physmem_;
  Ceilings ceilings_;
  Floors floors_;
  std::uint64_t bounds_of_ = 0;  // law: when it is the memory table's version, ceilings and floors are true
  bool has_mirror_ = false;
  bool may_resize_ = false;
};

}  // namespace quarry::early
