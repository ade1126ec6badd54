// quarry/view/firmware_map.hpp: the firmware's map in the words of Linux's boot log.
#pragma once

#include <span>

#include "quarry/base/range.hpp"
#include "quarry/base/text.hpp"
#include "quarry/firmware/memory_map.hpp"

namespace quarry::view {

// "usable", "reserved", "ACPI data", …; "type 20" for a number without a name is written by print_type.
//
// Returns   an empty view for a number that has no name.
// Source    Linux 6.1, the boot log's "BIOS-e820:" lines.
TextView name_of(firmware::MapType type) noexcept;

// The name, or "type N".
void print_type(TextSink& out, firmware::MapType type) noexcept;

// One line an entry, `who` ("BIOS-e820", "user") first:
//     BIOS-e820: [mem 0x0000000000000000-0x000000000009fbff] usable
// Ends are inclusive, as Linux prints them. O(n).
void print_firmware_map(TextSink& out, TextView who, std::span<const firmware::MapEntry> entries) noexcept;

// "[mem 0x0000000000001000-0x0000000000ffffff]": 16 digits, inclusive. An empty range ends before it begins.
void print_mem(TextSink& out, PhysRange range) noexcept;

}  // namespace quarry::view
