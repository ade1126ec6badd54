// quarry/slab/node_lists.hpp: what one cache keeps on one node (Linux's kmem_cache_node).
//
//   NodeLists   |lock| front: stretch 2| counts | arrays |      front is where objects come from and where slabs are added
//                     |next
//                     v
//   Stretch     |stretch 0| --> |stretch 5|      only those in which the node had slabs; most nodes have one
//
// The records further back are objects of "kmem_cache_node", like NodeLists itself. When another stretch is
// to be in front, contents change places and no record moves, so the allocation's fast path looks at one place.
#pragma once

#include "quarry/slab/object_array.hpp"
#include "quarry/slab/stretch.hpp"

namespace quarry::slab {

// Laws: no two stretches with slabs have the same index; partial is the sum of the partial lists' lengths;
// in_use <= objects.
template <Lock L>
struct NodeLists {
  [[no_unique_address]] L lock;  // guards all of this, and the free objects, counts and links of the slabs
  Stretch front{};
  std::uint64_t partial = 0;           // slabs with a free object
  std::uint64_t objects = 0;           // slots in all slabs, the full ones too
  std::uint64_t in_use = 0;            // of those, the ones that rest in arrays too
  ObjectArray* full_arrays = nullptr;  // full of objects, each as the others
  ObjectArray* empty_arrays = nullptr;
  std::uint32_t full_count = 0, empty_count = 0;
  std::uint32_t most_full = 0;  // arrays that wait here

  // The first stretch that counts slabs where `slab` is; null if none does.
  const Stretch* find(Pfn slab) const noexcept {
    const Stretch* stretch = &front;
    while (stretch != nullptr && !stretch->holds(slab)) stretch = stretch->next;
    return stretch;
  }
  Stretch* find(Pfn slab) noexcept {
    return const_cast<Stretch*>(static_cast<const NodeLists*>(this)->find(slab));
  }
  std::uint64_t slabs() const noexcept {
    std::uint64_t sum = 0;
    for (const Stretch* stretch = &front; stretch != nullptr; stretch = stretch->next) sum += stretch->slabs;
    return sum;
  }

  // Whether a slab at `slab` can be counted without another record.
  bool has_record_for(Pfn slab) noexcept { return record_for(slab) != nullptr; }
  // A record more; `fresh` lives as long as the lists do.
  void add_record(Stretch& fresh) noexcept {
    fresh.next = front.next;
    front.next = &fresh;
  }
  // Counts a slab of `slots` objects, on no list yet, and brings its stretch to the front. Needs a record.
  void count_slab(Pfn slab, std::uint16_t slots) noexcept {
    Stretch* const stretch = record_for(slab);
    check(stretch != nullptr, "a slab in a stretch without a record");
    stretch->index = Stretch::index_of(slab);
    ++stretch->slabs;
    objects += slots;
    bring_forward(*stretch);
  }
  // A slab of `slots` objects that stands on no list is no longer here.
  void forget_slab(Pfn slab, std::uint16_t slots) noexcept {
    --stretch_of(slab).slabs;
    objects -= slots;
  }

  // The slab to take an object from; there is one, by `partial`.
  //
  // Cost      O(1), but for a walk over the stretches when the one in front has no partial slab left.
  Pfn first_partial() noexcept {
    Stretch* stretch = &front;
    while (stretch->first == page::Link::none) {
      stretch = stretch->next;
      check(stretch != nullptr, "partial slabs on no list");
    }
    bring_forward(*stretch);
    return front.slab_at(front.first);
  }

