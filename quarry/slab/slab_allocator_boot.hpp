// quarry/slab/slab_allocator_boot.hpp: how the first two caches come to be, and go.
#pragma once

#include "quarry/slab/slab_allocator.hpp"

namespace quarry::slab {

template <PageSource P, Hardening H>
Result<Done> SlabAllocator<P, H>::boot() noexcept {
  check(!is_booted(), "booted twice");
  node_ids_ = 0;
  nodes_with_memory_ = 0;
  cores_ = pages().cores().core_count();
  common_.ram = pages().direct_ram();
  for (const zones::Node& node : pages().nodes()) {
    const std::size_t past = static_cast<std::size_t>(node.id) + 1;
    if (node.present.raw == 0) continue;
    if (past > node_ids_) node_ids_ = past;
    ++nodes_with_memory_;
  }
  Result<Done> done = add_chunk(0);
  if (!done) return done;
  done = boot_caches();
  if (done) done = boot_lists();
  if (done && config_.cores_keep_objects) done = boot_arrays();
  if (!done) dissolve();
  return done;
}

// A first slab of the cache's own order, with its lists still to come.
template <PageSource P, Hardening H>
Result<Pfn> SlabAllocator<P, H>::boot_slab(const CacheSpec& spec, const Packing& packing) noexcept {
  for (const zones::Node& node : pages().nodes()) {
    if (node.present.raw == 0) continue;
    const Result<Pfn> block = pages().alloc_pages(packing.order, {.node = node.id});
    if (!block) return block.error();
    const Pfn slab = block.value();
    std::byte* const memory = pages().map(PfnRange{slab, slab + packing.order.pages()});
    if (memory == nullptr) {
      check(static_cast<bool>(pages().free_pages(slab, packing.order)), "a fresh block was not taken back");
      return Error::out_of_range;
    }
    // The chain is laid by a model of the cache, which will stand in the slab's own first object.
    Cache model{common_, spec, packing, 0, 0, 0};
    model.fill(slab, 0);
    return slab;
  }
  return Error::no_memory;
}

template <PageSource P, Hardening H>
Result<Done> SlabAllocator<P, H>::boot_caches() noexcept {
  const CacheSpec cache_spec{.name = "kmem_cache",
                             .size = static_cast<std::uint32_t>(Cache::size_for(cores_, node_ids_)),
                             .align = alignof(Cache),
                             .line_align = LineAlign::yes};
  const CacheSpec lists_spec{
      .name = "kmem_cache_node", .size = sizeof(typename Cache::Lists), .line_align = LineAlign::yes};
  const Result<Packing> cache_packing = packing_for(cache_spec), lists_packing = packing_for(lists_spec);
  if (!cache_packing || !lists_packing) return Error::bad_argument;
  // The first slab holds both caches. With hundreds of cores one alone may fill it.
  Packing packing = cache_packing.value();
  if (packing.objects < 2) {
    packing.order = Order{packing.order.raw() + 1};
    packing.objects = objects_in(packing.order, packing.size, rules_);
    if (packing.order.raw() > rules_.highest_order || packing.objects < 2) return Error::bad_argument;
  }
  const Result<Pfn> slab = boot_slab(cache_spec, packing);
  if (!slab) return slab.error();

  // Two objects are taken by hand.
  void* own[2] = {};
  {
    Cache model{common_, cache_spec, packing, 0, 0, 0};
    for (void*& object : own) object = model.take_fresh(slab.value());
  }
  lists_ = ::new (own[1]) Cache{common_, lists_spec, lists_packing.value(), 1, cores_, node_ids_};
  caches_ = ::new (own[0]) Cache{common_, cache_spec, packing, 0, cores_, node_ids_};
  common_.records = lists_;
  slot(0) = caches_;
  slot(1) = lists_;
  first_ = caches_;
  caches_->next_ = lists_;
  return Done{};
}

template <PageSource P, Hardening H>
Result<Done> SlabAllocator<P, H>::boot_lists() noexcept QUARRY_UNLOCKED {
  // kmem_cache_node: on each node a slab of that node holds the lists of that node.
  const Packing& packing = lists_->packing();
  bool any = false;
  for (const zones::Node& node : pages().nodes()) {
    if (node.present.raw == 0) continue;
    const buddy::Request request{.placement = buddy::Placement::this_node, .node = node.id};
    const Result<Pfn> block = pages().alloc_pages(packing.order, request);
    if (!block) continue;  // its lists will lie on another node
    const Pfn slab = block.value();
    std::byte* const memory = pages().map(PfnRange{slab, slab + packing.order.pages()});
    if (memory == nullptr || pages().node_of(slab) != node.id) {
      check(static_cast<bool>(pages().free_pages(slab, packing.order)), "a fresh block was not taken back");
      continue;
    }
    lists_->fill(slab, 0);
    auto& own = *::new (lists_->take_fresh(slab)) typename Cache::Lists{};
    own.in_use = 1;
    lists_->enlist(own, slab);
    lists_->table()[static_cast<std::size_t>(node.id)] = &own;
    any = true;
  }
  if (!any) return Error::no_memory;
  Result<Done> done = add_lists(*lists_);
  if (done) done = add_lists(*caches_);
  if (!done) return done;

  // kmem_cache: its first slab gets onto the list of its node.
  const Result<Pfn> slab = head_of(pages(), pages().pfn_of(caches_).value());
  typename Cache::Lists& home = caches_->lists_of(slab.value());
  home.in_use = 2;
  caches_->enlist(home, slab.value());
  return Done{};
}

// The caches of the cores' arrays.
template <PageSource P, Hardening H>
Result<Done> SlabAllocator<P, H>::boot_arrays() noexcept {
  static constexpr const char* names[] = {"kmem_cache_cpu-1k", "kmem_cache_cpu-512", "kmem_cache_cpu-128"};
  for (unsigned kind = 0; kind < kArrayKinds; ++kind) {
    const CacheSpec spec{.name = names[kind], .size = kArrayBytes[kind], .line_align = LineAlign::yes};
    const Result<Packing> packing = packing_for(spec);
    if (!packing) return packing.error();
    const Result<Cache*> made = make(spec, packing.value());
    if (!made) return made.error();
    common_.arrays[kind] = made.value();
  }
  return Done{};
}

// An object of kmem_cache_node is no more; nor is its slab, when it was the last one there.
template <PageSource P, Hardening H>
void SlabAllocator<P, H>::let_go(const void* record) noexcept {
  const Pfn slab = head_of(pages(), pages().pfn_of(record).value()).value();
  page::Descriptor& head = known(pages(), slab);
  check(head.objects_in_use() != 0, "a record in an empty slab");
  const auto left = static_cast<std::uint16_t>(head.objects_in_use() - 1);
  head.set_objects(head.free_object(), left);
  if (left == 0) lists_->drop_pages(slab);
}

// Takes kmem_cache_node apart once all that is left in it are its own records. They may lie in each other's slabs in
// any way, so slabs are no longer looked up through them: each goes with the last record in it.
template <PageSource P, Hardening H>
void SlabAllocator<P, H>::dissolve_lists() noexcept {
  lists_->shrink();
  for (std::size_t i = 0; i < node_ids_; ++i) {
    typename Cache::Lists* const own = lists_->table()[i];
    if (own == nullptr) continue;
    lists_->table()[i] = nullptr;
    for (const Stretch* stretch = own->front.next; stretch != nullptr;) {
      const Stretch* const gone = stretch;
      stretch = stretch->next;
      let_go(gone);
    }
    let_go(own);
  }
}

// Takes the two caches apart, finished or not: each thing before the one that it lies in.
template <PageSource P, Hardening H>
void SlabAllocator<P, H>::dissolve() noexcept {
  if (caches_ != nullptr) {
    for (Cache*& arrays : common_.arrays) {
      if (arrays == nullptr) continue;
      Cache& gone = *arrays;
      arrays = nullptr;
      gone.shrink();
      unmake(gone);
    }
    const Pfn home = head_of(pages(), pages().pfn_of(caches_).value()).value();
    caches_->shrink();
    drop_lists(*caches_);
    dissolve_lists();
    caches_->drop_pages(home);
  }
  for (Cache**& chunk : chunks_) {
    if (chunk == nullptr) continue;
    check(static_cast<bool>(pages().free_pages(pages().pfn_of(chunk).value(), Order{0})),
          "a page was not taken back");
    chunk = nullptr;
  }
  first_ = caches_ = lists_ = nullptr;
  common_.records = nullptr;
}

template <PageSource P, Hardening H>
Result<Done> SlabAllocator<P, H>::shut_down() noexcept {
  check(is_booted(), "shut down before boot");
  for (const Cache* cache = first_; cache != nullptr; cache = cache->next())
    if (!is_own(*cache)) return Error::bad_argument;
  dissolve();
  return Done{};
}

}  // namespace quarry::slab
