/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernels that have to be built: looked for here, in the shared cache, and made when they are nowhere. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "kernel-cache/build/build.h"

const struct kc_resolver *kc_resolver_of(enum kc_form form)
{
	switch (form) {
	case KC_FORM_DEBIAN_SOURCE:
		return &kc_debian_source_resolver;
	case KC_FORM_GIT:
		return &kc_git_resolver;
	case KC_FORM_TARBALL:
		return &kc_tarball_resolver;
	case KC_FORM_STABLE:
	case KC_FORM_SERIES:
	case KC_FORM_VERSION:
		return &kc_kernelorg_resolver;
	case KC_FORM_DEBIAN_CLOUD:
	case KC_FORM_PATH:
	case KC_FORM_RANGE:
	case KC_FORM_KEY:
		break;
	}
	return NULL;
}

static const char *source_id(const struct kc_pick *p)
{
	return p->commit ? p->commit : p->image.sha256;
}

static char *full_path(const struct kc_request *q)
{
	return kc_project_path(q->o->project_dir, q->parsed.arg);
}

bool kc_path_is_source(const struct kc_request *q)
{
	kt_auto(mem) char *path = full_path(q);

	return path && kc_own_tree_is(path);
}

/* -ENOENT without text: it is to be made. */
static int load(const struct kc_request *q, const char *key, bool may_move, struct kc_entry **ret,
		struct kt_err *e)
{
	struct kt_err why = { 0 };
	char text[KT_ERR_TEXT_BYTES];
	int r = kc_entry_load(q->cache_dir, key, ret, &why);

	if (r == -EBADMSG && may_move)
		r = kc_move_damaged(q->cache_dir, key, kt_err_text(&why, text, sizeof(text)), e);
	else if (r < 0 && r != -ENOENT && r != -EBADMSG && e)
		*e = why;
	if (r == -EBADMSG || (r == 0 && !*ret))
		r = -ENOENT;
	return r;
}

static int load_made(const struct kc_request *q, const char *key, struct kc_entry **ret,
		     struct kt_err *e)
{
	int r = kc_entry_load(q->cache_dir, key, ret, e);

	return r == -ENOENT
		       ? kt_fail(e, KT_E_HOST, ENOENT, "kernel %s vanished from the cache", key)
		       : r;
}

/*
 * What a build that was killed has left. Its last compilers may be at it for a moment yet, so it is moved first: they are
 * in that directory and go with it, and nothing of theirs gets into ours.
 */
static int clear_objects(const char *objects, const char *work, struct kt_err *e)
{
	kt_auto(mem) char *aside = kt_fmt("%s/dead-objects", work);
	int r;

	if (!aside)
		return kt_fail(e, KT_E_HOST, ENOMEM, "remove '%s'", objects);
	r = kt_remove_tree(aside, e);
	if (r < 0)
		return r;
	if (rename(objects, aside) < 0)
		return errno == ENOENT ? 0
				       : kt_fail(e, KT_E_HOST, errno, "rename '%s' to '%s'",
						 objects, aside);
	(void)kt_remove_tree(aside, NULL); /* if not now, then with the work directory */
	return 0;
}

/* What is committed is built of nothing but that: no object of before is believed. */
static int build_anew(const struct kc_kernel *k, char **ret_key, struct kt_err *e)
{
	int r = clear_objects(k->objects, k->work, e);

	if (r == 0)
		r = kc_kernel_build(k, ret_key, e);
	/* The source is here: whatever is not, kc_with_pick must not take for a source that is gone. */
	return r == -ENOENT ? -EIO : r;
}

/*
 * Of a tree of the user's own that is as committed: objects stay until the next build of that directory, whatever its
 * commit and configuration, for the headers that the build has made, which an editor needs.
 */
