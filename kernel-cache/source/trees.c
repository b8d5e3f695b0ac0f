/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sources/: unpacked trees, each made beside and renamed in. A file more or less would go unnoticed in 90 000, so a tree
 * is whole by how it came about: renamed only when everything was checked, and believed after a boot only when it was
 * on disk before.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel-cache/source/trees.h"

void kc_tree_done(struct kc_tree *t)
{
	free(t->dir);
	free(t->key);
	free(t->version);
	free(t->commit);
	kt_cleanup_fd(&t->use_fd);
	*t = (struct kc_tree)KC_TREE_NONE;
}

/* ---- what is there ---- */

/* Of the very bytes that are wanted; what came from git has no sum, and the rest no commit. */
static bool is_of(const struct kc_tree_record *t, const struct kc_pick *p)
{
	const char *has = p->commit ? t->commit : t->sha256;
	const char *wants = p->commit ? p->commit : p->image.sha256;

	return !wants || (has && kt_streq(has, wants));
}

static int check(const char *cache_dir, const struct kc_pick *p, const char *dir,
		 struct kc_tree_record *ret, struct kt_err *e)
{
	const char *key = p->key;
	kt_auto(mem) char *boot_id = kc_boot_id();
	const char *lacks;
	struct stat st;
	int r;

	if (!boot_id)
		return kt_fail(e, KT_E_HOST, ENOMEM, "load the source tree %s", key);
	if (lstat(dir, &st) < 0 && errno == ENOENT)
		return -ENOENT;
	r = kc_tree_record_read(cache_dir, key, ret, e);
	if (r == -ENOENT)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "there is no '%s.json'", dir);
	if (r < 0)
		return r;
	if (!ret->synced && !kt_streq(ret->boot_id, boot_id))
		return kt_fail(e, KT_E_KERNEL, EBADMSG,
			       "the machine went down before it was safely on disk");
	if (!is_of(ret, p))
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "it is of another source ('%s')",
			       ret->url ? ret->url : "unknown");
	lacks = kc_tree_lacks(dir);
	if (lacks)
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "it has no %s", lacks);
	return 0;
}

static int fill(const struct kc_tree_record *from, const char *dir, struct kc_tree *t,
		struct kt_err *e)
{
	if (kc_dup(dir, &t->dir) < 0 || kc_dup(from->key, &t->key) < 0 ||
	    kc_dup(from->version, &t->version) < 0 || kc_dup(from->commit, &t->commit) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "load the source tree %s", from->key);
	return 0;
}

/* -ENOENT without text: not there. -EBADMSG: damaged. In use from here on until kc_tree_done. */
static int load(const char *cache_dir, const struct kc_pick *p, struct kc_tree *ret,
		struct kt_err *e)
{
	const char *key = p->key;
	kt_auto(kc_tree) struct kc_tree t = KC_TREE_NONE;
	kt_auto(kc_tree_record) struct kc_tree_record about = { 0 };
	kt_auto(mem) char *dir = kt_fmt("%s/sources/%s", cache_dir, key);
	int r;

	if (!dir)
		return kt_fail(e, KT_E_HOST, ENOMEM, "load the source tree %s", key);
	/* Before looking: what was looked at must not be removed any more. */
	r = kc_use_begin(cache_dir, key, &t.use_fd, e);
	if (r == 0)
		r = check(cache_dir, p, dir, &about, e);
	if (r == 0)
		r = fill(&about, dir, &t, e);
	if (r < 0)
		return r;
	kc_entry_touch(cache_dir, key);
	*ret = t;
	t = (struct kc_tree)KC_TREE_NONE;
	return 0;
}

/* ---- what has to be made ---- */

/* Out of sight at once, then removed. Who still uses it has lost some of it already. */
static int put_away(const char *cache_dir, const char *key, const char *work,
		    const struct kt_err *why, struct kt_err *e)
{
	kt_auto(mem) char *dir = kt_fmt("%s/sources/%s", cache_dir, key);
	kt_auto(mem) char *to = kt_fmt("%s/damaged", work);
	char text[KT_ERR_TEXT_BYTES];
	int r;

	if (!dir || !to)
		return kt_fail(e, KT_E_HOST, ENOMEM, "remove the source tree %s", key);
	kt_log(KT_AREA_KERNEL_CACHE, KT_WARN,
	       "the unpacked source %s is damaged (%s); making it again", key,
	       kt_err_text(why, text, sizeof(text)));
	r = kt_remove_tree(to, e);
	if (r < 0)
		return r;
	if (rename(dir, to) < 0)
		return kt_fail(e, KT_E_HOST, errno, "rename '%s' to '%s'", dir, to);
	return kt_remove_tree(to, e);
}

static int describe(const struct kc_pick *p, struct kc_tree_record *t, struct kt_err *e)
{
	t->created = time(NULL);
	t->boot_id = kc_boot_id();
	if (!t->boot_id || kc_dup(p->key, &t->key) < 0 || kc_dup(p->commit, &t->commit) < 0 ||
	    kc_dup(p->image.url, &t->url) < 0 || kc_dup(p->image.sha256, &t->sha256) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "get the source tree %s", p->key);
	return 0;
}

