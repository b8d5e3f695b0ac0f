/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A test guest as a bzImage: what Documentation/arch/x86/boot.rst says that a loader reads, and the guest's bytes from
 * 1 MiB on, where it is loaded and stays.
 */
#define HEADER 0x1f1
#define SETUP_BYTES 4096

	.data
	.org HEADER
	.byte SETUP_BYTES / 512 - 1	/* setup_sects */
	.org 0x1f4
	.long (kernel_end - kernel) / 16	/* syssize */
	.org 0x1fe
	.word 0xaa55			/* boot_flag */
	.byte 0xeb, header_end - 0x202	/* jump, over the header */
	.ascii "HdrS"
	.word 0x20f			/* version */
	.org 0x211
	.byte 1				/* loadflags: LOADED_HIGH */
	.org 0x230
	.long 4096			/* kernel_alignment */
	.byte 0				/* relocatable_kernel */
	.org 0x236
	.word 1				/* xloadflags: XLF_KERNEL_64 */
	.long 2047			/* cmdline_size */
	.org 0x258
	.quad 0x100000			/* pref_address */
	.long 8 << 20			/* init_size: with .bss */
	.org 0x26c
	.set header_end, 0x26c
	.org SETUP_BYTES
kernel:
	.incbin GUEST_BIN
	.balign 16
kernel_end:
