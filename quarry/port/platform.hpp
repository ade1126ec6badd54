// quarry/port/platform.hpp: everything quarry asks of the machine it runs on.
//
// A platform is an object, so two machines can live in one process. Whoever needs it keeps a copy:
//     [[no_unique_address]] P platform_;
// A kernel runs on one machine: its platform is an empty type and the copy takes no space.
// A host's platform is a small handle to the machine it simulates.
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>

#include "quarry/base/locking.hpp"
#include "quarry/base/range.hpp"
#include "quarry/base/result.hpp"

namespace quarry::port {

// Optional abilities. A platform that claims one must satisfy its concept.
enum class Feature : unsigned { none = 0, numa = 1u << 0, many_cores = 1u << 1 };
constexpr bool has(Feature set, Feature bit) noexcept {
  return (static_cast<unsigned>(set) & static_cast<unsigned>(bit)) != 0;
}

// Turns frames into memory we may touch, aligned to a page. Null means "not mapped", never UB.
template <class P>
concept DirectMap = requires(P& p, PfnRange pages) {
  { p.map(pages) } noexcept -> std::same_as<std::byte*>;
};

// The way back, for memory that map() gave: which frame holds a pointer's byte.
//
// Errors    out_of_range: the pointer is not into mapped memory.
template <class P>
concept InverseMap = requires(P& p, const void* pointer) {
  { p.pfn_of(pointer) } noexcept -> std::same_as<Result<Pfn>>;
};

// The cores of a machine.
//
//   Guard       while one lives, this core does nothing else that would ask the same allocators: nothing interrupts
//               it, nobody else is switched to. In a kernel, interrupts are off. Guards nest. It knows its core().
//               It may know core_line(), 64 times that, for who looks into a row of cache lines at every call.
//   Lock        what cores wait for one another with; taken only under a Guard.
//   run_on()    runs `function` once as if `core` called it between two guards, and returns when it has run: by an
//               interrupt there, or here, if `core` stays out of all guards meanwhile. Called with no guard or lock
//               held; a core that waits here is still asked by others, or two that ask each other would wait for ever.
//               What the caller wrote before is seen there, and what was written there is seen when it returns.
template <class P>
concept Cores = requires(P& p, const P& c, const typename P::Guard& guard, unsigned core, void* self,
                         void (*function)(void* self, unsigned core) noexcept) {
  { p.core_count() } noexcept -> std::same_as<unsigned>;
  { p.this_core() } noexcept -> std::same_as<unsigned>;
  requires std::is_nothrow_constructible_v<typename P::Guard, const P&>;
  { guard.core() } noexcept -> std::same_as<unsigned>;
  requires Lock<typename P::Lock>;
  { p.run_on(core, function, self) } noexcept -> std::same_as<void>;
};

template <class P>
concept Numa = requires(P& p, Pfn page) {
  { p.node_of(page) } noexcept -> std::same_as<NodeId>;
};

template <class P>
concept Platform = std::is_nothrow_copy_constructible_v<P> && DirectMap<P> && requires {
  { P::kFeatures } -> std::convertible_to<Feature>;
} && (!has(P::kFeatures, Feature::many_cores) || Cores<P>) && (!has(P::kFeatures, Feature::numa) || Numa<P>);

}  // namespace quarry::port
