// linux/boot_log_lines.hpp: lines of a boot log that stand for themselves, each as an outcome.
#pragma once

#include "linux/boot_log.hpp"
#include "linux/log_scanner.hpp"

namespace quarry::lnx {

// Node numbers that no kernel has are cut, so that nothing overflows.
unsigned as_node(std::uint64_t number) noexcept;

// Takes the message if it is an outcome that stands for itself; one that begins as such and breaks off is
// skipped. `text` has no prefixes left.
void read_outcome_line(std::string_view text, LogOutcomes& out);

}  // namespace quarry::lnx
