/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernels by their version number: which tarball of kernel.org, or of its mirror, "stable", 6.12 or 6.12.40 is. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/source/kernelorg.h"

static const char *keyring(void)
{
	const char *set = getenv("KTSTR_KERNEL_KEYRING");

	return set && *set ? set : NULL;
}

static int no_memory(const struct kc_request *q, struct kt_err *e)
{
	return kt_fail(e, KT_E_HOST, ENOMEM, "look up kernel '%s'", q->spec);
}

static struct kc_document document(const struct kc_request *q, const char *url, const char *what)
{
	return (struct kc_document){ .cache_dir = q->cache_dir,
				     .url = url,
				     .what = what,
				     .offline = q->o->offline,
				     .progress = q->o->progress };
}

int kc_kernelorg_releases(const struct kc_request *q, const struct kc_site *s, bool refresh,
			  struct kc_releases *ret, struct kt_err *e)
{
	struct kc_document d = document(q, s->releases, "the list of kernel releases");
	kt_auto(kc_answer) struct kc_answer a = { 0 };
	int r;

	d.name = KC_RELEASES_NAME;
	r = kc_document_get(&d, refresh, &a, e);
	return r < 0 ? r : kc_releases_parse(a.text, s->releases, ret, e);
}

int kc_kernelorg_listed(const struct kc_request *q, const struct kc_site *s,
			const struct kc_kver *series, bool refresh, struct kc_kver *ret,
			struct kt_err *e)
{
	kt_auto(mem) char *url = kc_site_dir(s, series);
	kt_auto(kc_answer) struct kc_answer a = { 0 };
	struct kc_document d = document(q, url, "the list of kernel tarballs");
	struct kc_kver newest;
	char name[KC_KVER_BYTES];
	int r;

	if (!url)
		return no_memory(q, e);
	d.html = true;
	r = kc_document_get(&d, refresh, &a, e);
	if (r < 0)
		return r;
	r = kc_listing_newest(a.text, series, ret, &newest);
	if (r == 0)
		return 0;
	if (!newest.major)
		return kt_fail(e, KT_E_KERNEL, ENOENT, "'%s' lists no kernel tarballs", url);
	return kt_fail(e, KT_E_KERNEL, ENOENT, "'%s' has no linux-%u.%u.*; the newest there is %s",
		       url, series->major, series->minor, kc_kver_name(&newest, name));
}

static int resolve_series(const struct kc_request *q, const struct kc_site *s,
			  const struct kc_kver *series, bool refresh, struct kc_kver *ret,
			  struct kt_err *e)
{
	kt_auto(kc_releases) struct kc_releases all = { 0 };
	const struct kc_kver *v;
	char name[KC_KVER_BYTES];
	int r = kc_kernelorg_releases(q, s, refresh, &all, e);

	if (r < 0)
		return r;
	v = kc_releases_of_series(&all, series);
	if (v) {
		*ret = *v;
		return 0;
	}
	v = kc_releases_rc_of(&all, series);
	if (v)
		return kt_fail(e, KT_E_KERNEL, ENOENT,
			       "there is no release of %u.%u yet; the newest is %s", series->major,
			       series->minor, kc_kver_name(v, name));
	return kc_kernelorg_listed(q, s, series, refresh, ret, e);
}

static int resolve_stable(const struct kc_request *q, const struct kc_site *s, bool refresh,
			  struct kc_kver *ret, struct kt_err *e)
{
	kt_auto(kc_releases) struct kc_releases all = { 0 };
	const struct kc_kver *v;
	int r = kc_kernelorg_releases(q, s, refresh, &all, e);

	if (r < 0)
		return r;
	v = kc_releases_stable(&all);
	if (!v)
		return kt_fail(e, KT_E_KERNEL, ENOENT, "'%s' has no stable release", s->releases);
	*ret = *v;
	return 0;
}

static int no_sum(const char *url, const struct kc_kver *v, const struct kc_kver *newest,
		  struct kt_err *e)
{
	char name[KC_KVER_BYTES], last[KC_KVER_BYTES];

