/* SPDX-License-Identifier: GPL-2.0-only */
/* What the cache holds and how much room it takes: kernels, source trees, repositories, objects, what was damaged. */
#include <dirent.h>
#include <errno.h>
#include <fts.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "kernel-cache/store/store.h"

enum { BLOCK_BYTES = 512 }; /* of st_blocks */

static const char *const dirs[KC_ITEM_KIND_NR] = {
	[KC_ITEM_KERNEL] = "kernels",  [KC_ITEM_SOURCE] = "sources",  [KC_ITEM_GIT] = "git",
	[KC_ITEM_OBJECTS] = "objects", [KC_ITEM_DAMAGED] = "damaged",
};

static void item_done(struct kc_item *i)
{
	free(i->name);
	free(i->path);
	free(i->damage);
}

void kc_items_done(struct kc_items *items)
{
	for (size_t i = 0; i < items->list.nr; i++)
		item_done(&items->list.v[i]);
	free(items->list.v);
	*items = (struct kc_items){ 0 };
}

static void close_fts(FTS **fts)
{
	if (*fts)
		(void)fts_close(*fts); /* only read */
}

/* What vanishes meanwhile, or cannot be read, is not counted. */
static uint64_t count_bytes(const char *path)
{
	char *const roots[] = { (char *)path, NULL };
	__attribute__((cleanup(close_fts)))
	FTS *fts = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL);
	uint64_t bytes = 0;
	const FTSENT *f;

	while (fts && (f = fts_read(fts))) {
		if (f->fts_info == FTS_D || f->fts_info == FTS_F || f->fts_info == FTS_SL)
			bytes += (uint64_t)f->fts_statp->st_blocks * BLOCK_BYTES;
	}
	return bytes;
}

uint64_t kc_item_bytes(struct kc_item *i)
{
	if (!i->counted)
		i->bytes = count_bytes(i->path);
	i->counted = true;
	return i->bytes;
}

time_t kc_item_last_use(const char *cache_dir, const struct kc_item *i)
{
	kt_auto(mem) char *used = kt_fmt("%s/used/%s", cache_dir, i->name);
	struct stat st;

	if (used && stat(used, &st) == 0)
		return st.st_mtime;
	return i->path && stat(i->path, &st) == 0 ? st.st_mtime : 0;
}

/* Why the kernel is not what was recorded; @i->damage stays NULL when it is. -ENOENT: leave it out. */
static int look_at_kernel(const char *cache_dir, bool verify, struct kc_item *i, struct kt_err *e)
{
	kt_auto(kc_entry) struct kc_entry *k = NULL;
	struct kt_err why = { 0 };
	char text[KT_ERR_TEXT_BYTES];
	int r = kc_entry_load(cache_dir, i->name, &k, &why);

	if (r == 0 && verify)
		r = kc_verify(k, &why);
	if (r == 0)
		return 0;
	if (r == -EPROTONOSUPPORT)
		return -ENOENT;
	if (r == -EBADMSG) {
		i->damage = strdup(kt_err_text(&why, text, sizeof(text)));
		return i->damage ? 0 : kt_fail(e, KT_E_HOST, ENOMEM, "list '%s'", cache_dir);
	}
	if (r != -ENOENT && e)
		*e = why;
	return r;
}

static int add(const char *cache_dir, enum kc_item_kind kind, const char *name, bool verify,
	       struct kc_items *items, struct kt_err *e)
{
	struct kc_item i = {
		.kind = kind,
		.name = strdup(name),
		.path = kt_fmt("%s/%s/%s", cache_dir, dirs[kind], name),
	};
	struct stat st;
	int r = 0;

	if (!i.name || !i.path)
		r = kt_fail(e, KT_E_HOST, ENOMEM, "list '%s'", cache_dir);
	else if (lstat(i.path, &st) < 0 || !S_ISDIR(st.st_mode))
		r = -ENOENT; /* sources/KEY.json */
	else if (kind == KC_ITEM_KERNEL)
		r = look_at_kernel(cache_dir, verify, &i, e);
	if (r == 0) {
		i.last_used = kc_item_last_use(cache_dir, &i);
		if (KT_VEC_PUSH(&items->list, i) == 0)
			return 0;
		r = kt_fail(e, KT_E_HOST, ENOMEM, "list '%s'", cache_dir);
	}
	item_done(&i);
	return r == -ENOENT ? 0 : r;
}

static int find_kind(const char *cache_dir, enum kc_item_kind kind, bool verify,
		     struct kc_items *items, struct kt_err *e)
{
	kt_auto(mem) char *path = kt_fmt("%s/%s", cache_dir, dirs[kind]);
	kt_auto(dir) DIR *dir = path ? opendir(path) : NULL;
	struct dirent *d;
	int r = 0;

	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "list '%s'", cache_dir);
	if (!dir && errno != ENOENT)
		return kt_fail(e, KT_E_HOST, errno, "list '%s'", path);
	while (r == 0 && dir && (d = readdir(dir))) {
		if (kc_is_key(d->d_name))
			r = add(cache_dir, kind, d->d_name, verify, items, e);
	}
	return r;
}

static int by_last_use(const void *a, const void *b)
{
	const struct kc_item *x = a, *y = b;

	if (x->last_used != y->last_used)
		return x->last_used < y->last_used ? 1 : -1;
	return kc_deb_version_cmp(y->name, x->name);
}

int kc_items_find(const char *cache_dir, unsigned kinds, bool verify, struct kc_items *ret,
		  struct kt_err *e)
{
	kt_auto(kc_items) struct kc_items items = { 0 };
	int r = 0;

	for (int kind = 0; r == 0 && kind < KC_ITEM_KIND_NR; kind++) {
		if (kinds & (1U << kind))
			r = find_kind(cache_dir, (enum kc_item_kind)kind, verify, &items, e);
	}
	if (r < 0)
		return r;
	if (items.list.nr)
		qsort(items.list.v, items.list.nr, sizeof(items.list.v[0]), by_last_use);
	*ret = items;
	items = (struct kc_items){ 0 };
	return 0;
}
