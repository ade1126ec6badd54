// quarry/buddy/cpu_list_names.hpp: which lists a core has of each zone, whatever they are made of.
//
// A list for each ordinary type and each order up to 3, and two for whole pageblocks; CpuArrays numbers its stacks otherwise.
// Source    Linux 6.1, struct per_cpu_pages (behaviour).
#pragma once

#include "quarry/base/atomic.hpp"
#include "quarry/base/geometry.hpp"
#include "quarry/page/migrate_type.hpp"

namespace quarry::buddy {

using page::MigrateType;

// What one core did with one zone through its lists.
struct CpuEvents {
  std::uint64_t allocs = 0, frees = 0;
  std::uint64_t refills = 0, spills = 0;  // batches between the lists and the zone
};

inline constexpr unsigned kKeepSlots = 5;

template <Geometry G>
struct CpuListNames {
  static constexpr unsigned kSmallOrders = 4;  // up to 3, PAGE_ALLOC_COSTLY_ORDER
  static constexpr unsigned kLists = page::kOrdinaryTypes * kSmallOrders + 2;

  // Whole pageblocks where one entry of a page table's second level maps them: huge pages are asked for often.
  static constexpr bool kKeepsPageblocks = G.pageblock_order_ == G.page_shift_ - 3;

  static constexpr bool keeps(Order order) noexcept {
    return order.raw() < kSmallOrders || (kKeepsPageblocks && order == G.pageblock_order());
  }
  // Lists of one order are alike: where what they have in common is found.
  static constexpr unsigned slot_of(Order order) noexcept {
    return order.raw() < kSmallOrders ? order.raw() : kSmallOrders;
  }
  static_assert(kSmallOrders + 1 == kKeepSlots);
  // The list of an order that is kept and an ordinary type. Of whole pageblocks the movable ones have one: they may
  // be of contiguous areas. (Linux has these two since 6.1.97 and 6.11; before, an area could be lost to an unmovable
  // block.)
  static constexpr unsigned list_of(Order order, MigrateType type) noexcept {
    if (order.raw() < kSmallOrders) return page::kOrdinaryTypes * order.raw() + page::index_of(type);
    return type == MigrateType::movable ? kLists - 1 : kLists - 2;
  }
  static constexpr Order order_of(unsigned list) noexcept {
    return list >= kLists - 2 ? G.pageblock_order() : Order{list / page::kOrdinaryTypes};
  }
};

}  // namespace quarry::buddy
