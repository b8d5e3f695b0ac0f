/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Making room. What goes is renamed into tmp/ under its locks and then removed, so that whoever is interrupted leaves
 * whole entries and trees only; what anybody uses, makes or fetches stays.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/parse.h"
#include "kernel-cache/store/store.h"

#define KINDS_OF_SOURCES (1U << KC_ITEM_SOURCE | 1U << KC_ITEM_GIT | 1U << KC_ITEM_OBJECTS)
enum { DAY_SECONDS = 24 * 60 * 60 };

struct cleaning {
	const char *cache_dir;
	const struct kc_clean_opts *o;
	void (*removed)(void *ctx, const char *kind, const char *key, uint64_t bytes,
			const char *why);
	void *ctx;
	struct kc_items items;
	struct kc_trash trash;
	struct kc_cleaned sum;
	struct kt_err *e;
};

/* As people are told, and the prefix of its name. */
static const struct {
	const char *kind, *prefix, *lock_prefix; /* lock_prefix NULL: nobody works on it */
} kinds[KC_ITEM_KIND_NR] = {
	[KC_ITEM_KERNEL] = { "kernel", "", "" },
	[KC_ITEM_SOURCE] = { "source", "", "source-" },
	[KC_ITEM_GIT] = { "source", "git/", "git-" },
	[KC_ITEM_OBJECTS] = { "source", "objects/", "" },
	[KC_ITEM_DAMAGED] = { "damaged", "", NULL },
};

static bool has_users(const struct kc_item *i)
{
	return i->kind == KC_ITEM_KERNEL || i->kind == KC_ITEM_SOURCE;
}

struct claim {
	struct kt_lock work;
	int use_fd;
};

static void claim_done(struct claim *c)
{
	kt_lock_release(&c->work);
	kt_cleanup_fd(&c->use_fd);
}

/* Nobody makes it and nobody uses it, and it stays so. -EWOULDBLOCK without text: somebody does. */
static int claim(const struct cleaning *c, const struct kc_item *i, struct claim *ret)
{
	const char *prefix = kinds[i->kind].lock_prefix;
	kt_auto(mem) char *name = prefix ? kt_fmt("%s%s", prefix, i->name) : NULL;
	int r = 0;

	if (!prefix)
		return 0;
	if (!name)
		return kt_fail(c->e, KT_E_HOST, ENOMEM, "remove '%s'", i->path);
	r = kc_lock_try(c->cache_dir, name, "kernel clean", &ret->work, c->e);
	if (r == 0 && has_users(i))
		r = kc_use_claim(c->cache_dir, i->name, &ret->use_fd, c->e);
	/* It was used and let go since we looked: it is not the least recently used any more. */
	if (r == 0 && kc_item_last_use(c->cache_dir, i) != i->last_used)
		r = -EWOULDBLOCK;
	return r;
}

static void forget(const struct cleaning *c, const struct kc_item *i)
{
	kt_auto(mem) char *used = kt_fmt("%s/used/%s", c->cache_dir, i->name);
	kt_auto(mem) char *about = kt_fmt("%s.json", i->path);

	if (used)
		(void)unlink(used); /* of no consequence */
	if (i->kind == KC_ITEM_SOURCE && about)
		(void)unlink(about); /* says what was in a tree that is not there */
}

static void tell(struct cleaning *c, struct kc_item *i, const char *why)
{
	kt_auto(mem) char *name = kt_fmt("%s%s", kinds[i->kind].prefix, i->name);
	uint64_t bytes = kc_item_bytes(i);

	c->sum.removed++;
	c->sum.freed_bytes += bytes;
	if (c->removed)
		c->removed(c->ctx, kinds[i->kind].kind, name ? name : i->name, bytes, why);
}

/* 1: removed (or would be). 0: somebody uses it, or was faster. */
static int remove_item(struct cleaning *c, struct kc_item *i, const char *why)
{
	__attribute__((cleanup(claim_done))) struct claim held = { .work = KT_LOCK_NONE,
								   .use_fd = -1 };
	int r = claim(c, i, &held);

	i->done = true;
	if (r == -EWOULDBLOCK) {
		c->sum.kept_in_use++;
		return 0;
	}
	if (r < 0)
		return r;
	(void)kc_item_bytes(i); /* while it is there */
	if (!c->o->dry_run) {
		r = kc_trash_move(&c->trash, i->path, c->e);
		if (r == -ENOENT)
			return 0;
		if (r < 0)
			return r;
		if (kinds[i->kind].lock_prefix)
			forget(c, i);
	}
	claim_done(&held);
	tell(c, i, why);
	r = kc_trash_empty(&c->trash, c->e);
	return r < 0 ? r : 1;
}

