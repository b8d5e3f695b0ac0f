/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a test guest begins: the PVH entry (32-bit, flat, paging off; EBX is the gpa of struct hvm_start_info), then 4 GiB
 * mapped 1:1 by 2 MiB pages and long mode.
 */
#include "tests/guests/layout.h"

	.section .note.pvh, "a", @note
	.balign 4
	.long 4, 4, 18			/* "Xen", 4 bytes, XEN_ELFNOTE_PHYS32_ENTRY */
	.asciz "Xen"
	.long pvh_entry

	.text
	.code32
	.globl pvh_entry
pvh_entry:
	cli
	cld
	movl $boot_stack_end, %esp
	movl %ebx, start_info
	/* As a 32-bit guest: one word on COM1 before anything else is set up. */
	movw $COM1, %dx
	movl $said_in_32_bits, %esi
	movl $said_in_32_bits_end - said_in_32_bits, %ecx
	rep outsb

	movl $page_directories + 3, %eax
	movl $pdpt, %edi
	movl $4, %ecx
1:	movl %eax, (%edi)
	movl $0, 4(%edi)
	addl $4096, %eax
	addl $8, %edi
	loop 1b
	movl $pdpt + 3, pml4
	movl $0x83, %eax		/* present, writable, 2 MiB */
	movl $page_directories, %edi
	movl $4 * 512, %ecx
1:	movl %eax, (%edi)
	movl $0, 4(%edi)
	addl $0x200000, %eax
	addl $8, %edi
	loop 1b

	lgdt gdt_pointer
	call enable_long_mode
	ljmp $CODE64, $1f

	.code64
1:	movl $DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $boot_stack_end, %esp
	movl start_info, %edi
	xorl %ebp, %ebp
	call guest_main
1:	cli
	hlt
	jmp 1b

/* Intel SDM volume 3, section 10.8.5: PAE, CR3, EFER.LME, then paging. */
	.code32
enable_long_mode:
	movl %cr4, %eax
	orl $0x20, %eax
	movl %eax, %cr4
	movl $pml4, %eax
	movl %eax, %cr3
	movl $0xc0000080, %ecx
	rdmsr
	orl $0x100, %eax
	wrmsr
	movl %cr0, %eax
	orl $0x80000001, %eax
	movl %eax, %cr0
	ret

/*
 * Where the other CPUs begin, in real mode: copied to AP_GPA, which is CS << 4. They come up one at a time, so that they
 * may share what is here.
 */
	.code16
	.globl ap_start, ap_end, ap_say
ap_start:
	cli
	cld
	movw %cs, %ax
	movw %ax, %ds
	/* As a 16-bit guest. */
	cmpb $0, ap_say - ap_start
	je 1f
	movw $COM1, %dx
	movw $ap_words - ap_start, %si
	movw $ap_words_end - ap_words, %cx
	rep outsb
1:	lgdtl ap_gdt_pointer - ap_start
	movl %cr0, %eax
	orb $1, %al
	movl %eax, %cr0
	ljmpl $CODE32, $ap_protected
ap_gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt
ap_say:
	.byte 0
ap_words:
	.ascii "16 bits\n"
ap_words_end:
ap_end:

	.code32
ap_protected:
	movl $DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl ap_stack, %esp
	call enable_long_mode
	ljmp $CODE64, $1f
	.code64
1:	movl ap_stack, %esp
	movl ap_index, %edi
	xorl %ebp, %ebp
	call ap_main
1:	cli
	hlt
	jmp 1b

/* Interrupts: each vector's stub pushes its number (and a code, where the CPU has none), interrupt() does the rest. */
	.globl stubs
	.balign 16
stubs:
	vector = 0
	.rept 256
	.balign 16
	.if (vector != 8) && (vector < 10 || vector > 14) && (vector != 17) && (vector != 21)
	pushq $0
	.endif
	pushq $vector
	jmp interrupt_entry
	vector = vector + 1
	.endr

interrupt_entry:
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	movq 72(%rsp), %rdi		/* vector */
	movq 88(%rsp), %rsi		/* RIP */
	cld
	call interrupt
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rax
	addq $16, %rsp
	iretq

	.section .rodata
said_in_32_bits:
	.ascii "32 bits\n"
said_in_32_bits_end:

	.data
	.balign 16
gdt:
	.quad 0
	.quad 0x00af9b000000ffff	/* CODE64 */
	.quad 0x00cf93000000ffff	/* DATA */
	.quad 0x00cf9b000000ffff	/* CODE32 */
gdt_end:
	.globl gdt_pointer
gdt_pointer:
	.word gdt_end - gdt - 1
	.quad gdt

	.bss
	.balign 4096
	.globl pml4, pdpt, page_directories, boot_stack_end
pml4:
	.skip 4096
pdpt:
	.skip 4096
page_directories:
	.skip 4 * 4096
	.skip BOOT_STACK
boot_stack_end:
	.globl start_info
start_info:
	.skip 8

	.section .note.GNU-stack, "", @progbits