static int build_own(struct kc_kernel *k, char **ret_key, struct kt_err *e)
{
	const char *cache_dir = k->q->cache_dir;
	kt_auto(mem) char *own_dir = realpath(k->pick->package, NULL);
	kt_auto(mem) char *of = own_dir ? kt_fmt("committed %s", own_dir) : NULL;
	kt_auto(mem) char *objects = NULL, *why = NULL;
	kt_auto(lock) struct kt_lock lock = KT_LOCK_NONE;
	char name[KC_HASH_NAME_BYTES];
	int r;

	if (!own_dir)
		return kt_fail(e, KT_E_HOST, errno, "find '%s'", k->pick->package);
	if (of)
		kc_hash_name("objects", of, name);
	objects = of ? kt_fmt("%s/objects/%s", cache_dir, name) : NULL;
	if (!objects)
		return kt_fail(e, KT_E_HOST, ENOMEM, "build kernel '%s'", k->q->spec);
	why = kc_purpose(k->q, "builds", k->tree->version);
	/* Whoever has this lock needs no other that we hold. */
	r = kc_lock(cache_dir, name, why, k->q->o->progress, &lock, e);
	if (r < 0)
		return r;
	k->own_dir = own_dir;
	k->objects = objects;
	r = build_anew(k, ret_key, e);
	kc_entry_touch(cache_dir, name);
	if (r < 0)
		(void)clear_objects(objects, k->work,
				    NULL); /* if not now, then by the next build */
	return r;
}

/* Under the lock of its key, with @work as the place to work in. */
static int make_entry(const struct kc_request *q, const struct kc_pick *p,
		      const struct kc_plan *plan, const struct kc_tree *tree, const char *work,
		      char **ret_key, struct kt_err *e)
{
	kt_auto(mem) char *objects = kt_fmt("%s/objects", work);
	struct kc_kernel k = {
		.q = q,
		.plan = plan,
		.tree = tree,
		.pick = p,
		.work = work,
		.objects = objects,
	};

	if (!objects)
		return kt_fail(e, KT_E_HOST, ENOMEM, "build kernel '%s'", q->spec);
	return q->parsed.form == KC_FORM_PATH ? build_own(&k, ret_key, e)
					      : build_anew(&k, ret_key, e);
}

static int fetch_and_make(const struct kc_request *q, const struct kc_pick *p,
			  const struct kc_plan *plan, const char *work, struct kt_err *e)
{
	kt_auto(kc_tree) struct kc_tree tree = KC_TREE_NONE;
	kt_auto(mem) char *key = NULL;
	int r = q->o->build->rebuild ? -ENOENT : kc_remote_get(q->cache_dir, plan->key, q->o, e);

	if (r != -ENOENT)
		return r;
	r = kc_tree_get(q, p, &tree, e);
	if (r == 0)
		r = make_entry(q, p, plan, &tree, work, &key, e);
	if (r == 0)
		kc_remote_put(q->cache_dir, plan->key, q->o);
	return r;
}

/* What is there under the key is in the way of a kernel that is to be built again. */
static int remove_old(const struct kc_request *q, const char *key, struct kt_err *e)
{
	kt_auto(fd) int claim = -1;
	int r = kc_use_claim(q->cache_dir, key, &claim, e);

	if (r == -EWOULDBLOCK)
		return kt_fail(
			e, KT_E_HOST, EBUSY,
			"kernel %s is in use, so it cannot be built again now; wait until the run that uses it has ended",
			key);
	return r < 0 ? r : kc_entry_remove(q->cache_dir, key, e);
}

static int get_built(const struct kc_request *q, const struct kc_pick *p, void *ret_entry,
		     struct kt_err *e)
{
	kt_auto(kc_plan) struct kc_plan plan = { 0 };
	kt_auto(kc_work) struct kc_work w = KC_WORK_NONE;
	kt_auto(mem) char *why = NULL;
	struct kc_entry **ret = ret_entry;
	bool rebuild = q->o->build->rebuild;
	int r = kc_plan_make(q, source_id(p), p->version, &plan, e);

	if (r < 0)
		return r;
	r = rebuild ? -ENOENT : load(q, plan.key, false, ret, e);
	if (r == 0)
		kc_remove_left(q->cache_dir, plan.key);
	if (r != -ENOENT)
		return r;
	why = kc_purpose(q, "builds", p->version);
	r = kc_work_begin(q->cache_dir, plan.key, why, q->o->progress, &w, e);
	if (r < 0)
		return r;
	/* Another process may have made it while we waited. */
	r = rebuild ? remove_old(q, plan.key, e) : load(q, plan.key, true, ret, e);
	if (!rebuild && r != -ENOENT)
		return r;
	if (r == 0 || r == -ENOENT)
		r = fetch_and_make(q, p, &plan, w.dir, e);
	return r < 0 ? r : load_made(q, plan.key, ret, e);
}

