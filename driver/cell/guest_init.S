/* SPDX-License-Identifier: GPL-2.0-only */
/* guest/init, the first program inside every machine, as bytes. Its length is data. */
	.section .rodata
	.balign 16
	.global kt_guest_init
	.type kt_guest_init, @object
kt_guest_init:
	.incbin GUEST_INIT_PATH
1:
	.size kt_guest_init, 1b - kt_guest_init

	.balign 8
	.global kt_guest_init_len
	.type kt_guest_init_len, @object
kt_guest_init_len:
	.quad 1b - kt_guest_init
	.size kt_guest_init_len, 8

	.section .note.GNU-stack, "", @progbits