	kc_kver_name(v, name);
	if (!newest->major)
		return kt_fail(e, KT_E_KERNEL, ENOENT,
			       "%s is not there ('%s'), nor any other %u.%u", name, url, v->major,
			       v->minor);
	return kt_fail(e, KT_E_KERNEL, ENOENT, "%s is not there ('%s'); the newest %u.%u is %s",
		       name, url, v->major, v->minor, kc_kver_name(newest, last));
}

/* From the directory's file of checksums; one that is remembered may be older than the version. */
static int find_sum(const struct kc_request *q, const struct kc_site *s, const struct kc_kver *v,
		    const char *tarball, bool refresh, char ret[static KT_SHA256_HEX],
		    struct kt_err *e)
{
	kt_auto(mem) char *dir = kc_site_dir(s, v);
	kt_auto(mem) char *url = dir ? kt_fmt("%ssha256sums.asc", dir) : NULL;
	struct kc_document d = document(q, url, "the checksums of kernel tarballs");
	struct kc_kver newest = { 0 };

	if (!url)
		return no_memory(q, e);
	d.keyring = keyring();
	for (;;) {
		kt_auto(kc_answer) struct kc_answer a = { 0 };
		int r = kc_document_get(&d, refresh, &a, e);

		if (r < 0)
			return r;
		r = kc_sums_find(a.text, v, ret, &newest);
		if (r == 0)
			return 0;
		if (r == -EBADMSG)
			return kt_fail(e, KT_E_KERNEL, EBADMSG,
				       "'%s' has two different checksums of '%s'", url, tarball);
		if (refresh || q->o->offline || !a.remembered)
			return no_sum(tarball, v, &newest, e);
		refresh = true;
	}
}

static int make_pick(const struct kc_request *q, const char *url, const char *version,
		     const char *sha256, struct kc_pick *ret, struct kt_err *e)
{
	kt_auto(kc_pick) struct kc_pick p = { 0 };

	p.key = kc_make_key(version, 's', sha256);
	p.package = kt_fmt("linux-%s", version);
	if (!p.key || !p.package || kc_dup(version, &p.version) < 0 ||
	    kc_dup(url, &p.image.url) < 0 || kc_dup(sha256, &p.image.sha256) < 0)
		return no_memory(q, e);
	*ret = p;
	p = (struct kc_pick){ 0 };
	return 0;
}

/* A version that was released never changes: what was found out about it is remembered by its URL. */
static void pick_name(const char *url, char ret[static KC_ANSWER_NAME_BYTES])
{
	const char *const parts[] = { "released", url, keyring() };

	kc_answer_name(parts, sizeof(parts) / sizeof(parts[0]), ret);
}

static int recall(const char *cache_dir, const char *name, struct kc_pick *ret)
{
	kt_auto(kc_answer) struct kc_answer a = { 0 };

	if (kc_answer_read(cache_dir, name, &a) < 0 || !a.pick.key)
		return -ENOENT;
	*ret = a.pick;
	a.pick = (struct kc_pick){ 0 };
	return 0;
}

/* @p is borrowed. */
static int remember(const struct kc_request *q, const char *name, const char *from,
		    const struct kc_pick *p, struct kt_err *e)
{
	const struct kc_answer a = { .fetched = time(NULL), .from = (char *)from, .pick = *p };
	kt_auto(kc_pick) struct kc_pick known = { 0 };

	if (!p->key || !p->image.url)
		return kt_fail(e, KT_E_INTERNAL, EINVAL, "a pick without key or URL");
	if (recall(q->cache_dir, name, &known) == 0 && kt_streq(known.key, p->key) &&
	    kt_streq(known.image.url, p->image.url))
		return 0;
	return kc_answer_write(q->cache_dir, name, &a, e);
}

static int pick_rc(const struct kc_request *q, const char *url, const char *version, bool refresh,
		   struct kc_pick *ret, struct kt_err *e)
{
	kt_auto(mem) char *package = kt_fmt("linux-%s", version);
	const struct kc_tarball t = {
		.url = url, .package = package, .version = version, .forever = true
	};

	return package ? kc_tarball_pick(q, &t, refresh, ret, e) : no_memory(q, e);
}

