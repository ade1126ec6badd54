// quarry/buddy/compact_zone.hpp: the free pages of a zone as bitmaps, handed out from the lowest addresses on.
//
//   pageblocks   |XXXXXXXXXXXX|XX.XXX.XXXXX|X...XX......|............|............|
//                 in use       free in part free in part whole        whole
//   one frame                  1st          2nd          last of all: opened from the lowest on
//
// Single frames come from the lowest pageblock that is free in part, so that those above drain and whole pageblocks
// stay whole and come back: under churn lists by order never do that. Larger blocks are cut from the smallest block that is
// enough, wherever it is, the lowest of them; so they last when memory is nearly full. Whole pageblocks merge into
// blocks of higher orders as buddies do, and everywhere blocks, orders and counts are those of a buddy system that
// merges at once. (Of the fullest pageblock first, which comes to mind as well, more large blocks are lost when orders
// are mixed.)
//
// All free pages of a pageblock stand under one type, that of its last give() or retype(). No descriptor of a
// free page is written, nothing at all for a zone's pages before they are given, and a whole pageblock's bits not
// before it is cut up.
//
// Blocks inside a pageblock are not counted as they come and go, which would be most of what a frame costs. Where a block has
// arisen its order is noted, for its pageblock and its type; a note may outlive its block. Who looks for a block and does not find
// it under a note takes the note away, so each one costs at most one look in vain.
#pragma once

#include <span>

#include "quarry/buddy/compact_zone_bits.hpp"
#include "quarry/buddy/compact_zone_tables.hpp"
#include "quarry/buddy/zone_pages.hpp"
#include "quarry/page/memory_map.hpp"

namespace quarry::buddy {

template <Geometry G, class Extra = page::NoExtra>
class CompactZone {
 public:
  using Map = page::MemoryMap<G, Extra>;
  using Descriptor = typename Map::Descriptor;
  static constexpr bool kMarksHeads = false;
  static constexpr unsigned kPageblockOrder = G.pageblock_order_;

  // Pageblocks are named by 32 bits, so that one part is enough for any zone.
  static constexpr std::uint32_t parts_for(PfnRange span) noexcept { return span.empty() ? 0 : 1; }
  // What the pages of such a zone cost in tables, in bytes, most of them never written.
  static constexpr std::uint64_t metadata_for(PfnRange span) noexcept;
  // Cost      O(1): nothing is written that grows with the zone.
  Result<Done> init(const ZoneSetup<Map>& setup) noexcept;

  unsigned part_of(Pfn) const noexcept { return part_; }

  // The place says nothing here: address and size decide what is taken next. The watcher is told of every merge
  // that a buddy system would make, the lower orders first.
  //
  // Cost      O(orders).
  template <class Watcher>
  [[gnu::noinline]] void give(Descriptor& head, Pfn page, Order order, MigrateType type, Place place,
                              Watcher& watcher, Tally& tally) noexcept;
  // In a pageblock, the lowest of the smallest blocks that are enough. The watcher is told of a split when the block is
  // part of a larger one.
  //
  // Cost      O(orders + words of one pageblock).
  template <class Watcher>
  [[gnu::noinline]] Result<Pfn> take(Order order, MigrateType from, MigrateType type, Watcher& watcher,
                                     Tally& tally) noexcept;
  // As many blocks as there are and fit on a shelf, to rest on a core: as take() would choose their pageblocks, but all that a
  // pageblock has before the next. Of single frames the watcher is told of the blocks in a word that are no more, and of each
  // whole pageblock that is opened.
  //
  // Cost      O(blocks + words of the pageblocks).
  template <class Watcher>
  [[gnu::noinline]] void take_bulk(Order order, MigrateType from, MigrateType type, Shelf<Descriptor>& out,
                                   Watcher& watcher, Tally& tally) noexcept;
  // Gives back single frames, each under the type of its pageblock; those that lie in a row in the same aligned 64 (or the same
  // pageblock if that is smaller) at once. The watcher is told once of every block that arises.
  //
  // Cost      O(frames + orders of each row).
  template <class Watcher>
  [[gnu::noinline]] Given give_bulk(std::span<const NamedBlock<Descriptor>> frames, Watcher& watcher,
                                    Tally& tally) noexcept;
  // A block of whole pageblocks changes its type, the largest there is. If there is none, and mixing is allowed:
  // the pageblock with the largest block, if at least half of it is free, changes its type; or else only one block is
  // taken. Movable pages do no lasting harm anywhere, so they go where any frame would; others to the pageblock with the
  // largest block, where most of those that follow find room beside them.
  //
  // Cost      O(orders + words of one pageblock).
  template <class Watcher>
  [[gnu::noinline]] Result<Pfn> take_other(const Wanted& wanted, Watcher& watcher, Tally& tally) noexcept;

