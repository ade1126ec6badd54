// quarry/port/one_core.hpp: the cores of a machine that has one, or where only one is ever used.
#pragma once

#include <utility>

#include "quarry/port/platform.hpp"

namespace quarry::port {

struct OneCore {
  struct Guard {
    explicit Guard(const OneCore&) noexcept {}
    static constexpr unsigned core() noexcept { return 0; }
  };
  using Lock = NoLock;
  static constexpr unsigned core_count() noexcept { return 1; }
  static constexpr unsigned this_core() noexcept { return 0; }
  void run_on(unsigned core, void (*function)(void* self, unsigned core) noexcept,
              void* self) const noexcept {
    function(self, core);
  }
};
static_assert(Cores<OneCore>);

namespace detail {

template <class P>
constexpr auto cores_of(const P& platform) noexcept {
  if constexpr (has(P::kFeatures, Feature::many_cores))
    return platform;
  else
    return OneCore{};
}

}  // namespace detail

// The cores of a platform: itself if it claims to have several, else the one that runs.
template <class P>
using CoresOf = decltype(detail::cores_of(std::declval<const P&>()));
template <class P>
constexpr CoresOf<P> cores_of(const P& platform) noexcept {
  return detail::cores_of(platform);
}

}  // namespace quarry::port