static int pick_version(const struct kc_request *q, const struct kc_site *s,
			const struct kc_kver *v, bool refresh, struct kc_pick *ret,
			struct kt_err *e)
{
	kt_auto(mem) char *url = kc_site_tarball(s, v);
	char sum[KT_SHA256_HEX], version[KC_KVER_BYTES], name[KC_ANSWER_NAME_BYTES];
	int r;

	if (!url)
		return no_memory(q, e);
	kc_kver_name(v, version);
	if (v->rc)
		return pick_rc(q, url, version, refresh, ret, e);
	pick_name(url, name);
	if (!refresh && recall(q->cache_dir, name, ret) == 0)
		return 0;
	r = find_sum(q, s, v, url, refresh, sum, e);
	if (r == 0)
		r = make_pick(q, url, version, sum, ret, e);
	if (r < 0)
		return kt_context(e, r, "look up kernel %s", version);
	return remember(q, name, url, ret, e);
}

static int bad_version(const struct kc_request *q, struct kt_err *e)
{
	return kt_fail(e, KT_E_CONFIG, EINVAL, "'%s' is no kernel version", q->parsed.arg);
}

/* What "stable" or a series was the last time; the mirror is a part of it. */
static void spec_name(const struct kc_request *q, const struct kc_site *s,
		      char ret[static KC_ANSWER_NAME_BYTES])
{
	const char *const parts[] = { "newest", s->releases, keyring(),
				      q->parsed.form == KC_FORM_STABLE ? "stable" : q->parsed.arg };

	kc_answer_name(parts, sizeof(parts) / sizeof(parts[0]), ret);
}

static int newest_of(const struct kc_request *q, const struct kc_site *s, bool refresh,
		     struct kc_kver *ret, struct kt_err *e)
{
	struct kc_kver series;
	int r;

	if (q->parsed.form == KC_FORM_STABLE) {
		r = resolve_stable(q, s, refresh, ret, e);
		return r < 0 ? kt_context(e, r, "look up the newest stable kernel") : 0;
	}
	if (kc_kver_parse(q->parsed.arg, &series) < 0)
		return bad_version(q, e);
	r = resolve_series(q, s, &series, refresh, ret, e);
	return r < 0 ? kt_context(e, r, "look up the newest %s kernel", q->parsed.arg) : 0;
}

static int newest(const struct kc_request *q, bool refresh, struct kc_pick *ret, struct kt_err *e)
{
	kt_auto(kc_site) struct kc_site s = { 0 };
	kt_auto(kc_pick) struct kc_pick p = { 0 };
	char name[KC_ANSWER_NAME_BYTES];
	struct kc_kver v = { 0 };
	int r = kc_site_init(q->o, &s, e);

	if (r < 0)
		return r;
	if (q->parsed.form == KC_FORM_VERSION) {
		if (kc_kver_parse(q->parsed.arg, &v) < 0)
			return bad_version(q, e);
		return pick_version(q, &s, &v, refresh, ret, e);
	}
	r = newest_of(q, &s, refresh, &v, e);
	if (r == 0)
		r = pick_version(q, &s, &v, refresh, &p, e);
	if (r < 0)
		return r;
	spec_name(q, &s, name);
	r = remember(q, name, s.releases, &p, e);
	if (r < 0)
		return r;
	*ret = p;
	p = (struct kc_pick){ 0 };
	return 0;
}

static int last(const struct kc_request *q, struct kc_pick *ret, struct kt_err *e)
{
	kt_auto(kc_site) struct kc_site s = { 0 };
	kt_auto(mem) char *url = NULL;
	char name[KC_ANSWER_NAME_BYTES];
	struct kc_kver v;
	int r = kc_site_init(q->o, &s, e);

	if (r < 0)
		return r;
	if (q->parsed.form != KC_FORM_VERSION) {
		spec_name(q, &s, name);
		return recall(q->cache_dir, name, ret);
	}
	if (kc_kver_parse(q->parsed.arg, &v) < 0)
		return bad_version(q, e);
	url = kc_site_tarball(&s, &v);
	if (!url)
		return no_memory(q, e);
	if (v.rc)
		return kc_tarball_last(q, url, ret);
	pick_name(url, name);
	return recall(q->cache_dir, name, ret);
}

const struct kc_resolver kc_kernelorg_resolver = { .newest = newest, .last = last };