/* ---- a tree of the user's own ---- */

/* As make ended by itself, or never began: what is there is whole. */
static bool ended(int r, const struct kt_err *e)
{
	return r == 0 || (r != -EINTR && (e->kind == KT_E_BUILD || e->kind == KT_E_KERNEL ||
					  e->kind == KT_E_TOOL));
}

static int build_again(const struct kc_kernel *k, char **ret_key, struct kt_err *e)
{
	struct kt_err why = { 0 };
	int r = kc_objects_begin(k->objects, &why);

	if (r == 0) {
		r = kc_kernel_build(k, ret_key, &why);
		if (ended(r, &why))
			kc_objects_end(k->objects);
	}
	if (r < 0 && e)
		*e = why;
	return r;
}

/* Objects stay from one build to the next: only what was edited is compiled again. */
static int get_dirty(const struct kc_request *q, const struct kc_tree *tree, struct kc_entry **ret,
		     struct kt_err *e)
{
	kt_auto(kc_plan) struct kc_plan plan = { 0 };
	kt_auto(kc_work) struct kc_work w = KC_WORK_NONE;
	kt_auto(mem) char *objects = NULL, *key = NULL, *why = NULL, *of = NULL;
	char name[KC_HASH_NAME_BYTES];
	struct kc_kernel k = { .q = q, .plan = &plan, .tree = tree, .own_dir = tree->dir };
	int r = kc_plan_make(q, NULL, tree->version, &plan, e);

	if (r < 0)
		return r;
	of = kt_fmt("%s %s %s %s %s", tree->dir, plan.config.hash, plan.toolchain.cc_text,
		    plan.toolchain.ld_text,
		    plan.toolchain.pahole_text ? plan.toolchain.pahole_text : "");
	if (!of)
		return kt_fail(e, KT_E_HOST, ENOMEM, "build kernel '%s'", q->spec);
	kc_hash_name("objects", of, name);
	why = kc_purpose(q, "builds", tree->version);
	objects = kt_fmt("%s/objects/%s", q->cache_dir, name);
	r = kc_work_begin(q->cache_dir, name, why, q->o->progress, &w, e);
	if (r < 0)
		return r;
	k.work = w.dir;
	k.objects = objects;
	r = objects ? build_again(&k, &key, e)
		    : kt_fail(e, KT_E_HOST, ENOMEM, "build kernel '%s'", q->spec);
	kc_entry_touch(q->cache_dir, name);
	if (r == 0)
		r = load_made(q, key, ret, e);
	if (r == 0)
		kc_drop_old_dirty(q->cache_dir, q->spec, key);
	return r;
}

static int get_own(const struct kc_request *q, struct kc_entry **ret, struct kt_err *e)
{
	kt_auto(kc_tree) struct kc_tree tree = KC_TREE_NONE;
	kt_auto(mem) char *path = full_path(q);
	struct kc_pick p = { 0 };
	int r;

	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "build kernel '%s'", q->spec);
	r = kc_own_tree_get(q, path, &tree, e);
	if (r < 0)
		return r;
	if (tree.dirty)
		return get_dirty(q, &tree, ret, e);
	p.key = tree.key;
	p.package = path;
	p.version = kc_commit_version(tree.commit); /* as of git+URL: it is the same kernel */
	p.commit = tree.commit;
	p.image.url = kc_own_tree_url(path);
	r = p.image.url && p.version ? get_built(q, &p, ret, e)
				     : kt_fail(e, KT_E_HOST, ENOMEM, "build kernel '%s'", q->spec);
	free(p.version);
	free(p.image.url);
	return r;
}

int kc_built_get(const struct kc_request *q, struct kc_entry **ret, struct kt_err *e)
{
	kt_auto(kc_entry) struct kc_entry *k = NULL;
	int r;

	if (q->parsed.form == KC_FORM_PATH)
		r = get_own(q, &k, e);
	else
		r = kc_with_pick(q, kc_resolver_of(q->parsed.form), get_built, &k, e);
	if (r < 0)
		return r;
	*ret = kt_take(k);
	return 0;
}
