// cli/ledger_kernel.hpp: the kernel's image in the ledger, section by section, and what lies between two of them.
//
//   x86_64  text |gap| rodata |gap| data |unwind tables| init |.| bss   brk
//   arm64   head| text |.| rodata |.| init | data |.| bss |early page tables|
//   arm           text |.| rodata |unwind tables| init | data |.| bss
#pragma once

#include "linux/ledger.hpp"
#include "quarry/boot/machine.hpp"

namespace quarry::cli {

// Divides what the flow reserved as "kernel image". One whose sections are not known stays what it is.
void name_kernel(const boot::Machine& machine, lnx::Ledger& ledger);

}  // namespace quarry::cli
