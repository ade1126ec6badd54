// quarry/slab/kmem_cache_cores.hpp: the bodies of KmemCache that move objects between cores and nodes, an array at a time.
//
//   alloc   loaded empty --> spare --> a full array of the node --> a row of free slots of its slabs --> a new slab
//   free    loaded full  --> spare --> an empty array of the node, which gets the full one --> the objects go to their slabs
//
// An object of another node never rests in `loaded`: it waits in `outgoing` until that is full. Where a core has no array yet,
// or there is no memory for one, single objects go to and from the slabs.
#pragma once

#include "quarry/slab/kmem_cache.hpp"

namespace quarry::slab {

namespace detail {
// Slow visits of a core before it gets arrays of its own: what is used once needs none.
inline constexpr std::size_t kVisitsBeforeArrays = 2;
}  // namespace detail

template <PageSource P, Hardening H>
ObjectArray* KmemCache<P, H>::make_array() noexcept {
  KmemCache* const arrays = common_->arrays[array_kind(packing_.size)];
  const Result<void*> memory = arrays->alloc({.effort = buddy::Effort::no_wait});
  if (!memory) return nullptr;
  const std::uint32_t room = room_for_objects(packing_.size);
  ObjectArray* const array = ::new (memory.value()) ObjectArray{};
  array->room = room;
  if constexpr (!H.any_per_object())
    if (only_ != nullptr) array->limit = room;
  return array;
}

template <PageSource P, Hardening H>
void KmemCache<P, H>::drop_array(ObjectArray* array) noexcept {
  if (array == nullptr || !array->is_real()) return;
  KmemCache* const arrays = common_->arrays[array_kind(packing_.size)];
  check(array->top == 0 && static_cast<bool>(arrays->free(array)), "an array that was not there");
}

// --- Objects out -----------------------------------------------------------------------------------

template <PageSource P, Hardening H>
Result<void*> KmemCache<P, H>::alloc_slowly(std::uint64_t packed) noexcept {
  const Where where = unpack_where(packed);
  for (;;) {
    const Result<void*> slot = take(where);
    if (!slot) return slot;
    auto* const bytes = static_cast<std::byte*>(slot.value());
    if constexpr (!H.any_per_object()) return slot;
    // One that was written to while it was free stays out of use.
    if (hand_out(bytes, __builtin_return_address(0))) return object_of(bytes);
  }
}

// The core's own, the node's, another node's if it has more than it keeps anyway, a new slab; and any at all when there are no pages.
template <PageSource P, Hardening H>
Result<void*> KmemCache<P, H>::take(const Where& where) noexcept {
  ObjectArray* fresh = nullptr;
  if (keeps_arrays_) {
    bool wants_array = false;
    {
      const Guard guard{pages_->cores()};
      AtCore& mine = at(guard.core());
      wants_array = !mine.loaded->is_real() && ++mine.visits > detail::kVisitsBeforeArrays;
    }
    if (wants_array) fresh = make_array();
  }
  void* slot = take_at_hand(where, fresh);
  drop_array(fresh);
  if (slot != nullptr) return slot;
  const NodeId node = node_asked(*pages_, where.node);
  slot = take_from_other(where, node, packing_.min_partial);
  if (slot != nullptr) return slot;
  const Result<void*> made = take_from_new(where);
  if (made) return made;
  slot = take_from_other(where, node, 0);
  if (slot != nullptr) return slot;
  failures_.fetch_add_relaxed(1);
  return made;
}

// What this core or the node asked for has. `fresh` becomes the core's array if it has none.
template <PageSource P, Hardening H>
void* KmemCache<P, H>::take_at_hand(const Where& where, ObjectArray*& fresh) noexcept {
  const Guard guard{pages_->cores()};
  AtCore& mine = at(guard.core());
  const NodeId home = pages_->home_of(guard.core());
  const NodeId node = where.node == kHere ? home : where.node;
  if (fresh != nullptr && !mine.loaded->is_real()) {
    mine.loaded = fresh;
    fresh = nullptr;
  }
  const bool is_near = node == home;
  if (is_near) {
    if (mine.loaded->top == 0) mine.turn();
    if (mine.loaded->top != 0) return mine.loaded->pop_known();
  }
  Lists* const found = lists(node);
  if (found == nullptr) return nullptr;
  if (is_near && !mine.loaded->is_real()) mine.turn();
  Lists& local = *found;
  const quarry::Hold hold{local.lock};
  if (!is_near || !mine.loaded->is_real()) {
    void* const slot = take_one(local);
    return slot != nullptr ? slot : local.take_waiting();
  }
  if (ObjectArray* const full = local.take_full()) {
    local.put_empty(*mine.loaded);
    mine.loaded = full;
    return full->pop_known();
  }
  ObjectArray& array = *mine.loaded;
  const std::size_t got = take_row(local, array.objects() + array.room, array.room);
  if (got == 0) return nullptr;
  if (got < array.room)
    __builtin_memmove(array.objects(), array.objects() + (array.room - got), got * sizeof(void*));
  array.top = got;
  return array.pop_known();
}

template <PageSource P, Hardening H>
std::size_t KmemCache<P, H>::alloc_bulk(std::span<void*> out, const Where& where) noexcept {
  std::size_t done = 0;
  while (done < out.size()) {
    if constexpr (!H.any_per_object()) {
      if (where.node == kHere) {
        const Guard guard{pages_->cores()};
        AtCore& mine = at(guard.core());
        for (unsigned i = 0; i < 2; ++i) {
          ObjectArray& array = *mine.loaded;
          const std::size_t wanted = out.size() - done, count = wanted < array.top ? wanted : array.top;
          if (count != 0) {
            array.top -= count;
            void* const* const from = array.objects() + array.top;
            for (std::size_t at = 0; at < count; ++at) out[done + at] = from[at];
            done += count;
          }
          if (done == out.size()) return done;
          mine.turn();
        }
      }
    }
    const Result<void*> object = alloc_slowly(pack(where));
    if (!object) return done;
    out[done++] = object.value();
  }
  return done;
}

// --- Objects in ------------------------------------------------------------------------------------

template <PageSource P, Hardening H>
Result<Done> KmemCache<P, H>::free_slowly(void* object) noexcept {
  const Place place = place_of(object);
  switch (place.state) {
    case ObjectState::live: break;
    case ObjectState::misaligned:
      return refuse(Fault::misaligned_free, object, Error::bad_argument, place.offset);
    case ObjectState::no_slab: return refuse(Fault::foreign_free, object, Error::not_found);
    case ObjectState::unmapped: return refuse(Fault::foreign_free, object, Error::out_of_range);
    case ObjectState::other_cache:
    case ObjectState::free: return refuse(Fault::foreign_free, object, Error::wrong_owner);
  }
  if constexpr (H.any_per_object())
    if (const Result<Done> taken = take_back(slot_of(object), __builtin_return_address(0)); !taken)
      return taken;
  put(place);
  return Done{};
}

// A slot that is nobody's any more: to this core's arrays, or to its slab.
template <PageSource P, Hardening H>
void KmemCache<P, H>::put(const Place& place) noexcept {
  void* const slot = slots(place.begin).slot(place.index);
  Lists& home = lists_of(place.slab);
  ObjectArray* fresh = nullptr;
  Kept kept = Kept::no;
  for (bool may_ask = true; kept == Kept::no; may_ask = false) {
    Emptied emptied;
    {
      const Guard guard{pages_->cores()};
      AtCore& mine = at(guard.core());
      if (!keeps_arrays_ || (!may_ask && fresh == nullptr && !mine.loaded->is_real())) {
        const quarry::Hold hold{home.lock};
        put_one(home, place, emptied);
        kept = Kept::yes;
      } else if (&home == lists(pages_->home_of(guard.core()))) {
        kept = keep(mine, home, slot, fresh, may_ask, emptied);
      } else {
        kept = send(mine, slot, fresh, emptied);
        if (kept == Kept::no && !may_ask) {
          const quarry::Hold hold{home.lock};
          put_one(home, place, emptied);
          kept = Kept::yes;
        }
      }
    }
    drop(emptied);
    if (kept == Kept::no) fresh = make_array();
  }
  drop_array(fresh);
}

// Onto this core's stack, whose node the slot is from.
//
// Returns   no: an array is wanted first, and may be asked for.
template <PageSource P, Hardening H>
auto KmemCache<P, H>::keep(AtCore& mine, Lists& home, void* slot, ObjectArray*& fresh, bool may_ask,
                           Emptied& emptied) noexcept -> Kept {
  if (!mine.loaded->is_real()) {
    if (fresh == nullptr) return Kept::no;  // may ask, or there is one
    mine.loaded = fresh;
    fresh = nullptr;
  }
  if (mine.loaded->push_known(slot)) return Kept::yes;
  if (!mine.spare->is_real()) {
    if (fresh == nullptr && may_ask) return Kept::no;
    if (fresh != nullptr) {
      mine.spare = fresh;
      fresh = nullptr;
    }
  }
  if (mine.spare->is_real()) mine.turn();
  if (mine.loaded->top != 0) {
    ObjectArray* const full = mine.loaded;
    const quarry::Hold hold{home.lock};
    ObjectArray* empty = nullptr;
    if (home.full_count < home.most_full) {
      empty = home.take_empty();
      if (empty == nullptr && fresh == nullptr && may_ask) return Kept::no;
      if (empty == nullptr) {
        empty = fresh;
        fresh = nullptr;
      }
    }
    if (empty != nullptr) {
      home.put_full(*full);
      mine.loaded = empty;
    } else {
      put_row(home, {full->objects(), full->top}, emptied);
      full->top = 0;
    }
  }
  check(mine.loaded->push_known(slot), "an empty array without room");
  return Kept::yes;
}

// Onto what this core has of other nodes' objects.
//
// Returns   no: there is no array for them.
template <PageSource P, Hardening H>
auto KmemCache<P, H>::send(AtCore& mine, void* slot, ObjectArray*& fresh, Emptied& emptied) noexcept -> Kept {
  if (!mine.outgoing->is_real()) {
    if (fresh == nullptr) return Kept::no;
    mine.outgoing = fresh;
    fresh = nullptr;
  }
  if (mine.outgoing->push_known(slot)) return Kept::yes;
  hand_over(*mine.outgoing, emptied);
  check(mine.outgoing->push_known(slot), "an empty array without room");
  return Kept::yes;
}

// All objects of an array to their slabs, each node's under one hold of its lock.
template <PageSource P, Hardening H>
void KmemCache<P, H>::hand_over(ObjectArray& array, Emptied& emptied) noexcept {
  void** const objects = array.objects();
  while (array.top != 0) {
    const auto lists_at = [&](std::size_t i) noexcept -> Lists& {
      const Result<Pfn> frame = pages_->pfn_of(objects[i]);
      check(static_cast<bool>(frame), "what was given back is no object of this cache");
      return lists_of(frame.value());
    };
    Lists& home = lists_at(array.top - 1);
    // Those of this node go to the end; they are taken from there.
    std::size_t begin = array.top;
    for (std::size_t i = array.top; i-- > 0;) {
      if (only_ == nullptr && &lists_at(i) != &home) continue;
      --begin;
      void* const moved = objects[begin];
      objects[begin] = objects[i];
      objects[i] = moved;
    }
    const quarry::Hold hold{home.lock};
    put_row(home, {objects + begin, array.top - begin}, emptied);
    array.top = begin;
  }
}

template <PageSource P, Hardening H>
Result<Done> KmemCache<P, H>::free_bulk(std::span<void* const> objects, std::size_t* done) noexcept {
  std::size_t count = 0;
  Result<Done> result = Done{};
  while (count < objects.size() && result) {
    if constexpr (!H.any_per_object()) {
      const Guard guard{pages_->cores()};
      AtCore& mine = at(guard.core());
      for (unsigned i = 0; i < 2; ++i) {
        ObjectArray& array = *mine.loaded;
        const std::size_t room = array.limit > array.top ? array.limit - array.top : 0,
                          left = objects.size() - count;
        const std::size_t now = left < room ? left : room;
        void** const to = array.objects() + array.top;
        std::size_t moved = 0;
        for (; moved < now && objects[count + moved] != nullptr; ++moved) to[moved] = objects[count + moved];
        if (moved != 0) array.top += moved;
        count += moved;
        if (moved < now || count == objects.size()) break;
        if (mine.spare->limit != 0) mine.turn();
      }
    }
    if (count == objects.size()) break;
    result = free_slowly(objects[count]);
    if (result) ++count;
  }
  if (done != nullptr) *done = count;
  return result;
}

}  // namespace quarry::slab
