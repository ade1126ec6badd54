// quarry/buddy/compact_zone_whole_impl.hpp: bodies of CompactZone: blocks of whole pageblocks, as a buddy system.
#pragma once

#include "quarry/buddy/compact_zone.hpp"

namespace quarry::buddy {

// Errors    not_found: the pageblock is in no such block.
template <Geometry G, class Extra>
auto CompactZone<G, Extra>::whole_around(Index index) const noexcept -> Result<Whole> {
  for (unsigned log2 = 0; log2 < kWholeOrders; ++log2) {
    const Index first = index >> log2 << log2;
    const Entry& entry = pageblocks_[first];
    if (entry.is_whole() && entry.pageblocks_log2() == log2) return Whole{first, log2};
  }
  return Error::not_found;
}

// Merges as far as types allow.
template <Geometry G, class Extra>
template <class Watcher>
void CompactZone<G, Extra>::add_whole(Whole block, MigrateType type, Watcher& watcher,
                                      Tally& tally) noexcept {
  check(pageblocks_[block.first].free == 0, "a pageblock is given twice");
  for (; block.log2 + 1 < kWholeOrders; ++block.log2) {
    const Whole buddy{block.first ^ 1u << block.log2, block.log2};
    const Entry& other = pageblocks_[buddy.first];
    if (!other.is_whole() || other.pageblocks_log2() != block.log2) break;
    if (!may_merge(other.type, type)) break;
    remove_whole(buddy);
    block.first &= ~(1u << block.log2);
    ++tally.merges;
    watcher.merged(page_at(block.first), Order{kPageblockOrder + block.log2});
  }
  put_whole(block, type);
}

template <Geometry G, class Extra>
void CompactZone<G, Extra>::put_whole(Whole block, MigrateType type) noexcept {
  const unsigned order = kPageblockOrder + block.log2;
  Entry& entry = pageblocks_[block.first];
  entry.free = static_cast<std::uint16_t>(Entry::kWhole | block.log2);
  entry.type = type;
  see(block.first);
  whole_set(block.log2, type).insert(block.first >> block.log2);
  ++tables_->whole[page::index_of(type)][block.log2];
  masks_[page::index_of(type)] |= 1u << order;
}

// Returns   the type that it stood under.
template <Geometry G, class Extra>
MigrateType CompactZone<G, Extra>::remove_whole(Whole block) noexcept {
  const unsigned order = kPageblockOrder + block.log2;
  Entry& entry = pageblocks_[block.first];
  const MigrateType type = entry.type;
  entry.free = 0;
  whole_set(block.log2, type).erase(block.first >> block.log2);
  if (--tables_->whole[page::index_of(type)][block.log2] == 0) masks_[page::index_of(type)] &= ~(1u << order);
  return type;
}

// Takes `part`, in use from now on, out of the free block around it.
//
//   block     |             8 pageblocks              |
//   part      |  left  4           |  2   |part| 1    |
template <Geometry G, class Extra>
void CompactZone<G, Extra>::cut_out(Whole block, Whole part) noexcept {
  const MigrateType type = remove_whole(block);
  while (block.log2 > part.log2) {
    --block.log2;
    const Index upper = block.first + (Index{1} << block.log2);
    const bool is_lower = part.first < upper;
    put_whole({is_lower ? upper : block.first, block.log2}, type);
    if (!is_lower) block.first = upper;
  }
}

// The smallest block that is enough, the lowest of them.
template <Geometry G, class Extra>
bool CompactZone<G, Extra>::find_whole(unsigned order, MigrateType type, Whole& block) const noexcept {
  const unsigned least = order > kPageblockOrder ? order : kPageblockOrder;
  const std::uint32_t enough = masks_[page::index_of(type)] >> least;
  if (enough == 0) return false;
  block.log2 = least - kPageblockOrder + count_trailing_zeros(enough);
  block.first = whole_set(block.log2, type).first() << block.log2;
  return true;
}

}  // namespace quarry::buddy
