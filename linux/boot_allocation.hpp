// linux/boot_allocation.hpp: the one place where the model of Linux takes boot-time memory and gives it back.
//
// Everything goes through State::allocator, so that observers see each allocation under its owner's name and so that
// it works with whichever allocator serves the boot.
#pragma once

#include "quarry/boot/flow.hpp"

namespace quarry::lnx {

// What an allocation is for: its owner in events and ledgers, and what a failed boot says.
struct Purpose {
  TextView owner;
  TextView lack;
};

inline constexpr Bytes kCacheLine{64};
inline constexpr Bytes kPage{4096};
// Small things that many functions of Linux take a few of.
inline constexpr Purpose kPageTables{"page tables", "no room for page tables"};

// memblock_alloc and its kin: as high as the direct map reaches; on `node` if there is room.
//
// Errors    those of the allocator; the running step has failed with `purpose.lack` then.
Result<PhysAddr> take(boot::State& state, const Purpose& purpose, const early::Request& request) noexcept;
// The same for what the caller only counts.
Result<Done> take_all(boot::State& state, const Purpose& purpose, std::uint64_t count,
                      const early::Request& each) noexcept;
// memblock_phys_alloc_range: inside [min, max), mapped or not.
Result<PhysAddr> take_between(boot::State& state, const Purpose& purpose,
                              const early::Request& request) noexcept;
// memblock_free.
Result<Done> give_back(boot::State& state, PhysRange range, const Purpose& purpose) noexcept;

// Frames that come back to the page allocator when the kernel runs, in the order in which that happens.
//
// Errors    no_room: the arena is used up.
Result<Done> give_back_later(boot::State& state, PhysRange range, TextView owner,
                             boot::GivenBack::As as = boot::GivenBack::As::free,
                             boot::GivenBack::When when = boot::GivenBack::When::at_the_end) noexcept;

constexpr Bytes rounded_up(Bytes size, Bytes to) noexcept {
  return Bytes{(size.raw + to.raw - 1) & ~(to.raw - 1)};
}

}  // namespace quarry::lnx