  // Whether so much is free around a block in use that its pageblock may become whole: more than an eighth. A look that needs no
  // lock. A block of whole pageblocks always makes some.
  bool is_sparse(Pfn page, Order order) const noexcept {
    return order.raw() >= kPageblockOrder || pageblocks_[index_of(page)].free > kFrames / 8;
  }
  std::uint32_t orders(MigrateType type) const noexcept { return masks_[page::index_of(type)]; }
  // Cost      O(orders), and a look at a pageblock for each note that is taken away, a few hundred of each order.
  bool has_block(Order least, MigrateType type) const noexcept;
  // Cost      O(1) for whole pageblocks, else O(pageblocks that are free in part).
  std::uint64_t blocks(Order order, MigrateType type) const noexcept;
  bool gave_up() const noexcept { return gave_up_; }
  void look_again() noexcept { gave_up_ = false; }
  // Cost      O(orders + words of some hundred pageblocks).
  std::uint32_t count_blocks(std::uint32_t from, BlockCounts& counts) const noexcept;
  // Cost      O(orders).
  Result<FreeBlock> block_of(Pfn page) const noexcept;
  // In the lowest pageblock that is free in part.
  Result<Pfn> first_of(MigrateType type) const noexcept;
  MigrateType listed_as(Pfn page) const noexcept;

  // A whole pageblock inside a larger block leaves it, and merges with its buddies under the new type; isolated
  // ones stay single.
  //
  // Cost      O(descriptors of the pageblock).
  Moved retype(Pfn page, MigrateType to) noexcept;
  // Bitmaps have no blocks to cut: block_of() shows none across the last two cuts, until the next give() or retype().
  void cut(Pfn page) noexcept;
  // Any aligned run of free pages that lies in one block.
  void pull(FreeBlock block) noexcept;

  // Cost      O(pages ever given).
  Finding audit() const noexcept;

 private:
  friend class CompactSaboteur;  // a test breaks laws with it
  friend class Saboteur;
  using Bits = FreeBits<kPageblockOrder>;
  using Entry = Pageblock<kPageblockOrder>;
  using Index = std::uint32_t;
  static constexpr unsigned kOrders = G.max_order_ + 1;
  static constexpr unsigned kWholeOrders = G.max_order_ - kPageblockOrder + 1;
  static constexpr unsigned kFrames = Bits::kFrames;
  static constexpr unsigned kInWord =  // orders of blocks that lie in a word and are not all of it
      kPageblockOrder < detail::kWordOrder ? kPageblockOrder : detail::kWordOrder;
  static constexpr std::uint64_t kInGroup = kFrames < 64 ? kFrames - 1 : 63;
  static constexpr std::uint32_t kPartialOrders = (1u << kPageblockOrder) - 1;
  static constexpr unsigned kSeenShift = 10;  // pageblocks that audit() looks at together
  static constexpr unsigned kLooks = 256;     // at pageblocks while the zone is locked, for one order

