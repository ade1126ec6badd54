// quarry/slab/slab_allocator_inline.hpp: caches made, found and unmade, once the first two are there.
#pragma once

#include "quarry/slab/slab_allocator.hpp"

namespace quarry::slab {

template <PageSource P, Hardening H>
Result<Done> SlabAllocator<P, H>::add_chunk(unsigned chunk) noexcept {
  if (chunks_[chunk] != nullptr) return Done{};
  for (const zones::Node& node : pages().nodes()) {
    if (node.present.raw == 0) continue;
    const Result<Pfn> page = pages().alloc_pages(Order{0}, {.node = node.id});
    if (!page) return page.error();
    std::byte* const memory = pages().map(PfnRange{page.value(), page.value() + PageCount{1}});
    if (memory == nullptr) {
      check(static_cast<bool>(pages().free_pages(page.value(), Order{0})), "a fresh page was not taken back");
      return Error::out_of_range;
    }
    chunks_[chunk] = reinterpret_cast<Cache**>(memory);
    for (unsigned i = 0; i < kChunkIds; ++i) chunks_[chunk][i] = nullptr;
    return Done{};
  }
  return Error::no_memory;
}

// The lowest number that no cache has.
template <PageSource P, Hardening H>
Result<unsigned> SlabAllocator<P, H>::free_id() noexcept {
  for (unsigned id = 0; id < kMaxCaches; ++id) {
    const Result<Done> chunk = add_chunk(id >> kChunkShift);
    if (!chunk) return chunk.error();
    if (slot(id) == nullptr) return id;
  }
  return Error::no_room;
}

// A constructor's objects must stay as it made them while they are free.
template <PageSource P, Hardening H>
Result<Packing> SlabAllocator<P, H>::packing_for(const CacheSpec& spec) const noexcept {
  const LinkPlace link = spec.constructor != nullptr ? LinkPlace::behind : spec.link;
  return packing_of({.size = spec.size,
                     .align = spec.align,
                     .line_align = spec.line_align,
                     .link = link,
                     .debug = H.layout()},
                    rules_);
}

// Lists for each node with memory that has none, each near its node.
//
// Errors    no_memory: those that were made stay; drop_lists() takes them away.
template <PageSource P, Hardening H>
Result<Done> SlabAllocator<P, H>::add_lists(Cache& cache) noexcept {
  for (const zones::Node& node : pages().nodes()) {
    if (node.present.raw == 0 || cache.lists(node.id) != nullptr) continue;
    const Result<void*> memory = lists_->alloc({.node = node.id});
    if (!memory) return memory.error();
    cache.table()[static_cast<std::size_t>(node.id)] = ::new (memory.value()) typename Cache::Lists{};
  }
  return Done{};
}

// The lists of a cache without slabs, or of one whose slabs are dealt with elsewhere; not kmem_cache_node's.
template <PageSource P, Hardening H>
void SlabAllocator<P, H>::drop_lists(Cache& cache) noexcept {
  for (std::size_t i = 0; i < node_ids_; ++i) {
    typename Cache::Lists* const lists = cache.table()[i];
    if (lists == nullptr) continue;
    cache.table()[i] = nullptr;
    for (Stretch* stretch = lists->front.next; stretch != nullptr;) {
      Stretch* const gone = stretch;
      stretch = stretch->next;
      check(static_cast<bool>(lists_->free(gone)), "a record that was not there");
    }
    check(static_cast<bool>(lists_->free(lists)), "lists that were not there");
  }
}

template <PageSource P, Hardening H>
bool SlabAllocator<P, H>::is_own(const Cache& cache) const noexcept {
  for (const Cache* const arrays : common_.arrays)
    if (&cache == arrays) return true;
  return &cache == caches_ || &cache == lists_;
}

// The oldest cache whose slots are as good as those asked for, and waste less than a word.
template <PageSource P, Hardening H>
auto SlabAllocator<P, H>::mergeable(const CacheSpec& spec, const Packing& packing) noexcept -> Cache* {
  if (!config_.merging || H.any_per_object() || spec.merging == Merging::never ||
      spec.constructor != nullptr || spec.link == LinkPlace::behind)
    return nullptr;
  for (Cache* cache = first_; cache != nullptr; cache = cache->next())
    if (!is_own(*cache) && cache->can_stand_for(spec, packing, rules_.word)) return cache;
  return nullptr;
}

template <PageSource P, Hardening H>
auto SlabAllocator<P, H>::create(const CacheSpec& spec) noexcept -> Result<Cache*> {
  check(is_booted(), "a cache before boot");
  const Result<Packing> packing = packing_for(spec);
  if (!packing) return packing.error();
  if (Cache* const other = mergeable(spec, packing.value())) {
    ++other->users_;
    if (other->packing_.object_size < spec.size)
      __atomic_store_n(&other->packing_.object_size, spec.size, __ATOMIC_RELAXED);
    return other;
  }
  const Result<Cache*> made = make(spec, packing.value());
  if (made && config_.cores_keep_objects) set_up_arrays(*made.value());
  return made;
}

// From here on cores keep objects of the cache at hand, and nodes some arrays for whoever comes next.
template <PageSource P, Hardening H>
void SlabAllocator<P, H>::set_up_arrays(Cache& cache) noexcept {
  const std::uint64_t bytes = std::uint64_t{room_for_objects(cache.packing_.size)} * cache.packing_.size;
  for (const zones::Node& node : pages().nodes()) {
    typename Cache::Lists* const lists = cache.lists(node.id);
    if (lists == nullptr) continue;
    const std::uint64_t arrays = divide(waiting_bytes(node.present.raw << rules_.page_shift), bytes);
    lists->most_full = arrays < 2 ? 2 : static_cast<std::uint32_t>(arrays);
    if (nodes_with_memory_ == 1) cache.only_ = lists;
  }
  cache.keeps_arrays_ = true;
}

template <PageSource P, Hardening H>
auto SlabAllocator<P, H>::make(const CacheSpec& spec, const Packing& packing) noexcept -> Result<Cache*> {
  const Result<unsigned> id = free_id();
  if (!id) return id.error();
  const Result<void*> memory = caches_->alloc();
  if (!memory) return memory.error();
  Cache* const cache = ::new (memory.value())
      Cache{common_, spec, packing, static_cast<std::uint16_t>(id.value()), cores_, node_ids_};
  const Result<Done> lists = add_lists(*cache);
  if (!lists) {
    drop_lists(*cache);
    check(static_cast<bool>(caches_->free(cache)), "a fresh cache was not taken back");
    return lists.error();
  }
  slot(id.value()) = cache;
  const port::CoreHold<typename P::Cores> hold{pages().cores(), list_lock_};
  Cache* last = first_;
  while (last->next_ != nullptr) last = last->next_;
  last->next_ = cache;
  return cache;
}

template <PageSource P, Hardening H>
Result<Leaks> SlabAllocator<P, H>::destroy(Cache& cache, const LeakHook& leak) noexcept {
  if (is_own(cache)) return Error::bad_argument;
  check(slot(cache.id()) == &cache, "a cache that is not ours");
  if (cache.users_ > 1) {
    --cache.users_;
    return Leaks{};
  }
  cache.shrink();
  const CacheStats stats = cache.stats();
  if (stats.active_objects != 0) {
    if (leak.tell != nullptr) cache.for_each_live(leak);
    return Leaks{.objects = stats.active_objects, .slabs = stats.total_slabs};
  }
  unmake(cache);
  return Leaks{};
}

// False: another core looks at the cache just now.
template <PageSource P, Hardening H>
bool SlabAllocator<P, H>::unlist(Cache& cache) noexcept {
  const port::CoreHold<typename P::Cores> hold{pages().cores(), list_lock_};
  if (cache.visitors_ != 0) return false;
  Cache* before = first_;
  while (before->next_ != &cache) before = before->next_;
  before->next_ = cache.next_;
  slot(cache.id()) = nullptr;
  return true;
}

// The cache after `before`, or the first; it does not go before it has been asked for the next.
template <PageSource P, Hardening H>
auto SlabAllocator<P, H>::next_visited(Cache* before) noexcept -> Cache* {
  const port::CoreHold<typename P::Cores> hold{pages().cores(), list_lock_};
  Cache* const next = before == nullptr ? first_ : before->next_;
  if (before != nullptr) --before->visitors_;
  if (next != nullptr) ++next->visitors_;
  return next;
}

// A cache without slabs goes.
template <PageSource P, Hardening H>
void SlabAllocator<P, H>::unmake(Cache& cache) noexcept {
  check(cache.stats().total_slabs == 0, "an empty slab that was not given back");
  while (!unlist(cache)) relax_core();
  drop_lists(cache);
  check(static_cast<bool>(caches_->free(&cache)), "a cache that was not there");
}

template <PageSource P, Hardening H>
PageCount SlabAllocator<P, H>::give_back() noexcept {
  typename Cache::Gone gone;
  // The caches that others' arrays and records come from are the first, and go last.
  for (const bool own : {false, true})
    for (Cache* cache = next_visited(nullptr); cache != nullptr; cache = next_visited(cache))
      if (is_own(*cache) == own) gone += cache->send_home();
  return gone.pages;
}

template <PageSource P, Hardening H>
auto SlabAllocator<P, H>::cache_of(const void* object) noexcept -> Result<Cache*> {
  const Result<Pfn> frame = pages().pfn_of(object);
  if (!frame) return frame.error();
  const page::Descriptor* const descriptor = pages().find(frame.value());
  if (descriptor == nullptr || descriptor->state() != page::State::slab) return Error::not_found;
  Cache* const cache = by_id(descriptor->cache());
  check(cache != nullptr, "a slab without a cache");
  return cache;
}

template <PageSource P, Hardening H>
Audit SlabAllocator<P, H>::audit() noexcept {
  unsigned listed = 0, numbered = 0;
  Audit found;
  for (Cache* cache = next_visited(nullptr); cache != nullptr; cache = next_visited(cache)) {
    if (!found.holds()) continue;  // the rest is only left
    const bool has_room = ++listed <= kMaxCaches;
    if (!has_room || slot(cache->id()) != cache)
      found = {.broken = Law::ids_agree, .cache = cache->name()};
    else
      found = cache->audit();
  }
  if (!found.holds()) return found;
  for (Cache** const chunk : chunks_)
    for (unsigned i = 0; chunk != nullptr && i < kChunkIds; ++i) numbered += chunk[i] != nullptr;
  if (listed != numbered) return {.broken = Law::ids_agree};
  return {};
}

}  // namespace quarry::slab
