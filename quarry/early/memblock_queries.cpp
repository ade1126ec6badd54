// quarry/early/memblock_queries.cpp: questions and walks; nothing here changes anything.
#include "quarry/early/memblock.hpp"

namespace quarry::early {

bool Memblock::is_memory(PhysAddr at) const noexcept { return search(memory_.table.view(), at).has_value(); }

bool Memblock::is_reserved(PhysAddr at) const noexcept {
  return search(reserved_.table.view(), at).has_value();
}

bool Memblock::is_map_memory(PhysAddr at) const noexcept {
  const auto found = search(memory_.table.view(), at);
  return found && !has(memory_.table[*found].flags, Flags::nomap);
}

bool Memblock::is_region_memory(PhysRange range) const noexcept {
  const auto found = search(memory_.table.view(), range.begin());
  return found && memory_.table[*found].end() >= capped(range).end();
}

bool Memblock::is_region_reserved(PhysRange range) const noexcept {
  return overlaps(reserved_.table.view(), capped(range));
}

bool Memblock::overlaps_memory(PhysRange range) const noexcept {
  return overlaps(memory_.table.view(), capped(range));
}

Result<NodePfns> Memblock::search_pfn_nid(Pfn pfn) const noexcept {
  if (pfn > config_.page.pfn_down(phys_addr_max())) return Error::not_found;
  const auto found = search(memory_.table.view(), config_.page.address_of(pfn));
  if (!found) return Error::not_found;
  const Region& region = memory_.table[*found];
  return NodePfns{{config_.page.pfn_down(region.base), config_.page.pfn_down(region.end())}, region.node};
}

PhysAddr Memblock::start_of_dram() const noexcept {
  return memory_.table.empty() ? PhysAddr{0} : memory_.table[0].base;
}

PhysAddr Memblock::end_of_dram() const noexcept {
  return memory_.table.empty() ? PhysAddr{0} : memory_.table[memory_.table.count() - 1].end();
}

FreeRanges<Walk::upwards> Memblock::free_ranges(NodeId node, Flags flags) const noexcept {
  return FreeRanges<Walk::upwards>{bounds(&reserved_.table, node, flags)};
}

FreeRanges<Walk::downwards> Memblock::free_ranges_reverse(NodeId node, Flags flags) const noexcept {
  return FreeRanges<Walk::downwards>{bounds(&reserved_.table, node, flags)};
}

FreeRanges<Walk::upwards> Memblock::memory_ranges() const noexcept {
  return FreeRanges<Walk::upwards>{bounds(nullptr, kAnyNode, Flags::hotplug | Flags::driver_managed)};
}

FreeRanges<Walk::downwards> Memblock::memory_ranges_reverse() const noexcept {
  return FreeRanges<Walk::downwards>{bounds(nullptr, kAnyNode, Flags::hotplug | Flags::driver_managed)};
}

PfnRanges Memblock::pfn_ranges(NodeId node) const noexcept {
  return PfnRanges{memory_.table, config_.page, node};
}

}  // namespace quarry::early
