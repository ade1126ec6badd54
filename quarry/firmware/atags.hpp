// quarry/firmware/atags.hpp: the tagged list that arm boot loaders passed before device trees.
//
// Source    Linux 6.1, Documentation/arm/setup.rst and the tag numbers of its boot interface.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "quarry/base/result.hpp"
#include "quarry/base/table.hpp"
#include "quarry/base/text.hpp"
#include "quarry/base/units.hpp"
#include "quarry/firmware/load.hpp"

namespace quarry::firmware {

struct AtagMemory {
  PhysAddr base;
  Bytes size;
};

// What the list says. Tags that say nothing about memory are skipped.
struct Atags {
  std::optional<std::uint32_t> page_size;  // of ATAG_CORE, when it has a body
  std::optional<TextView> command_line;    // the last one; up to its zero
  std::optional<AtagMemory> initrd;        // ATAG_INITRD2, the last one
  std::optional<std::uint32_t> revision;
  std::size_t banks = 0;  // ATAG_MEM tags
  std::size_t bytes = 0;  // length of the list, its end included

  // Reads the list and appends its banks in their order. Words are little-endian.
  //
  // Errors    bad_table: the first tag is no ATAG_CORE, or a tag is shorter than its kind.
  //           truncated_table: the bytes end before ATAG_NONE. no_room: `out` is too small.
  //           Nothing changed.
  static Result<Atags> from(ByteView bytes, Table<AtagMemory>& out) noexcept;
};

}  // namespace quarry::firmware
