/* kernel/aarch64/entry.S: from the loader's jump to C++ in the upper half.
 *
 * The loader enters at the image's first byte, wherever that lies, with the MMU off, at EL1 or EL2, and with the
 * physical address of the device tree in x0. A loader knows from the header that this is such an image and how much
 * memory it takes, zeroed parts included; of an ELF file QEMU would tell no tree. Other cores enter at
 * secondary_entry through PSCI, with the physical address of a Starting (cores.cpp) in x0.
 *
 *   TTBR0   the GiB that the image lies in, where it is: what runs while the MMU is turned on
 *   TTBR1   kDirectMap: the same GiB, and what boot_tables.cpp adds       0xffff800000000000: the image
 *
 * Source    Linux, Documentation/arm64/booting.rst (protocol, header); Arm ARM (DDI 0487), D17.2 for the registers.
 */
#define VALID_TABLE 0x3
#define NORMAL_BLOCK 0x701      /* valid, attribute 0, inner shareable, accessed */
#define MAIR 0x0444ff           /* quarry/vm/format_arm.hpp: kMemoryAttributes */
#define TCR 0xb5103510          /* two halves of 48 bits, 4 KiB pages, walks cached and shared */
#define SCTLR_OFF 0x30d00800    /* reserved bits; no MMU, no caches, little endian */
#define SCTLR_ON 0x30d0180d     /* MMU, data and instruction caches, stack alignment */
#define SPSR_EL1 0x3c5          /* EL1 with its own stack pointer, all masked */

    .section .text.entry, "ax"
    b entry
    .long 0
    .quad 0                     /* from a multiple of 2 MiB */
    .quad image_end - 0xffff800000000000
    .quad 0xa                   /* little endian, 4 KiB pages, anywhere in memory */
    .quad 0, 0, 0
    .ascii "ARM\x64"
    .long 0

entry:
    mov x20, x0                 /* the tree */
    bl drop_to_el1
    adrp x0, boot_tables_begin
    adrp x1, boot_tables_end
    bl zero
    bl make_boot_tables
    /* Written past the caches, which may hold what was there before. */
    adrp x0, boot_tables_begin
    adrp x1, boot_tables_end
1:  dc ivac, x0
    add x0, x0, #16
    cmp x0, x1
    b.lo 1b
    dsb sy
    adrp x1, boot_upper
    ldr x2, =on_boot_core
    b turn_mmu_on

on_boot_core:
    adrp x0, bss_begin
    adrp x1, bss_end
    bl zero
    adrp x0, boot_exception_stack_end
    ldr x1, =aarch64_boot_core
    bl use_stacks
    adrp x0, boot_stack_end
    mov sp, x0
    mov x29, xzr
    mov x0, x20
    adrp x1, image_begin
    at s1e1r, x1                /* where the image lies */
    isb
    mrs x1, par_el1
    and x1, x1, #0x0000fffffffff000
    bl aarch64_main
    b .

    .globl secondary_entry
secondary_entry:
    mov x20, x0
    bl drop_to_el1
    ldr x1, [x20]               /* the kernel's tables */
    ldr x2, =on_secondary_core
    b turn_mmu_on
