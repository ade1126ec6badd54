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

// What follows `name`, such as "crash=", in the first word that begins with it; empty: there is none.
constexpr quarry::TextView option_value(quarry::TextView line, quarry::TextView name) noexcept {
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t end = line.find(' ', at);
    const quarry::TextView word = line.part(at, end - at);
    if (word.starts_with(name)) return word.part(name.size());
    at = end + 1;
  }
  return {};
}

}  // namespace kernel
