/* kernel/x86_64/trampoline.S: how a processor that was just started comes from real mode to C++.
 *
 * The code between trampoline and trampoline_end is copied to a page under 1 MiB, where it starts with ip 0 and
 * cs naming the page. It reaches protected mode by itself, and the image from there.
 */
#define CR0_PROTECTED 1

    .section .rodata
    .balign 16
    .globl trampoline, trampoline_end
    .code16
trampoline:
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds
    lgdtl trampoline_gdt_pointer - trampoline
    movl %cr0, %eax
    orb $CR0_PROTECTED, %al
    movl %eax, %cr0
    ljmpl $8, $core_entry_32
    .balign 8
trampoline_gdt_pointer:
    .word 23
    .long trampoline_gdt        /* in the image: a linear address will do */
trampoline_end:
    .balign 8
trampoline_gdt:
    .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff

    .section .text.trampoline, "ax"
    .code32
core_entry_32:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $trampoline_stack_end, %esp
    call enter_long_mode
    ljmp $8, $core_entry_64
    .code64
core_entry_64:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movq x86_starting_root, %rax    /* the kernel's own tables: its stack is in the direct map */
    movq %rax, %cr3
    movq x86_starting_stack, %rsp
    xorl %ebp, %ebp
    call x86_core_main
    ud2

    .section .bss
    .balign 16
    .skip 64                        /* one processor starts at a time, and calls one function */
trampoline_stack_end:

    .section .note.GNU-stack, "", @progbits
