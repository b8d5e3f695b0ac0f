/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files that load a kernel share. */
#ifndef KTSTR_VMM_X86_64_BOOT_H
#define KTSTR_VMM_X86_64_BOOT_H

#include "vmm/x86_64/x86.h"

/* One kernel on its way into memory. */
struct x86_boot {
	struct vm_memory *m;
	const struct x86_boot_opts *o;
	int fd;
	uint64_t file_bytes;
	struct x86_e820 map;
	uint64_t copied;
};

/*
 * Is [gpa, gpa + len) free for the kernel: RAM, not below 1 MiB, clear of the frame window, the initrd and the tables?
 * @what names it in the error: "segment 2".
 */
int x86_boot_check(const struct x86_boot *b, const char *what, uint64_t gpa, uint64_t len,
		   struct kt_err *e);
/* @len bytes of the file from @offset, as x86_boot_check() wants them and inside the file. */
int x86_boot_load_part(struct x86_boot *b, const char *what, uint64_t gpa, uint64_t offset,
		       uint64_t len, enum vm_load how, struct kt_err *e);
/* Exactly @len bytes of the file, or KT_E_KERNEL: it ends before @what does. */
int x86_boot_read(const struct x86_boot *b, const char *what, uint64_t offset, void *buf,
		  size_t len, struct kt_err *e);
/* Into the RAM below 1 MiB, which every machine has. */
int x86_boot_put(struct x86_boot *b, uint64_t gpa, const void *data, size_t len, struct kt_err *e);

/* Both load all, write what the kernel is told and say where it is entered. */
int x86_boot_bzimage(struct x86_boot *b, uint64_t *ret_entry, struct kt_err *e);
int x86_boot_pvh(struct x86_boot *b, uint64_t *ret_entry, struct kt_err *e);

#endif
