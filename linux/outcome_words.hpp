// linux/outcome_words.hpp: what the readers of /proc and /sys share.
#pragma once

#include <algorithm>

#include "linux/log_scanner.hpp"
#include "linux/outcomes.hpp"

namespace quarry::lnx {

// Calls take(line) for every line, without its end.
template <class Take>
void for_each_line(std::string_view text, Take take) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    take(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

}  // namespace quarry::lnx
