// quarry/buddy/linux_audit_impl.hpp: bodies of LinuxZone: the laws of its lists.
#pragma once

#include "quarry/buddy/linux_zone.hpp"

namespace quarry::buddy {

template <Geometry G, class Extra>
Finding LinuxZone<G, Extra>::audit() const noexcept {
  for (const Part& part : parts_)
    for (unsigned order = 0; order < Part::kOrders; ++order)
      for (unsigned type = 0; type < page::kMigrateTypes; ++type)
        if (const Finding found = audit_list(part, Order{order}, static_cast<MigrateType>(type)))
          return found;
  return {};
}

template <Geometry G, class Extra>
Finding LinuxZone<G, Extra>::audit_list(const Part& part, Order order, MigrateType type) const noexcept {
  using page::Link;
  std::uint32_t count = 0;
  Link before = Link::none;
  const std::uint32_t expected = part.count(order, type);
  for (Link at = part.first_link(order, type); at != Link::none; ++count) {
    const Pfn page = part.page_at(at);
    if (count == expected) return {Law::count_equals_list, page};
    const Descriptor* const head = map_->find(page);
    if (head == nullptr || !part.pages().contains(page)) return {Law::block_is_in_its_zone, page};
    if (!head->is_free(order, part.index()) || head->list() != type) return {Law::state_is_free, page};
    if (head->previous() != before) return {Law::list_ends_where_it_says, page};
    if (const Finding found = audit_block(part, page, order, type)) return found;
    before = at;
    at = head->next();
  }
  if (part.last_link(order, type) != before) return {Law::list_ends_where_it_says, Pfn{}};
  if (count != expected) return {Law::count_equals_list, Pfn{}};
  const bool is_marked = ((part.mask(type) >> order.raw()) & 1) != 0;
  return is_marked == (count != 0) ? Finding{} : Finding{Law::mask_equals_lists, Pfn{}};
}

template <Geometry G, class Extra>
Finding LinuxZone<G, Extra>::audit_block(const Part& part, Pfn page, Order order,
                                         MigrateType type) const noexcept {
  const std::uint64_t size = order.pages().raw;
  if (!is_aligned(page.raw, size)) return {Law::block_is_aligned, page};
  if (part.pages().end().raw - page.raw < size) return {Law::block_is_in_its_zone, page};
  if (order == G.max_order()) return {};
  const Pfn buddy{page.raw ^ size};
  const Descriptor* const other = map_->find(buddy);
  if (other == nullptr || !other->is_free(order, part.index())) return {};
  const bool may = order < G.pageblock_order() ||
                   (may_merge(buddy, map_->pageblock_type(page)) && type != MigrateType::isolate);
  return may ? Finding{Law::buddies_are_merged, page} : Finding{};
}

}  // namespace quarry::buddy
