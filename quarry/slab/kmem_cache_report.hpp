// quarry/slab/kmem_cache_report.hpp: the bodies of KmemCache that look and change nothing.
#pragma once

#include "quarry/slab/kmem_cache.hpp"

namespace quarry::slab {

// Each core and node is looked at one after the other: what moves meanwhile may be counted twice or not at all.
template <PageSource P, Hardening H>
CacheStats KmemCache<P, H>::stats() noexcept {
  CacheStats s{.name = name_,
               .object_size = object_size(),
               .size = packing_.size,
               .align = packing_.align,
               .objects_per_slab = packing_.objects,
               .pages_per_slab = packing_.order.pages(),
               .failures = failures_.load_relaxed()};
  if (keeps_arrays_) for_each_core([&](unsigned, AtCore& mine) noexcept { s.at_hand += mine.objects(); });
  std::uint64_t empty = 0, in_use = 0;
  for (std::size_t i = 0; i < nodes_; ++i) {
    if (table()[i] == nullptr) continue;
    Lists& node = *table()[i];
    const Hold hold{pages_->cores(), node.lock};
    in_use += node.in_use;
    s.total_objects += node.objects;
    s.total_slabs += node.slabs();
    s.partial_slabs += node.partial;
    for (const ObjectArray* array = node.full_arrays; array != nullptr; array = array->next)
      s.at_hand += array->top;
    node.for_each_partial(*pages_,
                          [&](Pfn, const page::Descriptor& head) { empty += head.objects_in_use() == 0; });
  }
  s.active_objects = in_use > s.at_hand ? in_use - s.at_hand : 0;
  s.active_slabs = s.total_slabs - empty;
  s.pages = PageCount{s.total_slabs << packing_.order.raw()};
  // Slabs of the least order, made when there was no larger block, show in the objects that are missing.
  if (const std::uint64_t missing = s.total_slabs * packing_.objects - s.total_objects; missing != 0) {
    const std::uint64_t small = divide(missing, packing_.objects - packing_.small_objects);
    s.pages.raw -= small * (packing_.order.pages().raw - packing_.small_order.pages().raw);
  }
  return s;
}

// --- Where an object is ----------------------------------------------------------------------------

template <PageSource P, Hardening H>
bool KmemCache<P, H>::is_in(const ObjectArray& array, const void* slot) noexcept {
  void* const* const objects = const_cast<ObjectArray&>(array).objects();
  for (std::size_t i = 0; i < array.top; ++i)
    if (objects[i] == slot) return true;
  return false;
}

// In the array of a core, or of one that waits on a node.
template <PageSource P, Hardening H>
bool KmemCache<P, H>::is_at_hand(const Place& place) noexcept {
  if (!keeps_arrays_) return false;
  const void* const slot = slots(place.begin).slot(place.index);
  bool found = false;
  for_each_core([&](unsigned, AtCore& mine) noexcept {
    for (const ObjectArray* const array : {mine.loaded, mine.spare, mine.outgoing})
      found = found || is_in(*array, slot);
  });
  Lists& home = lists_of(place.slab);
  const Hold hold{pages_->cores(), home.lock};
  for (const ObjectArray* array = home.full_arrays; array != nullptr; array = array->next)
    found = found || is_in(*array, slot);
  return found;
}

template <PageSource P, Hardening H>
ObjectState KmemCache<P, H>::state_of(const void* object) noexcept {
  const Place place = place_of(object);
  if (place.state != ObjectState::live) return place.state;
  {
    Lists& home = lists_of(place.slab);
    const Hold hold{pages_->cores(), home.lock};
    if (is_on_chain(place)) return ObjectState::free;
  }
  return is_at_hand(place) ? ObjectState::free : ObjectState::live;
}

template <PageSource P, Hardening H>
Result<std::uint64_t> KmemCache<P, H>::usable_size(const void* object) noexcept {
  const Place place = place_of(object);
  if (place.state == ObjectState::misaligned) return Error::bad_argument;
  if (place.state != ObjectState::live)
    return place.state == ObjectState::unmapped ? Error::out_of_range : Error::not_found;
  if constexpr (H.checked_frees) {
    std::byte* const slot = slots(place.begin).slot(place.index);
    if (*state_at(slot) == state_word(slot, false)) return Error::wrong_owner;
  }
  return std::uint64_t{object_size()};
}

// A slab's live objects are those that its chain does not hold; the chain is walked once for some hundred of them.
template <PageSource P, Hardening H>
void KmemCache<P, H>::for_each_live(const LeakHook& leak) noexcept {
  constexpr std::uint32_t at_once = 512;
  const auto tell = [&](Pfn slab, const page::Descriptor& head) {
    const Slots<H> all = slots(slab, head.order());
    const std::uint32_t count = objects_in_slab(head);
    for (std::uint32_t from = 0; from < count && head.objects_in_use() != 0; from += at_once) {
      bool is_free[at_once] = {};
      std::uint32_t index = head.free_object();
      for (std::uint32_t steps = 0; index < count && steps < count; ++steps, index = all.next_of(index))
        if (index >= from && index - from < at_once) is_free[index - from] = true;
      for (std::uint32_t i = from; i < count && i - from < at_once; ++i)
        if (!is_free[i - from])
          leak.tell(leak.self,
                    {.cache = name_, .object = object_of(all.slot(i)), .allocated = track(all.slot(i), 0)});
    }
  };
  for (std::size_t i = 0; i < nodes_; ++i) {
    if (table()[i] == nullptr) continue;
    Lists& node = *table()[i];
    const Hold hold{pages_->cores(), node.lock};
    node.for_each_full(*pages_, tell);
    node.for_each_partial(*pages_, tell);
  }
}

// --- The laws --------------------------------------------------------------------------------------

template <PageSource P, Hardening H>
Law KmemCache<P, H>::audit_slab(Pfn slab, bool full, NodeId node) noexcept {
  const page::Descriptor* const head = pages_->find(slab);
  if (!is_ours(head) || pages_->node_of(slab) != node) return Law::slab_is_ours;
  if (head->order() != packing_.order && head->order() != packing_.small_order) return Law::slab_is_ours;
  for (std::uint64_t i = 1; i < head->order().pages().raw; ++i) {
    const page::Descriptor* const tail = pages_->find(slab + PageCount{i});
    if (!is_ours(tail) || tail->order() != head->order()) return Law::slab_is_ours;
  }
  const std::uint32_t count = objects_in_slab(*head);
  if (full != (head->objects_in_use() == count)) return Law::partial_or_full;
  // A chain that ends after exactly that many steps repeats nothing: one that did would never end.
  const Slots<H> all = slots(slab, head->order());
  std::uint32_t index = head->free_object();
  for (std::uint32_t left = count - head->objects_in_use(); left > 0; --left) {
    if (index >= count) return Law::chain_is_complete;
    index = all.next_of(index);
  }
  return index == kNoObject ? Law::none : Law::chain_is_complete;
}

// A list, and what its slabs hold.
template <PageSource P, Hardening H>
Audit KmemCache<P, H>::audit_list(const Stretch& stretch, bool full, NodeId node, Sums& sums) noexcept {
  const auto broken = [&](Law law, Pfn slab = Pfn{}) { return Audit{law, name_, slab}; };
  std::uint32_t seen = 0;
  page::Link previous = page::Link::none;
  for (page::Link link = full ? stretch.first_full : stretch.first; link != page::Link::none; ++seen) {
    const Pfn slab = stretch.slab_at(link);
    if (seen == stretch.slabs || !stretch.holds(slab)) return broken(Law::list_is_linked, slab);
    const page::Descriptor* const head = pages_->find(slab);
    if (!is_ours(head)) return broken(Law::slab_is_ours, slab);
    if (head->previous() != previous) return broken(Law::list_is_linked, slab);
    const Law law = audit_slab(slab, full, node);
    if (law != Law::none) return broken(law, slab);
    sums.objects += objects_in_slab(*head);
    sums.in_use += head->objects_in_use();
    sums.empty += head->objects_in_use() == 0;
    previous = link;
    link = head->next();
  }
  sums.slabs += seen;
  if (!full) sums.partial += seen;
  if (previous != (full ? stretch.last_full : stretch.last)) return broken(Law::list_is_linked);
  return {};
}

template <PageSource P, Hardening H>
Audit KmemCache<P, H>::audit_node(NodeId id) noexcept {
  Lists& node = *lists(id);
  const auto broken = [&](Law law) { return Audit{law, name_, Pfn{}}; };
  const Hold hold{pages_->cores(), node.lock};
  for (const Stretch* stretch = &node.front; stretch != nullptr; stretch = stretch->next) {
    const Pfn begin{std::uint64_t{stretch->index} << Stretch::kShift};
    if (stretch->slabs != 0 && node.find(begin) != stretch) return broken(Law::stretches_differ);
  }
  Sums sums;
  for (const Stretch* stretch = &node.front; stretch != nullptr; stretch = stretch->next) {
    for (const bool full : {false, true})
      if (const Audit found = audit_list(*stretch, full, id, sums); !found.holds()) return found;
  }
  if (sums.partial != node.partial || sums.slabs != node.slabs()) return broken(Law::list_is_linked);
  if (sums.objects != node.objects || sums.in_use != node.in_use) return broken(Law::counts_agree);
  if (sums.empty > packing_.min_partial) return broken(Law::few_are_empty);
  std::uint32_t full = 0, empty = 0;
  for (const ObjectArray* array = node.full_arrays; array != nullptr; array = array->next) ++full;
  for (const ObjectArray* array = node.empty_arrays; array != nullptr; array = array->next) ++empty;
  if (full != node.full_count || empty != node.empty_count) return broken(Law::counts_agree);
  return {};
}

// Chains are looked at under their node's lock, which nobody holds here.
template <PageSource P, Hardening H>
Law KmemCache<P, H>::audit_array(ObjectArray& array) noexcept {
  if (array.top > array.room) return Law::arrays_hold_ours;
  for (std::size_t i = 0; i < array.top; ++i) {
    const Place place = place_of(object_of(static_cast<std::byte*>(array.objects()[i])));
    if (place.state != ObjectState::live) return Law::arrays_hold_ours;
    Lists& home = lists_of(place.slab);
    const quarry::Hold hold{home.lock};
    if (is_on_chain(place)) return Law::arrays_hold_ours;
  }
  return Law::none;
}

template <PageSource P, Hardening H>
Audit KmemCache<P, H>::audit() noexcept {
  for (std::size_t i = 0; i < nodes_; ++i) {
    if (table()[i] == nullptr) continue;
    const Audit found = audit_node(static_cast<NodeId>(i));
    if (!found.holds()) return found;
  }
  Law law = Law::none;
  if (keeps_arrays_)
    for_each_core([&](unsigned, AtCore& mine) noexcept {
      for (ObjectArray* const array : {mine.loaded, mine.spare, mine.outgoing})
        if (law == Law::none) law = audit_array(*array);
    });
  return {law, law == Law::none ? TextView{} : name_, Pfn{}};
}

}  // namespace quarry::slab
