// quarry/slab/kmem_cache_drain.hpp: the bodies of KmemCache that send everything home: objects to their slabs, arrays and empty slabs
// to where they came from.
#pragma once

#include "quarry/slab/kmem_cache.hpp"

namespace quarry::slab {

// Calls visit(core, what it has) as if that core did, one after the other.
template <PageSource P, Hardening H>
template <class Visit>
void KmemCache<P, H>::for_each_core(Visit&& visit) noexcept {
  struct Call {
    KmemCache* cache;
    Visit* visit;
  } call{this, &visit};
  for (unsigned core = 0; core < cores_; ++core)
    pages_->cores().run_on(
        core,
        [](void* self, unsigned number) noexcept {
          const Call& what = *static_cast<Call*>(self);
          (*what.visit)(number, what.cache->at(number));
        },
        &call);
}

template <PageSource P, Hardening H>
auto KmemCache<P, H>::empty_core(AtCore& mine) noexcept -> Gone {
  Gone gone;
  for (ObjectArray* const array : {mine.loaded, mine.spare, mine.outgoing}) {
    if (array->top == 0) continue;
    Emptied emptied;
    hand_over(*array, emptied);
    gone += drop(emptied);
  }
  return gone;
}

template <PageSource P, Hardening H>
auto KmemCache<P, H>::empty_node(Lists& node) noexcept -> Gone {
  Gone gone;
  for (;;) {
    ObjectArray* array = nullptr;
    {
      const Hold hold{pages_->cores(), node.lock};
      array = node.take_full();
      if (array == nullptr) array = node.take_empty();
    }
    if (array == nullptr) return gone;
    Emptied emptied;
    {
      const Guard guard{pages_->cores()};
      hand_over(*array, emptied);
    }
    gone += drop(emptied);
    drop_array(array);
  }
}

template <PageSource P, Hardening H>
auto KmemCache<P, H>::send_objects_home() noexcept -> Gone {
  if (!keeps_arrays_) return {};
  Gone gone;
  for_each_core([&](unsigned, AtCore& mine) noexcept { gone += empty_core(mine); });
  for (std::size_t i = 0; i < nodes_; ++i)
    if (table()[i] != nullptr) gone += empty_node(*table()[i]);
  return gone;
}

// The same, and cores have no arrays any more until they ask again.
template <PageSource P, Hardening H>
auto KmemCache<P, H>::drop_arrays() noexcept -> Gone {
  if (!keeps_arrays_) return {};
  Gone gone;
  for_each_core([&](unsigned, AtCore& mine) noexcept {
    gone += empty_core(mine);
    ObjectArray* const were[] = {mine.loaded, mine.spare, mine.outgoing};
    mine.loaded = mine.spare = mine.outgoing = no_array();
    mine.visits = 0;
    for (ObjectArray* const array : were) drop_array(array);
  });
  gone += send_objects_home();
  return gone;
}

template <PageSource P, Hardening H>
auto KmemCache<P, H>::send_home() noexcept -> Gone {
  Gone gone = drop_arrays();
  for (std::size_t i = 0; i < nodes_; ++i) {
    if (table()[i] == nullptr) continue;
    Lists& node = *table()[i];
    for (;;) {
      Emptied emptied;
      {
        const Hold hold{pages_->cores(), node.lock};
        node.for_each_partial(*pages_, [&](Pfn slab, const page::Descriptor& head) QUARRY_UNLOCKED {
          if (head.objects_in_use() != 0 || emptied.count == Emptied::kMost) return;
          node.unlink(*pages_, slab);
          node.forget_slab(slab, static_cast<std::uint16_t>(objects_in_slab(head)));
          emptied.slabs[emptied.count++] = slab.raw;
        });
      }
      gone += drop(emptied);
      if (emptied.count < Emptied::kMost) break;
    }
  }
  return gone;
}

}  // namespace quarry::slab
