#include "quarry/buddy/fragmentation.hpp"

#include "quarry/base/divide.hpp"

namespace quarry::buddy {
namespace {

struct FreeBlocks {
  std::uint64_t pages = 0;     // in all blocks
  std::uint64_t blocks = 0;    // of whatever size
  std::uint64_t suitable = 0;  // blocks of the order that they make
};

FreeBlocks count(const ZoneStats& zone, Order wanted) noexcept {
  FreeBlocks sum;
  for (unsigned order = 0; order < Order::kCount; ++order)
    for (const std::uint64_t blocks : zone.free_blocks[order]) {
      sum.blocks += blocks;
      sum.pages += blocks << order;
      if (order >= wanted.raw()) sum.suitable += blocks << (order - wanted.raw());
    }
  return sum;
}

}  // namespace

std::uint64_t unusable_index(const ZoneStats& zone, Order order) noexcept {
  const FreeBlocks free = count(zone, order);
  if (free.pages == 0) return 1000;
  return divide((free.pages - (free.suitable << order.raw())) * 1000, free.pages);
}

std::int64_t fragmentation_index(const ZoneStats& zone, Order order) noexcept {
  const FreeBlocks free = count(zone, order);
  if (free.blocks == 0) return 0;
  if (free.suitable != 0) return -1000;
  const std::uint64_t requests = (free.pages * 1000) >> order.raw();
  return 1000 - static_cast<std::int64_t>(divide(1000 + requests, free.blocks));
}

}  // namespace quarry::buddy
