/* kernel/aarch64/vectors.S: the table of exceptions, and what is kept of the interrupted code: struct Trap of traps.cpp.
 *
 * Source    Arm ARM (DDI 0487), D1.3.1 "Exception entry", table D1-6. */
#define FRAME 304

    .macro vector kind
    .balign 0x80
    sub sp, sp, #FRAME
    stp x0, x1, [sp]
    mov x1, #\kind
    b save
    .endm

    .section .text
    .balign 2048
    .globl aarch64_vectors
aarch64_vectors:
    vector 0                    /* this level, SP_EL0: synchronous, IRQ, FIQ, SError */
    vector 1
    vector 2
    vector 3
    .irp kind, 4, 5, 6, 7       /* this level, SP_EL1: an exception inside of one, whose stack may be used up */
    .balign 0x80
    msr tpidr_el0, x0
    msr tpidrro_el0, x1
    mrs x0, tpidr_el1
    mov x1, sp
    sub x1, x0, x1
    cmp x1, #0x3000             /* three quarters of it are room enough */
    b.lo 1f
    mov sp, x0
1:  mrs x0, tpidr_el0
    mrs x1, tpidrro_el0
    sub sp, sp, #FRAME
    stp x0, x1, [sp]
    mov x1, #\kind
    b save
    .endr
    .irp kind, 8, 9, 10, 11, 12, 13, 14, 15     /* lower levels: there are none */
    vector \kind
    .endr

save:
    stp x2, x3, [sp, #16]
    stp x4, x5, [sp, #32]
    stp x6, x7, [sp, #48]
    stp x8, x9, [sp, #64]
    stp x10, x11, [sp, #80]
    stp x12, x13, [sp, #96]
    stp x14, x15, [sp, #112]
    stp x16, x17, [sp, #128]
    stp x18, x19, [sp, #144]
    stp x20, x21, [sp, #160]
    stp x22, x23, [sp, #176]
    stp x24, x25, [sp, #192]
    stp x26, x27, [sp, #208]
    stp x28, x29, [sp, #224]
    mrs x2, sp_el0
    stp x30, x2, [sp, #240]
    mrs x2, elr_el1
    mrs x3, spsr_el1
    stp x2, x3, [sp, #256]
    mrs x2, esr_el1
    mrs x3, far_el1
    stp x2, x3, [sp, #272]
    str x1, [sp, #288]
    mov x0, sp
    bl aarch64_trap
    ldp x2, x3, [sp, #256]
    msr elr_el1, x2
    msr spsr_el1, x3
    ldp x2, x3, [sp, #16]
    ldp x4, x5, [sp, #32]
    ldp x6, x7, [sp, #48]
    ldp x8, x9, [sp, #64]
    ldp x10, x11, [sp, #80]
    ldp x12, x13, [sp, #96]
    ldp x14, x15, [sp, #112]
    ldp x16, x17, [sp, #128]
    ldp x18, x19, [sp, #144]
    ldp x20, x21, [sp, #160]
    ldp x22, x23, [sp, #176]
    ldp x24, x25, [sp, #192]
    ldp x26, x27, [sp, #208]
    ldp x28, x29, [sp, #224]
    ldr x30, [sp, #240]
    ldp x0, x1, [sp]
    add sp, sp, #FRAME
    eret
