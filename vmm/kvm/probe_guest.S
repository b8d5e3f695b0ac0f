/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The guest that probe.c runs: one piece of code a step, which tries what stock kernels use and compares the outcome with
 * what Intel's SDM (volume 2, the instruction's page) says. 64-bit mode, flat, at PROBE_CODE; a step is entered with RSP
 * at PROBE_STACK_END, RDI at PROBE_DATA, RSI at PROBE_WATCHED and the other registers zero, and ends in one OUT. The bytes
 * are data here, so everything refers to itself only.
 */
#include "vmm/kvm/probe_guest.h"

	.section .rodata, "a"
	.balign 16
	.globl kvm_probe_guest
	.globl kvm_probe_guest_len

	.macro STEP name
	.globl kvm_probe_\name
kvm_probe_\name:
	.endm

	.macro WRONG_UNLESS_EQUAL
	jne wrong
	.endm

kvm_probe_guest:
right:
	mov $PROBE_RIGHT, %al
	jmp tell
wrong:
	mov $PROBE_WRONG, %al
	jmp tell
STEP trap
	mov $PROBE_TRAP, %al
tell:
	out %al, $PROBE_PORT
	/* probe.c goes on elsewhere */
1:	hlt
	jmp 1b

/* #UD. The frame on the stack is RIP, CS, RFLAGS, RSP, SS; ud2 is two bytes long. */
STEP invalid_opcode
	cmp $PROBE_UD_IS_MEANT, %ebx
	jne kvm_probe_trap
	inc %ebx
	addq $2, (%rsp)
	iretq

STEP long_mode
	movabs $0x0123456789abcdef, %rax
	mov $0x1000000000, %rcx
	mul %rcx
	mov $0x0012345678, %rcx
	cmp %rcx, %rdx
	WRONG_UNLESS_EQUAL
	movabs $0x9abcdef000000000, %rcx
	cmp %rcx, %rax
	WRONG_UNLESS_EQUAL
	jmp right

STEP cpuid
	xor %eax, %eax
	cpuid
	cmp $1, %eax
	jb wrong
	jmp right

STEP exception
	mov $PROBE_UD_IS_MEANT, %ebx
	ud2
	cmp $PROBE_UD_IS_MEANT + 1, %ebx
	WRONG_UNLESS_EQUAL
	jmp right

/* IA32_GS_BASE is 0xc0000101, IA32_KERNEL_GS_BASE 0xc0000102 (SDM volume 4, table 2-2). */
STEP swapgs
	mov $0xc0000101, %ecx
	mov $PROBE_DATA, %eax
	xor %edx, %edx
	wrmsr
	inc %ecx
	mov $PROBE_WATCHED, %eax
	wrmsr
	movl $0x11, (%rdi)
	movl $0x22, (%rsi)
	swapgs
	mov %gs:0, %ebx
	swapgs
	mov %gs:0, %eax
	cmp $0x22, %ebx
	WRONG_UNLESS_EQUAL
	cmp $0x11, %eax
	WRONG_UNLESS_EQUAL
	jmp right

STEP sse
	movabs $0x0011223344556677, %rax
	mov %rax, (%rdi)
	mov %rax, 8(%rdi)
	movdqa (%rdi), %xmm0
	movdqa %xmm0, %xmm1
	paddd %xmm0, %xmm1
	movdqu %xmm1, 17(%rdi)
	movabs $0x0022446688aaccee, %rax
	cmp %rax, 17(%rdi)
	WRONG_UNLESS_EQUAL
	cmp %rax, 25(%rdi)
	WRONG_UNLESS_EQUAL
	jmp right

/* CR4.OSXSAVE is bit 18; x87 and SSE state are XCR0's bits 0 and 1 (SDM volume 1, 13.3). */
STEP xsave
	mov %cr4, %rax
	bts $18, %rax
	mov %rax, %cr4
	xor %ecx, %ecx
	xor %edx, %edx
	mov $3, %eax
	xsetbv
	movabs $0x1122334455667788, %rbx
	movq %rbx, %xmm1
	xsave (%rdi)
	pxor %xmm1, %xmm1
	xrstor (%rdi)
	movq %xmm1, %rax
	cmp %rbx, %rax
	WRONG_UNLESS_EQUAL
	jmp right

STEP cmpxchg16b
	movq $1, (%rdi)
	movq $2, 8(%rdi)
	mov $1, %eax
	mov $2, %edx
	mov $3, %ebx
	mov $4, %ecx
	lock cmpxchg16b (%rdi)
	jne wrong
	cmpq $3, (%rdi)
	WRONG_UNLESS_EQUAL
	cmpq $4, 8(%rdi)
	WRONG_UNLESS_EQUAL
	jmp right

STEP popcnt
	movabs $0xf0f0000000000001, %rcx
	popcnt %rcx, %rax
	cmp $9, %rax
	WRONG_UNLESS_EQUAL
	jmp right

STEP rdtscp
	rdtscp
	shl $32, %rdx
	or %rdx, %rax
	jz wrong
	jmp right

STEP bmi1
	movabs $0xff00ff00ff00ff00, %rcx
	mov $0xabcdef, %edx
	andn %rdx, %rcx, %rax
	cmp $0xab00ef, %rax
	WRONG_UNLESS_EQUAL
	movabs $0x123456789abcdef0, %rcx
	mov $0x1008, %edx /* 16 bits from bit 8 */
	bextr %rdx, %rcx, %rax
	cmp $0xbcde, %rax
	WRONG_UNLESS_EQUAL
	tzcnt %rcx, %rax
	cmp $4, %rax
	WRONG_UNLESS_EQUAL
	blsr %rcx, %rax
	movabs $0x123456789abcdee0, %rdx
	cmp %rdx, %rax
	WRONG_UNLESS_EQUAL
	jmp right

STEP bmi2
	movabs $0xf23456789abcdef0, %rcx
	mov $8, %edx
	shlx %rdx, %rcx, %rax
	movabs $0x3456789abcdef000, %r8
	cmp %r8, %rax
	WRONG_UNLESS_EQUAL
	sarx %rdx, %rcx, %rax
	movabs $0xfff23456789abcde, %r8
	cmp %r8, %rax
	WRONG_UNLESS_EQUAL
	rorx $16, %rcx, %rax
	movabs $0xdef0f23456789abc, %r8
	cmp %r8, %rax
	WRONG_UNLESS_EQUAL
	movabs $0xff00ff00ff00ff00, %r8
	pext %r8, %rcx, %rax
	mov $0xf2569ade, %r8d
	cmp %r8, %rax
	WRONG_UNLESS_EQUAL
	movabs $0xfedcba9876543210, %rdx
	mulx %rcx, %rax, %rbx
	movabs $0xf120c3503f071ff0, %r8
	cmp %r8, %rbx
	WRONG_UNLESS_EQUAL
	movabs $0x236d88fe5618cf00, %r8
	cmp %r8, %rax
	WRONG_UNLESS_EQUAL
	jmp right

/* Before it, probe.c has these eight bytes watched; the OUT is what comes instead when KVM does not tell of the write. */
STEP watched
	movq $0x1234, (%rsi)
	cmpq $0x1234, (%rsi)
	WRONG_UNLESS_EQUAL
	jmp right

	.balign 4
kvm_probe_guest_len:
	.long kvm_probe_guest_len - kvm_probe_guest

	.section .note.GNU-stack, "", @progbits
