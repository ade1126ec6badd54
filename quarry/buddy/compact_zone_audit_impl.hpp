// quarry/buddy/compact_zone_audit_impl.hpp: bodies of CompactZone: its laws.
#pragma once

#include "quarry/buddy/compact_zone.hpp"

namespace quarry::buddy {

// What the pageblocks say, summed up.
template <Geometry G, class Extra>
struct CompactZone<G, Extra>::Audited {
  std::uint64_t whole[page::kMigrateTypes][kWholeOrders] = {};  // blocks of whole pageblocks
  std::uint32_t orders[page::kMigrateTypes] = {};               // noted ones
};

template <Geometry G, class Extra>
Finding CompactZone<G, Extra>::audit() const noexcept {
  if (tables_ == nullptr) return {};
  Audited sums;
  constexpr Index together = Index{1} << kSeenShift;
  for (std::uint64_t chunk = 0; chunk << kSeenShift < count_; ++chunk) {
    const Index begin = static_cast<Index>(chunk << kSeenShift);
    if (!is_seen(begin)) continue;
    const Index end = count_ - begin < together ? count_ : begin + together;
    for (Index index = begin; index < end; ++index)
      if (const Finding found = audit_pageblock(index, sums)) return found;
  }
  for (unsigned type = 0; type < page::kMigrateTypes; ++type) {
    if ((sums.orders[type] & ~masks_[type]) != 0) return {Law::mask_equals_lists, Pfn{}};
    for (unsigned log2 = 0; log2 < kWholeOrders; ++log2) {
      if (tables_->whole[type][log2] != sums.whole[type][log2]) return {Law::count_equals_list, Pfn{}};
      if ((masks_[type] >> (kPageblockOrder + log2) & 1) != (sums.whole[type][log2] != 0 ? 1u : 0u))
        return {Law::mask_equals_lists, Pfn{}};
    }
  }
  return {};
}

template <Geometry G, class Extra>
Finding CompactZone<G, Extra>::audit_pageblock(Index index, Audited& sums) const noexcept {
  const Entry& entry = pageblocks_[index];
  for (unsigned type = 0; type < page::kMigrateTypes; ++type) {
    const Sets& sets = tables_->of_type[type];
    const bool is_alike = page::index_of(entry.type) == type;
    for (unsigned order = 0; order < kPageblockOrder; ++order) {
      const bool has = order == 0 ? entry.is_partial() : (entry.orders >> order & 1) != 0;
      if (sets.partial[order].contains(index) != (is_alike && has))
        return {Law::free_is_listed, page_at(index)};
      if (!sets.partial[order].is_found(index)) return {Law::mask_equals_lists, page_at(index)};
    }
    for (unsigned log2 = 0; log2 < kWholeOrders; ++log2) {
      if ((index & ((Index{1} << log2) - 1)) != 0) continue;
      const bool is_here = is_alike && entry.is_whole() && entry.pageblocks_log2() == log2;
      if (sets.whole[log2].contains(index >> log2) != is_here) return {Law::free_is_listed, page_at(index)};
      if (!sets.whole[log2].is_found(index >> log2)) return {Law::mask_equals_lists, page_at(index)};
    }
  }
  return entry.is_whole() ? audit_whole(index, sums) : audit_partial(index, sums);
}

template <Geometry G, class Extra>
Finding CompactZone<G, Extra>::audit_whole(Index index, Audited& sums) const noexcept {
  const Entry& entry = pageblocks_[index];
  const Pfn page = page_at(index);
  const unsigned log2 = entry.pageblocks_log2();
  const Index size = Index{1} << log2;
  if (log2 >= kWholeOrders || (index & (size - 1)) != 0) return {Law::block_is_aligned, page};
  if (page < span_.begin() || span_.end() < page_at(index + size)) return {Law::block_is_in_its_zone, page};
  for (Index inner = index; inner < index + size; ++inner) {
    if (inner != index && pageblocks_[inner].free != 0) return {Law::blocks_are_disjoint, page_at(inner)};
    if (bits_[inner].next(0) != Bits::kWords) return {Law::count_equals_bits, page_at(inner)};
    if (const Finding found = audit_descriptors(inner)) return found;
  }
  const MigrateType type = entry.type;
  if (log2 + 1 < kWholeOrders && type != MigrateType::isolate) {
    const Entry& buddy = pageblocks_[index ^ size];
    if (buddy.is_whole() && buddy.pageblocks_log2() == log2 && may_merge(buddy.type, type))
      return {Law::buddies_are_merged, page};
  }
  if (entry.orders != 0) return {Law::orders_equal_bits, page};
  ++sums.whole[page::index_of(type)][log2];
  return {};
}

template <Geometry G, class Extra>
Finding CompactZone<G, Extra>::audit_partial(Index index, Audited& sums) const noexcept {
  const Entry& entry = pageblocks_[index];
  const Bits& bits = bits_[index];
  if (bits.count() != entry.free || !bits.is_summed()) return {Law::count_equals_bits, page_at(index)};
  if (entry.free == kFrames) return {Law::buddies_are_merged, page_at(index)};
  unsigned orders = 0;
  for (unsigned at = 0; at < kFrames;) {
    if (!bits.is_free(at, 0)) {
      ++at;
      continue;
    }
    const unsigned order = bits.order_around(at);
    const Pfn page = page_at(index, at);
    at += 1u << order;
    if (page < span_.begin() || span_.end() < page_at(index, at)) return {Law::block_is_in_its_zone, page};
    orders |= 1u << order;
  }
  if ((orders & ~unsigned{entry.orders}) != 0) return {Law::orders_equal_bits, page_at(index)};
  if (entry.free == 0) return {entry.orders == 0 ? Law::holds : Law::orders_equal_bits, page_at(index)};
  sums.orders[page::index_of(entry.type)] |= entry.orders | 1u;
  return audit_descriptors(index);
}

// What is free says nothing: where bits are set, or everywhere when a whole pageblock has none.
template <Geometry G, class Extra>
Finding CompactZone<G, Extra>::audit_descriptors(Index index) const noexcept {
  const bool is_whole = bits_[index].next(0) == Bits::kWords;
  for (unsigned at = 0; at < kFrames; ++at) {
    if (!is_whole && !bits_[index].is_free(at, 0)) continue;
    const Descriptor* const head = map_->find(page_at(index, at));
    if (head == nullptr || head->state() != page::State::nothing)
      return {Law::state_is_free, page_at(index, at)};
  }
  return {};
}

}  // namespace quarry::buddy
