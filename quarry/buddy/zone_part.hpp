// quarry/buddy/zone_part.hpp: the free lists of one zone, or of one piece of a zone too large for 32-bit links.
//
//   zone     |--------------------------|--------------------------|--------|
//   parts             0                          1                     2        cut at multiples of 2^31 frames
#pragma once

#include "quarry/base/bits.hpp"
#include "quarry/page/memory_map.hpp"

namespace quarry::buddy {

using page::MigrateType;

// Hot: always inline, so that what the compiler makes of a caller does not hang on the rest of its file.
template <Geometry G, class Extra = page::NoExtra>
class ZonePart {
 public:
  using Map = page::MemoryMap<G, Extra>;
  using Descriptor = typename Map::Descriptor;
  using Link = page::Link;
  static constexpr unsigned kOrders = G.max_order_ + 1;
  static constexpr unsigned kShift = 31;
  static constexpr std::uint64_t kMaxPages = std::uint64_t{1} << kShift;

  // `pages` lies between two neighbouring multiples of kMaxPages.
  ZonePart(Map& map, PfnRange pages, unsigned index, std::uint32_t zone) noexcept
      : map_{&map}, pages_{pages}, base_{pages.begin().raw & ~(kMaxPages - 1)}, index_{index}, zone_{zone} {
    check(index < Descriptor::kMaxParts && pages.end().raw - base_ <= kMaxPages, "no such zone part");
  }

  PfnRange pages() const noexcept { return pages_; }
  unsigned index() const noexcept { return index_; }
  std::uint32_t zone() const noexcept { return zone_; }

  // One bit for each order whose list of that type is not empty.
  std::uint32_t mask(MigrateType type) const noexcept { return masks_[page::index_of(type)]; }
  std::uint32_t count(Order order, MigrateType type) const noexcept { return list(order, type).count; }
  // The first and last block of a list that is not empty.
  [[gnu::always_inline]] Pfn first(Order order, MigrateType type) const noexcept {
    return page_at(list(order, type).first);
  }
  Link first_link(Order order, MigrateType type) const noexcept { return list(order, type).first; }
  Link last_link(Order order, MigrateType type) const noexcept { return list(order, type).last; }
  [[gnu::always_inline]] Pfn page_at(Link link) const noexcept {
    return Pfn{base_ + (static_cast<std::uint32_t>(link) - 1)};
  }
  [[gnu::always_inline]] Link link_to(Pfn page) const noexcept {
    return static_cast<Link>(static_cast<std::uint32_t>(page.raw - base_) + 1);
  }

  // Makes `page`, whose descriptor is `head`, the start of a free block at an end of a list.
  //
  // Cost      O(1): the block's own descriptor, a neighbour's and the list.
  [[gnu::always_inline]] void push_front(Descriptor& head, Pfn page, Order order, MigrateType type) noexcept {
    FreeList& to = list(order, type);
    const Link link = link_to(page);
    head.become_free(order, index_, type, to.first, Link::none);
    if (to.first == Link::none)
      to.last = link;
    else
      map_->at(page_at(to.first)).set_previous(link);
    to.first = link;
    count_up(to, order, type);
  }
  [[gnu::always_inline]] void push_back(Descriptor& head, Pfn page, Order order, MigrateType type) noexcept {
    FreeList& to = list(order, type);
    const Link link = link_to(page);
    head.become_free(order, index_, type, Link::none, to.last);
    if (to.last == Link::none)
      to.first = link;
    else
      map_->at(page_at(to.last)).set_next(link);
    to.last = link;
    count_up(to, order, type);
  }

  // Takes a free block of `order` off the list that its descriptor names. The descriptor keeps what it
  // said: the caller writes what the block is now.
  //
  // Cost      O(1).
  [[gnu::always_inline]] void unlink(const Descriptor& head, Order order) noexcept {
    FreeList& from = list(order, head.list());
    if (head.previous() == Link::none)
      from.first = head.next();
    else
      map_->at(page_at(head.previous())).set_next(head.next());
    if (head.next() == Link::none)
      from.last = head.previous();
    else
      map_->at(page_at(head.next())).set_previous(head.previous());
    if (--from.count == 0) masks_[page::index_of(head.list())] &= ~(std::uint32_t{1} << order.raw());
  }

 private:
  friend class Saboteur;  // a test breaks laws with it
  struct FreeList {
    Link first = Link::none, last = Link::none;
    std::uint32_t count = 0;
  };
  [[gnu::always_inline]] FreeList& list(Order order, MigrateType type) noexcept {
    return lists_[order.raw()][page::index_of(type)];
  }
  const FreeList& list(Order order, MigrateType type) const noexcept {
    return lists_[order.raw()][page::index_of(type)];
  }
  [[gnu::always_inline]] void count_up(FreeList& to, Order order, MigrateType type) noexcept {
    ++to.count;
    masks_[page::index_of(type)] |= std::uint32_t{1} << order.raw();
  }

  Map* map_;
  PfnRange pages_;
  std::uint64_t base_;                                // the frame that link 1 names
  unsigned index_;                                    // its number in descriptors
  std::uint32_t zone_;                                // index into Layout::zones
  Shared<std::uint32_t> masks_[page::kMigrateTypes];  // law: a bit is set exactly when its list is not empty
  FreeList lists_[kOrders][page::kMigrateTypes];
};

}  // namespace quarry::buddy
