// quarry/buddy/compact_zone_notes_impl.hpp: bodies of CompactZone: of which orders pageblocks that are free in part have blocks.
//
//   a block arises           its order is noted, for its pageblock and its type
//   somebody looks for it    and finds it, or takes the note away; after many looks in vain it gives up
#pragma once

#include "quarry/buddy/compact_zone.hpp"

namespace quarry::buddy {

// Blocks of these orders have arisen there, a bit each.
template <Geometry G, class Extra>
void CompactZone<G, Extra>::note(Index index, unsigned orders) noexcept {
  if ((orders & ~unsigned{pageblocks_[index].orders}) != 0) [[unlikely]]
    note_new(index, orders);
}

template <Geometry G, class Extra>
void CompactZone<G, Extra>::note_new(Index index, unsigned orders) noexcept {
  Entry& entry = pageblocks_[index];
  const unsigned type = page::index_of(entry.type);
  orders &= ~unsigned{entry.orders};
  entry.orders = static_cast<std::uint16_t>(entry.orders | orders);
  masks_[type] |= orders;
  for (orders &= ~1u; orders != 0; orders &= orders - 1)
    tables_->of_type[type].partial[count_trailing_zeros(orders)].insert(index);
}

// There is no such block.
template <Geometry G, class Extra>
void CompactZone<G, Extra>::forget(Index index, unsigned order) const noexcept {
  Entry& entry = pageblocks_[index];
  entry.orders = static_cast<std::uint16_t>(entry.orders & ~(1u << order));
  if (order != 0) tables_->of_type[page::index_of(entry.type)].partial[order].erase(index);
}

template <Geometry G, class Extra>
void CompactZone<G, Extra>::forget_all(Index index) noexcept {
  Entry& entry = pageblocks_[index];
  for (unsigned left = entry.orders & ~1u; left != 0; left &= left - 1)
    tables_->of_type[page::index_of(entry.type)].partial[count_trailing_zeros(left)].erase(index);
  entry.orders = 0;
}

// The lowest pageblock that is free in part.
template <Geometry G, class Extra>
bool CompactZone<G, Extra>::find_any(MigrateType type, Index& index) const noexcept {
  Shared<std::uint32_t>& mask = masks_[page::index_of(type)];
  if ((mask & 1u) == 0) return false;
  const PageblockSet& set = any_partial(type);
  if (set.is_empty()) {
    mask &= ~1u;
    return false;
  }
  index = set.first();
  return true;
}

// The lowest block of exactly `order` in the lowest pageblock that has one. Takes away the notes that are in its way; of many
// only some, as the zone is locked: then nothing else is chosen either, until look_again().
template <Geometry G, class Extra>
bool CompactZone<G, Extra>::find_exactly(unsigned order, MigrateType type, Part& found) const noexcept {
  const PageblockSet& set = tables_->of_type[page::index_of(type)].partial[order];
  for (unsigned looks = 0; !set.is_empty(); ++looks) {
    if (looks == kLooks) [[unlikely]] {
      gave_up_ = true;
      return false;
    }
    found = {set.first(), order, 0};
    found.at = bits_[found.index].first(order);
    if (found.at < kFrames) return true;
    forget(found.index, order);
  }
  masks_[page::index_of(type)] &= ~(1u << order);
  return false;
}

// A frame comes from the lowest pageblock that has one, whatever its block; a larger block from the lowest pageblock
// that has the smallest one that is enough.
template <Geometry G, class Extra>
bool CompactZone<G, Extra>::find_partial(unsigned order, MigrateType type, Part& found) const noexcept {
  if (order == 0) {
    Index index = 0;
    return find_any(type, index) && find_within(index, 0, found);
  }
  for (std::uint32_t left = (orders(type) & kPartialOrders) >> order << order; left != 0 && !gave_up_;
       left &= left - 1)
    if (find_exactly(count_trailing_zeros(left), type, found)) return true;
  return false;
}

// The largest block below whole pageblocks, if that is of `order` or above; in the lowest pageblock that has one.
template <Geometry G, class Extra>
bool CompactZone<G, Extra>::find_largest(unsigned order, MigrateType type, Part& found) const noexcept {
  for (std::uint32_t left = (orders(type) & kPartialOrders) >> order << order; left != 0 && !gave_up_;) {
    const unsigned largest = 63 - count_leading_zeros(left);
    if (largest == 0) return find_any(type, found.index) && find_within(found.index, 0, found);
    if (find_exactly(largest, type, found)) return true;
    left &= ~(1u << largest);
  }
  return false;
}

// The lowest of the smallest blocks of `order` or above in a pageblock.
template <Geometry G, class Extra>
bool CompactZone<G, Extra>::find_within(Index index, unsigned order, Part& found) const noexcept {
  for (unsigned left = unsigned{pageblocks_[index].orders} >> order << order; left != 0; left &= left - 1) {
    found = {index, count_trailing_zeros(left), 0};
    found.at = bits_[index].first(found.order);
    if (found.at < kFrames) return true;
    forget(index, found.order);
  }
  return false;
}

template <Geometry G, class Extra>
bool CompactZone<G, Extra>::has_block(Order least, MigrateType type) const noexcept {
  Part found{0, 0, 0};
  const std::uint32_t mask = orders(type);
  if ((mask & ~kPartialOrders) >> least.raw() != 0) return true;
  return mask >> least.raw() != 0 && find_largest(least.raw(), type, found);
}

template <Geometry G, class Extra>
std::uint64_t CompactZone<G, Extra>::blocks(Order order, MigrateType type) const noexcept {
  if ((orders(type) >> order.raw() & 1) == 0) return 0;
  if (order.raw() >= kPageblockOrder)
    return tables_->whole[page::index_of(type)][order.raw() - kPageblockOrder];
  const Sets& sets = tables_->of_type[page::index_of(type)];
  std::uint64_t sum = 0;
  sets.partial[order.raw()].for_each([&](Index index) noexcept { sum += bits_[index].blocks(order.raw()); });
  return sum;
}

template <Geometry G, class Extra>
std::uint32_t CompactZone<G, Extra>::count_blocks(std::uint32_t from, BlockCounts& counts) const noexcept {
  if (tables_ == nullptr) return 0;
  for (unsigned type = 0; from == 0 && type < page::kMigrateTypes; ++type)
    for (unsigned log2 = 0; log2 < kWholeOrders; ++log2)
      counts[kPageblockOrder + log2][type] += tables_->whole[type][log2];
  Index index = from;
  for (unsigned looks = 0; index < count_ && looks < kLooks; ++looks) {
    if (!is_seen(index)) {
      index = ((index >> kSeenShift) + 1) << kSeenShift;
      continue;
    }
    const Entry& entry = pageblocks_[index];
    for (unsigned left = entry.orders; left != 0; left &= left - 1) {
      const unsigned order = count_trailing_zeros(left);
      counts[order][page::index_of(entry.type)] += bits_[index].blocks(order);
    }
    ++index;
  }
  return index < count_ ? index : 0;
}

}  // namespace quarry::buddy
