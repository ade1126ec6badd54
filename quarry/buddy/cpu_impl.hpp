// quarry/buddy/cpu_impl.hpp: bodies of PageAllocator: between a core's lists and the zone.
#pragma once

#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::start_cpu_lists(page::MetadataSource source) noexcept {
  check(lists_.empty(), "there are per-CPU lists already");
  const unsigned cores = cores_.core_count();
  const NodeId near = layout_->nodes.empty() ? NodeId::first : layout_->nodes[0].id;
  const auto lists = source.take<Lists>(std::uint64_t{zones_.size()} * cores, near);
  if (!lists) return lists.error();
  for (std::size_t zone = 0; zone < zones_.size(); ++zone)
    for (unsigned core = 0; core < cores && zones_[zone].part_count != 0; ++core)
      ::new (static_cast<void*>(lists.value() + zone * cores + core)) Lists{};
  lists_ = {lists.value(), zones_.size() * cores};
  cores_on_lists_ = cores;
  for (ZoneState& zone : zones_) set_cpu_limits(zone);
  return Done{};
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::set_cores_of_node(NodeId id, unsigned cores) noexcept {
  const zones::Node* const of = node(id);
  if (of == nullptr) return;
  node_cores_[static_cast<std::size_t>(of - layout_->nodes.data())] = cores;
  for (unsigned type = 0; type < zones::kZoneTypes; ++type) set_cpu_limits(zones_[of->first_zone + type]);
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::set_cpu_limits(ZoneState& zone) noexcept {
  if (!has_cpu_lists(zone)) return;
  const unsigned own = node_cores_[zone.index / zones::kZoneTypes];
  zone.cpu_limits =
      cpu_limits(zone.zone->managed, zone.marks.low, own != 0 ? own : cores_on_lists_, G.page_size());
}

// Source    Linux 6.1, "rmqueue_pcplist", "__rmqueue_pcplist" (behaviour).
template <Geometry G, class W, class Policy, port::Cores C>
Result<Pfn> PageAllocator<G, W, Policy, C>::take_from_core(ZoneState& zone, const Search& search) noexcept {
  Lists& lists = my_lists(zone);
  lists.eagerness >>= 1;
  const unsigned list = Lists::list_of(search.order, search.type);
  if (lists.is_empty(list)) {
    refill(zone, lists, search);
    if (lists.is_empty(list)) return Error::no_memory;
  }
  const Pfn page = lists.pop_front(*map_, list);
  Descriptor& head = map_->at(page);
  head.become_allocated(search.order, head.part(), search.type);
  observer_.allocated(page, search.order, search.type);
  return page;
}

// Block by block, each as a request of its own would get it; in the order in which they came.
// Source    Linux 6.1, "rmqueue_bulk".
template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::refill(ZoneState& zone, Lists& lists, const Search& search) noexcept {
  std::uint32_t wanted = zone.cpu_limits.batch;
  if (wanted > 1) {
    wanted >>= search.order.raw();
    if (wanted < 2) wanted = 2;
  }
  const unsigned list = Lists::list_of(search.order, search.type);
  ++zone.count.refills;
  observer_.refilling(zone.index, search.order, wanted);
  for (; wanted != 0; --wanted) {
    const auto page = take_from_zone(zone, search);
    if (!page) return;
    lists.push_back(*map_, page.value(), list, search.type);
  }
}

// A block that is given back goes to this core's lists.
//
// Returns   false where the zone must have it: its pageblock is isolated.
// Source    Linux 6.1, "free_unref_page", "nr_pcp_high", "nr_pcp_free" (behaviour).
template <Geometry G, class W, class Policy, port::Cores C>
bool PageAllocator<G, W, Policy, C>::keep_on_core(ZoneState& zone, Pfn page, Order order) noexcept {
  MigrateType type = map_->pageblock_type(page);
  if (type == MigrateType::isolate) return false;
  if constexpr (G.pageblock_order_ + 1 < Lists::kSmallOrders)  // blocks on lists may be of several pageblocks
    if (order > G.pageblock_order() && !is_of_one_type(page, order)) return false;
  // Contiguous areas and what is kept for urgent requests can be had back: only movable pages borrow there.
  if (!page::is_ordinary(type)) type = MigrateType::movable;
  Lists& lists = my_lists(zone);
  const unsigned list = Lists::list_of(order, type);
  lists.push_front(*map_, page, list, type);
  // Freed in a row, orders above 0 would only lie here and keep larger blocks from arising.
  const bool all = lists.eagerness != 0 && order != Order{0} && order.raw() < Lists::kSmallOrders;
  const std::uint64_t high = all ? 0 : zone.cpu_limits.high;
  if (lists.pages() < high) return true;
  std::uint64_t pages = lists.pages();
  const std::uint64_t batch = zone.cpu_limits.batch;
  if (!all) {
    if (high < batch) {
      pages = 1;
    } else {
      pages = batch << lists.eagerness;
      if (pages < high - batch) ++lists.eagerness;
      if (pages > high - batch) pages = high - batch;
      if (pages < batch) pages = batch;
    }
  }
  spill(zone, lists, pages, list);
  return true;
}

// The list that has just grown first, then in turn; from each all until enough is gone.
// Source    Linux 6.1, "free_pcppages_bulk".
template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::spill(ZoneState& zone, Lists& lists, std::uint64_t pages,
                                           unsigned list) noexcept {
  std::uint64_t left = pages < lists.pages() ? pages : lists.pages();
  ++zone.count.spills;
  observer_.spilling(zone.index, PageCount{left});
  while (left != 0) {
    while (lists.is_empty(list)) list = list + 1 < Lists::kLists ? list + 1 : 0;
    const Order order = Lists::order_of(list);
    while (left != 0 && !lists.is_empty(list)) {
      const Pfn page = lists.pop_back(*map_, list);
      give_back(zone, map_->at(page), page, order, Place::fitting);
      left -= left < order.pages().raw ? left : order.pages().raw;
    }
    list = list + 1 < Lists::kLists ? list + 1 : 0;
  }
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::drain(unsigned core) noexcept {
  check(core < cores_on_lists_ || lists_.empty(), "no such core");
  for (ZoneState& zone : zones_) {
    if (!has_cpu_lists(zone)) continue;
    Lists& lists = lists_of(zone, core);
    if (lists.pages() != 0) spill(zone, lists, lists.pages(), 0);
  }
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::drain_all() noexcept {
  for (unsigned core = 0; core < cores_on_lists_; ++core) drain(core);
}

}  // namespace quarry::buddy