static int clean_corrupt(struct cleaning *c)
{
	for (size_t n = 0; n < c->items.list.nr; n++) {
		struct kc_item *i = &c->items.list.v[n];
		int r = 0;

		if (i->kind == KC_ITEM_DAMAGED)
			r = remove_item(c, i, "damaged");
		else if (i->damage)
			r = remove_item(c, i, i->damage);
		if (r < 0)
			return r;
	}
	return 0;
}

/* What the limits are about. Kernels that are damaged are not counted as kernels. */
static bool is_candidate(const struct kc_item *i)
{
	return !i->done && !i->damage && i->kind != KC_ITEM_DAMAGED;
}

static int clean_sources(struct cleaning *c)
{
	for (size_t n = 0; n < c->items.list.nr; n++) {
		struct kc_item *i = &c->items.list.v[n];
		int r = 0;

		if (is_candidate(i) && i->kind != KC_ITEM_KERNEL)
			r = remove_item(c, i, "a source tree");
		if (r < 0)
			return r;
	}
	return 0;
}

static int clean_by_age(struct cleaning *c)
{
	time_t now = time(NULL);

	for (size_t n = 0; n < c->items.list.nr; n++) {
		struct kc_item *i = &c->items.list.v[n];
		kt_auto(buf) struct kt_buf why = { 0 };
		int64_t age = (int64_t)now - i->last_used;
		int r = 0;

		/* A last use that is yet to come is a clock that was wrong, not old age. */
		if (!is_candidate(i) || age < 0 || (uint64_t)age < c->o->older_s)
			continue;
		if (age >= 2 * DAY_SECONDS)
			kt_buf_addf(&why, "not used for %lld days", (long long)age / DAY_SECONDS);
		else
			kt_buf_addf(&why, "not used for %lld seconds", (long long)age);
		r = remove_item(c, i, kt_buf_str(&why));
		if (r < 0)
			return r;
	}
	return 0;
}

static int clean_by_count(struct cleaning *c)
{
	kt_auto(mem) char *why = kt_fmt("not among the last %zu used", c->o->keep);
	size_t seen = 0;

	if (!why)
		return kt_fail(c->e, KT_E_HOST, ENOMEM, "clean '%s'", c->cache_dir);
	for (size_t n = 0; n < c->items.list.nr; n++) {
		struct kc_item *i = &c->items.list.v[n];
		int r = 0;

		if (is_candidate(i) && i->kind == KC_ITEM_KERNEL && ++seen > c->o->keep)
			r = remove_item(c, i, why);
		if (r < 0)
			return r;
	}
	return 0;
}

static int shrink(struct cleaning *c, bool kernels, uint64_t *total)
{
	kt_auto(buf) struct kt_buf why = { 0 };

	kt_buf_adds(&why, "the cache has more than ");
	kt_format_size(&why, c->o->max_bytes);
	/* The last in the list is the least recently used. */
	for (size_t n = c->items.list.nr; n > 0 && *total > c->o->max_bytes; n--) {
		struct kc_item *i = &c->items.list.v[n - 1];
		int r;

		if (!is_candidate(i) || (i->kind == KC_ITEM_KERNEL) != kernels)
			continue;
		r = remove_item(c, i, kt_buf_str(&why));
		if (r < 0)
			return r;
		if (r > 0)
			*total -= i->bytes;
	}
	return 0;
}

static int clean_by_size(struct cleaning *c)
{
	uint64_t total = 0;
	int r;

	for (size_t n = 0; n < c->items.list.nr; n++) {
		struct kc_item *i = &c->items.list.v[n];

		if (is_candidate(i))
			total += kc_item_bytes(i);
	}
	r = shrink(c, false, &total);
	return r < 0 ? r : shrink(c, true, &total);
}

