/* SPDX-License-Identifier: GPL-2.0-only */
/* Asking a mirror for a suite's newest kernel, and remembering the answer for a while. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-cache/internal.h"

#define RELEASE_BYTES_MAX (UINT64_C(16) << 20)
#define PACKAGES_BYTES_MAX (UINT64_C(256) << 20)

/* What is looked up. */
struct lookup {
	const char *cache_dir, *suite;
	const char *package; /* NULL: the prebuilt cloud kernel */
	const struct kc_progress *progress;
	char name[KC_ANSWER_NAME_BYTES];
};

/* Everything that can change the answer, other than the mirror's contents and apt's own configuration. */
static struct lookup make_lookup(const char *cache_dir, const char *suite, const char *package,
				 const struct kc_progress *progress)
{
	struct lookup l = {
		.cache_dir = cache_dir, .suite = suite, .package = package, .progress = progress
	};
	const char *const parts[] = { "debian", suite, package, kc_debian_keyring(),
				      getenv("KTSTR_DEBIAN_MIRROR") };

	kc_answer_name(parts, sizeof(parts) / sizeof(parts[0]), l.name);
	return l;
}

/* Fetch and verify InRelease in @dir. */
static int get_release(const char *dir, const char *mirror, const char *suite,
		       const struct kc_progress *progress, struct kc_release *ret, struct kt_err *e)
{
	kt_auto(mem) char *url = kt_fmt("%s/dists/%s/InRelease", mirror, suite);
	kt_auto(mem) char *what = kt_fmt("the index of %s", suite);
	kt_auto(mem) char *path = kt_fmt("%s/InRelease", dir);
	kt_auto(mem) char *clear = kt_fmt("%s/Release", dir);
	kt_auto(buf) struct kt_buf text = { 0 };
	bool check_valid_until = true;
	int r;

	if (!url || !what || !path || !clear)
		return kt_fail(e, KT_E_HOST, ENOMEM, "fetch the index of %s", suite);
	r = kc_fetch(&(struct kc_fetch_opts){ .url = url,
					      .as_apt = true,
					      .what = what,
					      .path = path,
					      .max_bytes = RELEASE_BYTES_MAX,
					      .progress = progress },
		     e);
	if (r == 0)
		r = kc_release_verify(path, clear, url, e);
	if (r == 0)
		r = kc_apt_check_valid_until(&check_valid_until, e);
	if (r == 0)
		r = kt_file_read(clear, RELEASE_BYTES_MAX, &text, e);
	if (r < 0)
		return r;
	return kc_release_parse(kt_buf_str(&text), suite, url, check_valid_until, time(NULL), ret,
				e);
}

static int get_packages(const char *path, const char *mirror, const char *suite,
			const struct kc_release *rel, const struct kc_progress *progress,
			struct kt_err *e)
{
	/* By its hash first: the plain name may have moved on since InRelease was read. */
	const char *const names[] = { rel->by_hash_path, rel->packages_path };
	int r = -ENOENT;

	for (size_t i = 0; r == -ENOENT && i < sizeof(names) / sizeof(names[0]); i++) {
		kt_auto(mem) char *url = NULL;
		kt_auto(mem) char *what = NULL;

		if (!names[i])
			continue;
		url = kt_fmt("%s/dists/%s/%s", mirror, suite, names[i]);
		what = kt_fmt("the list of packages of %s", suite);
		if (!url || !what)
			return kt_fail(e, KT_E_HOST, ENOMEM, "fetch the packages of %s", suite);
		r = kc_fetch(&(struct kc_fetch_opts){ .url = url,
						      .as_apt = true,
						      .what = what,
						      .path = path,
						      .sha256 = rel->packages_sha256,
						      .bytes = rel->packages_bytes,
						      .max_bytes = PACKAGES_BYTES_MAX,
						      .progress = progress },
			     e);
	}
	return r;
}

