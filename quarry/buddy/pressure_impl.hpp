// quarry/buddy/pressure_impl.hpp: bodies of PageAllocator: what is tried before a request fails.
#pragma once

#include "quarry/base/divide.hpp"
#include "quarry/buddy/page_allocator.hpp"

namespace quarry::buddy {

namespace detail {

// Rounds of reclaim that freed pages and still did not help. Source    Linux 6.1, "MAX_RECLAIM_RETRIES".
inline constexpr unsigned kMostReclaims = 16;

}  // namespace detail

// Source    Linux 6.1, "__alloc_pages_slowpath" (behaviour).
template <Geometry G, class W, class Policy, port::Cores C>
Result<Pfn> PageAllocator<G, W, Policy, C>::alloc_deeper(ZoneRefs zonelist, const Request& request,
                                                         Search what) noexcept {
  what.mixing = Mixing::allow;
  what.urgency = request.urgency;
  const Mark mark = request.urgency == Urgency::unlimited ? Mark::none : Mark::min;
  const auto page = search(zonelist, what, mark);
  if (page || request.effort != Effort::full || core_state(cores_.this_core()).is_under_pressure != 0)
    return page;
  return alloc_under_pressure(zonelist, request, what, mark);
}

// Moving costs nobody anything, so it comes first; then pages are given up, round by round. What lies on cores' lists and what is
// kept for urgent requests is fetched once.
template <Geometry G, class W, class Policy, port::Cores C>
Result<Pfn> PageAllocator<G, W, Policy, C>::alloc_under_pressure(ZoneRefs zonelist, const Request& request,
                                                                 const Search& what, Mark mark) noexcept {
  CoreState& core = core_state(cores_.this_core());
  core.is_under_pressure = 1;
  Result<Pfn> page = Error::no_memory;
  const bool may_compact = what.order != Order{0} && pressure_.compact != nullptr;
  if (may_compact && pressure_.compact(pressure_.self, what.order, request))
    page = search(zonelist, what, mark);
  bool has_drained = false;
  for (unsigned round = 0; !page && round < detail::kMostReclaims; ++round) {
    const bool freed =
        pressure_.reclaim != nullptr && pressure_.reclaim(pressure_.self, what.order, request).raw != 0;
    if (freed) page = search(zonelist, what, mark);
    if (page || (!freed && has_drained)) break;
    if (!has_drained) {
      drain_all();
      give_up_urgent(zonelist, what.type, !freed);
      has_drained = true;
      page = search(zonelist, what, mark);
    }
    if (!page && may_compact && pressure_.compact(pressure_.self, what.order, request))
      page = search(zonelist, what, mark);
  }
  core.is_under_pressure = 0;
  return page;
}

// The pageblock of `page` is kept for urgent requests from now on, unless a hundredth of the zone already is.
// Source    Linux 6.1, "reserve_highatomic_pageblock".
template <Geometry G, class W, class Policy, port::Cores C>
void PageAllocator<G, W, Policy, C>::keep_for_urgent(ZoneState& zone, Pfn page) noexcept {
  const std::uint64_t whole = G.pageblock_order().pages().raw;
  const ZoneHold hold{cores_, zone.lock};
  if (zone.highatomic >= divide(zone.zone->managed.raw, 100) + whole) return;
  if (config_.grouping == Grouping::none || !page::is_ordinary(map_->pageblock_type(page))) return;
  zone.add_highatomic(whole);
  set_pageblock(page, MigrateType::highatomic);
  pages_of(zone).retype(page, MigrateType::highatomic);
}

// One pageblock that is kept for urgent requests becomes one of `type`. A zone's last one only if `all` may go.
// Source    Linux 6.1, "unreserve_highatomic_pageblock".
template <Geometry G, class W, class Policy, port::Cores C>
bool PageAllocator<G, W, Policy, C>::give_up_urgent(ZoneRefs zonelist, MigrateType type, bool all) noexcept {
  const std::uint64_t whole = G.pageblock_order().pages().raw;
  for (const zones::ZoneRef ref : zonelist) {
    ZoneState& zone = zones_[ref.zone];
    const ZoneHold hold{cores_, zone.lock};
    if (zone.highatomic == 0 || (!all && zone.highatomic <= whole)) continue;
    const auto page = pages_of(zone).first_of(MigrateType::highatomic);
    if (!page) continue;
    const Pfn begin{align_down(page.value().raw, whole)};
    pages_of(zone).cut(begin + PageCount{whole});
    zone.add_highatomic(0 - whole);
    set_pageblock(page.value(), type);
    const bool helps = pages_of(zone).retype(page.value(), type).free != 0;
    merge_again(zone, begin);
    if (helps) return true;
  }
  return false;
}

}  // namespace quarry::buddy
