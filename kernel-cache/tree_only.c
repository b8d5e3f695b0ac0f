/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernels that need not be built yet: their source fetched, or where it is, or what they would be configured as. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel-cache/build/build.h"

static int get_tree(const struct kc_request *q, const struct kc_pick *p, void *ret,
		    struct kt_err *e)
{
	struct kc_tree tree = KC_TREE_NONE;
	int r = kc_tree_get(q, p, &tree, e);

	if (r < 0)
		return r;
	kc_tree_done(ret); /* of an earlier attempt */
	*(struct kc_tree *)ret = tree;
	return 0;
}

/* The source tree of a spec that is to be built. */
static int find_tree(const struct kc_request *q, struct kc_tree *ret, struct kt_err *e)
{
	const struct kc_resolver *by = kc_resolver_of(q->parsed.form);
	kt_auto(mem) char *path = NULL;

	if (by)
		return kc_with_pick(q, by, get_tree, ret, e);
	if (q->parsed.form == KC_FORM_PATH) {
		path = kc_project_path(q->o->project_dir, q->parsed.arg);
		if (!path)
			return kt_fail(e, KT_E_HOST, ENOMEM, "find the source of '%s'", q->spec);
		if (access(path, F_OK) < 0)
			return kt_fail(e, KT_E_KERNEL, errno, "there is no kernel at '%s': %s",
				       path, strerror(errno));
	}
	if (!path || !kc_own_tree_is(path))
		return kt_fail(
			e, KT_E_CONFIG, EINVAL,
			"kernel '%s' is prebuilt: there is no source to configure; choose one that is built from source, such as '6.12' or debian:SUITE/linux-source-VERSION",
			q->spec);
	return kc_own_tree_get(q, path, ret, e);
}

void kc_fetched_done(struct kc_fetched *f)
{
	free(f->key);
	free(f->release);
	free(f->dir);
	free(f->notes);
	*f = (struct kc_fetched){ 0 };
}

static int fetched(const char *key, const char *release, const char *dir, const char *notes,
		   struct kc_fetched *ret, struct kt_err *e)
{
	kt_auto(kc_fetched) struct kc_fetched f = { 0 };

	if (kc_dup(key ? key : "-", &f.key) < 0 || kc_dup(release, &f.release) < 0 ||
	    kc_dup(dir, &f.dir) < 0 || kc_dup(notes, &f.notes) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "fetch '%s'", dir);
	*ret = f;
	f = (struct kc_fetched){ 0 };
	return 0;
}

int kc_fetch_only(const char *spec, const struct kc_opts *o, struct kc_fetched *ret,
		  struct kt_err *e)
{
	kt_auto(kc_request_own) struct kc_request_own own = { 0 };
	kt_auto(kc_tree) struct kc_tree tree = KC_TREE_NONE;
	kt_auto(kc_entry) struct kc_entry *k = NULL;
	int r = kc_request_begin(spec, o, &own, e);

	if (r < 0)
		return r;
	if (!kc_resolver_of(own.q.parsed.form) &&
	    !(own.q.parsed.form == KC_FORM_PATH && kc_path_is_source(&own.q))) {
		r = kc_get(spec, o, &k, e);
		return r < 0 ? r : fetched(k->key, k->release, k->dir, k->notes, ret, e);
	}
	r = find_tree(&own.q, &tree, e);
	return r < 0 ? r : fetched(tree.key, tree.version, tree.dir, NULL, ret, e);
}

int kc_source_dir(const struct kc_entry *k, const struct kc_opts *o, char **ret, int *ret_use_fd,
		  struct kt_err *e)
{
	kt_auto(kc_request_own) struct kc_request_own own = { 0 };
	kt_auto(kc_tree) struct kc_tree tree = KC_TREE_NONE;
	struct kc_pick p = {
		.key = k->source_key,
		.package = k->source_key,
		.version = k->version,
		.commit = k->commit,
		.image = { .url = k->url, .sha256 = k->sha256 },
	};
	int r;

	if (k->dirty && k->url && kt_starts_with(k->url, "file://")) {
		*ret_use_fd = -1;
		*ret = strdup(k->url + strlen("file://"));
		return *ret ? 0 : kt_fail(e, KT_E_HOST, ENOMEM, "find the source of %s", k->key);
	}
	if (!k->source_key || !k->url)
		return kt_fail(
			e, KT_E_KERNEL, ENOENT,
			"kernel %s was not built by ktstr-make, so its source is not known; use a kernel that is built from source",
			k->key);
	r = kc_request_begin(k->spec, o, &own, e);
	if (r == 0)
		r = kc_tree_get(&own.q, &p, &tree, e);
	if (r < 0)
		return kt_context(e, r, "get the source of kernel %s", k->key);
	*ret = kt_take(tree.dir);
	*ret_use_fd = tree.use_fd;
	tree.use_fd = -1;
	return 0;
}

/* ---- what it would be configured as ---- */

int kc_config(const char *spec, const struct kc_opts *o, struct kc_config_report *ret,
	      struct kt_err *e)
{
	kt_auto(kc_request_own) struct kc_request_own own = { 0 };
	kt_auto(kc_tree) struct kc_tree tree = KC_TREE_NONE;
	kt_auto(kc_plan) struct kc_plan plan = { 0 };
	kt_auto(kc_work) struct kc_work w = KC_WORK_NONE;
	char name[KC_HASH_NAME_BYTES];
	struct kc_kernel k = { .q = &own.q, .plan = &plan, .tree = &tree };
	int r = kc_request_begin(spec, o, &own, e);

	if (r == 0)
		r = find_tree(&own.q, &tree, e);
	if (r == 0)
		r = kc_plan_make(&own.q, NULL, tree.version, &plan, e);
	kc_hash_name("config", spec, name);
	if (r == 0)
		r = kc_work_begin(own.cache_dir, name, NULL, own.opts.progress, &w, e);
	if (r < 0)
		return r;
	k.work = w.dir;
	k.objects = w.dir;
	return kc_kernel_configure(&k, ret, e);
}
