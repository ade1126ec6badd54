// quarry/firmware/e820.hpp: the table of INT 15h, function E820h.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quarry/base/result.hpp"
#include "quarry/base/table.hpp"
#include "quarry/firmware/load.hpp"
#include "quarry/firmware/memory_map.hpp"

namespace quarry::firmware {

// One entry: base, size, type; with ACPI 3.0's extended attributes 24 bytes, else 20.
//
// Source    ACPI 6.4, section 15.1, table 15.5; Linux 6.1, Documentation/arch/x86/zero-page.
enum class E820EntrySize : std::uint8_t { basic = 20, extended = 24 };

// Appends every entry as reported, in its order, whatever it says. The extended attributes are not used:
// Linux never asks for them.
//
// Errors    truncated_table: the last entry is cut off. no_room: `out` is too small. Nothing changed.
// Cost      O(n).
Result<Done> decode_e820_table(ByteView bytes, E820EntrySize entry_size, Table<MapEntry>& out) noexcept;

}  // namespace quarry::firmware