/* The record first: a tree without one would be called damaged. */
static int install(const char *cache_dir, const char *work, const struct kc_tree_record *t,
		   struct kc_tree *ret, struct kt_err *e)
{
	kt_auto(mem) char *from = kt_fmt("%s/tree", work);
	kt_auto(mem) char *sources = kt_fmt("%s/sources", cache_dir);
	kt_auto(mem) char *used = kt_fmt("%s/used", cache_dir);
	kt_auto(mem) char *dir = kt_fmt("%s/sources/%s", cache_dir, t->key);
	int r;

	if (!from || !sources || !used || !dir)
		return kt_fail(e, KT_E_HOST, ENOMEM, "get the source tree %s", t->key);
	r = fill(t, dir, ret, e);
	if (r == 0)
		r = kt_mkdir_p(sources, 0755, e);
	if (r == 0)
		r = kt_mkdir_p(used, 0755, e);
	if (r == 0)
		r = kc_use_begin(cache_dir, t->key, &ret->use_fd, e);
	if (r == 0)
		r = kc_tree_record_write(cache_dir, t, e);
	if (r < 0)
		return r;
	if (rename(from, dir) < 0)
		return kt_fail(e, KT_E_HOST, errno, "rename '%s' to '%s'", from, dir);
	kc_entry_touch(cache_dir, t->key);
	return kt_fsync_dir(sources, e);
}

static int make(const struct kc_request *q, const struct kc_pick *p, struct kc_work *w,
		struct kc_tree *ret, struct kt_err *e)
{
	kt_auto(kc_tree) struct kc_tree t = KC_TREE_NONE;
	kt_auto(kc_tree_record) struct kc_tree_record about = { 0 };
	struct kt_err ours = { 0 };
	int r = describe(p, &about, &ours);

	if (r == 0)
		r = kc_tree_make(q, p, w->dir, &about, &ours);
	if (r == 0)
		r = install(q->cache_dir, w->dir, &about, &t, &ours);
	if (r < 0) {
		/* A download that was cut is worth continuing another time; half a tree is not. */
		kt_auto(mem) char *tree = kt_fmt("%s/tree", w->dir);

		w->keep = (r == -EHOSTUNREACH || ours.kind == KT_E_INTR) && !p->commit && tree &&
			  kt_remove_tree(tree, NULL) == 0;
		if (e)
			*e = ours;
		/* "0": a tarball whose name tells no version. */
		return kt_context(e, r, "get the source of %s",
				  kt_streq(p->version, "0") ? p->package : p->version);
	}
	*ret = t;
	t = (struct kc_tree)KC_TREE_NONE;
	return 0;
}

static int load_or_make(const struct kc_request *q, const struct kc_pick *p, struct kc_tree *ret,
			struct kt_err *e)
{
	kt_auto(kc_work) struct kc_work w = KC_WORK_NONE;
	kt_auto(mem) char *name = kt_fmt("source-%s", p->key);
	kt_auto(mem) char *why = kc_purpose(q, "fetches the source of", p->version);
	struct kt_err damage = { 0 };
	int r;

	if (!name)
		return kt_fail(e, KT_E_HOST, ENOMEM, "get the source of %s", p->version);
	r = kc_work_begin(q->cache_dir, name, why, q->o->progress, &w, e);
	if (r < 0)
		return r;
	/* Another process may have made it while we waited. */
	r = load(q->cache_dir, p, ret, &damage);
	if (r == -EBADMSG)
		r = put_away(q->cache_dir, p->key, w.dir, &damage, e);
	else if (r < 0 && r != -ENOENT && e)
		*e = damage;
	if (r < 0 && r != -ENOENT)
		return r;
	return ret->dir ? 0 : make(q, p, &w, ret, e);
}

int kc_tree_get(const struct kc_request *q, const struct kc_pick *p, struct kc_tree *ret,
		struct kt_err *e)
{
	kt_auto(kc_tree) struct kc_tree t = KC_TREE_NONE;
	struct kt_err why = { 0 };
	char text[KT_ERR_TEXT_BYTES];
	int r = load(q->cache_dir, p, &t, &why);

	if (r < 0 && r != -ENOENT && r != -EBADMSG) {
		if (e)
			*e = why;
		return r;
	}
	if (r < 0 && q->o->offline && !kc_tree_is_at_hand(q, p))
		return kt_fail(
			e, KT_E_KERNEL, ENOENT,
			"the source of %s is not in the cache%s%s%s; run 'ktstr-make kernel fetch %s' once with a network",
			p->version, r == -EBADMSG ? " undamaged (" : "",
			r == -EBADMSG ? kt_err_text(&why, text, sizeof(text)) : "",
			r == -EBADMSG ? ")" : "", q->spec);
	if (r < 0)
		r = load_or_make(q, p, &t, e);
	if (r < 0)
		return r;
	*ret = t;
	t = (struct kc_tree)KC_TREE_NONE;
	return 0;
}
