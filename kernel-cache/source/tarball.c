/* SPDX-License-Identifier: GPL-2.0-only */
/* A tarball by its URL or its file: nobody says its checksum, so it is read once to find that out. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-cache/source/kernelorg.h"

/* Followed by the path as it is, not escaped. */
#define FILE_SCHEME "file://"
#define TARBALL_BYTES_MAX (UINT64_C(4) << 30)

static int no_memory(const struct kc_request *q, struct kt_err *e)
{
	return kt_fail(e, KT_E_HOST, ENOMEM, "look up kernel '%s'", q->spec);
}

static int make_pick(const struct kc_request *q, const struct kc_tarball *t, const char *sha256,
		     uint64_t bytes, struct kc_pick *ret, struct kt_err *e)
{
	kt_auto(kc_pick) struct kc_pick p = { .image.bytes = bytes };

	p.key = kc_make_key(t->version, 's', sha256);
	if (!p.key || kc_dup(t->package, &p.package) < 0 || kc_dup(t->version, &p.version) < 0 ||
	    kc_dup(t->url, &p.image.url) < 0 || kc_dup(sha256, &p.image.sha256) < 0)
		return no_memory(q, e);
	*ret = p;
	p = (struct kc_pick){ 0 };
	return 0;
}

static void take_pick(struct kc_answer *a, struct kc_pick *ret)
{
	*ret = a->pick;
	a->pick = (struct kc_pick){ 0 };
}

static void url_name(const char *url, char ret[static KC_ANSWER_NAME_BYTES])
{
	const char *const parts[] = { "tarball", url };

	kc_answer_name(parts, sizeof(parts) / sizeof(parts[0]), ret);
}

static int hash_along(void *ctx, const void *data, size_t len, bool restart, struct kt_err *e)
{
	(void)e; /* nothing can go wrong */
	if (restart)
		kt_sha256_init(ctx);
	kt_sha256_add(ctx, data, len);
	return 0;
}

/* Where kc_tree_get begins, so that nothing is downloaded twice. The tree itself may be there already. */
static int hand_over(const struct kc_request *q, const struct kc_pick *p, const char *path,
		     struct kt_err *e)
{
	kt_auto(kc_work) struct kc_work w = KC_WORK_NONE;
	kt_auto(mem) char *name = kt_fmt("source-%s", p->key);
	kt_auto(mem) char *tree = kt_fmt("%s/sources/%s", q->cache_dir, p->key);
	kt_auto(mem) char *to = NULL;
	int r;

	if (!name || !tree)
		return no_memory(q, e);
	if (access(tree, F_OK) == 0)
		return 0;
	r = kc_work_begin(q->cache_dir, name, NULL, q->o->progress, &w, e);
	if (r < 0)
		return r;
	to = kt_fmt("%s/tarball", w.dir);
	if (!to)
		return no_memory(q, e);
	if (rename(path, to) < 0)
		return kt_fail(e, KT_E_HOST, errno, "rename '%s' to '%s'", path, to);
	w.keep = true;
	return 0;
}

/* @a has what is known, perhaps nothing, and what is known now afterwards. */
static int ask(const struct kc_request *q, const struct kc_tarball *t, const char *dir,
	       struct kc_answer *a, struct kt_err *e)
{
	kt_auto(mem) char *path = kt_fmt("%s/tarball", dir);
	struct kt_sha256 sha;
	char hex[KT_SHA256_HEX];
	struct stat st;
	int r;

	if (!path || (!a->from && kc_dup(t->url, &a->from) < 0))
		return no_memory(q, e);
	kt_sha256_init(&sha);
	r = kc_fetch(&(struct kc_fetch_opts){ .url = t->url,
					      .path = path,
					      .max_bytes = TARBALL_BYTES_MAX,
					      .etag = &a->validator,
					      .tee = hash_along,
					      .tee_ctx = &sha,
					      .progress = q->o->progress },
		     e);
	if (r < 0)
		return r;
	a->fetched = time(NULL);
	if (r == 1)
		return 0;
	if (stat(path, &st) < 0)
		return kt_fail(e, KT_E_HOST, errno, "look at '%s'", path);
	kt_sha256_hex(&sha, hex);
	kc_pick_done(&a->pick);
	r = make_pick(q, t, hex, (uint64_t)st.st_size, &a->pick, e);
	return r < 0 ? r : hand_over(q, &a->pick, path, e);
}

