// quarry/port/one_core.hpp: the cores of a machine that has one, or where only one is ever used.
#pragma once

#include "quarry/port/platform.hpp"

namespace quarry::port {

struct OneCore {
  unsigned core_count() const noexcept { return 1; }
  unsigned this_core() const noexcept { return 0; }
};
static_assert(Cores<OneCore>);

}  // namespace quarry::port
