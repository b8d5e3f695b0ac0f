/* SPDX-License-Identifier: GPL-2.0-only */
/* Questions to the running kernel, by bpf(2) alone. Shared by init and the probe's loader. */
#ifndef KTSTR_GUEST_NAMES_H
#define KTSTR_GUEST_NAMES_H

#include <linux/bpf.h>
#include <stdint.h>

/* The system call, with errno. */
long gst_bpf(int cmd, union bpf_attr *attr);

/* A descriptor for gst_ask_symbol(), or -errno: this kernel, or what we may do in it, does not allow it. */
int gst_symbols_asker(void);
/* The same for gst_ask_type(). */
int gst_types_asker(void);
/* -ENOENT: the kernel has none of that name, or, of a symbol, has it at address 0. */
int gst_ask_symbol(int fd, const char *name, uint64_t *ret);
/* The BTF id in vmlinux; @kind as BTF_KIND_FUNC. */
int gst_ask_type(int fd, unsigned kind, const char *name, uint32_t *ret_id);

#endif
