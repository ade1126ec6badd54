// quarry/slab/slab_allocator_inline.hpp: caches made, found and unmade, once the first two are there.
#pragma once

#include "quarry/slab/slab_allocator.hpp"

namespace quarry::slab {

template <PageSource P>
Result<Done> SlabAllocator<P>::add_chunk(unsigned chunk) noexcept {
  if (chunks_[chunk] != nullptr) return Done{};
  for (const zones::Node& node : pages_->nodes()) {
    if (node.present.raw == 0) continue;
    const Result<Pfn> page = pages_->alloc_pages(Order{0}, {.node = node.id});
    if (!page) return page.error();
    std::byte* const memory = pages_->map(PfnRange{page.value(), page.value() + PageCount{1}});
    if (memory == nullptr) {
      check(static_cast<bool>(pages_->free_pages(page.value(), Order{0})), "a fresh page was not taken back");
      return Error::out_of_range;
    }
    chunks_[chunk] = reinterpret_cast<Cache**>(memory);
    for (unsigned i = 0; i < kChunkIds; ++i) chunks_[chunk][i] = nullptr;
    return Done{};
  }
  return Error::no_memory;
}

// The lowest number that no cache has.
template <PageSource P>
Result<unsigned> SlabAllocator<P>::free_id() noexcept {
  for (unsigned id = 0; id < kMaxCaches; ++id) {
    const Result<Done> chunk = add_chunk(id >> kChunkShift);
    if (!chunk) return chunk.error();
    if (slot(id) == nullptr) return id;
  }
  return Error::no_room;
}

// A constructor's objects must stay as it made them while they are free.
template <PageSource P>
Result<Packing> SlabAllocator<P>::packing_for(const CacheSpec& spec) const noexcept {
  const LinkPlace link = spec.constructor != nullptr ? LinkPlace::behind : spec.link;
  return packing_of({.size = spec.size, .align = spec.align, .line_align = spec.line_align, .link = link},
                    rules_);
}

// Lists for each node with memory that has none, each near its node.
//
// Errors    no_memory: those that were made stay; drop_lists() takes them away.
template <PageSource P>
Result<Done> SlabAllocator<P>::add_lists(Cache& cache) noexcept {
  for (const zones::Node& node : pages_->nodes()) {
    if (node.present.raw == 0 || cache.lists(node.id) != nullptr) continue;
    const Result<void*> memory = lists_->alloc({.node = node.id});
    if (!memory) return memory.error();
    cache.table()[static_cast<std::size_t>(node.id)] = ::new (memory.value()) NodeLists{};
  }
  return Done{};
}

// The lists of a cache without slabs, or of one whose slabs are dealt with elsewhere; not kmem_cache_node's.
template <PageSource P>
void SlabAllocator<P>::drop_lists(Cache& cache) noexcept {
  for (std::size_t i = 0; i < node_ids_; ++i) {
    NodeLists* const lists = cache.table()[i];
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

template <PageSource P>
auto SlabAllocator<P>::create(const CacheSpec& spec) noexcept -> Result<Cache*> {
  check(is_booted(), "a cache before boot");
  const Result<Packing> packing = packing_for(spec);
  if (!packing) return packing.error();
  const Result<unsigned> id = free_id();
  if (!id) return id.error();
  const Result<void*> memory = caches_->alloc();
  if (!memory) return memory.error();
  Cache* const cache = ::new (memory.value())
      Cache{*pages_, spec, packing.value(), static_cast<std::uint16_t>(id.value()), node_ids_, lists_};
  const Result<Done> lists = add_lists(*cache);
  if (!lists) {
    drop_lists(*cache);
    check(static_cast<bool>(caches_->free(cache)), "a fresh cache was not taken back");
    return lists.error();
  }
  slot(id.value()) = cache;
  Cache* last = first_;
  while (last->next_ != nullptr) last = last->next_;
  last->next_ = cache;
  return cache;
}

template <PageSource P>
Result<Leaks> SlabAllocator<P>::destroy(Cache& cache) noexcept {
  if (&cache == caches_ || &cache == lists_) return Error::bad_argument;
  check(slot(cache.id()) == &cache, "a cache that is not ours");
  cache.shrink();
  const CacheStats stats = cache.stats();
  if (stats.active_objects != 0)
    return Leaks{.objects = stats.active_objects, .slabs = stats.total_slabs, .first = cache.first_live()};
  check(stats.total_slabs == 0, "an empty slab that was not given back");
  Cache* before = first_;
  while (before->next_ != &cache) before = before->next_;
  before->next_ = cache.next_;
  slot(cache.id()) = nullptr;
  drop_lists(cache);
  check(static_cast<bool>(caches_->free(&cache)), "a cache that was not there");
  return Leaks{};
}

template <PageSource P>
auto SlabAllocator<P>::cache_of(const void* object) noexcept -> Result<Cache*> {
  const Result<Pfn> frame = pages_->pfn_of(object);
  if (!frame) return frame.error();
  const Result<Pfn> start = head_of(*pages_, frame.value());
  if (!start) return start.error();
  const page::Descriptor& head = *pages_->find(start.value());
  if (head.state() != page::State::slab) return Error::not_found;
  check(chunks_[head.cache() >> kChunkShift] != nullptr, "a slab of a cache that never was");
  Cache* const cache = slot(head.cache());
  check(cache != nullptr, "a slab without a cache");
  return cache;
}

template <PageSource P>
Audit SlabAllocator<P>::audit() noexcept {
  unsigned listed = 0, numbered = 0;
  for (Cache* cache = first_; cache != nullptr; cache = cache->next()) {
    const bool has_room = ++listed <= kMaxCaches;
    if (!has_room || slot(cache->id()) != cache) return {.broken = Law::ids_agree, .cache = cache->name()};
    const Audit found = cache->audit();
    if (!found.holds()) return found;
  }
  for (Cache** const chunk : chunks_)
    for (unsigned i = 0; chunk != nullptr && i < kChunkIds; ++i) numbered += chunk[i] != nullptr;
  if (listed != numbered) return {.broken = Law::ids_agree};
  return {};
}

}  // namespace quarry::slab
