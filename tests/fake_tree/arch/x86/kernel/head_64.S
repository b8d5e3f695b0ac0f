/* SPDX-License-Identifier: GPL-2.0 */
/* Where it would start. */
	.section .note.GNU-stack,"",@progbits
	.text
	.globl startup_64
startup_64:
	call	start_kernel
1:	hlt
	jmp	1b