static int clean(struct cleaning *c)
{
	const struct kc_clean_opts *o = c->o;
	int r = 0;

	if (o->corrupt)
		r = clean_corrupt(c);
	if (r == 0 && o->sources)
		r = clean_sources(c);
	if (r == 0 && o->by_age)
		r = clean_by_age(c);
	if (r == 0 && o->by_count)
		r = clean_by_count(c);
	if (r == 0 && o->by_size)
		r = clean_by_size(c);
	return r;
}

static unsigned kinds_for(const struct kc_clean_opts *o)
{
	unsigned wanted = 0;

	if (o->corrupt)
		wanted |= 1U << KC_ITEM_KERNEL | 1U << KC_ITEM_DAMAGED;
	if (o->sources)
		wanted |= KINDS_OF_SOURCES;
	if (o->by_count)
		wanted |= 1U << KC_ITEM_KERNEL;
	if (o->by_size || o->by_age)
		wanted |= 1U << KC_ITEM_KERNEL | KINDS_OF_SOURCES;
	return wanted;
}

int kc_clean(const struct kc_clean_opts *o, struct kc_cleaned *ret,
	     void (*removed)(void *ctx, const char *kind, const char *key, uint64_t bytes,
			     const char *why),
	     void *ctx, struct kt_err *e)
{
	kt_auto(mem) char *own = o->cache_dir ? NULL : kc_default_dir();
	struct cleaning c = { .cache_dir = o->cache_dir ? o->cache_dir : own,
			      .o = o,
			      .removed = removed,
			      .ctx = ctx,
			      .trash = KC_TRASH_NONE,
			      .e = e };
	int r = 0;

	if (!c.cache_dir)
		return kt_fail(e, KT_E_HOST, ENOMEM, "clean the kernel cache");
	*ret = (struct kc_cleaned){ 0 };
	if (access(c.cache_dir, F_OK) < 0 && errno == ENOENT)
		return 0;
	if (!o->dry_run)
		r = kc_trash_begin(c.cache_dir, &c.trash, e);
	if (r == 0)
		r = kc_items_find(c.cache_dir, kinds_for(o), o->corrupt, &c.items, e);
	if (r == 0)
		r = clean(&c);
	kc_items_done(&c.items);
	kc_trash_end(&c.trash);
	if (!o->dry_run)
		kc_remove_stale(c.cache_dir, NULL);
	/* Also of an attempt that failed half-way: it is what happened. */
	*ret = c.sum;
	return r;
}

static bool is_old_dirty(const struct kc_item *i, const char *spec)
{
	kt_auto(kc_metadata) struct kc_metadata m = { 0 };
	kt_auto(mem) char *path = kt_fmt("%s/metadata.json", i->path);

	return path && kc_metadata_read(path, &m, NULL) == 0 && m.dirty && kt_streq(m.spec, spec);
}

static int drop_old_dirty(struct cleaning *c, const char *spec, const char *keep_key)
{
	int r = kc_items_find(c->cache_dir, 1U << KC_ITEM_KERNEL, false, &c->items, c->e);

	for (size_t n = 0; r >= 0 && n < c->items.list.nr; n++) {
		struct kc_item *i = &c->items.list.v[n];

		if (kt_streq(i->name, keep_key) || !is_old_dirty(i, spec))
			continue;
		if (!c->trash.cache_dir)
			r = kc_trash_begin(c->cache_dir, &c->trash, c->e);
		if (r >= 0)
			r = remove_item(c, i, "replaced");
	}
	return r;
}

void kc_drop_old_dirty(const char *cache_dir, const char *spec, const char *keep_key)
{
	static const struct kc_clean_opts o = { 0 };
	struct kt_err e = { 0 };
	char text[KT_ERR_TEXT_BYTES];
	struct cleaning c = { .cache_dir = cache_dir, .o = &o, .trash = KC_TRASH_NONE, .e = &e };

	if (drop_old_dirty(&c, spec, keep_key) < 0)
		kt_log(KT_AREA_KERNEL_CACHE, KT_WARN,
		       "cannot remove older kernels of '%s': %s; they stay", spec,
		       kt_err_text(&e, text, sizeof(text)));
	kc_items_done(&c.items);
	kc_trash_end(&c.trash);
}
