// quarry/buddy/cpu_impl.hpp: bodies of PageAllocator: between a core's lists and the zone.
#pragma once

#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

namespace detail {

// How many blocks of an order are half of `pages`; one, if all of them make one.
constexpr std::uint32_t most_of(std::uint32_t pages, Order order) noexcept {
  const std::uint32_t half = (pages / 2) >> order.raw();
  return half != 0 ? half : pages >> order.raw() != 0 ? 1 : 0;
}

}  // namespace detail

template <Geometry G, class W, class Policy, port::Cores C>
Result<Done> PageAllocator<G, W, Policy, C>::start_cpu_lists(page::MetadataSource source) noexcept {
  check(lists_.empty(), "there are per-CPU lists already");
  const unsigned cores = cores_.core_count();
  const NodeId near = layout_->nodes.empty() ? NodeId::first : layout_->nodes[0].id;
  const Bytes size = cpu_lists_size();
  const auto room = source.take<std::byte>(size.raw, near);
  if (!room) return room.error();
  Arena arena{{room.value(), static_cast<std::size_t>(size.raw)}};
  const std::size_t count = std::size_t{lists_rows_} * cores;
  lists_ = lists_in(arena, count);
  core_states_ = arena.take<CoreState>(cores).value();
  core_states_[cores_.this_core()].last_misuse = first_core_.last_misuse;
  cores_on_lists_ = cores;
  if constexpr (Lists::kAreArrays) make_fast_way(arena);
  for (ZoneState& zone : zones_) set_cpu_limits(zone);
  return Done{};
}

// Of zeroed memory, which arrays are in order in: nothing is written before it is used.
template <Geometry G, class W, class Policy, port::Cores C>
auto PageAllocator<G, W, Policy, C>::lists_in(Arena& arena, std::size_t count) noexcept -> std::span<Lists> {
  if constexpr (Lists::kAreArrays)
    return {reinterpret_cast<Lists*>(arena.take_bytes(count * sizeof(Lists), alignof(Lists)).value()), count};
  else
    return arena.take<Lists>(count).value();
}

// The tables that fast_impl.hpp goes by.
template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::make_fast_way(Arena& arena) noexcept {
  nearest_ = arena.take<Shared<const Nearest*>>(places_.size() * zones::kZoneTypes).value();
  for (auto& nearest : nearest_) nearest = &none_;
  lists_by_core_ = arena.take<Lists*>(lists_.size()).value();
  for (std::size_t i = 0; i < lists_.size(); ++i) lists_by_core_[i] = &lists_[i];
  homes_ = arena.take<Nearest>(zone_of_part_.size()).value().data();
  for (unsigned part = 0; part < zone_of_part_.size(); ++part) {
    ZoneState& zone = zone_of_part(part);
    Nearest& home = homes_[part];
    home.zone = &zone;
    home.lists = lists_by_core_.data() + std::size_t{zone.lists_row} * cores_on_lists_;
    home.in_use = Descriptor::in_use_tag(part);
  }
  recent_ = arena.take<Recent>(cores_on_lists_).value().data();
  find_nearest();
  main_run_ = map_->main_run();
}

