// quarry/buddy/linux_zone.hpp: the free pages of a zone as Linux keeps them: a list for each order and type.
//
// Which block is chosen, which end of its list a block is put on, when a request takes from another migrate type and
// how much of the pageblock it takes over are as in Linux 6.1. No page's content is touched, and no tail's descriptor.
#pragma once

#include <span>

#include "quarry/buddy/zone_pages.hpp"
#include "quarry/buddy/zone_part.hpp"

namespace quarry::buddy {

template <Geometry G, class Extra = page::NoExtra>
class LinuxZone {
 public:
  using Part = ZonePart<G, Extra>;
  using Map = typename Part::Map;
  using Descriptor = typename Map::Descriptor;
  static constexpr bool kMarksHeads = true;  // the descriptor of a free block says that it is free

  static constexpr std::uint32_t parts_for(PfnRange span) noexcept {
    if (span.empty()) return 0;
    return static_cast<std::uint32_t>(((span.end().raw - 1) >> Part::kShift) -
                                      (span.begin().raw >> Part::kShift) + 1);
  }
  // Cost      O(parts).
  Result<Done> init(const ZoneSetup<Map>& setup) noexcept;

  // The zone reaches so far now, inside what init() was told.
  void set_span(PfnRange span) noexcept { span_ = span; }
  unsigned part_of(Pfn page) const noexcept { return part_at(page).index(); }

  // Cost      O(highest order).
  // Source    Linux 6.1, "__free_one_page" (behaviour).
  template <class Watcher>
  [[gnu::noinline]] void give(Descriptor& head, Pfn page, Order order, MigrateType type, Place place,
                              Watcher& watcher, Tally& tally) noexcept;
  // The first block of the smallest sufficient order; what is left of it goes to the heads of the lists.
  //
  // Cost      O(highest order).
  // Source    Linux 6.1, "__rmqueue_smallest" and "expand".
  template <class Watcher>
  [[gnu::noinline]] Result<Pfn> take(Order order, MigrateType from, MigrateType type, Watcher& watcher,
                                     Tally& tally) noexcept;
  // Up to `wanted` blocks in the order in which take() would give them, each to sink(page, head) when it is in use.
  //
  // Returns   how many there were.
  // Cost      O(blocks + highest order for each block that is split).
  template <class Watcher, class Sink>
  std::uint32_t take_row(Order order, MigrateType from, MigrateType type, std::uint32_t wanted, Sink&& sink,
                         Watcher& watcher, Tally& tally) noexcept;
  // Cost      may walk one pageblock, block by block.
  // Source    Linux 6.1, "__rmqueue_fallback".
  template <class Watcher>
  [[gnu::noinline]] Result<Pfn> take_other(const Wanted& wanted, Watcher& watcher, Tally& tally) noexcept;

  std::uint32_t orders(MigrateType type) const noexcept {
    std::uint32_t mask = 0;
    for (const Part& part : parts_) mask |= part.mask(type);
    return mask;
  }
  bool has_block(Order least, MigrateType type) const noexcept { return orders(type) >> least.raw() != 0; }
  std::uint64_t blocks(Order order, MigrateType type) const noexcept {
    std::uint64_t sum = 0;
    for (const Part& part : parts_) sum += part.count(order, type);
    return sum;
  }
  bool gave_up() const noexcept { return false; }
  void look_again() noexcept {}
  std::uint32_t count_blocks(std::uint32_t, BlockCounts& counts) const noexcept {
    for (unsigned order = 0; order <= G.max_order_; ++order)
      for (unsigned type = 0; type < page::kMigrateTypes; ++type)
        counts[order][type] += blocks(Order{order}, static_cast<MigrateType>(type));
    return 0;
  }
  // Cost      O(highest order).
  Result<FreeBlock> block_of(Pfn page) const noexcept;
  Result<Pfn> first_of(MigrateType type) const noexcept {
    const std::uint32_t mask = orders(type);
    if (mask == 0) return Error::not_found;
    const Order order{count_trailing_zeros(mask)};
    for (const Part& part : parts_)
      if (part.count(order, type) != 0) return part.first(order, type);
    return Error::not_found;
  }
  MigrateType listed_as(Pfn page) const noexcept { return map_->at(page).list(); }

  // To the tails of the lists.
  //
  // Returns   0 free when the pageblock ends outside the zone.
  // Source    Linux 6.1, "move_freepages_block".
  Moved retype(Pfn page, MigrateType to) noexcept;
  // Source    Linux 6.1, "split_free_page" (behaviour).
  void cut(Pfn page) noexcept;
  void pull(FreeBlock block) noexcept { part_at(block.page).unlink(map_->at(block.page), block.order); }

  Finding audit() const noexcept;
  // A policy's view of its own lists, for reports and tests of their order: part by part, by address.
  std::span<const Part> parts() const noexcept { return parts_; }

 private:
  friend class Saboteur;  // a test breaks laws with it
  struct Merged {
    Descriptor* head;
    Pfn page;
    unsigned order;
  };
  struct Smallest {
    Part* part;
    unsigned order;
  };
  Smallest smallest(Order order, MigrateType from) const noexcept;
  struct Choice {
    Part* part;
    Order order;
    MigrateType type;
  };
  Part& part_at(Pfn page) const noexcept {
    return parts_[static_cast<std::size_t>((page.raw >> Part::kShift) - first_cut_)];
  }
  // Spans of zones may overlap: what is free there need not be this zone's.
  bool owns(const Descriptor& head) const noexcept {
    return !parts_.empty() && head.part() - parts_.front().index() < parts_.size();
  }
  template <class Watcher>
  Merged merge(Part& part, Descriptor* head, Pfn page, Order order, MigrateType type,
               Watcher& watcher) noexcept;
  bool is_merge_likely(const Part& part, const Merged& block) const noexcept;
  bool may_merge(Pfn buddy, MigrateType type) const noexcept;
  bool find_fallback(Order order, MigrateType type, Choice& choice) const noexcept;
  template <class Watcher>
  void steal(const Choice& choice, const Wanted& wanted, Watcher& watcher) noexcept;
  template <class Watcher>
  void set_pageblock(Pfn page, const Wanted& wanted, Watcher& watcher) noexcept;
  static void relist(Part& part, Descriptor& head, Pfn page, Order order, MigrateType to) noexcept {
    part.unlink(head, order);
    part.push_back(head, page, order, to);
  }
  Finding audit_list(const Part& part, Order order, MigrateType type) const noexcept;
  Finding audit_block(const Part& part, Pfn page, Order order, MigrateType type) const noexcept;

  Map* map_ = nullptr;
  PfnRange span_;                // a pageblock that ends outside keeps its free pages' type
  std::uint64_t first_cut_ = 0;  // the first part lies above this multiple of 2^31 frames
  std::span<Part> parts_;        // by address
};

}  // namespace quarry::buddy
