// quarry/slab/node_lists.hpp: what one cache keeps on one node (Linux's kmem_cache_node).
#pragma once

#include <cstdint>

#include "quarry/slab/page_source.hpp"

namespace quarry::slab {

// Slabs with a free object stand on `partial`, most recently made first; full ones on no list at all, they
// are only counted. The links are the descriptors' own: 1 + the slab's distance from the node's first frame
// in slabs of the cache's least order, so that 32 bits reach 16 TiB into a node.
struct NodeLists {
  Pfn start{};         // no slab of this node lies before it
  unsigned shift = 0;  // the cache's least slab order
  page::Link first = page::Link::none;
  page::Link last = page::Link::none;
  std::uint32_t partial = 0;  // slabs on the list
  std::uint32_t slabs = 0;    // all of them, the full ones too. Law: partial <= slabs
  std::uint64_t objects = 0;  // slots in all slabs
  std::uint64_t in_use = 0;   // Law: in_use <= objects

  bool reaches(Pfn slab) const noexcept {
    return start <= slab && ((slab - start).raw >> shift) < UINT32_MAX;
  }
  page::Link link_of(Pfn slab) const noexcept {
    check(reaches(slab), "a slab out of its node's reach");
    return static_cast<page::Link>(1 + static_cast<std::uint32_t>((slab - start).raw >> shift));
  }
  Pfn slab_at(page::Link link) const noexcept {
    check(link != page::Link::none, "no slab here");
    return start + PageCount{std::uint64_t{static_cast<std::uint32_t>(link) - 1} << shift};
  }

  // A new slab goes first, to be filled next; one that was full goes last, to gather more free objects before
  // anybody takes from it.
  template <PageSource P>
  void push_first(P& pages, Pfn slab) noexcept {
    insert(pages, slab, page::Link::none, first);
  }
  template <PageSource P>
  void push_last(P& pages, Pfn slab) noexcept {
    insert(pages, slab, last, page::Link::none);
  }
  template <PageSource P>
  void unlink(P& pages, Pfn slab) noexcept {
    page::Descriptor& self = *pages.find(slab);
    const page::Link next = self.next(), previous = self.previous();
    join(pages, previous, next, next, previous);
    self.set_next(page::Link::none);
    self.set_previous(page::Link::none);
    --partial;
  }

 private:
  // Makes `before` point to `after_before` and `after` back to `before_after`; the list's own ends where there is none.
  template <PageSource P>
  void join(P& pages, page::Link before, page::Link after, page::Link after_before,
            page::Link before_after) noexcept {
    if (before == page::Link::none)
      first = after_before;
    else
      pages.find(slab_at(before))->set_next(after_before);
    if (after == page::Link::none)
      last = before_after;
    else
      pages.find(slab_at(after))->set_previous(before_after);
  }
  template <PageSource P>
  void insert(P& pages, Pfn slab, page::Link before, page::Link after) noexcept {
    page::Descriptor& self = *pages.find(slab);
    self.set_previous(before);
    self.set_next(after);
    join(pages, before, after, link_of(slab), link_of(slab));
    ++partial;
  }
};

}  // namespace quarry::slab
