/* SPDX-License-Identifier: GPL-2.0-only */
/* guest/init, the first program inside every machine, and guest/probe, which it starts, as bytes. Lengths are data. */
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

	.section .rodata
	.balign 16
	.global kt_guest_probe
	.type kt_guest_probe, @object
kt_guest_probe:
	.incbin GUEST_PROBE_PATH
2:
	.size kt_guest_probe, 2b - kt_guest_probe

	.balign 8
	.global kt_guest_probe_len
	.type kt_guest_probe_len, @object
kt_guest_probe_len:
	.quad 2b - kt_guest_probe
	.size kt_guest_probe_len, 8

	.section .note.GNU-stack, "", @progbits