// Where each node's requests look first. On machines too small for types of pageblocks, requests take the long way.
template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::find_nearest() noexcept {
  if (nearest_.empty()) return;
  for (const zones::Node& from : layout_->nodes)
    for (unsigned highest = 0; highest < zones::kZoneTypes; ++highest) {
      const ZoneRefs zonelist =
          zones_for({.highest = static_cast<zones::ZoneType>(highest), .node = from.id});
      const Nearest* nearest = &none_;
      if (config_.grouping != Grouping::none && !zonelist.empty())
        if (const ZoneState& zone = zones_[zonelist.front().zone]; has_cpu_lists(zone))
          nearest = &homes_[zone.first_part];
      nearest_[static_cast<std::size_t>(from.id) * zones::kZoneTypes + highest] = nearest;
      if (from.id == NodeId::first) first_nearest_[highest] = *nearest;
    }
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
  limit_lists(zone, cpu_limits(zone.zone->managed, PageCount{zone.low}, own != 0 ? own : cores_on_lists_,
                               G.page_size()));
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::limit_lists(ZoneState& zone, CpuLimits limits) noexcept {
  const ZoneHold hold{cores_, zone.lock};
  zone.batch = limits.batch, zone.cpu_high = limits.high;
  follow_isolation(zone);
}

// An array may have half of what a core may keep in all, but one block if it may keep that: most cores use one or two. While
// pageblocks are isolated every free must look at its pageblock, and takes the long way.
template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::follow_isolation([[maybe_unused]] ZoneState& zone) noexcept {
  if constexpr (Lists::kAreArrays)
    for (unsigned slot = 0; homes_ != nullptr && slot < kKeepSlots; ++slot) {
      const Order order = Lists::order_of(slot);
      const std::uint32_t room = Lists::room_of(order), half = detail::most_of(zone.cpu_high, order);
      homes_[zone.first_part].keep[slot] =
          static_cast<std::uint16_t>(zone.isolated != 0 ? 0 : Lists::limit_of(half < room ? half : room));
    }
}

template <Geometry G, class W, class Policy, port::Cores C>
bool PageAllocator<G, W, Policy, C>::is_at_hand(const ZoneState& zone, const Search& search) const noexcept {
  if (!has_cpu_lists(zone) || !Lists::keeps(search.order)) return false;
  const Guard guard{cores_};
  return !lists_of(zone, guard.core()).is_empty(Lists::list_of(search.order, search.type));
}

// Source    Linux 6.1, "rmqueue_pcplist", "__rmqueue_pcplist" (behaviour).
template <Geometry G, class W, class Policy, port::Cores C>
Result<Pfn> PageAllocator<G, W, Policy, C>::take_from_core(ZoneState& zone, const Search& search) noexcept {
  const Guard guard{cores_};
  Lists& lists = lists_of(zone, guard.core());
  if constexpr (!Lists::kAreArrays) lists.eagerness >>= 1;
  const unsigned list = Lists::list_of(search.order, search.type);
  if (lists.is_empty(list)) {
    refill(zone, lists, search);
    if (lists.is_empty(list)) return Error::no_memory;
  }
  Pfn page;
  if constexpr (Lists::kAreArrays) {
    const auto& block = *lists.of_type(search.type).pop(search.order);
    page = block.page;
    block.head->leave_core(Descriptor::in_use_tag(zone.first_part), search.order, search.type);
  } else {
    const auto block = lists.pop_front(*map_, list);
    page = block.page;
    block.head->become_allocated(search.order, block.head->part(), search.type);
    ++lists.allocs;
  }
  observer_.allocated(page, search.order, search.type);
  return page;
}

// A batch, in the order in which single requests would get it.
// Source    Linux 6.1, "rmqueue_bulk".
template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::refill(ZoneState& zone, Lists& lists, const Search& search) noexcept {
  std::uint32_t wanted = zone.batch;
  if (wanted > 1) {
    wanted >>= search.order.raw();
    if (wanted < 2) wanted = 2;
  }
  ++lists.refills;
  observer_.refilling(zone.index, search.order, wanted);
  if constexpr (Lists::kAreArrays) {
    // A word of 64 frames whole, and not all but one of it.
    if (search.order == Order{0} && wanted == 63) wanted = 64;
    if (wanted > Lists::room_of(search.order)) wanted = Lists::room_of(search.order);
    auto& to = lists.of_type(search.type);
    const auto room = to.room(search.order).first(wanted);
    std::size_t count = 0;
    {
      const Hold<CoreLock> hold{zone.lock};
      count = take_batch(zone, search, room);
    }
    for (std::size_t i = 0; count < wanted && i < count; ++i) room[i] = room[wanted - count + i];
    Pfn highest{0};
    for (const auto& block : room.first(count))
      if (highest < block.page) highest = block.page;
    if (count == 0) return;
    to.grow(search.order, count);
    to.set_line(highest, search.order);
    lists.brought += count;
  } else {
    const unsigned list = Lists::list_of(search.order, search.type);
    const auto keep = [&](Pfn page, Descriptor& head) noexcept {
      lists.push_back({page, &head}, list, search.type);
    };
    const Hold<CoreLock> hold{zone.lock};
    for (;;) {
      // Each block may change which of an area's pages and the zone's own are next.
      if (!search.cma || zone.free_cma == 0) {
        const std::uint32_t got = pages_of(zone).take_row(search.order, search.type, search.type, wanted,
                                                          keep, observer_, zone.count.tally);
        zone.free -= std::uint64_t{got} << search.order.raw();
        wanted -= got;
      }
      if (wanted == 0) return;
      const auto page = take_from_zone(zone, search);
      if (!page) return;
      keep(page.value(), map_->at(page.value()));
      if (--wanted == 0) return;
    }
  }
}

// As many blocks as there are and there is room for, from the end of `room` on: together where the zone's own type has them, else
// one by one.
//
// Returns   how many.
template <Geometry G, class W, class Policy, port::Cores C>
std::size_t PageAllocator<G, W, Policy, C>::take_batch(
    [[maybe_unused]] ZoneState& zone, [[maybe_unused]] const Search& search,
    [[maybe_unused]] std::span<NamedBlock<Descriptor>> room) noexcept {
  if constexpr (Lists::kAreArrays) {
    Shelf<Descriptor> out{room};
    while (!out.is_full()) {
      const bool is_area = search.cma && zone.free_cma > zone.free >> 1;
      if (!is_area) {
        const std::size_t before = out.room();
        pages_of(zone).take_bulk(search.order, search.type, search.type, out, observer_, zone.count.tally);
        zone.free -= std::uint64_t{before - out.room()} << search.order.raw();
        if (out.is_full()) break;
      }
      const auto page = take_from_zone(zone, search);
      if (!page) break;
      Descriptor& head = map_->at(page.value());
      head.rest_on_core();
      out.add(page.value(), head);
    }
    return room.size() - out.room();
  }
  return 0;
}

// A block that is given back goes to this core's lists.
//
// Returns   false where the zone must have it: its pageblock is isolated.
// Source    Linux 6.1, "free_unref_page", "nr_pcp_high", "nr_pcp_free" (behaviour).
template <Geometry G, class W, class Policy, port::Cores C>
bool PageAllocator<G, W, Policy, C>::keep_on_core(ZoneState& zone, Lists& lists,
                                                  [[maybe_unused]] Descriptor& head, Pfn page,
                                                  Order order) noexcept {
  MigrateType type = map_->pageblock_type(page);
  if (type == MigrateType::isolate) return false;
  if constexpr (G.pageblock_order_ + 1 < Lists::kSmallOrders)  // blocks on lists may be of several pageblocks
    if (order > G.pageblock_order() && !is_of_one_type(page, order)) return false;
  if constexpr (Lists::kAreArrays) {
    const std::uint32_t keep = homes_[zone.first_part].keep[Lists::slot_of(order)];
    if (keep == 0) return false;
    auto* to = &lists.of_type(head.list());
    const bool goes_home = to->is_above_line(page, order) && free_[zone.index].is_sparse(page, order);
    if (goes_home) to = &lists.outgoing();
    const std::uint32_t there = to->blocks(order);
    if (Lists::limit_of(there) >= keep) {
      const unsigned list = goes_home ? Lists::outgoing_list(order) : Lists::list_of(order, head.list());
      spill(zone, lists, std::uint64_t{goes_home ? there : (there + 1) / 2} << order.raw(), list);
    }
    head.rest_on_core();
    return to->push({page, &head}, order, keep);
  } else {
    // Contiguous areas and what is kept for urgent requests can be had back: only movable pages borrow there.
    if (!page::is_ordinary(type)) type = MigrateType::movable;
    ++lists.frees;
    const unsigned list = Lists::list_of(order, type);
    lists.push_front({page, &head}, list, type);
    // Freed in a row, orders above 0 would only lie here and keep larger blocks from arising.
    const bool all = lists.eagerness != 0 && order != Order{0} && order.raw() < Lists::kSmallOrders;
    const std::uint64_t high = all ? 0 : zone.cpu_high.load();
    if (lists.pages() < high) return true;
    std::uint64_t pages = lists.pages();
    const std::uint64_t batch = zone.batch;
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
}

// The list that has just grown first, then in turn; from each all until enough is gone. The lock is let go between lists.
// Source    Linux 6.1, "free_pcppages_bulk".
template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::spill(ZoneState& zone, Lists& lists, std::uint64_t pages,
                                           unsigned list) noexcept {
  std::uint64_t left = pages;
  if constexpr (!Lists::kAreArrays) left = pages < lists.pages() ? pages : lists.pages();
  ++lists.spills;
  observer_.spilling(zone.index, PageCount{left});
  while (left != 0) {
    while (lists.is_empty(list)) list = list + 1 < Lists::kLists ? list + 1 : 0;
    const Hold<CoreLock> hold{zone.lock};
    spill_list(zone, lists, list, left);
    list = list + 1 < Lists::kLists ? list + 1 : 0;
  }
}

// The oldest blocks of one list, at most until `left` pages are gone; what is still to go is left there.
template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::spill_list(ZoneState& zone, Lists& lists, unsigned list,
                                                std::uint64_t& left) noexcept {
  const Order order = Lists::order_of(list);
  const auto subtract = [&left](std::uint64_t pages) noexcept { left -= left < pages ? left : pages; };
  if constexpr (Lists::kAreArrays) {
    const std::uint64_t wanted = (left + order.pages().raw - 1) >> order.raw();
    const auto all = lists.entries(list);
    const auto oldest = wanted < all.size() ? all.first(static_cast<std::size_t>(wanted)) : all;
    if (order == Order{0}) {
      const Given given = pages_of(zone).give_bulk(oldest, observer_, zone.count.tally);
      zone.free += given.free;
      if (given.cma != 0) zone.add_free_cma(given.cma);
    } else {
      for (const auto& block : oldest) give_back(zone, *block.head, block.page, order, Place::fitting);
    }
    const auto count = static_cast<std::uint32_t>(oldest.size());
    lists.fetched += count;
    lists.drop_oldest(list, count);
    subtract(std::uint64_t{count} << order.raw());
  } else {
    while (left != 0 && !lists.is_empty(list)) {
      const auto block = lists.pop_back(*map_, list);
      give_back(zone, *block.head, block.page, order, Place::fitting);
      subtract(order.pages().raw);
    }
  }
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::drain_this(unsigned core) noexcept {
  for (ZoneState& zone : zones_) {
    if (!has_cpu_lists(zone)) continue;
    const Guard guard{cores_};
    Lists& lists = lists_of(zone, core);
    if (lists.pages() != 0) spill(zone, lists, lists.pages(), 0);
  }
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::drain(unsigned core) noexcept {
  check(core < cores_on_lists_ || lists_.empty(), "no such core");
  if (lists_.empty()) return;
  cores_.run_on(
      core, [](void* self, unsigned on) noexcept { static_cast<PageAllocator*>(self)->drain_this(on); },
      this);
}

template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::drain_all() noexcept {
  for (unsigned core = 0; core < cores_on_lists_; ++core) drain(core);
}

}  // namespace quarry::buddy
