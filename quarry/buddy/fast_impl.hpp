// quarry/buddy/fast_impl.hpp: bodies of PageAllocator: the way most requests and frees go, in line where they are made.
//
//   request --> nearest zone of its node --> above its low mark? --> top of this core's stack
//   free    --> descriptor: in use, alone?  --> room on this core's stack? --> push
//
// Everything else, and every doubt, takes the long way, which begins anew. With a constant order and request a pair is 58
// instructions, of which the loop around it has three. What was worth the trouble, in instructions of a pair:
//
//   descriptors of the main run found by an addition, not by their section    30
//   a Result that says in a whole word whether it is full (base/result.hpp)   10
//   lists found in a table by core, not by a multiplication                    6
//   one word for what was put there, and for the count of it                   6
//   a tag compared as a whole with that of the last block kept                 3
//   limits beside the lists' table, not in the zone                            1
//   a block on a core keeps its one user                                       1
//   node 0's choice by value                                                   1
//
// The comparison with the last block does more for time than for instructions: what a free writes does not depend on the
// descriptor, so that the next frees begin while that is fetched.
//
// A guard that counts (kernel/platform.hpp) has 6 where one that disables interrupts has 14.
#pragma once

#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

namespace detail {

// One of two places by arithmetic, where which one it is cannot be predicted.
template <class T>
[[gnu::always_inline]] inline T* choose(bool is_first, T* first, T* second) noexcept {
  const std::uintptr_t mask = std::uintptr_t{0} - std::uintptr_t{is_first};
  return reinterpret_cast<T*>((reinterpret_cast<std::uintptr_t>(first) & mask) |
                              (reinterpret_cast<std::uintptr_t>(second) & ~mask));
}

}  // namespace detail

template <Geometry G, class W, class Policy, port::Cores C>
inline Result<Pfn> PageAllocator<G, W, Policy, C>::alloc_pages(Order order, const Request& request) noexcept {
  Pfn page;
  if (take_at_hand(order, request, page)) [[likely]]
    return page;
  return alloc_slowly(order, pack(request));
}

template <Geometry G, class W, class Policy, port::Cores C>
inline Result<Done> PageAllocator<G, W, Policy, C>::free_pages(Pfn page, Order order) noexcept {
  if (keep_at_hand(page, order)) [[likely]]
    return Done{};
  return free_slowly(page, order);
}

// False where cores keep no arrays, here and below. The low mark is looked at for every block, as one that a core has at hand may be the last above it.
template <Geometry G, class W, class Policy, port::Cores C>
inline bool PageAllocator<G, W, Policy, C>::take_at_hand([[maybe_unused]] Order order,
                                                         [[maybe_unused]] const Request& request,
                                                         [[maybe_unused]] Pfn& page) noexcept {
  if constexpr (Lists::kAreArrays) {
    if (!Lists::keeps(order) || request.placement != Placement::nearest || !page::is_ordinary(request.type))
      return false;
    const auto highest = static_cast<std::size_t>(request.highest);
    const Nearest* near = &first_nearest_[highest];
    if (request.node != NodeId::first) {
      const std::size_t at = static_cast<std::size_t>(request.node) * zones::kZoneTypes + highest;
      if (at >= nearest_.size()) [[unlikely]]
        return false;
      near = nearest_[at];
    }
    const Nearest& from = *near;
    const ZoneState& zone = *from.zone.load();
    const std::uint64_t least = zone.comfortable[highest][request.type == MigrateType::movable ? 1 : 0];
    if (zone.free <= least + (order.pages().raw - 1)) [[unlikely]]
      return false;
    const Guard guard{cores_};
    const auto* const block = from.lists.load()[guard.core()]->of_type(request.type).pop(order);
    if (block == nullptr) [[unlikely]]
      return false;
    page = block->page;
    block->head->leave_core(from.in_use, order, request.type);
    observer_.allocated(page, order, request.type);
    return true;
  }
  return false;
}

template <Geometry G, class W, class Policy, port::Cores C>
inline bool PageAllocator<G, W, Policy, C>::keep_at_hand([[maybe_unused]] Pfn page,
                                                         [[maybe_unused]] Order order) noexcept {
  if constexpr (Lists::kAreArrays) {
    if (!Lists::keeps(order)) return false;
    const Guard guard{cores_};
    return keep_on(guard.core(), page, order);
  }
  return false;
}

// The guard is held: whoever isolates pageblocks sets the zone's limits to none and then has every core drained.
template <Geometry G, class W, class Policy, port::Cores C>
inline bool PageAllocator<G, W, Policy, C>::keep_on([[maybe_unused]] unsigned core, [[maybe_unused]] Pfn page,
                                                    [[maybe_unused]] Order order) noexcept {
  if constexpr (Lists::kAreArrays) {
    const std::uint64_t in_main = page.raw - main_run_.begin;
    Descriptor* head = nullptr;
    if (in_main < main_run_.pages) [[likely]] {
      head = main_run_.first + in_main;
    } else {
      if (homes_ == nullptr) return false;
      head = map_->find(page);
      if (head == nullptr) return false;
    }
    const Recent& recent = recent_[core];
    const std::uint32_t kind = recent.kind;  // read once: 3 % of a pair
    if (!head->is_sole(kind, order)) [[unlikely]]
      return keep_other(core, page, *head, order);
    return keep_as(recent, kind, page, *head, order);
  }
  return false;
}

// A block of another kind than this core's last one.
template <Geometry G, class W, class Policy, port::Cores C>
bool PageAllocator<G, W, Policy, C>::keep_other([[maybe_unused]] unsigned core, [[maybe_unused]] Pfn page,
                                                [[maybe_unused]] Descriptor& head,
                                                [[maybe_unused]] Order order) noexcept {
  if constexpr (Lists::kAreArrays) {
    const auto tag = head.tag();
    if (!head.is_sole(tag, order)) return false;
    const Nearest& home = homes_[tag.part()];
    Recent& recent = recent_[core];
    Lists& lists = *home.lists.load()[core];
    recent = {tag.kind(), &lists.of_type(tag.index_of_list()), &lists.outgoing(), &home,
              &free_[home.zone.load()->index]};
    return keep_as(recent, recent.kind, page, head, order);
  }
  return false;
}

template <Geometry G, class W, class Policy, port::Cores C>
inline bool PageAllocator<G, W, Policy, C>::keep_as([[maybe_unused]] const Recent& recent,
                                                    [[maybe_unused]] std::uint32_t kind,
                                                    [[maybe_unused]] Pfn page,
                                                    [[maybe_unused]] Descriptor& head,
                                                    [[maybe_unused]] Order order) noexcept {
  if constexpr (Lists::kAreArrays) {
    auto* to = recent.stacks;
    const bool is_above = to->is_above_line(page, order);
    // Who frees blocks of one order has a pattern, which is guessed; of any order, hardly. No branch there: 5 % of mixed orders' time.
    const unsigned raw = order.raw();
    if (__builtin_constant_p(raw)) {
      if (is_above && recent.pages->is_sparse(page, order)) [[unlikely]]
        to = recent.outgoing;
    } else {
      const bool is_sparse = recent.pages->is_sparse(page, order);
      to = detail::choose((unsigned{is_above} & unsigned{is_sparse}) != 0, recent.outgoing, to);
    }
    if (!to->push({page, &head}, order, recent.home->keep[Lists::slot_of(order)])) [[unlikely]]
      return false;
    head.rest_on_core(kind, order);
    observer_.freed(page, order);
    return true;
  }
  return false;
}

}  // namespace quarry::buddy
