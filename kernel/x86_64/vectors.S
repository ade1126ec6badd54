/* kernel/x86_64/vectors.S: a stub for each vector; all lead to x86_trap(Trap*) in traps.cpp.
 *
 * Processors push an error code with some exceptions; the stubs of the others push a zero in its place.
 */
    .section .text.vectors, "ax"
    .altmacro
    .macro vector number
    .balign 16
    .if !((1 << \number) & 0x60227d00) || \number > 31    /* 8, 10..14, 17, 21, 29, 30 have an error code */
    pushq $0
    .endif
    pushq $\number
    jmp trap
    .endm

    .balign 16
    .globl x86_vectors
x86_vectors:
    .set number, 0
    .rept 48
    vector %number
    .set number, number + 1
    .endr

trap:
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    call x86_trap
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rbp
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
    addq $16, %rsp
    iretq

    .section .note.GNU-stack, "", @progbits
