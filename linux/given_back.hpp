// linux/given_back.hpp: what goes to the page allocator once it runs, beside whole pages of initrd and init sections.
//
// x86_64:
//   text |gap| rodata |gap| data  init  smp locks  bss |== for encrypted guests ==|    brk
//         ^^^          ^^^        ^^^^  ^^^^^^^^^       ^^^^^^^^^^^^^^^^^^^^^^^^^^
//
// Parts of the image lie apart so that each can be mapped by large pages with rights of its own.
//
// Source    Linux 6.1, arch/x86/mm/init_64.c, "mark_rodata_ro"; kernel/alternative.c; mm/mem_encrypt_amd.c (behaviour).
#pragma once

#include "linux/struct_sizes.hpp"
#include "quarry/boot/flow.hpp"

namespace quarry::lnx {

// The page in which the initrd ends: x86 and arm give it back, arm64 does not.
//
// Errors    of both: no_room: the arena is used up.
Result<Done> list_initrd_end(boot::State& state);

// Parts of the image, and where memblock's tables grew to.
Result<Done> list_x86_given_back(boot::State& state, const StructSizes& sizes);

}  // namespace quarry::lnx
