/* kernel/x86_64/entry.S: from the emulator's 32-bit entry to C++ in 64 bits.
 *
 * The PVH boot protocol enters in protected mode without paging, with the physical address of hvm_start_info in
 * ebx; the loader has zeroed what the file does not hold. Boot tables show the first 4 GiB twice: where it is, and
 * at kDirectMap. The image runs where it lies, since then it needs no relocation and the processors that start in
 * real mode need no second view of it; all other memory is reached through the direct map in the upper half.
 *
 * Source    Xen, docs/misc/pvh.pandoc (state at entry); ELF note type 18.
 */
    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 8, 18              /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .quad pvh_entry

#define CR0_PAGING_AND_WRITE_PROTECT 0x80010000
#define CR4_PAE 0x20
#define EFER 0xc0000080
#define EFER_LONG_MODE_AND_NO_EXECUTE 0x900
#define LARGE_PAGE 0x83         /* present, writable, 2 MiB */
#define TABLE 0x03

    .section .text.entry, "ax"
    .code32
    .globl pvh_entry
pvh_entry:
    cld
    movl %ebx, %edi             /* first argument, kept */
    movl $0x51554152, %eax      /* where there is no RAM, nothing is kept */
    movl %eax, image_end - 4
    wbinvd
    cmpl %eax, image_end - 4
    jne too_little_memory
    movl $0, image_end - 4
    movl $boot_stack_end, %esp

    movl $LARGE_PAGE, %eax      /* boot_pages: 2048 entries of 2 MiB */
    movl $boot_pages, %ecx
1:  movl %eax, (%ecx)
    addl $8, %ecx
    addl $0x200000, %eax
    jnc 1b
    movl $boot_pages + TABLE, %eax
    movl $boot_gigabytes, %ecx
2:  movl %eax, (%ecx)
    addl $8, %ecx
    addl $0x1000, %eax
    cmpl $boot_gigabytes + 32, %ecx
    jne 2b
    movl $boot_gigabytes + TABLE, boot_root
    movl $boot_gigabytes + TABLE, boot_root + 256 * 8

    call enter_long_mode
    ljmp $8, $start_64

too_little_memory:
    movl $too_little_words, %esi
    movw $0x3f8, %dx            /* COM1, as the BIOS left it; QEMU's never makes one wait */
1:  lodsb
    testb %al, %al
    jz 2f
    outb %al, %dx
    jmp 1b
2:  movw $0xf4, %dx             /* as power_off(1) */
    movb $1, %al
    outb %al, %dx
3:  cli
    hlt
    jmp 3b

/* Turns paging on with the boot tables; uses eax, ecx, edx. */
    .globl enter_long_mode
enter_long_mode:
    movl $boot_root, %eax
    movl %eax, %cr3
    movl %cr4, %eax
    orl $CR4_PAE, %eax
    movl %eax, %cr4
    movl $EFER, %ecx
    rdmsr
    orl $EFER_LONG_MODE_AND_NO_EXECUTE, %eax
    wrmsr
    movl %cr0, %eax
    orl $CR0_PAGING_AND_WRITE_PROTECT, %eax
    movl %eax, %cr0
    lgdt boot_gdt_pointer
    ret

    .code64
start_64:
    movl $16, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl %edi, %edi
    xorl %ebp, %ebp             /* the last frame of a backtrace */
    call x86_main
    ud2

    .section .rodata
too_little_words:
    .asciz "quarry: this machine has less memory than the kernel's image takes: give it more (-m)\r\n"
    .balign 8
    .globl boot_gdt_pointer
boot_gdt:
    .quad 0, 0x00af9a000000ffff, 0x00cf92000000ffff
boot_gdt_pointer:
    .word boot_gdt_pointer - boot_gdt - 1
    .long boot_gdt

    .section .bss
    .balign 4096
    .globl boot_root
boot_root:      .skip 4096
boot_gigabytes: .skip 4096
boot_pages:     .skip 4 * 4096

    .section .stack, "aw", @nobits
    .balign 4096
    .skip 1024 * 1024           /* unit tests keep whole machines on it */
boot_stack_end:

    .section .note.GNU-stack, "", @progbits
