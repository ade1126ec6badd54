// quarry/slab/kmem_cache_inline.hpp: the bodies of KmemCache that hand out objects and take them back.
#pragma once

#include "quarry/slab/kmem_cache.hpp"

namespace quarry::slab {

// Takes an object out of a slab's chain; the node's books are the caller's.
template <PageSource P>
void* KmemCache<P>::pop(Pfn slab) noexcept {
  page::Descriptor& head = *pages_->find(slab);
  const std::uint16_t index = head.free_object();
  check(index < objects_in_slab(head), "a partial slab without a free object");
  const Slots objects = slots(slab, head.order());
  const Slots::Next next = objects.next_of(index);
  check(next.intact, "a free object was written to");
  objects.break_seal(index);
  head.set_objects(next.index, static_cast<std::uint16_t>(head.objects_in_use() + 1));
  return objects.object(index);
}

template <PageSource P>
void* KmemCache<P>::take(NodeLists& from, Pfn slab) noexcept {
  void* const object = pop(slab);
  ++from.in_use;
  if (pages_->find(slab)->free_object() == kNoObject) from.unlink(*pages_, slab);
  return object;
}

// The nearest other node with more partial slabs than `above`.
template <PageSource P>
NodeLists* KmemCache<P>::other_partial(NodeId node, std::uint64_t above) noexcept {
  const zones::Node* const home = find_node(*pages_, node);
  if (home == nullptr) return nullptr;
  for (const NodeId candidate : home->fallback) {
    NodeLists* const found = lists(candidate);
    if (candidate != node && found != nullptr && found->partial > above) return found;
  }
  return nullptr;
}

// The node's own partial slabs of another stretch; another node's partial slab before a new one, if that node has more than it keeps anyway; and any at all
// when there are no pages.
//
// Source    Linux 6.1, "get_any_partial" (behaviour).
template <PageSource P>
Result<void*> KmemCache<P>::alloc_slowly(const Where& where) noexcept {
  NodeLists* const local = lists(where.node);
  const bool anywhere = where.placement == buddy::Placement::nearest;
  {
    const Hold hold{pages_->cores(), lock_};
    if (local != nullptr && local->partial != 0) return take(*local, local->first_partial());
    NodeLists* const rich = anywhere ? other_partial(where.node, packing_.min_partial) : nullptr;
    if (rich != nullptr) return take(*rich, rich->first_partial());
  }
  const Result<void*> object = take_from_new(where);
  if (object) return object;
  const Hold hold{pages_->cores(), lock_};
  NodeLists* const any = anywhere ? other_partial(where.node, 0) : nullptr;
  if (any != nullptr) return take(*any, any->first_partial());
  ++failures_;
  return object;
}

// A block of the cache's order or, when there is none, of the least that holds an object.
template <PageSource P>
Result<Pfn> KmemCache<P>::take_pages(const Where& where) noexcept {
  buddy::Request request{
      .type = migrate_type(), .placement = where.placement, .urgency = where.urgency, .node = where.node};
  if (memory_ == Memory::dma) request.highest = zones::ZoneType::dma;
  if (packing_.small_order < packing_.order) {
    request.effort = buddy::Effort::fast_only;
    const Result<Pfn> block = pages_->alloc_pages(packing_.order, request);
    if (block) return block;
    request.effort = buddy::Effort::full;
  }
  return pages_->alloc_pages(packing_.small_order, request);
}

// An object of a slab that is made for it.
template <PageSource P>
Result<void*> KmemCache<P>::take_from_new(const Where& where) noexcept {
  const Result<Pfn> block = take_pages(where);
  if (!block) return block.error();
  const Pfn slab = block.value();
  const Order order = pages_->find(slab)->order();
  NodeLists* const home = lists(pages_->node_of(slab));
  const bool is_mapped = pages_->map(PfnRange{slab, slab + order.pages()}) != nullptr;
  if (home == nullptr || !is_mapped) {
    check(static_cast<bool>(pages_->free_pages(slab, order)), "a fresh block was not taken back");
    return Error::out_of_range;
  }
  fill(slab);
  const Result<void*> object = take_enlisted(*home, slab, where);
  if (!object) drop_pages(slab);
  return object;
}

// Puts a filled slab on the lists, and takes its first object. Where its stretch has no record yet, one is made first, with
// nothing held; another core may have been faster.
//
// Errors    no_memory, out_of_range: as alloc(). Nothing changed.
template <PageSource P>
Result<void*> KmemCache<P>::take_enlisted(NodeLists& home, Pfn slab, const Where& where) noexcept {
  void* record = nullptr;
  for (;;) {
    {
      const Hold hold{pages_->cores(), lock_};
      if (record != nullptr && !home.has_record_for(slab)) {
        home.add_record(*::new (record) Stretch{});
        record = nullptr;
      }
      if (records_ == nullptr || home.has_record_for(slab)) {
        enlist(home, slab);
        void* const object = take(home, slab);
        if (record == nullptr) return object;
        check(static_cast<bool>(records_->free(record)), "a record that was not there");
        return object;
      }
    }
    const Result<void*> memory = records_->alloc({.node = pages_->node_of(slab), .urgency = where.urgency});
    if (!memory) return memory.error();
    record = memory.value();
  }
}

// Puts a filled slab on its node's books and lists. In "kmem_cache_node" the record of a stretch is the first object
// of the first slab there: asking for one elsewhere might need one in turn.
template <PageSource P>
void KmemCache<P>::enlist(NodeLists& home, Pfn slab) noexcept {
  if (!home.has_record_for(slab)) {
    check(records_ == nullptr, "a slab in a stretch without a record");
    home.add_record(*::new (pop(slab)) Stretch{});
    ++home.in_use;
  }
  const page::Descriptor& head = *pages_->find(slab);
  home.count_slab(slab, objects_in_slab(head));
  if (head.free_object() != kNoObject) home.push_first(*pages_, slab);
}

// Makes a slab of a block of pages, on no list yet: all objects constructed, chained in the order of their addresses.
template <PageSource P>
void KmemCache<P>::fill(Pfn slab) noexcept {
  page::Descriptor& head = *pages_->find(slab);
  head.become_slab(id_);
  const std::uint16_t count = objects_in_slab(head);
  const Slots objects = slots(slab, head.order());
  for (std::uint16_t i = 0; i < count; ++i) {
    if (constructor_ != nullptr) constructor_(objects.object(i));
    objects.set_next(i, i + 1 < count ? static_cast<std::uint16_t>(i + 1) : kNoObject);
  }
  head.set_objects(0, 0);
}

template <PageSource P>
void KmemCache<P>::drop_pages(Pfn slab) noexcept {
  page::Descriptor& head = *pages_->find(slab);
  const Order order = head.order();
  head.leave_slab(migrate_type());
  check(static_cast<bool>(pages_->free_pages(slab, order)), "a slab's pages were not taken back");
}

// An empty slab that stands on no list leaves its node.
template <PageSource P>
void KmemCache<P>::give_back(NodeLists& from, Pfn slab) noexcept {
  const page::Descriptor& head = *pages_->find(slab);
  check(head.objects_in_use() == 0, "a slab in use is given back");
  from.forget_slab(slab, objects_in_slab(head));
  drop_pages(slab);
}

template <PageSource P>
auto KmemCache<P>::place_of(const void* object) noexcept -> Place {
  const Result<Pfn> frame = pages_->pfn_of(object);
  if (!frame) return {.state = ObjectState::unmapped};
  // Nearly always a slab of the cache's own order, found with one look.
  Pfn slab{align_down(frame.value().raw, packing_.order.pages().raw)};
  page::Descriptor* head = pages_->find(slab);
  if (!is_ours(head) || head->order() != packing_.order) {
    const Result<Pfn> start = head_of(*pages_, frame.value());
    if (!start) return {.state = ObjectState::no_slab};
    slab = start.value();
    head = pages_->find(slab);
    if (head->state() != page::State::slab) return {.state = ObjectState::no_slab};
    if (head->cache() != id_) return {.state = ObjectState::other_cache};
  }
  const std::byte* const begin = slots(slab, head->order()).object(0);
  const auto offset = static_cast<std::uint64_t>(static_cast<const std::byte*>(object) - begin);
  const std::uint16_t index = divider_.index_of(offset, objects_in_slab(*head));
  if (index == kNoObject) return {.state = ObjectState::misaligned};
  return {.state = ObjectState::live, .slab = slab, .head = head, .index = index};
}

// Whether the object is on its slab's chain. A live object's content may look like a link, so a seal proves nothing.
template <PageSource P>
bool KmemCache<P>::is_free(const Place& place) noexcept {
  const Slots objects = slots(place.slab, place.head->order());
  if (!objects.next_of(place.index).intact) return false;
  const std::uint16_t count = objects_in_slab(*place.head);
  std::uint16_t at = place.head->free_object();
  for (std::uint16_t steps = 0; at < count && steps < count; ++steps) {
    if (at == place.index) return true;
    const Slots::Next next = objects.next_of(at);
    check(next.intact, "a free object was written to");
    at = next.index;
  }
  return false;
}

template <PageSource P>
ObjectState KmemCache<P>::state_of(const void* object) noexcept {
  const Place place = place_of(object);
  if (place.state != ObjectState::live) return place.state;
  const Hold hold{pages_->cores(), lock_};
  return is_free(place) ? ObjectState::free : ObjectState::live;
}

template <PageSource P>
Result<Done> KmemCache<P>::free(void* object) noexcept {
  const Place place = place_of(object);
  switch (place.state) {
    case ObjectState::live: break;
    case ObjectState::misaligned: return Error::bad_argument;
    case ObjectState::no_slab: return Error::not_found;
    case ObjectState::unmapped: return Error::out_of_range;
    case ObjectState::other_cache:
    case ObjectState::free: return Error::wrong_owner;
  }
  const Hold hold{pages_->cores(), lock_};
  if (is_free(place)) return Error::wrong_owner;

  page::Descriptor& head = *place.head;
  NodeLists& home = lists_of(place.slab);
  const std::uint16_t after = head.free_object();
  const std::uint16_t in_use = head.objects_in_use();
  check(in_use > 0 && home.in_use > 0, "a live object in an empty slab");
  slots(place.slab, head.order()).set_next(place.index, after);
  head.set_objects(place.index, static_cast<std::uint16_t>(in_use - 1));
  --home.in_use;
  const bool was_full = after == kNoObject;
  if (in_use == 1 && home.partial >= packing_.min_partial) {
    if (!was_full) home.unlink(*pages_, place.slab);
    give_back(home, place.slab);
  } else if (was_full) {
    home.push_last(*pages_, place.slab);
  }
  return Done{};
}

template <PageSource P>
std::uint64_t KmemCache<P>::shrink() noexcept {
  std::uint64_t gone = 0;
  for (std::size_t i = 0; i < nodes_; ++i) {
    NodeLists* const node = table()[i];
    if (node == nullptr) continue;
    const Hold hold{pages_->cores(), lock_};
    node->for_each_partial(*pages_, [&](Pfn slab, const page::Descriptor& head) QUARRY_UNLOCKED {
      if (head.objects_in_use() != 0) return;
      node->unlink(*pages_, slab);
      give_back(*node, slab);
      ++gone;
    });
  }
  return gone;
}

}  // namespace quarry::slab

#include "quarry/slab/kmem_cache_report.hpp"
