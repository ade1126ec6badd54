// kernel/at_rest.hpp: what an exercise must leave as it found it.
#pragma once

#include "kernel/system.hpp"

namespace kernel {

// Free pages, when neither cores nor caches keep any that nobody uses.
std::uint64_t pages_at_rest(System& system) noexcept;
// Returns   what is wrong: a law is broken, or fewer or more pages are free than `pages_before`; empty: nothing.
quarry::TextView complaint_at_rest(System& system, std::uint64_t pages_before) noexcept;

}  // namespace kernel
