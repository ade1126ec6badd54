// quarry/memory/page_place.hpp: what a page is, for whoever looks at one: a view, a shell, a test.
#pragma once

#include "quarry/base/range.hpp"
#include "quarry/base/result.hpp"
#include "quarry/page/memory_map.hpp"
#include "quarry/zones/zones.hpp"

namespace quarry::memory {

struct PagePlace {
  page::State state = page::State::nothing;                  // of the block that it lies in
  PfnRange block{};                                          // empty: it lies in none
  page::MigrateType pageblock = page::MigrateType::movable;  // of its pageblock
};

// Nobody changes the page meanwhile. One of a section whose bring-up is deferred is said to be in no block, and stays as it is.
//
// Errors    not_found: the page has no descriptor.
// Cost      O(zones), and O(highest order) in each.
template <class Allocator>
Result<PagePlace> place_of(Allocator& allocator, const zones::Layout& layout, Pfn page) noexcept {
  const auto& map = allocator.map();
  const page::Descriptor* const own = map.find(page);
  if (own == nullptr) return Error::not_found;
  PagePlace place{.state = own->state(), .block = {}, .pageblock = map.pageblock_type(page)};
  // A free block's state need not be in a descriptor.
  for (std::uint32_t zone = 0; zone < allocator.zone_count(); ++zone) {
    if (!layout.zones[zone].is_populated()) continue;
    const auto free = allocator.zone_pages(zone).block_of(page);
    if (!free) continue;
    place.state = page::State::free;
    place.block = {free.value().page, free.value().page + free.value().order.pages()};
    return place;
  }
  const auto head = page::head_of(map, page);
  if (!head) return place;
  const page::Descriptor& block = map.at(head.value());
  place.state = block.state();
  place.block = {head.value(), head.value() + block.order().pages()};
  return place;
}

}  // namespace quarry::memory
