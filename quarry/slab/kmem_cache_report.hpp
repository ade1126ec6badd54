// quarry/slab/kmem_cache_report.hpp: the bodies of KmemCache that look and change nothing.
#pragma once

#include "quarry/slab/kmem_cache.hpp"

namespace quarry::slab {

template <PageSource P>
CacheStats KmemCache<P>::stats() noexcept {
  const Hold hold{pages_->cores(), lock_};
  CacheStats s{.name = name_,
               .object_size = packing_.object_size,
               .size = packing_.size,
               .align = packing_.align,
               .objects_per_slab = packing_.objects,
               .pages_per_slab = packing_.order.pages(),
               .failures = failures_};
  std::uint64_t empty = 0;
  for (std::size_t i = 0; i < nodes_; ++i) {
    NodeLists* const node = table()[i];
    if (node == nullptr) continue;
    s.active_objects += node->in_use;
    s.total_objects += node->objects;
    s.total_slabs += node->slabs();
    s.partial_slabs += node->partial;
    node->for_each_partial(*pages_,
                           [&](Pfn, const page::Descriptor& head) { empty += head.objects_in_use() == 0; });
  }
  s.active_slabs = s.total_slabs - empty;
  return s;
}

template <PageSource P>
Law KmemCache<P>::audit_slab(Pfn slab, NodeId node) noexcept {
  const page::Descriptor* const head = pages_->find(slab);
  if (!is_ours(head) || pages_->node_of(slab) != node) return Law::slab_is_ours;
  if (head->order() != packing_.order && head->order() != packing_.small_order) return Law::slab_is_ours;
  const std::uint16_t count = objects_in_slab(*head);
  if (head->objects_in_use() >= count) return Law::partial_is_not_full;
  // A chain that ends after exactly that many steps repeats nothing: one that did would never end.
  const Slots objects = slots(slab, head->order());
  std::uint16_t at = head->free_object();
  for (unsigned left = count - head->objects_in_use(); left > 0; --left) {
    if (at >= count) return Law::chain_is_complete;
    const Slots::Next next = objects.next_of(at);
    if (!next.intact) return Law::seals_hold;
    at = next.index;
  }
  return at == kNoObject ? Law::none : Law::chain_is_complete;
}

// A list, and what its slabs hold.
template <PageSource P>
Audit KmemCache<P>::audit_stretch(const Stretch& stretch, NodeId node, Sums& sums) noexcept {
  const auto broken = [&](Law law, Pfn slab = Pfn{}) { return Audit{law, name_, slab}; };
  std::uint32_t seen = 0;
  page::Link previous = page::Link::none;
  for (page::Link link = stretch.first; link != page::Link::none; ++seen) {
    const Pfn slab = stretch.slab_at(link);
    if (seen == stretch.slabs || !stretch.holds(slab)) return broken(Law::list_is_linked, slab);
    const page::Descriptor* const head = pages_->find(slab);
    if (!is_ours(head)) return broken(Law::slab_is_ours, slab);
    if (head->previous() != previous) return broken(Law::list_is_linked, slab);
    const Law law = audit_slab(slab, node);
    if (law != Law::none) return broken(law, slab);
    sums.objects += objects_in_slab(*head);
    sums.in_use += head->objects_in_use();
    sums.empty += head->objects_in_use() == 0;
    previous = link;
    link = head->next();
  }
  sums.slabs += seen;
  if (previous != stretch.last) return broken(Law::list_is_linked);
  return {};
}

template <PageSource P>
Audit KmemCache<P>::audit_node(NodeId id) noexcept {
  const NodeLists& node = *lists(id);
  const auto broken = [&](Law law) { return Audit{law, name_, Pfn{}}; };
  for (const Stretch* stretch = &node.front; stretch != nullptr; stretch = stretch->next) {
    const Pfn begin{std::uint64_t{stretch->index} << Stretch::kShift};
    if (stretch->slabs != 0 && node.find(begin) != stretch) return broken(Law::stretches_differ);
  }
  Sums sums;
  for (const Stretch* stretch = &node.front; stretch != nullptr; stretch = stretch->next) {
    const Audit found = audit_stretch(*stretch, id, sums);
    if (!found.holds()) return found;
  }
  if (sums.slabs != node.partial) return broken(Law::list_is_linked);
  if (sums.objects > node.objects) return broken(Law::counts_agree);
  // What is not on the lists is full.
  if (node.objects - sums.objects != node.in_use - sums.in_use) return broken(Law::counts_agree);
  const bool has_full = node.slabs() > node.partial;
  if (has_full != (node.objects > sums.objects)) return broken(Law::counts_agree);
  if (sums.empty > packing_.min_partial) return broken(Law::few_are_empty);
  return {};
}

template <PageSource P>
Audit KmemCache<P>::audit() noexcept {
  for (std::size_t i = 0; i < nodes_; ++i) {
    if (table()[i] == nullptr) continue;
    const Hold hold{pages_->cores(), lock_};
    const Audit found = audit_node(static_cast<NodeId>(i));
    if (!found.holds()) return found;
  }
  return {};
}

// A live object in a slab that also has a free one, for a leak's report. Cold: for each object the chain is walked.
template <PageSource P>
const void* KmemCache<P>::first_live() noexcept {
  for (std::size_t i = 0; i < nodes_; ++i) {
    NodeLists* const node = table()[i];
    if (node == nullptr) continue;
    const void* found = nullptr;
    const Hold hold{pages_->cores(), lock_};
    node->for_each_partial(*pages_, [&](Pfn slab, page::Descriptor& head) QUARRY_UNLOCKED {
      if (found != nullptr || head.objects_in_use() == 0) return;
      Place place{.state = ObjectState::live, .slab = slab, .head = &head, .index = 0};
      while (is_free(place)) ++place.index;
      found = slots(slab, head.order()).object(place.index);
    });
    if (found != nullptr) return found;
  }
  return nullptr;
}

}  // namespace quarry::slab
