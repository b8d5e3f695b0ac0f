/* SPDX-License-Identifier: GPL-2.0-only */
/* What the files that read Kconfig files share, while they do. */
#ifndef KTSTR_KERNEL_CACHE_KCONFIG_READER_H
#define KTSTR_KERNEL_CACHE_KCONFIG_READER_H

#include "kernel-cache/kconfig/tree.h"

/* What attributes (depends on, prompt, ...) now belong to. */
struct kc_entry_head {
	struct kc_def *def;
	struct kc_block *block; /* a menu's or choice's head */
	unsigned nr_depends;
};

struct kc_reader {
	struct kc_kconfig *k;
	const char *src;
	struct kc_block *block; /* innermost open */
	unsigned blocks_deep, depth, files, statements;
	size_t bytes;
	struct kc_entry_head entry;
	struct kt_err *e;
};

/* One file while it is read. */
struct kc_kfile {
	struct kc_reader *r;
	const char *path;
	struct kc_lex *lex;
};

/* --- tree.c --- */
/* "FILE:LINE: WHAT"; returns -EINVAL. */
int kc_kfile_broken(const struct kc_kfile *f, const char *what);

/* --- attributes.c: one for each statement that says something of the entry before it; 0, -ENOMEM, or broken --- */
int kc_on_bool(struct kc_kfile *f);
int kc_on_tristate(struct kc_kfile *f);
int kc_on_int(struct kc_kfile *f);
int kc_on_hex(struct kc_kfile *f);
int kc_on_string(struct kc_kfile *f);
int kc_on_plain_prompt(struct kc_kfile *f);
int kc_on_default(struct kc_kfile *f);
int kc_on_def_bool(struct kc_kfile *f);
int kc_on_def_tristate(struct kc_kfile *f);
int kc_on_depends(struct kc_kfile *f);
int kc_on_visible(struct kc_kfile *f);
int kc_on_select(struct kc_kfile *f);
int kc_on_range(struct kc_kfile *f);

#endif
