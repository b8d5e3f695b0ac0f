/* SPDX-License-Identifier: GPL-2.0-only */
/* The configuration fragments of config/, as strings: a kernel is built the same wherever this program is. */
	.macro	fragment name, file
	.global	\name
	.type	\name, @object
\name:
	.incbin	"\file"
	.byte	0
	.size	\name, . - \name
	.endm

	.section .rodata
	fragment kc_ktstr_kconfig, "config/ktstr.kconfig"
	fragment kc_ktstr_minimal_kconfig, "config/ktstr-minimal.kconfig"
	fragment kc_ktstr_full_kconfig, "config/ktstr-full.kconfig"

	.section .note.GNU-stack, "", @progbits
