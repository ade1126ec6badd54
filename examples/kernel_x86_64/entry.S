/* examples/kernel_x86_64/entry.S: PVH's entry; the first 4 GiB by pages of 2 MiB, 64 bits, start(ebx). */
    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, 18, 0x006e6558      /* "Xen", the entry's physical address */
    .quad entry
    .text
    .code32
    .globl entry
entry:
    movl $stack_end, %esp
    movl $0x83, %eax
    movl $pages, %ecx
1:  movl %eax, (%ecx)
    addl $8, %ecx
    addl $0x200000, %eax
    jnc 1b
    movl $pages + 0x0003, table
    movl $pages + 0x1003, table + 8
    movl $pages + 0x2003, table + 16
    movl $pages + 0x3003, table + 24
    movl $table + 3, root
    movl $root, %eax
    movl %eax, %cr3
    movl $0x20, %eax
    movl %eax, %cr4
    movl $0xc0000080, %ecx
    rdmsr
    orl $0x100, %eax
    wrmsr
    movl %cr0, %eax
    orl $0x80000000, %eax
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $8, $2f
    .code64
2:  movl %ebx, %edi
    xorl %eax, %eax
    movl %eax, %ss
    call start
gdt:
    .quad 0, 0x00af9a000000ffff
gdt_pointer:
    .word 15
    .long gdt
    .bss
    .balign 4096
root:  .skip 4096
table: .skip 4096
pages: .skip 4 * 4096
    .skip 64 * 1024
stack_end:
    .section .note.GNU-stack, "", @progbits
