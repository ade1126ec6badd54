// quarry/vm/access.hpp: what may be done through a mapping, in no processor's words.
#pragma once

#include <cstdint>

#include "quarry/base/units.hpp"

namespace quarry::vm {

// How the processor may treat reads and writes. The formats name what they need of the port for each:
// PageAttributes of x86, MemoryAttributes of arm.
enum class MemoryType : std::uint8_t {
  normal,    // RAM: cached, written back
  uncached,  // RAM that devices share without snooping, frame buffers: writes may be combined
  device,    // registers: nothing is cached, combined or reordered
};

// Reading is always allowed: no kernel maps what may only be written.
struct Access {
  bool write = false;
  bool execute = false;
  bool user =
      false;  // user programs too; the kernel then may not execute. Kernel mappings are global, these not
  MemoryType type = MemoryType::normal;
  friend constexpr bool operator==(const Access&, const Access&) noexcept = default;
};

// Where a virtual address leads.
struct Mapping {
  PhysAddr at;
  Bytes page;  // size of the page that maps it, a large one's whole
  Access access;
  friend constexpr bool operator==(const Mapping&, const Mapping&) noexcept = default;
};

}  // namespace quarry::vm
