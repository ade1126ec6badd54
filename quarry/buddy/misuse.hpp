// quarry/buddy/misuse.hpp: what was wrong with a page that was given back.
#pragma once

#include <cstdint>

#include "quarry/base/result.hpp"
#include "quarry/base/text.hpp"

namespace quarry::buddy {

enum class Misuse : std::uint8_t {
  none,
  foreign_page,       // no zone has such a frame
  misaligned_page,    // not a multiple of the order's size: it cannot be the start of such a block
  double_free,        // free already, alone or inside a larger block
  reserved_page,      // never given to the allocator, or taken from it on purpose
  wrong_order,        // the start of an allocated block of another order
  inner_page,         // inside an allocated block and not its start
  busy_page,          // a slab's, on a per-CPU list, or isolated
  shared_page,        // in use by others as well: get_page() was called more often than put_page()
  overlapping_range,  // handed over twice, or not inside one zone
};

TextView name_of(Misuse misuse) noexcept;  // "double free" ...

// bad_argument where no such block can exist, wrong_owner where it is not the caller's to free.
Error error_of(Misuse misuse) noexcept;

}  // namespace quarry::buddy
