// quarry/buddy/allocator_config.hpp: what an embedder decides about its page allocator before it starts.
#pragma once

#include "quarry/base/range.hpp"
#include "quarry/buddy/zone_pages.hpp"

namespace quarry::buddy {

// What happens to whole sections at the hand-over.
enum class HandOver : std::uint8_t {
  at_once,   // every block is put on its list: Linux's order of blocks, exactly
  deferred,  // sections that are wholly free stay untouched until they are needed; flat maps have none
};

struct AllocatorConfig {
  HandOver hand_over = HandOver::at_once;
  Grouping grouping = Grouping::by_mobility;
  // Where memory may be added later: every node's Normal and Movable zone keeps room to grow over it. Empty: nowhere.
  PfnRange hotpluggable{};
};

// Whether a zone got its first page, or lost its last: then zonelists are to be built anew.
enum class Zonelists : std::uint8_t { same, outdated };

}  // namespace quarry::buddy