  // A new slab goes first, to be filled next; one that was full goes last, to gather more free objects before
  // anybody takes from it.
  template <PageSource P>
  void push_first(P& pages, Pfn slab) noexcept {
    Stretch& stretch = stretch_of(slab);
    stretch.insert(pages, stretch.partial(), slab, page::Link::none, stretch.first);
    ++partial;
  }
  template <PageSource P>
  void push_last(P& pages, Pfn slab) noexcept {
    Stretch& stretch = stretch_of(slab);
    stretch.insert(pages, stretch.partial(), slab, stretch.last, page::Link::none);
    ++partial;
  }
  template <PageSource P>
  void unlink(P& pages, Pfn slab) noexcept {
    Stretch& stretch = stretch_of(slab);
    stretch.unlink(pages, stretch.partial(), slab);
    --partial;
  }
  template <PageSource P>
  void push_full(P& pages, Pfn slab) noexcept {
    Stretch& stretch = stretch_of(slab);
    stretch.insert(pages, stretch.full(), slab, page::Link::none, stretch.first_full);
  }
  template <PageSource P>
  void unlink_full(P& pages, Pfn slab) noexcept {
    Stretch& stretch = stretch_of(slab);
    stretch.unlink(pages, stretch.full(), slab);
  }
  // A partial slab has no free object any more.
  template <PageSource P>
  void fill_up(P& pages, Pfn slab) noexcept {
    unlink(pages, slab);
    push_full(pages, slab);
  }
  // Calls visit(slab, head) for each slab with a free object, or for each that is full. It may take that slab away.
  template <PageSource P, class Visit>
  void for_each_partial(P& pages, Visit&& visit) noexcept {
    for (const Stretch* stretch = &front; stretch != nullptr; stretch = stretch->next)
      walk(pages, *stretch, stretch->first, visit);
  }
  template <PageSource P, class Visit>
  void for_each_full(P& pages, Visit&& visit) noexcept {
    for (const Stretch* stretch = &front; stretch != nullptr; stretch = stretch->next)
      walk(pages, *stretch, stretch->first_full, visit);
  }

  // Whole arrays, taken and put.
  ObjectArray* take_full() noexcept { return take_array(full_arrays, full_count); }
  ObjectArray* take_empty() noexcept { return take_array(empty_arrays, empty_count); }
  // One object of those that wait; null: none does.
  void* take_waiting() noexcept {
    ObjectArray* const array = take_full();
    if (array == nullptr) return nullptr;
    void* const slot = array->pop_known();
    array->top == 0 ? put_empty(*array) : put_full(*array);
    return slot;
  }
  void put_full(ObjectArray& array) noexcept { put_array(full_arrays, full_count, array); }
  void put_empty(ObjectArray& array) noexcept { put_array(empty_arrays, empty_count, array); }

 private:
  static ObjectArray* take_array(ObjectArray*& first, std::uint32_t& count) noexcept {
    ObjectArray* const taken = first;
    if (taken != nullptr) first = taken->next, --count;
    return taken;
  }
  static void put_array(ObjectArray*& first, std::uint32_t& count, ObjectArray& array) noexcept {
    array.next = first;
    first = &array;
    ++count;
  }
  template <PageSource P, class Visit>
  static void walk(P& pages, const Stretch& stretch, page::Link link, Visit&& visit) noexcept {
    while (link != page::Link::none) {
      const Pfn slab = stretch.slab_at(link);
      page::Descriptor& head = known(pages, slab);
      link = head.next();
      visit(slab, head);
    }
  }
  Stretch& stretch_of(Pfn slab) noexcept {
    Stretch* const found = find(slab);
    check(found != nullptr, "a slab in a stretch without slabs");
    return *found;
  }
  // That of the slab's stretch; else one that counts nothing now and so may stand for any.
  Stretch* record_for(Pfn slab) noexcept {
    Stretch* found = find(slab);
    for (Stretch* spare = &front; found == nullptr && spare != nullptr; spare = spare->next)
      if (spare->slabs == 0) found = spare;
    return found;
  }
  void bring_forward(Stretch& stretch) noexcept {
    if (&stretch == &front) return;
    const Stretch was = front;
    Stretch* const behind = stretch.next;
    front = stretch;
    front.next = was.next;
    stretch = was;
    stretch.next = behind;
  }
};
static_assert(sizeof(Stretch) <= sizeof(NodeLists<NoLock>));  // one cache for both

}  // namespace quarry::slab
