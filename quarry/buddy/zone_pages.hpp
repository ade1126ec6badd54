// quarry/buddy/zone_pages.hpp: what a policy is: how the free pages of one zone are kept and which are chosen.
//
//   PageAllocator     requests, zonelists, watermarks, per-CPU lists, areas, misuse: the same for all policies
//        |
//   ZonePages         give() ---> | free pages of one zone | ---> take(), take_other()
//                                  linux_zone.hpp, compact_zone.hpp
#pragma once

#include <concepts>

#include "quarry/base/range.hpp"
#include "quarry/base/result.hpp"
#include "quarry/buddy/law.hpp"
#include "quarry/buddy/request.hpp"
#include "quarry/buddy/zone_stats.hpp"
#include "quarry/page/metadata_source.hpp"

namespace quarry::buddy {

// Where a block is put among those of its size, as far as a policy keeps an order.
enum class Place : std::uint8_t {
  fitting,  // by the policy's rule for pages that are freed
  head,     // so that it is taken next
  tail,     // so that it is taken last
};

// Whether pageblocks have types at all. Linux groups unless the machine is smaller than one pageblock for
// each migrate type ("page_group_by_mobility_disabled").
enum class Grouping : std::uint8_t { by_mobility, none };

// Whether a fallback may leave pageblocks of mixed types behind (the inverse of ALLOC_NOFRAGMENT).
enum class Mixing : std::uint8_t { avoid, allow };

// Which other types a type takes from, the first choice first.
// Source    Linux 6.1, "fallbacks".
inline constexpr MigrateType kFallbacks[page::kOrdinaryTypes][2] = {
    {MigrateType::reclaimable, MigrateType::movable},    // of unmovable
    {MigrateType::reclaimable, MigrateType::unmovable},  // of movable
    {MigrateType::unmovable, MigrateType::movable},      // of reclaimable
};

// What take_other() looks for.
struct Wanted {
  Order order;
  MigrateType type;
  Mixing mixing = Mixing::allow;
  Grouping grouping = Grouping::by_mobility;
};

// A free block: where it starts and how large it is.
struct FreeBlock {
  Pfn page;
  Order order;
  friend constexpr bool operator==(const FreeBlock&, const FreeBlock&) noexcept = default;
};

// A block by both its names: its first frame, and the descriptor of that.
template <class Descriptor>
struct NamedBlock {
  Pfn page;
  Descriptor* head;
};

// Room for blocks, filled from its end on: who takes the last one takes the one that came first.
template <class Descriptor>
class Shelf {
 public:
  explicit constexpr Shelf(std::span<NamedBlock<Descriptor>> room) noexcept
      : begin_{room.data()}, next_{room.data() + room.size()} {}
  constexpr std::size_t room() const noexcept { return static_cast<std::size_t>(next_ - begin_); }
  constexpr bool is_full() const noexcept { return next_ == begin_; }
  constexpr void add(Pfn page, Descriptor& head) noexcept { *--next_ = {page, &head}; }

