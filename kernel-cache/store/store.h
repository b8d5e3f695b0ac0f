/* SPDX-License-Identifier: GPL-2.0-only */
/* What the cache holds, one by one, for those who count it and those who remove it. */
#ifndef KTSTR_KERNEL_CACHE_STORE_STORE_H
#define KTSTR_KERNEL_CACHE_STORE_STORE_H

#include "kernel-cache/internal.h"

enum kc_item_kind {
	KC_ITEM_KERNEL,
	KC_ITEM_SOURCE,
	KC_ITEM_GIT,
	KC_ITEM_OBJECTS,
	KC_ITEM_DAMAGED, /* moved away */
	KC_ITEM_KIND_NR
};
struct kc_item {
	enum kc_item_kind kind;
	char *name; /* the directory's; of kernels and source trees their key */
	char *path;
	time_t last_used;
	uint64_t bytes;
	bool counted; /* bytes is known */
	char *damage; /* kernels that do not load, and why; NULL: none */
	bool done; /* removed, or found in use */
};
struct kc_items {
	KT_VEC(struct kc_item) list;
};
void kc_items_done(struct kc_items *items);
static inline void kt_cleanup_kc_items(struct kc_items *items)
{
	kc_items_done(items);
}
/*
 * Everything of the @kinds (a bit each), last used first. Kernels that a newer ktstr-make made are left out. @verify:
 * read every file of each kernel.
 */
int kc_items_find(const char *cache_dir, unsigned kinds, bool verify, struct kc_items *ret,
		  struct kt_err *e);
/* Bytes on disk of the tree below the item, counted once. */
uint64_t kc_item_bytes(struct kc_item *i);
/* When an entry or tree was last used, as far as known. */
time_t kc_item_last_use(const char *cache_dir, const struct kc_item *i);

#endif
