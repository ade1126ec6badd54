// linux/efi_names.hpp: the words with which a kernel prints a UEFI memory descriptor.
#pragma once

#include "linux/boot_log.hpp"
#include "linux/log_scanner.hpp"

namespace quarry::lnx {

// Reads "Conventional|   |MR|  |...|WB|WT|WC|UC]" into type and attributes, up to the bracket.
//
// Returns   false when the type has no such name or the bracket never closes; the place is undefined then.
// Source    UEFI 2.10, 7.2, EFI_BOOT_SERVICES.GetMemoryMap(): types and attribute bits.
bool read_efi_words(Scanner& at, EfiEntry& entry) noexcept;

}  // namespace quarry::lnx
