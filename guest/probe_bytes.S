/* SPDX-License-Identifier: GPL-2.0-only */
/* The probe's BPF object, as bytes, for its loader. Its length is data. */
	.section .rodata
	.balign 16
	.global prb_object_bytes
	.type prb_object_bytes, @object
prb_object_bytes:
	.incbin PROBE_OBJECT_PATH
1:
	.size prb_object_bytes, 1b - prb_object_bytes

	.balign 8
	.global prb_object_len
	.type prb_object_len, @object
prb_object_len:
	.quad 1b - prb_object_bytes
	.size prb_object_len, 8

	.section .note.GNU-stack, "", @progbits
