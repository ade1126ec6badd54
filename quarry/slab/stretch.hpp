// quarry/slab/stretch.hpp: the slabs of one cache on one node within one aligned stretch of frames.
//
//   frames      |----- 0 -----|----- 1 -----|----- 2 -----|-- ...       a stretch is 2^31 frames: 8 TiB of 4 KiB
//   slabs           a  b                        c      d
//   lists        0: a <-> b                  2: c <-> d                 1 has no slab and costs nothing
//
// A descriptor has 32 bits for each link, so a link says only where in its stretch a slab lies, and no
// list leaves its stretch. What lies anywhere in the physical address space can be listed this way.
#pragma once

#include <cstdint>

#include "quarry/slab/page_source.hpp"

namespace quarry::slab {

// Slabs with a free object stand on one list, full ones on the other.
struct Stretch {
  static constexpr unsigned kShift = 31;
  static constexpr std::uint64_t kFrames = std::uint64_t{1} << kShift;

  std::uint32_t index =
      0;  // frames [index << kShift, index + 1 << kShift). Law: free to change while slabs is 0
  std::uint32_t slabs = 0;  // all of them. Law: the lengths of both lists
  page::Link first = page::Link::none, last = page::Link::none;  // those with a free object
  page::Link first_full = page::Link::none, last_full = page::Link::none;
  Stretch* next = nullptr;  // another one of the same cache and node

  // A frame's number has at most 52 bits, an index 21.
  static constexpr std::uint32_t index_of(Pfn slab) noexcept {
    return static_cast<std::uint32_t>(slab.raw >> kShift);
  }
  static constexpr page::Link link_of(Pfn slab) noexcept {
    return static_cast<page::Link>(1 + static_cast<std::uint32_t>(slab.raw & (kFrames - 1)));
  }
  constexpr Pfn slab_at(page::Link link) const noexcept {
    check(link != page::Link::none, "no slab here");
    return Pfn{(std::uint64_t{index} << kShift) + (static_cast<std::uint32_t>(link) - 1)};
  }
  constexpr bool holds(Pfn slab) const noexcept { return slabs != 0 && index == index_of(slab); }

  // The ends of one of the lists.
  struct Ends {
    page::Link& first;
    page::Link& last;
  };
  Ends partial() noexcept { return {first, last}; }
  Ends full() noexcept { return {first_full, last_full}; }

  // A slab of this stretch onto a list, between two that are neighbours there, or at an end.
  template <PageSource P>
  void insert(P& pages, Ends ends, Pfn slab, page::Link before, page::Link after) noexcept {
    check(holds(slab), "a slab of another stretch");
    page::Descriptor& self = known(pages, slab);
    self.set_previous(before);
    self.set_next(after);
    join(pages, ends, before, after, link_of(slab), link_of(slab));
  }
  template <PageSource P>
  void unlink(P& pages, Ends ends, Pfn slab) noexcept {
    check(holds(slab), "a slab of another stretch");
    page::Descriptor& self = known(pages, slab);
    const page::Link after = self.next(), before = self.previous();
    join(pages, ends, before, after, after, before);
    self.set_next(page::Link::none);
    self.set_previous(page::Link::none);
  }

 private:
  // Makes `before` point to `after_before` and `after` back to `before_after`; the list's own ends where there is none.
  template <PageSource P>
  void join(P& pages, Ends ends, page::Link before, page::Link after, page::Link after_before,
            page::Link before_after) noexcept {
    if (before == page::Link::none)
      ends.first = after_before;
    else
      known(pages, slab_at(before)).set_next(after_before);
    if (after == page::Link::none)
      ends.last = before_after;
    else
      known(pages, slab_at(after)).set_previous(before_after);
  }
};

}  // namespace quarry::slab
