// quarry/slab/kmem_cache_slabs.hpp: the bodies of KmemCache that cut slabs and know which of their slots are free.
#pragma once

#include "quarry/slab/kmem_cache.hpp"

namespace quarry::slab {

// --- Slots out of slabs, and back ------------------------------------------------------------------

// Takes at most `most` free slots and writes them backwards from `end`, so that who pops from there gets them in the order of
// their chains.
//
// Returns   how many there were.
template <PageSource P, Hardening H>
std::size_t KmemCache<P, H>::take_row(Lists& from, void** end, std::size_t most) noexcept {
  std::size_t got = 0;
  while (got < most && from.partial != 0) {
    const Pfn slab = from.first_partial();
    page::Descriptor& head = known(*pages_, slab);
    const Slots<H> all = slots(slab, head.order());
    const std::uint32_t count = objects_in_slab(head);
    const std::size_t before = got;
    std::uint32_t index = head.free_object();
    for (; index != kNoObject && got < most; ++got) {
      check(index < count, "a free object was written to");
      *--end = all.slot(index);
      index = all.next_of(index);
    }
    check(index < count || index == kNoObject, "a free object was written to");
    head.set_objects(static_cast<std::uint16_t>(index),
                     static_cast<std::uint16_t>(head.objects_in_use() + (got - before)));
    from.in_use += got - before;
    if (index == kNoObject) from.fill_up(*pages_, slab);
  }
  return got;
}

template <PageSource P, Hardening H>
void* KmemCache<P, H>::take_one(Lists& from) noexcept {
  void* slot = nullptr;
  return take_row(from, &slot + 1, 1) == 1 ? slot : nullptr;
}

// An empty slab goes if the node has enough partial ones; the first free slot makes a full one partial.
template <PageSource P, Hardening H>
void KmemCache<P, H>::forget_if_empty(Lists& home, Pfn slab, bool was_full, Emptied& emptied) noexcept {
  page::Descriptor& head = known(*pages_, slab);
  check(head.objects_in_use() < objects_in_slab(head), "a live object in an empty slab");
  if (was_full) home.unlink_full(*pages_, slab);
  if (head.objects_in_use() == 0 && home.partial >= packing_.min_partial) {
    if (!was_full) home.unlink(*pages_, slab);
    home.forget_slab(slab, static_cast<std::uint16_t>(objects_in_slab(head)));
    emptied.slabs[emptied.count++] = slab.raw;
  } else if (was_full) {
    home.push_last(*pages_, slab);
  }
}

template <PageSource P, Hardening H>
void KmemCache<P, H>::put_one(Lists& home, const Place& place, Emptied& emptied) noexcept {
  page::Descriptor& head = *place.head;
  const std::uint16_t after = head.free_object(), in_use = head.objects_in_use();
  check(in_use > 0 && home.in_use > 0, "a live object in an empty slab");
  slots(place.begin).set_next(place.index, after);
  head.set_objects(static_cast<std::uint16_t>(place.index), static_cast<std::uint16_t>(in_use - 1));
  --home.in_use;
  if (after == kNoObject || in_use == 1) forget_if_empty(home, place.slab, after == kNoObject, emptied);
}

// Slots of one node. Those whose object was no object are found here at the latest. Nearly all are of slabs of the usual order in
// the direct RAM, where everything follows from the address.
template <PageSource P, Hardening H>
void KmemCache<P, H>::put_row(Lists& home, std::span<void* const> row, Emptied& emptied) noexcept {
  constexpr const char* wrong = "what was given back is no object of this cache";
  constexpr unsigned shift = P::kGeometry.page_size().shift();
  const auto ram = common_->ram;
  const std::uint32_t common = page::Descriptor::Tag::slab_of(id_, packing_.order);
  const std::uint64_t pages_less_one = packing_.order.pages().raw - 1;
  const std::uint64_t bytes_less_one = (packing_.order.pages().raw << shift) - 1;
  const Slots<H> all = slots(static_cast<std::byte*>(nullptr));  // of any slab: slots are given by address
  std::uint64_t put = 0;
  for (void* const each : row) {
    auto* const slot = static_cast<std::byte*>(each);
    auto* const own = ram.descriptor_of(slot);
    if (own == nullptr || !own->tag().is_slab_of(common)) [[unlikely]] {
      const Place place = place_of(object_of(slot));
      check(place.state == ObjectState::live, wrong);
      put_one(home, place, emptied);
      continue;
    }
    const std::uint64_t offset = reinterpret_cast<std::uintptr_t>(slot) - ram.begin;
    const std::uint16_t index = divider_.index_of(offset & bytes_less_one, packing_.objects);
    check(index != kNoObject, wrong);
    page::Descriptor& head = *(own - ((offset >> shift) & pages_less_one));
    const std::uint16_t after = head.put_object(index);
    all.link(slot, after);
    ++put;
    // None are left in use, or less than none.
    const bool is_empty = std::uint32_t{head.objects_in_use()} - 1 >= kMaxObjects;
    if (after == kNoObject || is_empty) [[unlikely]]
      forget_if_empty(home, ram.first_page + PageCount{(offset >> shift) & ~pages_less_one},
                      after == kNoObject, emptied);
  }
  home.in_use -= put;
}

// --- Other nodes, and new slabs --------------------------------------------------------------------

// From the nearest other node with more partial slabs than `above`; with 0, from what rests between its cores too.
//
// Source    Linux 6.1, "get_any_partial" (behaviour).
template <PageSource P, Hardening H>
void* KmemCache<P, H>::take_from_other(const Where& where, NodeId node, std::uint64_t above) noexcept {
  const zones::Node* const home =
      where.placement == buddy::Placement::nearest ? find_node(*pages_, node) : nullptr;
  if (home == nullptr) return nullptr;
  for (const NodeId candidate : home->fallback) {
    Lists* const found = lists(candidate);
    if (candidate == node || found == nullptr) continue;
    Lists& other = *found;
    const Hold hold{pages_->cores(), other.lock};
    if (other.partial > above) return take_one(other);
    void* const slot = above == 0 ? other.take_waiting() : nullptr;
    if (slot != nullptr) return slot;
  }
  return nullptr;
}

// A block of the cache's order or, when there is none, of the least that holds an object.
template <PageSource P, Hardening H>
Result<Pfn> KmemCache<P, H>::take_pages(const Where& where) noexcept {
  buddy::Request request{.type = migrate_type(),
                         .placement = where.placement,
                         .urgency = where.urgency,
                         .node = node_asked(*pages_, where.node)};
  if (memory_ == Memory::dma) request.highest = zones::ZoneType::dma;
  if (packing_.small_order < packing_.order) {
    request.effort = buddy::Effort::fast_only;
    const Result<Pfn> block = pages_->alloc_pages(packing_.order, request);
    if (block) return block;
  }
  request.effort = where.effort;
  return pages_->alloc_pages(packing_.small_order, request);
}

// A slot of a slab that is made for it.
template <PageSource P, Hardening H>
Result<void*> KmemCache<P, H>::take_from_new(const Where& where) noexcept {
  const Result<Pfn> block = take_pages(where);
  if (!block) return block.error();
  const Pfn slab = block.value();
  page::Descriptor& head = known(*pages_, slab);
  const Order order = head.order();
  Lists* const home = only_ != nullptr ? only_ : lists(pages_->node_of(slab));
  const bool is_mapped =
      common_->ram.memory_of(slab) != nullptr || pages_->map(PfnRange{slab, slab + order.pages()}) != nullptr;
  if (home == nullptr || !is_mapped) {
    check(static_cast<bool>(pages_->free_pages(slab, order)), "a fresh block was not taken back");
    return Error::out_of_range;
  }
  // What most likely goes to this core's array at once is not chained first.
  const std::uint32_t count = objects_in_slab(head), room = room_for_objects(packing_.size);
  const std::uint32_t direct = !keeps_arrays_ || H.random_order ? 0 : count < room ? count : room;
  fill(slab, direct);
  const Result<void*> slot = take_enlisted(*home, slab, direct, where);
  if (!slot) drop_pages(slab);
  return slot;
}

// Puts a filled slab on the lists, and takes its first slot. Where its stretch has no record yet, one is made first, with
// nothing held; another core may have been faster.
//
// Errors    no_memory, out_of_range: as alloc(). Nothing changed.
template <PageSource P, Hardening H>
Result<void*> KmemCache<P, H>::take_enlisted(Lists& home, Pfn slab, std::uint32_t direct,
                                             const Where& where) noexcept {
  KmemCache* const records = common_->records == this ? nullptr : common_->records;
  void* record = nullptr;
  void* slot = nullptr;
  while (slot == nullptr) {
    {
      const Guard guard{pages_->cores()};
      const quarry::Hold hold{home.lock};
      if (record != nullptr && !home.has_record_for(slab)) {
        home.add_record(*::new (record) Stretch{});
        record = nullptr;
      }
      if (records == nullptr || home.has_record_for(slab)) {
        enlist(home, slab);
        slot = take_first(home, slab, direct, guard.core());
      }
    }
    if (slot != nullptr) break;
    const Result<void*> memory =
        records->alloc({.node = pages_->node_of(slab), .urgency = where.urgency, .effort = where.effort});
    if (!memory) return memory.error();
    record = memory.value();
  }
  if (record != nullptr) check(static_cast<bool>(records->free(record)), "a record that was not there");
  return slot;
}

// The first slot of a slab that was just enlisted. The others that stand on no chain go to this core's array, or onto the chain
// after all if there is something in it by now.
template <PageSource P, Hardening H>
void* KmemCache<P, H>::take_first(Lists& home, Pfn slab, std::uint32_t direct, unsigned core) noexcept {
  if (direct == 0) return take_one(home);  // it is the first of the partial ones
  page::Descriptor& head = known(*pages_, slab);
  const Slots<H> all = slots(slab, head.order());
  ObjectArray& array = *at(core).loaded;
  const bool is_near = only_ != nullptr || pages_->node_of(slab) == pages_->home_of(core);
  if (is_near && array.top == 0 && array.room >= direct - 1) {
    if (direct > 1) {
      for (std::uint32_t i = 1; i < direct; ++i) array.objects()[direct - 1 - i] = all.slot(i);
      array.top = direct - 1;
    }
    home.in_use += direct;
    return all.slot(0);
  }
  std::uint32_t next = head.free_object();
  for (std::uint32_t i = direct - 1; i > 0; --i) {
    all.set_next(i, next);
    next = i;
  }
  if (head.free_object() == kNoObject && next != kNoObject) {
    home.unlink_full(*pages_, slab);
    home.push_first(*pages_, slab);
  }
  head.set_objects(static_cast<std::uint16_t>(next), 1);
  ++home.in_use;
  return all.slot(0);
}

// Takes a slot off a slab's chain; the node's books are the caller's.
template <PageSource P, Hardening H>
std::byte* KmemCache<P, H>::pop(Pfn slab) noexcept {
  page::Descriptor& head = known(*pages_, slab);
  const std::uint32_t index = head.free_object();
  check(index < objects_in_slab(head), "a partial slab without a free object");
  const Slots<H> all = slots(slab, head.order());
  head.set_objects(static_cast<std::uint16_t>(all.next_of(index)),
                   static_cast<std::uint16_t>(head.objects_in_use() + 1));
  return all.slot(index);
}

// The same, as an object in use, for the records and caches that exist before anybody could ask for them.
template <PageSource P, Hardening H>
void* KmemCache<P, H>::take_fresh(Pfn slab) noexcept {
  std::byte* const slot = pop(slab);
  if constexpr (H.any_per_object()) check(hand_out(slot, nullptr), "a fresh object is damaged");
  return object_of(slot);
}

// Puts a filled slab on its node's books and lists; what is not on its chain is counted by who takes it. In
// "kmem_cache_node" the record of a stretch is the first object of the first slab there: asking for one elsewhere might need
// one in turn.
template <PageSource P, Hardening H>
void KmemCache<P, H>::enlist(Lists& home, Pfn slab) noexcept {
  if (!home.has_record_for(slab)) {
    check(common_->records == this, "a slab in a stretch without a record");
    home.add_record(*::new (take_fresh(slab)) Stretch{});
    ++home.in_use;
  }
  const page::Descriptor& head = known(*pages_, slab);
  home.count_slab(slab, static_cast<std::uint16_t>(objects_in_slab(head)));
  if (head.free_object() != kNoObject)
    home.push_first(*pages_, slab);
  else
    home.push_full(*pages_, slab);
}

// Makes a slab of a block of pages, on no list yet: all objects constructed, and chained but for the first `direct`, which count
// as in use. The chain goes by address, or in random order.
template <PageSource P, Hardening H>
void KmemCache<P, H>::fill(Pfn slab, std::uint32_t direct) noexcept {
  page::Descriptor& head = known(*pages_, slab);
  head.become_slab(id_);
  for (std::uint64_t i = 1; i < head.order().pages().raw; ++i)
    known(*pages_, slab + PageCount{i}).become_slab_tail(head);
  const std::uint32_t count = objects_in_slab(head);
  const Slots<H> all = slots(slab, head.order());
  const bool is_prepared = H.any_per_object() || constructor_ != nullptr;
  for (std::uint32_t i = 0; is_prepared && i < count; ++i) {
    if (constructor_ != nullptr) constructor_(object_of(all.slot(i)));
    if constexpr (H.any_per_object()) prepare(all.slot(i));
  }
  if constexpr (H.random_order) {
    // Each slot goes behind a random one of those before it, the first of which may change.
    std::uint64_t random = mix(common_->secret ^ slab.raw);
    std::uint32_t first = 0;
    all.set_next(0, kNoObject);
    for (std::uint32_t i = 1; i < count; ++i) {
      random = mix(random + i);
      const auto place = static_cast<std::uint32_t>(((random & 0xffff'ffff) * (i + 1)) >> 32);
      if (place == i) {
        all.set_next(i, first);
        first = i;
      } else {
        all.set_next(i, all.next_of(place));
        all.set_next(place, i);
      }
    }
    head.set_objects(static_cast<std::uint16_t>(first), 0);
  } else {
    for (std::uint32_t i = direct; i < count; ++i) all.set_next(i, i + 1 < count ? i + 1 : kNoObject);
    head.set_objects(direct < count ? static_cast<std::uint16_t>(direct) : kNoObject,
                     static_cast<std::uint16_t>(direct));
  }
}

template <PageSource P, Hardening H>
void KmemCache<P, H>::drop_pages(Pfn slab) noexcept {
  page::Descriptor& head = known(*pages_, slab);
  const Order order = head.order();
  for (std::uint64_t i = 1; i < order.pages().raw; ++i) known(*pages_, slab + PageCount{i}).become_nothing();
  head.leave_slab(migrate_type());
  check(static_cast<bool>(pages_->free_pages(slab, order)), "a slab's pages were not taken back");
}

template <PageSource P, Hardening H>
auto KmemCache<P, H>::drop(const Emptied& emptied) noexcept -> Gone {
  Gone gone{.slabs = emptied.count};
  for (unsigned i = 0; i < emptied.count; ++i) {
    const Pfn slab{emptied.slabs[i]};
    gone.pages.raw += known(*pages_, slab).order().pages().raw;
    drop_pages(slab);
  }
  return gone;
}

// --- Where a pointer points ------------------------------------------------------------------------

// The slab and slot of an object.
template <PageSource P, Hardening H>
auto KmemCache<P, H>::place_of(const void* object) noexcept -> Place {
  const Result<Pfn> frame = pages_->pfn_of(object);
  if (!frame) return {.state = ObjectState::unmapped};
  const page::Descriptor* const own = pages_->find(frame.value());
  if (own == nullptr || own->state() != page::State::slab) return {.state = ObjectState::no_slab};
  if (own->cache() != id_) return {.state = ObjectState::other_cache};
  const Pfn slab{align_down(frame.value().raw, own->order().pages().raw)};
  page::Descriptor* const head = pages_->find(slab);
  constexpr std::uint64_t page_size = std::uint64_t{1} << P::kGeometry.page_size().shift();
  const std::uint64_t offset = ((frame.value() - slab).raw << P::kGeometry.page_size().shift()) +
                               (reinterpret_cast<std::uintptr_t>(object) & (page_size - 1));
  std::byte* const begin = const_cast<std::byte*>(static_cast<const std::byte*>(object)) - offset;
  const std::uint64_t in_slots = offset - packing_.object_offset;  // wraps in front of the first object
  const std::uint32_t index = divider_.index_of(in_slots, static_cast<std::uint16_t>(objects_in_slab(*head)));
  if (index == kNoObject) {
    const auto slot = static_cast<std::uint32_t>(divide(offset, packing_.size));
    const auto from = static_cast<std::int64_t>(offset - std::uint64_t{slot} * packing_.size);
    return {.state = ObjectState::misaligned,
            .offset = from - static_cast<std::int64_t>(packing_.object_offset)};
  }
  return {.state = ObjectState::live, .slab = slab, .head = head, .begin = begin, .index = index};
}

// Whether a slot is on its slab's chain; its node's lock is held.
template <PageSource P, Hardening H>
bool KmemCache<P, H>::is_on_chain(const Place& place) noexcept {
  const Slots<H> all = slots(place.begin);
  const std::uint32_t count = objects_in_slab(*place.head);
  std::uint32_t index = place.head->free_object();
  for (std::uint32_t steps = 0; index < count && steps < count; ++steps) {
    if (index == place.index) return true;
    index = all.next_of(index);
  }
  return false;
}

}  // namespace quarry::slab