 private:
  NamedBlock<Descriptor>*begin_, *next_;
};

// Of many pages, how many are free now: not those in isolated pageblocks; and how many of these lie in contiguous areas.
struct Given {
  std::uint64_t free = 0, cma = 0;
};

// Pages of one pageblock, when its free ones changed their type.
struct Moved {
  std::uint64_t free, movable;  // free ones, and those in use that could be moved
};

// What happened inside, for statistics.
struct Tally {
  std::uint64_t splits = 0, merges = 0, fallbacks = 0;
};

// Where a zone stands and what it may take memory from, at init(). A policy that looks at the ends of its zone has
// set_span(PfnRange) and is told what the zone spans, at first and whenever that changes.
template <class Map>
struct ZoneSetup {
  Map& map;
  PfnRange span;                 // where it may ever have memory
  std::uint32_t zone = 0;        // index into Layout::zones
  std::uint32_t first_part = 0;  // the numbers that its descriptors carry begin here
  NodeId node{};
  page::MetadataSource source;
};

// Descriptors: give() is told the block's; it and its tails say nothing afterwards, or what the policy writes for a
// free block. take() writes "allocated, of the asked order and type" into the one of the block it hands out.
template <class Z, class Watcher>
concept ZonePages =
    requires(Z& z, const Z& c, typename Z::Descriptor& head, const ZoneSetup<typename Z::Map>& setup,
             Pfn page, Order order, MigrateType type, Place place, const Wanted& wanted, PfnRange span,
             Watcher& watcher, Tally& tally, BlockCounts& counts) {
      // How many part numbers a zone of that span needs.
      { Z::parts_for(span) } noexcept -> std::same_as<std::uint32_t>;
      // Errors    no_memory: the source has none.
      { z.init(setup) } noexcept -> std::same_as<Result<Done>>;

      // The part number that descriptors of `page` carry.
      { c.part_of(page) } noexcept -> std::same_as<unsigned>;
      // Whether the descriptor of a free block says that it is free. If not, it says nothing.
      { Z::kMarksHeads } -> std::convertible_to<bool>;

      // Makes 2^order pages free. `type` is that of their pageblock. Merges with free buddies; blocks of whole
      // pageblocks stay apart from those of a special type.
      { z.give(head, page, order, type, place, watcher, tally) } noexcept -> std::same_as<void>;
      // Hands out a block of exactly `order` out of the free pages of `from`, to be used as `type`.
      //
      // Errors    no_memory: there is none.
      { z.take(order, type, type, watcher, tally) } noexcept -> std::same_as<Result<Pfn>>;
      // The same from other ordinary types than the wanted one, whose pageblocks may change their type with it.
      { z.take_other(wanted, watcher, tally) } noexcept -> std::same_as<Result<Pfn>>;

      // One bit for each order of which a block of that type is free, and perhaps others: a look that needs no lock.
      { c.orders(type) } noexcept -> std::same_as<std::uint32_t>;
      // Whether a block of that order or above is.
      { c.has_block(order, type) } noexcept -> std::same_as<bool>;
      { c.blocks(order, type) } noexcept -> std::same_as<std::uint64_t>;
      // Whether a look for a block ended before its time, so as not to keep the zone locked for long. Then there may be one, and
      // nothing is taken in its stead, until others have had their turn and look_again() was called.
      { c.gave_up() } noexcept -> std::same_as<bool>;
      { z.look_again() } noexcept -> std::same_as<void>;
      // Adds the blocks of some pageblocks from number `from` on, 0 at first. Returns where to go on; 0 when these were the last.
      { c.count_blocks(std::uint32_t{}, counts) } noexcept -> std::same_as<std::uint32_t>;
      // The free block that `page` lies in. Errors    not_found: the page is not free.
      { c.block_of(page) } noexcept -> std::same_as<Result<FreeBlock>>;
      // A free page of that type, of the smallest block. Errors    not_found: there is none.
      { c.first_of(type) } noexcept -> std::same_as<Result<Pfn>>;
      // The type among whose free pages a free block stands.
      { c.listed_as(page) } noexcept -> std::same_as<MigrateType>;

      // The free pages of the pageblock around `page` become those of `type`. The pageblock's own type, which
      // the memory map has, is the caller's to set.
      { z.retype(page, type) } noexcept -> std::same_as<Moved>;
      // No free block lies on both sides of `page` afterwards.
      { z.cut(page) } noexcept -> std::same_as<void>;
      // Takes exactly this free block out; its descriptor is the caller's to write.
      { z.pull(FreeBlock{page, order}) } noexcept -> std::same_as<void>;

      // Tries the laws of the free blocks, one by one.
      { c.audit() } noexcept -> std::same_as<Finding>;
    };

}  // namespace quarry::buddy
