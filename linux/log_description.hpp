// linux/log_description.hpp: what a boot log's inputs put into a description.
#pragma once

#include "linux/boot_log.hpp"
#include "linux/description.hpp"

namespace quarry::lnx {

// Fills in map, nodes, tables, command line, model and processors, where the log has them.
void take_log(const LogInputs& log, MachineDescription& into);

// x86: where the kernel lies and how much of its brk is in use. UEFI puts the image where its map says
// loader code of that size is; otherwise it lies where it is linked, unless `kaslr` moved it.
void place_x86_kernel(const LogInputs& log, MachineDescription& into);

// arm64 under UEFI: image, tree and initrd lie in the map's loader regions, by the rules of the kernel's own
// UEFI stub. `initrd` is its size, 0: unknown.
void place_uefi_arm64(Bytes initrd, MachineDescription& into);

}  // namespace quarry::lnx
