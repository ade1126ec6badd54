// quarry/buddy/free_impl.hpp: bodies of PageAllocator: blocks come back, and what is wrong with them.
#pragma once

#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::free_slowly(Pfn page, Order order) noexcept {
  Descriptor* const head = map_->find(page);
  if (head == nullptr || !head->is_sole(order)) [[unlikely]]
    return refuse(page, order, misuse_of(page, order));
  ZoneState& zone = zone_of_part(head->part());
  observer_.freed(page, order);
  if (has_cpu_lists(zone) && Lists::keeps(order)) {
    const Guard guard{cores_};
    if (keep_on_core(zone, lists_of(zone, guard.core()), *head, page, order)) return Done{};
  }
  const ZoneHold hold{cores_, zone.lock};
  ++zone.count.frees;
  give_back(zone, *head, page, order, Place::fitting);
  return Done{};
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::give_back(ZoneState& zone, Descriptor& head, Pfn page, Order order,
                                               Place place) noexcept {
  const MigrateType type = map_->pageblock_type(page);
  if (order > G.pageblock_order() && !is_of_one_type(page, order)) [[unlikely]]
    return give_back_apart(zone, page, order, place);
  count_free(zone, type, order);
  pages_of(zone).give(head, page, order, type, place, observer_, zone.count.tally);
}

// Blocks of several pageblocks may have had some of them isolated, or kept for others, while they were in use.
template <Geometry G, class W, class Policy, port::Cores C>
bool PageAllocator<G, W, Policy, C>::is_of_one_type(Pfn page, Order order) const noexcept {
  const MigrateType first = map_->pageblock_type(page);
  const Pfn end = page + order.pages();
  for (Pfn at = page + G.pageblock_order().pages(); at < end; at = at + G.pageblock_order().pages()) {
    const MigrateType type = map_->pageblock_type(at);
    if (type != first && !(page::is_ordinary(type) && page::is_ordinary(first))) return false;
  }
  return true;
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::give_back_apart(ZoneState& zone, Pfn page, Order order,
                                                     Place place) noexcept {
  const Pfn end = page + order.pages();
  map_->at(page).become_nothing();
  for (Pfn at = page; at < end; at = at + G.pageblock_order().pages())
    give_back(zone, map_->at(at), at, G.pageblock_order(), place);
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::count_free(ZoneState& zone, MigrateType type, Order order) noexcept {
  if (type == MigrateType::isolate) [[unlikely]]
    return;
  zone.free += order.pages().raw;
  if (type == MigrateType::cma) zone.add_free_cma(order.pages().raw);
}

// none where the block may be freed.
template <Geometry G, class W, class Policy, port::Cores C>
Misuse PageAllocator<G, W, Policy, C>::freeing_misuse(Pfn page, Order order) const noexcept {
  const Descriptor* const head = map_->find(page);
  const bool is_good = head != nullptr && head->is_sole(order);
  return is_good ? Misuse::none : misuse_of(page, order);
}

template <Geometry G, class W, class Policy, port::Cores C>
Misuse PageAllocator<G, W, Policy, C>::misuse_of(Pfn page, Order order) const noexcept {
  const Descriptor* const head = map_->find(page);
  if (head == nullptr) return Misuse::foreign_page;
  if (!is_aligned(page.raw, order.pages().raw)) return Misuse::misaligned_page;
  if (is_deferred(page)) return Misuse::double_free;
  const auto start = page::head_of(*map_, page);
  if (!start) {
    const ZoneState* const zone = zone_of(page);
    const bool is_free = zone != nullptr && static_cast<bool>(free_block(*zone, page));
    return is_free ? Misuse::double_free : Misuse::reserved_page;
  }
  const Descriptor& block = map_->at(start.value());
  switch (block.state()) {
    case page::State::free:
    case page::State::per_cpu: return Misuse::double_free;
    case page::State::reserved: return Misuse::reserved_page;
    case page::State::allocated:
      if (start.value() != page) return Misuse::inner_page;
      return block.is_allocated(order) ? Misuse::shared_page : Misuse::wrong_order;
    default: return Misuse::busy_page;
  }
}

template <Geometry G, class W, class Policy, port::Cores C>
Error PageAllocator<G, W, Policy, C>::refuse([[maybe_unused]] Pfn page, [[maybe_unused]] Order order,
                                             Misuse misuse) noexcept {
  core_state(cores_.this_core()).last_misuse = misuse;
  observer_.misused(page, order, misuse);
  return error_of(misuse);
}

}  // namespace quarry::buddy