static int read_packages(struct kc_work *w, const struct lookup *l, const struct kc_release *rel,
			 struct kc_answer *a, struct kt_err *e)
{
	/* Named by its sum, so that one that was left half done is continued and no other. */
	kt_auto(mem) char *path = kt_fmt("%s/Packages-%s", w->dir, rel->packages_sha256);
	int r;

	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "fetch the packages of %s", l->suite);
	r = get_packages(path, a->from, l->suite, rel, l->progress, e);
	w->keep = r == -EHOSTUNREACH;
	if (r < 0)
		return r;
	return l->package ? kc_packages_newest_source(path, a->from, l->package, &a->pick, e)
			  : kc_packages_newest_cloud(path, a->from, &a->pick, e);
}

/*
 * @old: what we know already, perhaps nothing; taken over when the list of packages has not changed
 * since.
 */
static int ask_mirror(struct kc_work *w, const struct lookup *l, struct kc_answer *old,
		      struct kc_answer *ret, struct kt_err *e)
{
	kt_auto(kc_release) struct kc_release rel = { 0 };
	kt_auto(kc_answer) struct kc_answer a = { 0 };
	int r = kc_apt_mirror(l->suite, &a.from, e);

	if (r == 0)
		r = get_release(w->dir, a.from, l->suite, l->progress, &rel, e);
	if (r < 0 || !a.from || !rel.packages_sha256)
		return r;
	a.fetched = time(NULL);
	if (old->pick.key && old->validator && kt_streq(old->from, a.from) &&
	    kt_streq(old->validator, rel.packages_sha256)) {
		a.pick = old->pick;
		old->pick = (struct kc_pick){ 0 };
	} else {
		r = read_packages(w, l, &rel, &a, e);
	}
	if (r < 0)
		return r;
	a.validator = kt_take(rel.packages_sha256);
	*ret = a;
	a = (struct kc_answer){ 0 };
	return 0;
}

static int refresh_answer(const struct lookup *l, struct kc_answer *ret, struct kt_err *e)
{
	kt_auto(kc_work) struct kc_work w = KC_WORK_NONE;
	kt_auto(kc_answer) struct kc_answer old = { 0 }, new = { 0 };
	int r = kc_answer_begin(l->cache_dir, l->name, NULL, l->progress, &w, &old, e);

	if (r < 0)
		return r;
	if (r == 1) {
		*ret = old;
		old = (struct kc_answer){ 0 };
		return 0;
	}
	r = ask_mirror(&w, l, &old, &new, e);
	if (r == 0)
		r = kc_answer_write(l->cache_dir, l->name, &new, e);
	if (r < 0)
		return r;
	*ret = new;
	new = (struct kc_answer){ 0 };
	return 0;
}

static void take_pick(struct kc_answer *a, struct kc_pick *ret)
{
	*ret = a->pick;
	a->pick = (struct kc_pick){ 0 };
}

int kc_index_newest_package(const char *cache_dir, const char *suite, const char *package,
			    bool refresh, const struct kc_progress *progress, struct kc_pick *ret,
			    struct kt_err *e)
{
	const struct lookup l = make_lookup(cache_dir, suite, package, progress);
	kt_auto(kc_answer) struct kc_answer a = { 0 };

	if (refresh || kc_answer_read(cache_dir, l.name, &a) < 0 || !a.pick.key ||
	    !kc_answer_is_fresh(&a)) {
		int r;

		kc_answer_done(&a);
		r = refresh_answer(&l, &a, e);
		if (r < 0)
			return kt_context(e, r, "look up the newest %s of Debian %s",
					  package ? package : "cloud kernel", suite);
	}
	take_pick(&a, ret);
	return 0;
}

int kc_index_last_package(const char *cache_dir, const char *suite, const char *package,
			  struct kc_pick *ret, struct kt_err *e)
{
	const struct lookup l = make_lookup(cache_dir, suite, package, NULL);
	kt_auto(kc_answer) struct kc_answer a = { 0 };

	(void)e; /* a memory that cannot be read is none */
	if (kc_answer_read(cache_dir, l.name, &a) < 0 || !a.pick.key)
		return -ENOENT;
	take_pick(&a, ret);
	return 0;
}