  struct Sets {
    // With a note of such a block; 0: that have anything, but are not whole. One more than there are orders, for g++ 12,
    // which does not see that a bit of a mask below kPageblockOrder is one.
    PageblockSet partial[kPageblockOrder + 1];
    PageblockSet whole[kWholeOrders];  // by order above the pageblock order, in blocks of that size
  };
  struct Tables {
    Sets of_type[page::kMigrateTypes];
    std::uint64_t whole[page::kMigrateTypes][kWholeOrders];  // blocks of whole pageblocks
  };
  // One of the largest blocks of a pageblock that is free in part.
  struct Part {
    Index index;
    unsigned order, at;
  };
  // A free block of 2^log2 whole pageblocks.
  struct Whole {
    Index first;
    unsigned log2;
  };

  // Places.
  static constexpr std::uint64_t base_for(PfnRange span) noexcept {
    return span.begin().raw >> G.max_order_ << G.max_order_;
  }
  static constexpr std::uint64_t pageblocks_for(PfnRange span) noexcept {
    const std::uint64_t blocks =
        (span.end().raw - base_for(span) + (std::uint64_t{1} << G.max_order_) - 1) >> G.max_order_;
    return blocks << (G.max_order_ - kPageblockOrder);
  }
  Index index_of(Pfn page) const noexcept {
    return static_cast<Index>((page.raw - base_) >> kPageblockOrder);
  }
  static unsigned place_in(Pfn page) noexcept { return static_cast<unsigned>(page.raw) & (kFrames - 1); }
  Pfn page_at(Index index, unsigned at = 0) const noexcept {
    return Pfn{base_ + (std::uint64_t{index} << kPageblockOrder) + at};
  }
  PageblockSet& any_partial(MigrateType type) const noexcept {
    return tables_->of_type[page::index_of(type)].partial[0];
  }
  PageblockSet& whole_set(unsigned log2, MigrateType type) const noexcept {
    return tables_->of_type[page::index_of(type)].whole[log2];
  }
  void see(Index index) noexcept {
    seen_[index >> (kSeenShift + 6)] |= std::uint64_t{1} << (index >> kSeenShift & 63);
  }

  bool is_seen(Index index) const noexcept {
    return (seen_[index >> (kSeenShift + 6)] >> (index >> kSeenShift & 63) & 1) != 0;
  }

  // Pageblocks that are free in part.
  template <class Watcher>
  [[gnu::always_inline]] inline void give_part(Descriptor& head, Pfn page, unsigned order, MigrateType type,
                                               Watcher& watcher, Tally& tally) noexcept;
  template <class Watcher>
  [[gnu::noinline]] std::size_t give_row(std::span<const NamedBlock<Descriptor>> frames, MigrateType type,
                                         Watcher& watcher, Tally& tally) noexcept;
  [[gnu::always_inline]] inline void expect_free(Index index, MigrateType type) noexcept;
  template <class Watcher>
  [[gnu::always_inline]] inline void join(Index index, unsigned at, unsigned order, std::uint64_t word,
                                          Watcher& watcher, Tally& tally) noexcept;
  template <class Watcher>
  [[gnu::always_inline]] inline void give_frame(const NamedBlock<Descriptor>& frame, Index index,
                                                Entry& entry, Watcher& watcher, Tally& tally) noexcept;
  [[gnu::always_inline]] inline void note(Index index, unsigned orders) noexcept;
  [[gnu::noinline]] void note_new(Index index, unsigned orders) noexcept;
  void forget(Index index, unsigned order) const noexcept;
  void forget_all(Index index) noexcept;
  [[gnu::always_inline]] inline void remove(const Part& block, unsigned order) noexcept;
  [[gnu::always_inline]] inline void take_off(Index index, unsigned frames) noexcept;
  void relabel(Index index, MigrateType to) noexcept;
  bool find_any(MigrateType type, Index& index) const noexcept;
  bool find_exactly(unsigned order, MigrateType type, Part& found) const noexcept;
  bool find_partial(unsigned order, MigrateType type, Part& found) const noexcept;
  bool find_largest(unsigned order, MigrateType type, Part& found) const noexcept;
  bool find_within(Index index, unsigned order, Part& found) const noexcept;
  template <class Watcher>
  void take_words(Index index, MigrateType type, Shelf<Descriptor>& out, Watcher& watcher,
                  Tally& tally) noexcept;
  template <class Watcher>
  void take_word(Index index, unsigned word, MigrateType type, Shelf<Descriptor>& out, Watcher& watcher,
                 Tally& tally) noexcept;
  template <class Watcher>
  void take_blocks(Index index, Order order, MigrateType type, Shelf<Descriptor>& out, Watcher& watcher,
                   Tally& tally) noexcept;
  void take_exact(const Part& first, MigrateType type, Shelf<Descriptor>& out) noexcept;
  template <class Watcher>
  void take_pieces(const Part& block, Order wanted, MigrateType type, Shelf<Descriptor>& out,
                   Watcher& watcher, Tally& tally) noexcept;
  void put_at_rest(Pfn page, Order order, MigrateType type, Shelf<Descriptor>& out) noexcept {
    Descriptor& head = map_->at(page);
    head.become_at_rest(Descriptor::resting_tag(order, part_, type));
    out.add(page, head);
  }

