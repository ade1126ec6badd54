// quarry/slab/slab_allocator_boot.hpp: how the first two caches come to be, and go.
#pragma once

#include "quarry/slab/slab_allocator.hpp"

namespace quarry::slab {

template <PageSource P>
Result<Done> SlabAllocator<P>::boot() noexcept {
  check(!is_booted(), "booted twice");
  node_ids_ = 0;
  for (const zones::Node& node : pages_->nodes()) {
    const std::size_t past = static_cast<std::size_t>(node.id) + 1;
    if (node.present.raw != 0 && past > node_ids_) node_ids_ = past;
  }
  Result<Done> done = add_chunk(0);
  if (!done) return done;
  done = boot_caches();
  if (done) done = boot_lists();
  if (!done) dissolve();
  return done;
}

// A first slab of the cache's own order, with its lists still to come.
template <PageSource P>
Result<Pfn> SlabAllocator<P>::boot_slab(const CacheSpec& spec, const Packing& packing) noexcept {
  for (const zones::Node& node : pages_->nodes()) {
    if (node.present.raw == 0) continue;
    const Result<Pfn> block = pages_->alloc_pages(packing.order, {.node = node.id});
    if (!block) return block.error();
    const Pfn slab = block.value();
    std::byte* const memory = pages_->map(PfnRange{slab, slab + packing.order.pages()});
    if (memory == nullptr) {
      check(static_cast<bool>(pages_->free_pages(slab, packing.order)), "a fresh block was not taken back");
      return Error::out_of_range;
    }
    // The chain is laid by a model of the cache, which will stand in the slab's own first object.
    Cache model{*pages_, spec, packing, 0, 0, nullptr};
    model.fill(slab);
    return slab;
  }
  return Error::no_memory;
}

template <PageSource P>
Result<Done> SlabAllocator<P>::boot_caches() noexcept {
  const CacheSpec cache_spec{.name = "kmem_cache",
                             .size = static_cast<std::uint32_t>(sizeof(Cache) + node_ids_ * sizeof(void*)),
                             .line_align = LineAlign::yes};
  const CacheSpec lists_spec{
      .name = "kmem_cache_node", .size = sizeof(NodeLists), .line_align = LineAlign::yes};
  const Result<Packing> cache_packing = packing_for(cache_spec), lists_packing = packing_for(lists_spec);
  if (!cache_packing || !lists_packing || cache_packing.value().objects < 2) return Error::bad_argument;
  const Packing& packing = cache_packing.value();
  const Result<Pfn> slab = boot_slab(cache_spec, packing);
  if (!slab) return slab.error();

  // Two objects are taken by hand: the chain goes 0, 1, 2, ...
  page::Descriptor& head = *pages_->find(slab.value());
  std::byte* const memory = pages_->map(PfnRange{slab.value(), slab.value() + packing.order.pages()});
  lists_ = ::new (static_cast<void*>(memory + packing.size))
      Cache{*pages_, lists_spec, lists_packing.value(), 1, node_ids_, nullptr};
  caches_ = ::new (static_cast<void*>(memory)) Cache{*pages_, cache_spec, packing, 0, node_ids_, lists_};
  head.set_objects(packing.objects > 2 ? 2 : kNoObject, 2);
  slot(0) = caches_;
  slot(1) = lists_;
  first_ = caches_;
  caches_->next_ = lists_;
  return Done{};
}

template <PageSource P>
Result<Done> SlabAllocator<P>::boot_lists() noexcept QUARRY_UNLOCKED {
  // kmem_cache_node: on each node a slab of that node holds the lists of that node.
  const Packing& packing = lists_->packing();
  bool any = false;
  for (const zones::Node& node : pages_->nodes()) {
    if (node.present.raw == 0) continue;
    const buddy::Request request{.placement = buddy::Placement::this_node, .node = node.id};
    const Result<Pfn> block = pages_->alloc_pages(packing.order, request);
    if (!block) continue;  // its lists will lie on another node
    const Pfn slab = block.value();
    std::byte* const memory = pages_->map(PfnRange{slab, slab + packing.order.pages()});
    if (memory == nullptr || pages_->node_of(slab) != node.id) {
      check(static_cast<bool>(pages_->free_pages(slab, packing.order)), "a fresh block was not taken back");
      continue;
    }
    lists_->fill(slab);
    NodeLists& own = *::new (lists_->pop(slab)) NodeLists{.in_use = 1};
    lists_->enlist(own, slab);
    lists_->table()[static_cast<std::size_t>(node.id)] = &own;
    any = true;
  }
  if (!any) return Error::no_memory;
  Result<Done> done = add_lists(*lists_);
  if (done) done = add_lists(*caches_);
  if (!done) return done;

  // kmem_cache: its first slab gets onto the list of its node.
  const Result<Pfn> slab = head_of(*pages_, pages_->pfn_of(caches_).value());
  NodeLists& home = caches_->lists_of(slab.value());
  home.in_use = 2;
  caches_->enlist(home, slab.value());
  return Done{};
}

// An object of kmem_cache_node is no more; nor is its slab, when it was the last one there.
template <PageSource P>
void SlabAllocator<P>::let_go(const void* record) noexcept {
  const Pfn slab = head_of(*pages_, pages_->pfn_of(record).value()).value();
  page::Descriptor& head = *pages_->find(slab);
  check(head.objects_in_use() != 0, "a record in an empty slab");
  const auto left = static_cast<std::uint16_t>(head.objects_in_use() - 1);
  head.set_objects(head.free_object(), left);
  if (left == 0) lists_->drop_pages(slab);
}

// Takes kmem_cache_node apart once all that is left in it are its own records. They may lie in each other's slabs in
// any way, so slabs are no longer looked up through them: each goes with the last record in it.
template <PageSource P>
void SlabAllocator<P>::dissolve_lists() noexcept {
  lists_->shrink();
  for (std::size_t i = 0; i < node_ids_; ++i) {
    NodeLists* const own = lists_->table()[i];
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
template <PageSource P>
void SlabAllocator<P>::dissolve() noexcept {
  if (caches_ != nullptr) {
    const Pfn home = head_of(*pages_, pages_->pfn_of(caches_).value()).value();
    caches_->shrink();
    drop_lists(*caches_);
    dissolve_lists();
    caches_->drop_pages(home);
  }
  for (Cache**& chunk : chunks_) {
    if (chunk == nullptr) continue;
    check(static_cast<bool>(pages_->free_pages(pages_->pfn_of(chunk).value(), Order{0})),
          "a page was not taken back");
    chunk = nullptr;
  }
  first_ = caches_ = lists_ = nullptr;
}

template <PageSource P>
Result<Done> SlabAllocator<P>::shut_down() noexcept {
  check(is_booted(), "shut down before boot");
  if (lists_->next() != nullptr) return Error::bad_argument;
  dissolve();
  return Done{};
}

}  // namespace quarry::slab