int kc_tarball_pick(const struct kc_request *q, const struct kc_tarball *t, bool refresh,
		    struct kc_pick *ret, struct kt_err *e)
{
	kt_auto(kc_answer) struct kc_answer a = { 0 };
	kt_auto(kc_work) struct kc_work w = KC_WORK_NONE;
	kt_auto(mem) char *purpose = NULL;
	char name[KC_ANSWER_NAME_BYTES];
	int r;

	url_name(t->url, name);
	if (!refresh && kc_answer_read(q->cache_dir, name, &a) == 0 && a.pick.key &&
	    (t->forever || kc_answer_is_fresh(&a))) {
		take_pick(&a, ret);
		return 0;
	}
	kc_answer_done(&a);
	purpose = kc_purpose(q, "fetches", t->package);
	r = kc_answer_begin(q->cache_dir, name, purpose, q->o->progress, &w, &a, e);
	if (r < 0)
		return r;
	if (r == 1 && a.pick.key) {
		take_pick(&a, ret);
		return 0;
	}
	r = ask(q, t, w.dir, &a, e);
	if (r == 0)
		r = kc_answer_write(q->cache_dir, name, &a, e);
	if (r < 0)
		return r;
	take_pick(&a, ret);
	return 0;
}

int kc_tarball_last(const struct kc_request *q, const char *url, struct kc_pick *ret)
{
	kt_auto(kc_answer) struct kc_answer a = { 0 };
	char name[KC_ANSWER_NAME_BYTES];

	url_name(url, name);
	if (kc_answer_read(q->cache_dir, name, &a) < 0 || !a.pick.key)
		return -ENOENT;
	take_pick(&a, ret);
	return 0;
}

/* What people call it, and the version that its name says: "0" when it says none. */
static int name_tarball(const char *url, char **ret_package, char version[static KC_KVER_BYTES])
{
	size_t len = strstr(url, "://") ? strcspn(url, "?#") : strlen(url);
	const char *base = url, *digits;
	struct kc_kver v;

	for (size_t i = 0; i < len; i++) {
		if (url[i] == '/')
			base = url + i + 1;
	}
	*ret_package = strndup(base, len - (size_t)(base - url));
	if (!*ret_package)
		return -ENOMEM;
	(void)kt_snprintf(version, KC_KVER_BYTES, "0");
	digits = strstr(*ret_package, "linux-");
	if (digits && kc_kver_scan(digits + strlen("linux-"), &v, &digits) == 0)
		kc_kver_name(&v, version);
	return 0;
}

static int newest_url(const struct kc_request *q, bool refresh, struct kc_pick *ret,
		      struct kt_err *e)
{
	kt_auto(mem) char *package = NULL;
	char version[KC_KVER_BYTES];
	int r;

	if (name_tarball(q->parsed.arg, &package, version) < 0)
		return no_memory(q, e);
	r = kc_tarball_pick(q,
			    &(struct kc_tarball){
				    .url = q->parsed.arg, .package = package, .version = version },
			    refresh, ret, e);
	return r < 0 ? kt_context(e, r, "look up kernel '%s'", q->spec) : 0;
}

/* --- a file ------------------------------------------------------------------------------------------ */
static int identify(const char *path, char **ret, uint64_t *ret_bytes, struct kt_err *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return kt_fail(e, KT_E_KERNEL, errno, "there is no tarball at '%s': %s", path,
			       strerror(errno));
	if (!S_ISREG(st.st_mode))
		return kt_fail(e, KT_E_KERNEL, EINVAL, "'%s' is no tarball: not a file", path);
	*ret = kc_file_identity(&st);
	*ret_bytes = (uint64_t)st.st_size;
	return *ret ? 0 : kt_fail(e, KT_E_HOST, ENOMEM, "look at '%s'", path);
}

