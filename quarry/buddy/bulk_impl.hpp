// quarry/buddy/bulk_impl.hpp: bodies of PageAllocator: many pages at once, and runs of any length.
#pragma once

#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

// All from the first zone of the nearest node that stays above its low mark without them; else one by one,
// as far as single requests are served.
template <Geometry G, class W, class Policy, port::Cores C>
std::size_t PageAllocator<G, W, Policy, C>::alloc_pages_bulk(std::span<Pfn> pages,
                                                             const Request& request) noexcept {
  if (pages.empty() || !page::is_ordinary(request.type) || node(request.node) == nullptr) return 0;
  const ZoneRefs zonelist = zones_for(request);
  std::size_t count = 0;
  if (!zonelist.empty()) {
    const ZoneState& preferred = zones_[zonelist.front().zone];
    Search what = search_for(Order{0}, request, preferred);
    what.beside = pages.size();
    what.mixing = Mixing::allow;
    for (const zones::ZoneRef ref : zonelist) {
      ZoneState& zone = zones_[ref.zone];
      if (ref.type > what.highest || !is_above(zone, what, Mark::low)) continue;
      if (zone.zone->node != preferred.zone->node) break;
      if constexpr (Lists::kAreArrays)
        while (count < pages.size()) {
          const std::size_t more = take_row_from_core(zone, what, pages.subspan(count));
          if (more == 0) break;
          count += more;
        }
      for (; count < pages.size(); ++count) {
        const auto page = take(zone, what);
        if (!page) break;
        pages[count] = page.value();
      }
      break;
    }
  }
  for (; count < pages.size(); ++count) {
    const auto page = alloc_from(zonelist, request, Order{0});
    if (!page) break;
    pages[count] = page.value();
  }
  return count;
}

// What this core has at hand or gets with one batch, under one guard.
template <Geometry G, class W, class Policy, port::Cores C>
std::size_t PageAllocator<G, W, Policy, C>::take_row_from_core(
    [[maybe_unused]] ZoneState& zone, [[maybe_unused]] const Search& search,
    [[maybe_unused]] std::span<Pfn> pages) noexcept {
  std::size_t count = 0;
  if constexpr (Lists::kAreArrays) {
    if (!has_cpu_lists(zone)) return 0;
    const std::uint32_t in_use = Descriptor::in_use_tag(zone.first_part);
    const Guard guard{cores_};
    Lists& lists = lists_of(zone, guard.core());
    auto& stacks = lists.of_type(search.type);
    if (stacks.blocks(search.order) == 0) refill(zone, lists, search);
    const auto row = stacks.pop_row(search.order, pages.size());
    for (auto block = row.rbegin(); block != row.rend(); ++block) {
      pages[count++] = block->page;
      block->head->leave_core(in_use, search.order, search.type);
      observer_.allocated(block->page, search.order, search.type);
    }
  }
  return count;
}

// As many in a row as this core keeps, under one guard; what it does not keep goes the long way.
template <Geometry G, class W, class Policy, port::Cores C>
std::size_t PageAllocator<G, W, Policy, C>::free_pages_bulk(std::span<const Pfn> pages) noexcept {
  std::size_t count = 0;
  while (count < pages.size()) {
    const std::size_t kept = keep_row(pages.subspan(count));
    count += kept;
    if (kept == kRow || count == pages.size()) continue;
    if (!free_slowly(pages[count], Order{0})) break;
    ++count;
  }
  return count;
}

template <Geometry G, class W, class Policy, port::Cores C>
std::size_t PageAllocator<G, W, Policy, C>::keep_row([[maybe_unused]] std::span<const Pfn> pages) noexcept {
  std::size_t count = 0;
  if constexpr (Lists::kAreArrays) {
    const std::size_t most = pages.size() < kRow ? pages.size() : kRow;
    const Guard guard{cores_};
    while (count < most && keep_on(guard.core(), pages[count], Order{0})) ++count;
  }
  return count;
}

template <Geometry G, class W, class Policy, port::Cores C>
Result<Pfn> PageAllocator<G, W, Policy, C>::alloc_pages_exact(PageCount count,
                                                              const Request& request) noexcept {
  if (count.raw == 0 || count > G.max_order().pages()) return Error::bad_argument;
  const Order order{64 - count_leading_zeros(count.raw - 1)};
  const auto first = alloc_pages(order, request);
  if (!first) return first;
  check(static_cast<bool>(split_page(first.value(), order)), "a block just handed out cannot be split");
  ZoneState& zone = zone_of_part(map_->at(first.value()).part());
  const Pfn end = first.value() + order.pages();
  for (Pfn at = first.value() + count; at < end; at = at + PageCount{1}) {
    const ZoneHold hold{cores_, zone.lock};
    give_back(zone, map_->at(at), at, Order{0}, Place::tail);
  }
  return first;
}

template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::free_pages_exact(Pfn first, PageCount count) noexcept {
  if (count.raw > UINT64_MAX - first.raw) return Error::bad_argument;
  return free_range({first, first + count});
}

template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::split_page(Pfn page, Order order) noexcept {
  const Misuse misuse = freeing_misuse(page, order);
  if (misuse != Misuse::none) return refuse(page, order, misuse);
  Descriptor* const head = map_->find(page);
  const unsigned part = head->part();
  const MigrateType type = head->list();
  for (std::uint64_t i = 0; i < order.pages().raw; ++i) head[i].become_allocated(Order{0}, part, type);
  return Done{};
}

template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::get_page(Pfn page) noexcept {
  Descriptor* const head = map_->find(page);
  if (head == nullptr || head->state() != page::State::allocated)
    return refuse(page, Order{0}, misuse_of(page, Order{0}));
  if (!head->add_reference()) return Error::out_of_range;
  return Done{};
}

template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::put_page(Pfn page) noexcept {
  Descriptor* const head = map_->find(page);
  if (head == nullptr || head->state() != page::State::allocated)
    return refuse(page, Order{0}, misuse_of(page, Order{0}));
  if (!head->drop_reference()) return free_pages(page, head->order());
  return Done{};
}

}  // namespace quarry::buddy