  // Whole ones.
  Result<Whole> whole_around(Index index) const noexcept;
  static bool may_merge(MigrateType a, MigrateType b) noexcept {
    return a == b || (page::is_ordinary(a) && page::is_ordinary(b));
  }
  template <class Watcher>
  void add_whole(Whole block, MigrateType type, Watcher& watcher, Tally& tally) noexcept;
  void put_whole(Whole block, MigrateType type) noexcept;
  MigrateType remove_whole(Whole block) noexcept;
  void cut_out(Whole block, Whole part) noexcept;
  bool find_whole(unsigned order, MigrateType type, Whole& block) const noexcept;
  void open(Index index, MigrateType type) noexcept;

  // Other types.
  template <class Watcher>
  bool claim_whole(const Wanted& wanted, MigrateType to, Watcher& watcher) noexcept;
  template <class Watcher>
  bool claim_half(const Wanted& wanted, MigrateType to, Watcher& watcher) noexcept;
  template <class Watcher>
  Result<Pfn> borrow(const Wanted& wanted, Watcher& watcher, Tally& tally) noexcept;
  std::uint64_t movable_in(Index index) const noexcept;

  // compact_zone_audit_impl.hpp
  struct Audited;
  Finding audit_pageblock(Index index, Audited& sums) const noexcept;
  Finding audit_partial(Index index, Audited& sums) const noexcept;
  Finding audit_whole(Index index, Audited& sums) const noexcept;
  Finding audit_descriptors(Index index) const noexcept;

  Map* map_ = nullptr;
  std::uint64_t base_ = 0;         // the frame where pageblock 0 begins, a multiple of the largest block
  Entry* pageblocks_ = nullptr;    // law: partial ones have bits and a shelf, whole ones are in a set
  Bits* bits_ = nullptr;           // law: all zero unless the pageblock is partial
  Tables* tables_ = nullptr;       // null: the zone is empty
  std::uint64_t* seen_ = nullptr;  // a bit for each 2^kSeenShift pageblocks, once some of them had been given
  // The orders with a note, and those of blocks of whole pageblocks. Law: a bit of these is set exactly when there is such a
  // block, of the others at least when there is.
  mutable Shared<std::uint32_t> masks_[page::kMigrateTypes];
  mutable bool gave_up_ = false;
  PfnRange span_;
  Index count_ = 0;  // pageblocks, whole blocks of the highest order
  unsigned part_ = 0;
  Pfn cuts_[2];
};

}  // namespace quarry::buddy
