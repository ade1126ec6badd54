// quarry/buddy/free_impl.hpp: bodies of PageAllocator: blocks come back and merge with their buddies.
//
//   order 1   [   8   9 ]                       freed: 10, whose buddy 11 is free
//   order 0               [ 10 ] [ 11 ]         -> 10..11 of order 1, whose buddy 8..9 is free
//   order 2   [   8   9     10     11 ]         -> 8..11 of order 2
#pragma once

#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

template <Geometry G, class Watcher>
Result<Done> PageAllocator<G, Watcher>::free_pages(Pfn page, Order order) noexcept {
  Descriptor* const head = map_->find(page);
  if (head == nullptr || !head->is_allocated(order)) [[unlikely]]
    return refuse(page, order, misuse_of(page, order));
  Part& part = parts_[head->part()];
  ++zones_[part.zone()].count.frees;
  observer_.freed(page, order);
  give_back(part, head, page, order);
  return Done{};
}

// Source    Linux 6.1, "__free_one_page" (behaviour).
template <Geometry G, class Watcher>
void PageAllocator<G, Watcher>::give_back(Part& part, Descriptor* head, Pfn page, Order order) noexcept {
  const MigrateType type = map_->pageblock_type(page);
  const Merged block = merge(part, head, page, order, type);
  if (is_merge_likely(part, block))
    part.push_back(*block.head, block.page, Order{block.order}, type);
  else
    part.push_front(*block.head, block.page, Order{block.order}, type);
}

// The same, at an end of its list that is known beforehand.
template <Geometry G, class Watcher>
void PageAllocator<G, Watcher>::give_back_to(ListEnd end, Part& part, Descriptor* head, Pfn page,
                                             Order order) noexcept {
  const MigrateType type = map_->pageblock_type(page);
  const Merged block = merge(part, head, page, order, type);
  part.push(*block.head, block.page, Order{block.order}, type, end);
}

// Counts the block as free and takes every buddy it merges with off its list. All starts that it swallows
// say nothing afterwards; its own descriptor is for the caller to write.
template <Geometry G, class Watcher>
auto PageAllocator<G, Watcher>::merge(Part& part, Descriptor* head, Pfn page, Order order,
                                      MigrateType type) noexcept -> Merged {
  ZoneState& zone = zones_[part.zone()];
  if (type != MigrateType::isolate) [[likely]] {
    zone.free += order.pages().raw;
    if (type == MigrateType::cma) zone.free_cma += order.pages().raw;
  }
  unsigned at = order.raw();
  for (; at < G.max_order_; ++at) {
    const Order here{at};
    const std::uint64_t size = here.pages().raw;
    const bool is_upper = (page.raw & size) != 0;
    Descriptor* const buddy = is_upper ? head - size : head + size;
    if (!buddy->is_free(here, part.index())) break;
    if (at >= G.pageblock_order_ && !may_merge(Pfn{page.raw ^ size}, type)) break;
    part.unlink(*buddy, here);
    (is_upper ? head : buddy)->become_nothing();
    if (is_upper) {
      head = buddy;
      page = Pfn{page.raw - size};
    }
    observer_.merged(page, here);
  }
  zone.count.merges += at - order.raw();
  return {head, page, at};
}

// Blocks of whole pageblocks stay apart from those of a special type.
template <Geometry G, class Watcher>
bool PageAllocator<G, Watcher>::may_merge(Pfn buddy, MigrateType type) const noexcept {
  const MigrateType other = map_->pageblock_type(buddy);
  return type == other || (page::is_ordinary(type) && page::is_ordinary(other));
}

// Whether the buddy of the block that would arise next is free already: then this block's own buddy coming
// back makes a large one, and the block had better wait at the end of its list.
// Source    Linux 6.1, "buddy_merge_likely".
template <Geometry G, class Watcher>
bool PageAllocator<G, Watcher>::is_merge_likely(const Part& part, const Merged& block) const noexcept {
  if (block.order + 1 >= G.max_order_) return false;
  const std::uint64_t size = std::uint64_t{1} << block.order;
  const Descriptor* const parent = (block.page.raw & size) != 0 ? block.head - size : block.head;
  const std::uint64_t parent_page = block.page.raw & ~size;
  const Descriptor* const other =
      (parent_page & (size << 1)) != 0 ? parent - (size << 1) : parent + (size << 1);
  return other->is_free(Order{block.order + 1}, part.index());
}

template <Geometry G, class Watcher>
Misuse PageAllocator<G, Watcher>::misuse_of(Pfn page, Order order) const noexcept {
  const Descriptor* const head = map_->find(page);
  if (head == nullptr) return Misuse::foreign_page;
  if (!is_aligned(page.raw, order.pages().raw)) return Misuse::misaligned_page;
  if (is_deferred(page)) return Misuse::double_free;
  const auto start = page::head_of(*map_, page);
  if (!start) return Misuse::reserved_page;
  switch (map_->at(start.value()).state()) {
    case page::State::free: return Misuse::double_free;
    case page::State::reserved: return Misuse::reserved_page;
    case page::State::allocated: return start.value() == page ? Misuse::wrong_order : Misuse::inner_page;
    default: return Misuse::busy_page;
  }
}

template <Geometry G, class Watcher>
Error PageAllocator<G, Watcher>::refuse([[maybe_unused]] Pfn page, [[maybe_unused]] Order order,
                                        Misuse misuse) noexcept {
  last_misuse_ = misuse;
  observer_.misused(page, order, misuse);
  return error_of(misuse);
}

}  // namespace quarry::buddy