static int real_path(const struct kc_request *q, char **ret, struct kt_err *e)
{
	const char *arg = q->parsed.arg;
	kt_auto(mem) char *joined = NULL;

	if (kt_starts_with(arg, FILE_SCHEME))
		joined = strdup(arg + strlen(FILE_SCHEME));
	else
		joined = kc_project_path(q->o->project_dir, arg);
	if (!joined)
		return no_memory(q, e);
	*ret = realpath(joined, NULL);
	return *ret ? 0
		    : kt_fail(e, KT_E_KERNEL, errno, "there is no tarball at '%s': %s", joined,
			      strerror(errno));
}

static int hash_file(const struct kc_request *q, const char *path, const char *identity,
		     struct kc_pick *ret, struct kt_err *e)
{
	kt_auto(mem) char *url = kt_fmt(FILE_SCHEME "%s", path);
	kt_auto(mem) char *package = NULL;
	kt_auto(mem) char *now = NULL;
	char version[KC_KVER_BYTES], hex[KT_SHA256_HEX];
	uint64_t bytes = 0;
	int r;

	if (!url || name_tarball(path, &package, version) < 0)
		return no_memory(q, e);
	r = kt_sha256_file(path, hex, e);
	if (r == 0)
		r = identify(path, &now, &bytes, e);
	if (r < 0 || !now)
		return r;
	if (!kt_streq(now, identity))
		return kt_fail(e, KT_E_KERNEL, EAGAIN, "'%s' changed while it was read", path);
	return make_pick(q,
			 &(struct kc_tarball){ .url = url, .package = package, .version = version },
			 hex, bytes, ret, e);
}

static int newest_file(const struct kc_request *q, struct kc_pick *ret, struct kt_err *e)
{
	kt_auto(kc_answer) struct kc_answer a = { 0 };
	kt_auto(mem) char *path = NULL;
	kt_auto(mem) char *identity = NULL;
	char name[KC_ANSWER_NAME_BYTES];
	uint64_t bytes;
	int r = real_path(q, &path, e);

	if (r < 0 || !path)
		return r;
	r = identify(path, &identity, &bytes, e);
	if (r < 0 || !identity)
		return r;
	kc_answer_name((const char *const[]){ "file", path }, 2, name);
	if (kc_answer_read(q->cache_dir, name, &a) == 0 && a.pick.key && a.validator &&
	    kt_streq(a.validator, identity)) {
		take_pick(&a, ret);
		return 0;
	}
	kc_answer_done(&a);
	r = hash_file(q, path, identity, &a.pick, e);
	if (r < 0)
		return r;
	a.fetched = time(NULL);
	a.from = kt_take(path);
	a.validator = kt_take(identity);
	r = kc_answer_write(q->cache_dir, name, &a, e);
	if (r < 0)
		return r;
	take_pick(&a, ret);
	return 0;
}

static bool is_file(const char *arg)
{
	return !strstr(arg, "://") || kt_starts_with(arg, FILE_SCHEME);
}

int kc_tarball_file(const struct kc_request *q, const char *url, char **ret, struct kt_err *e)
{
	if (q->parsed.form == KC_FORM_TARBALL && is_file(q->parsed.arg) &&
	    real_path(q, ret, NULL) == 0)
		return 0;
	*ret = strdup(url + strlen(FILE_SCHEME));
	return *ret ? 0 : no_memory(q, e);
}

static int newest(const struct kc_request *q, bool refresh, struct kc_pick *ret, struct kt_err *e)
{
	return is_file(q->parsed.arg) ? newest_file(q, ret, e) : newest_url(q, refresh, ret, e);
}

static int last(const struct kc_request *q, struct kc_pick *ret, struct kt_err *e)
{
	return is_file(q->parsed.arg) ? newest_file(q, ret, e)
				      : kc_tarball_last(q, q->parsed.arg, ret);
}

const struct kc_resolver kc_tarball_resolver = { .newest = newest, .last = last };
