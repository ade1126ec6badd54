// kernel/options.hpp: words of the command line.
#pragma once

#include "quarry/base/text.hpp"

namespace kernel {

// Whether one of the words, separated by spaces, is exactly this one.
constexpr bool has_option(quarry::TextView line, quarry::TextView word) noexcept {
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t end = line.find(' ', at);
    if (line.part(at, end - at) == word) return true;
    at = end + 1;
  }
  return false;
}

}  // namespace kernel
