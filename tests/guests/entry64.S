/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How a test guest begins as a bzImage: the 64-bit entry, 0x200 behind where it is loaded (guest.lds), with 4 GiB mapped
 * 1:1 by somebody else's tables; RSI is the gpa of struct boot_params.
 */
#include "tests/guests/layout.h"

	.section .head64, "ax"
	.code64
	.globl entry64
entry64:
	cli
	cld
	movl $boot_stack_end, %esp
	movq %rsi, %rbx
	movw $COM1, %dx
	movl $said_in_64_bits, %esi
	movl $said_in_64_bits_end - said_in_64_bits, %ecx
	rep outsb
	call own_page_tables
	movq %rax, %cr3
	lgdt gdt_pointer
	pushq $CODE64
	pushq $1f
	lretq
1:	movl $DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movq %rbx, %rdi
	xorl %ebp, %ebp
	call bzimage_main
1:	cli
	hlt
	jmp 1b

	.section .rodata
said_in_64_bits:
	.ascii "64 bits\n"
said_in_64_bits_end:

	.section .note.GNU-stack, "", @progbits
