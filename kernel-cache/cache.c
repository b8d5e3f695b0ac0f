/* SPDX-License-Identifier: GPL-2.0-only */
/* Where the cache is, and the way from a spec to an entry. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel-cache/internal.h"

char *kc_default_dir(void)
{
	const char *own = getenv("KTSTR_CACHE_DIR");
	const char *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");

	if (own && *own)
		return strdup(own);
	if (xdg && xdg[0] == '/') /* the specification: a relative one is to be ignored */
		return kt_fmt("%s/ktstr", xdg);
	return kt_fmt("%s/.cache/ktstr", home && *home ? home : "/root");
}

/* Entries carry absolute paths, whatever the directory was given as. */
static int absolute_cache(const char *given, char **ret, struct kt_err *e)
{
	kt_auto(mem) char *dir = given ? strdup(given) : kc_default_dir();
	kt_auto(mem) char *here = NULL;
	size_t len;

	if (!dir)
		return kt_fail(e, KT_E_HOST, ENOMEM, "find the kernel cache");
	if (dir[0] != '/') {
		char *absolute;

		here = getcwd(NULL, 0);
		if (!here)
			return kt_fail(e, KT_E_HOST, errno, "find the working directory");
		absolute = kt_fmt("%s/%s", here, dir);
		if (!absolute)
			return kt_fail(e, KT_E_HOST, ENOMEM, "find the kernel cache");
		free(dir);
		dir = absolute;
	}
	for (len = strlen(dir); len > 1 && dir[len - 1] == '/'; len--)
		dir[len - 1] = '\0';
	*ret = kt_take(dir);
	return 0;
}

struct damaged {
	const char *prefix;
	char key[256];
	char why[KT_ERR_TEXT_BYTES];
};

static void note_damaged(void *ctx, const char *key, const char *why)
{
	struct damaged *d = ctx;

	if (!kt_starts_with(key, d->prefix))
		return;
	(void)kt_snprintf(d->key, sizeof(d->key), "%s", key);
	(void)kt_snprintf(d->why, sizeof(d->why), "%s", why);
}

static int ambiguous(const struct kc_list *l, const char *prefix, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf keys = { 0 };

	for (size_t i = 0; i < l->nr; i++) {
		if (kt_starts_with(l->v[i]->key, prefix))
			kt_buf_addf(&keys, "%s%s", keys.len ? ", " : "", l->v[i]->key);
	}
	return kt_fail(e, KT_E_KERNEL, EINVAL,
		       "several kernels in the cache have a key that begins with '%s': %s", prefix,
		       kt_buf_str(&keys));
}

static int get_by_key(const char *cache_dir, const char *key, struct kc_entry **ret,
		      struct kt_err *e)
{
	struct damaged damaged = { .prefix = key };
	kt_auto(kc_list) struct kc_list l = { 0 };
	size_t found = 0, which = 0;
	int r = kc_list(cache_dir, &l, note_damaged, &damaged, e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < l.nr; i++) {
		if (!kt_starts_with(l.v[i]->key, key))
			continue;
		found++;
		which = i;
		if (kt_streq(l.v[i]->key, key)) {
			found = 1;
			break;
		}
	}
	if (found > 1)
		return ambiguous(&l, key, e);
	if (found == 1) {
		*ret = kt_take(l.v[which]);
		return 0;
	}
	if (damaged.key[0])
		return kt_fail(e, KT_E_KERNEL, EBADMSG,
			       "the cached kernel %s is damaged (%s); get it again by its source",
			       damaged.key, damaged.why);
	return kt_fail(
		e, KT_E_KERNEL, ENOENT,
		"no kernel in the cache has a key that begins with '%s'; 'ktstr-make kernel list' shows them",
		key);
}

static int get(const struct kc_request *q, struct kc_entry **ret, struct kt_err *e)
{
	switch (q->parsed.form) {
	case KC_FORM_DEBIAN_CLOUD:
		return kc_debian_get(q, ret, e);
	case KC_FORM_PATH:
		if (!kc_path_is_source(q))
			return kc_local_get(q->cache_dir, q->spec, q->parsed.arg, q->o, ret, e);
		return kc_built_get(q, ret, e);
	case KC_FORM_KEY:
		return get_by_key(q->cache_dir, q->parsed.arg, ret, e);
	case KC_FORM_RANGE:
		return kt_fail(e, KT_E_CONFIG, EINVAL,
			       "'%s' stands for several kernels where one is wanted", q->spec);
	case KC_FORM_DEBIAN_SOURCE:
	case KC_FORM_GIT:
	case KC_FORM_TARBALL:
	case KC_FORM_STABLE:
	case KC_FORM_SERIES:
	case KC_FORM_VERSION:
		return kc_built_get(q, ret, e);
	}
	return kt_fail(e, KT_E_INTERNAL, EINVAL, "kernel source form %d", (int)q->parsed.form);
}

int kc_request_begin(const char *spec, const struct kc_opts *o, struct kc_request_own *ret,
		     struct kt_err *e)
{
	static const struct kc_build_opts build_defaults = { 0 };
	kt_auto(kc_request_own) struct kc_request_own own = { 0 };
	int r;

	if (o)
		own.opts = *o;
	if (!own.opts.build)
		own.opts.build = &build_defaults;
	own.q.spec = spec;
	r = kc_spec_parse(spec, &own.q.parsed, e);
	if (r == 0)
		r = absolute_cache(own.opts.cache_dir, &own.cache_dir, e);
	if (r < 0)
		return r;
	*ret = own;
	own = (struct kc_request_own){ 0 };
	ret->q.cache_dir = ret->cache_dir;
	ret->q.o = &ret->opts;
	return 0;
}

void kc_request_end(struct kc_request_own *own)
{
	kc_spec_done(&own->q.parsed);
	free(own->cache_dir);
	own->cache_dir = NULL;
}

int kc_get(const char *spec, const struct kc_opts *o, struct kc_entry **ret, struct kt_err *e)
{
	kt_auto(kc_request_own) struct kc_request_own own = { 0 };
	kt_auto(kc_entry) struct kc_entry *k = NULL;
	char *asked;
	int r = kc_request_begin(spec, o, &own, e);

	if (r == 0)
		r = get(&own.q, &k, e);
	if (r < 0 || !k)
		return r;
	/* One entry can be had by several specs. */
	asked = strdup(spec);
	if (!asked)
		return kt_fail(e, KT_E_HOST, ENOMEM, "get kernel '%s'", spec);
	free(k->spec);
	k->spec = asked;
	kc_entry_touch(own.cache_dir, k->key);
	k->last_used = time(NULL);
	*ret = kt_take(k);
	return 0;
}