on_secondary_core:
    ldr x0, =aarch64_starting
    ldp x21, x1, [x0, #8]       /* its stack and its tables, above which its stack for exceptions ends */
    mov x0, x1
    bl use_stacks
    mov sp, x21
    mov x29, xzr
    bl aarch64_core_main
    b .

/* Exceptions have a stack of their own, SP_EL1, so that one finds a good stack whatever happened to the core's:
 * everything else runs on SP_EL0. x0: where that stack ends; x1: the core's tables. */
use_stacks:
    mov sp, x0
    msr spsel, #0
    msr tpidr_el1, x1
    ldr x3, =aarch64_vectors
    msr vbar_el1, x3
    isb
    ret

/* From EL2, if there, to EL1, and back to the caller. */
drop_to_el1:
    mrs x1, currentel
    cmp x1, #0x8
    ldr x1, =SCTLR_OFF
    b.ne 1f
    mov x2, #0x80000000         /* EL1 is of 64 bits, and nothing of it is trapped */
    msr hcr_el2, x2
    mov x2, #3                  /* its timers */
    msr cnthctl_el2, x2
    msr cntvoff_el2, xzr
    mov x2, #0x33ff
    msr cptr_el2, x2
    msr hstr_el2, xzr
    msr vttbr_el2, xzr
    mrs x2, midr_el1
    msr vpidr_el2, x2
    mrs x2, mpidr_el1
    msr vmpidr_el2, x2
    mrs x2, id_aa64pfr0_el1
    ubfx x2, x2, #24, #4        /* GICv3: its registers, for EL1 too */
    cbz x2, 2f
    mrs x2, s3_4_c12_c9_5       /* ICC_SRE_EL2 */
    orr x2, x2, #0xf
    msr s3_4_c12_c9_5, x2
    isb
2:  mov x2, #SPSR_EL1
    msr spsr_el2, x2
    msr elr_el2, x30
    msr sctlr_el1, x1
    eret
1:  msr sctlr_el1, x1
    isb
    ret

/* [x0, x1), both multiples of 16. */
zero:
    cmp x0, x1
    b.hs 1f
    stp xzr, xzr, [x0], #16
    b zero
1:  ret

make_boot_tables:
    adrp x0, image_begin
    mov x5, #NORMAL_BLOCK
    adrp x1, boot_gigabytes     /* the image's GiB, for both halves */
    lsr x2, x0, #30
    orr x3, x5, x2, lsl #30
    and x2, x2, #511
    str x3, [x1, x2, lsl #3]
    orr x1, x1, #VALID_TABLE
    lsr x2, x0, #39
    and x2, x2, #511
    adrp x3, boot_lower
    str x1, [x3, x2, lsl #3]
    adrp x4, boot_upper
    str x1, [x4, x2, lsl #3]    /* kDirectMap: bit 47 clear */
    adrp x1, boot_image_gigabyte
    orr x2, x1, #VALID_TABLE
    str x2, [x4, #256 * 8]      /* bit 47 set */
    adrp x3, boot_image_blocks
    orr x2, x3, #VALID_TABLE
    str x2, [x1]
    adrp x1, image_end          /* the image in blocks of 2 MiB */
1:  orr x2, x0, x5
    str x2, [x3], #8
    add x0, x0, #0x200000
    cmp x0, x1
    b.lo 1b
    ret

/* x1: the upper half's tables; x2: where to go then. */
turn_mmu_on:
    ldr x3, =MAIR
    msr mair_el1, x3
    ldr x3, =TCR
    mrs x4, id_aa64mmfr0_el1
    and x4, x4, #0xf            /* how wide a physical address is: 48 bits at most */
    cmp x4, #5
    mov x5, #5
    csel x4, x4, x5, lo
    orr x3, x3, x4, lsl #32
    msr tcr_el1, x3
    adrp x3, boot_lower
    msr ttbr0_el1, x3
    msr ttbr1_el1, x1
    isb
    tlbi vmalle1
    dsb nsh
    ic iallu
    dsb nsh
    isb
    ldr x3, =SCTLR_ON
    msr sctlr_el1, x3
    isb
    br x2

/* One upper half for another, neither in force in between: called where it lies, through TTBR0.
 * x0: the new root; x1: an empty table. */
    .globl aarch64_replace_tables
aarch64_replace_tables:
    msr ttbr1_el1, x1
    isb
    tlbi vmalle1
    dsb nsh
    isb
    msr ttbr1_el1, x0
    isb
    ret

    .ltorg

    .section .boot_tables, "aw", @nobits
    .balign 4096
boot_tables_begin:
    .globl boot_lower, boot_upper, boot_gigabytes, boot_empty
boot_lower: .skip 4096
boot_upper: .skip 4096
boot_gigabytes: .skip 4096
boot_image_gigabyte: .skip 4096
boot_image_blocks: .skip 4096
boot_empty: .skip 4096
boot_tables_end:

    /* The page below the stack is never mapped by the kernel's own tables. Unit tests want more than the kernel. */
    .section .boot_stacks, "aw", @nobits
    .balign 4096
    .skip 524288
boot_stack_end:
    .skip 16384
boot_exception_stack_end:
