/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of sources/: what is recorded of a tree, and how one is made. */
#ifndef KTSTR_KERNEL_CACHE_SOURCE_TREES_H
#define KTSTR_KERNEL_CACHE_SOURCE_TREES_H

#include "kernel-cache/source/source.h"

/* --- tree_record.c: sources/KEY.json ------------------------------------------------------------- */
struct kc_tree_record {
	char *key, *version;
	char *commit, *url, *sha256; /* NULL: none */
	uint64_t files, bytes; /* bytes: on disk */
	char *boot_id; /* of when it was made */
	bool synced;
	time_t created;
};
void kc_tree_record_done(struct kc_tree_record *t);
static inline void kt_cleanup_kc_tree_record(struct kc_tree_record *t)
{
	kc_tree_record_done(t);
}
/* This boot of the machine; "" when it is not known. NULL: no memory. Caller frees. */
char *kc_boot_id(void);
int kc_tree_record_write(const char *cache_dir, const struct kc_tree_record *t, struct kt_err *e);
/*
 * -ENOENT without text: no file. KT_E_KERNEL, EBADMSG: broken; EPROTONOSUPPORT: of a newer ktstr-make, to be left
 * alone.
 */
int kc_tree_record_read(const char *cache_dir, const char *key, struct kc_tree_record *ret,
			struct kt_err *e);

/* --- tree_make.c --------------------------------------------------------------------------------- */
/*
 * Fetch, check and unpack what @p is into @work/tree; a download that was cut stays in @work/tarball. Fills in t->files
 * and t->bytes.
 */
int kc_tree_make(const struct kc_request *q, const struct kc_pick *p, const char *work,
		 struct kc_tree_record *t, struct kt_err *e);
/* Whether kc_tree_make could do without a network, as far as can be told. */
bool kc_tree_is_at_hand(const struct kc_request *q, const struct kc_pick *p);

/* --- tree_version.c ------------------------------------------------------------------------------ */
/* NULL: @dir has what every kernel's source has. Else what is missing. */
const char *kc_tree_lacks(const char *dir);

#endif
