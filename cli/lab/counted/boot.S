# The ROM that starts the counted lab's kernel. The BIOS calls it as an option ROM, before it looks
# for a disk to boot from. One write to a port makes the plugin put the kernel and everything else
# into memory; boot_image.py has laid out what and where. Then this code enters the kernel by
# Linux's 64-bit boot protocol (Documentation/arch/x86/boot.rst).

#include "module/calls.h"

        .set    rom, 0xd0000            # Where Bochs' configuration puts this.
        .set    header, 0x7e00          # Entry point, boot parameters, page tables: 32 bits each.
        .set    code_selector, 0x10
        .set    data_selector, 0x18

        .code16
        .globl  _start
_start: .byte   0x55, 0xaa, 1           # An option ROM of one block of 512 bytes.
        cli
        inb     $0x92, %al              # Opens the gate of address line 20.
        orb     $2, %al
        outb    %al, $0x92
        movw    $COUNTED_LOAD_PORT, %dx
        outl    %eax, %dx

        xorw    %ax, %ax
        movw    %ax, %ds
        lgdtl   %cs:descriptor_table
        movl    $0x20, %eax             # CR4.PAE
        movl    %eax, %cr4
        movl    header + 8, %eax
        movl    %eax, %cr3
        movl    $0xc0000080, %ecx       # EFER
        rdmsr
        btsl    $8, %eax                # EFER.LME
        wrmsr
        movl    header + 4, %esi
        movl    header, %ebx
        movl    %cr0, %eax
        orl     $0x80000001, %eax       # CR0.PG and CR0.PE
        movl    %eax, %cr0
        ljmpl   $code_selector, $rom + long_mode

        .code64
long_mode:
        movl    $data_selector, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        jmp     *%rbx

        .balign 8
descriptors:
        .quad   0, 0
        .quad   0x00af9a000000ffff      # Flat 64-bit code.
        .quad   0x00cf92000000ffff      # Flat data.
descriptor_table:
        .word   . - descriptors - 1
        .long   rom + descriptors

        .org    511
        .byte   0                       # make-counted-lab makes all bytes add up to zero.
