// kernel/aarch64/core_tables.hpp: what each core has of its own.
#pragma once

#include <cstddef>

namespace kernel::aarch64 {

// TPIDR_EL1 points here. The core's stack for exceptions ends where its tables begin, so a broken stack is mended by
// one register.
struct alignas(16) CoreTables {
  static constexpr std::size_t kExceptionStackBytes = 16384;
  unsigned index = 0;
};

}  // namespace kernel::aarch64
