// kernel/aarch64/core_tables.hpp: what each core has of its own.
#pragma once

#include <cstddef>

namespace kernel::aarch64 {

// TPIDR_EL1 points here; arch_inline.hpp knows the first words. The core's stack for exceptions ends where its tables begin, so a broken stack is mended by
// one register.
struct alignas(16) CoreTables {
  static constexpr std::size_t kExceptionStackBytes = 16384;
  unsigned index = 0;
  unsigned guards = 0;  // how many there are
  unsigned is_due = 0;  // whether something waits for the end of the last one
};

}  // namespace kernel::aarch64
