/* SPDX-License-Identifier: GPL-2.0-only */
/* Asking a mirror for a suite's newest kernel, and remembering the answer for a while. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "kernel-cache/internal.h"

enum { NAME_DIGITS = 16, NAME_BYTES = 32 };
#define RELEASE_BYTES_MAX (UINT64_C(16) << 20)
/* Goes up when kc_packages_newest_cloud picks another package from the same file. */
#define PICK_RULE "2"
#define PACKAGES_BYTES_MAX (UINT64_C(256) << 20)

/* One file in index/. */
struct answer {
	time_t fetched;
	char *mirror;
	char *packages_sha256;
	struct kc_pick pick;
};

static void kt_cleanup_answer(struct answer *a)
{
	free(a->mirror);
	free(a->packages_sha256);
	kc_pick_done(&a->pick);
	*a = (struct answer){ 0 };
}

/*
 * Everything that can change the answer, other than the mirror's contents and apt's own
 * configuration: our own rule too.
 */
static void make_name(const char *suite, char name[static NAME_BYTES])
{
	const char *mirror = getenv("KTSTR_DEBIAN_MIRROR");
	const char *keyring = kc_debian_keyring();
	char hex[KT_SHA256_HEX];
	struct kt_sha256 s;

	kt_sha256_init(&s);
	kt_sha256_add(&s, PICK_RULE, sizeof(PICK_RULE));
	kt_sha256_add(&s, suite, strlen(suite) + 1);
	kt_sha256_add(&s, keyring, strlen(keyring) + 1);
	if (mirror)
		kt_sha256_add(&s, mirror, strlen(mirror));
	kt_sha256_hex(&s, hex);
	(void)kt_snprintf(name, NAME_BYTES, "index-%.*s", NAME_DIGITS, hex);
}

static char *answer_path(const char *cache_dir, const char *name)
{
	return kt_fmt("%s/index/%s.json", cache_dir, name);
}

/* -ENOENT: none, or none that can be used; it is asked for again then. */
static int read_answer(const char *path, struct answer *ret)
{
	kt_auto(answer) struct answer a = { 0 };
	kt_auto(cjson) cJSON *root = NULL;
	const char *mirror, *sum;
	uint64_t fetched;

	if (kc_json_load(path, &root, NULL) < 0)
		return -ENOENT;
	mirror = kc_json_get_str(root, "mirror");
	sum = kc_json_get_str(root, "packages_sha256");
	if (!mirror || !sum || kc_json_get_u64(root, "fetched", &fetched) < 0 ||
	    kc_pick_read(cJSON_GetObjectItemCaseSensitive(root, "newest"), &a.pick) < 0)
		return -ENOENT;
	a.fetched = (time_t)fetched;
	if (kc_dup(mirror, &a.mirror) < 0 || kc_dup(sum, &a.packages_sha256) < 0)
		return -ENOENT;
	*ret = a;
	a = (struct answer){ 0 };
	return 0;
}

static int write_answer(const char *cache_dir, const char *path, const char *suite,
			const struct answer *a, struct kt_err *e)
{
	kt_auto(mem) char *dir = kt_fmt("%s/index", cache_dir);
	kt_auto(buf) struct kt_buf text = { 0 };
	struct kt_json j;
	int r;

	kt_json_init(&j, &text, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", KC_SCHEMA_VERSION);
	kt_json_str(&j, "suite", suite);
	kt_json_str(&j, "mirror", a->mirror);
	kt_json_i64(&j, "fetched", a->fetched);
	kt_json_str(&j, "packages_sha256", a->packages_sha256);
	kt_json_object_begin(&j, "newest");
	kc_pick_write(&a->pick, &j);
	kt_json_object_end(&j);
	kt_json_object_end(&j);
	kt_json_finish(&j);
	if (!dir || !kt_buf_ok(&text))
		return kt_fail(e, KT_E_HOST, ENOMEM, "write '%s'", path);
	r = kt_mkdir_p(dir, 0755, e);
	return r < 0 ? r : kt_file_write_atomic(path, text.data, text.len, 0644, e);
}

static bool is_fresh(const struct answer *a)
{
	time_t now = time(NULL);

	/* One from the future is of another clock. */
	return a->fetched <= now && now - a->fetched < KC_INDEX_FRESH_SECONDS;
}

/* Tells one answer from the next, which may be of the same second. */
static struct timespec written_at(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 ? st.st_mtim : (struct timespec){ 0 };
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

/*
 * @old: what we know already, perhaps nothing; taken over when the list of packages has not changed
 * since.
 */
static int ask_mirror(struct kc_work *w, const char *suite, const struct kc_progress *progress,
		      struct answer *old, struct answer *ret, struct kt_err *e)
{
	kt_auto(kc_release) struct kc_release rel = { 0 };
	kt_auto(answer) struct answer a = { 0 };
	kt_auto(mem) char *path = NULL;
	int r = kc_apt_mirror(suite, &a.mirror, e);

	if (r == 0)
		r = get_release(w->dir, a.mirror, suite, progress, &rel, e);
	if (r < 0)
		return r;
	a.fetched = time(NULL);
	a.packages_sha256 = kt_take(rel.packages_sha256);
	if (old->mirror && kt_streq(old->mirror, a.mirror) &&
	    kt_streq(old->packages_sha256, a.packages_sha256)) {
		a.pick = old->pick;
		old->pick = (struct kc_pick){ 0 };
	} else {
		/*
		 * Named by its sum, so that one that was left half done is continued and no other.
		 */
		path = kt_fmt("%s/Packages-%s", w->dir, a.packages_sha256);
		if (!path)
			return kt_fail(e, KT_E_HOST, ENOMEM, "fetch the packages of %s", suite);
		rel.packages_sha256 = strdup(a.packages_sha256);
		if (!rel.packages_sha256)
			return kt_fail(e, KT_E_HOST, ENOMEM, "fetch the packages of %s", suite);
		r = get_packages(path, a.mirror, suite, &rel, progress, e);
		w->keep = r == -EHOSTUNREACH;
		if (r == 0)
			r = kc_packages_newest_cloud(path, a.mirror, &a.pick, e);
		if (r < 0)
			return r;
	}
	*ret = a;
	a = (struct answer){ 0 };
	return 0;
}

static int refresh_answer(const char *cache_dir, const char *name, const char *path,
			  const char *suite, const struct kc_progress *progress, struct answer *ret,
			  struct kt_err *e)
{
	struct timespec before = written_at(path), after;
	kt_auto(kc_work) struct kc_work w = KC_WORK_NONE;
	kt_auto(answer) struct answer old = { 0 }, new = { 0 };
	int r = kc_work_begin(cache_dir, name, progress, &w, e);

	if (r < 0)
		return r;
	/* Somebody may have asked while we waited for the lock. */
	after = written_at(path);
	if (read_answer(path, &old) == 0 && is_fresh(&old) &&
	    (after.tv_sec != before.tv_sec || after.tv_nsec != before.tv_nsec)) {
		*ret = old;
		old = (struct answer){ 0 };
		return 0;
	}
	r = ask_mirror(&w, suite, progress, &old, &new, e);
	if (r == 0)
		r = write_answer(cache_dir, path, suite, &new, e);
	if (r < 0)
		return r;
	*ret = new;
	new = (struct answer){ 0 };
	return 0;
}

int kc_index_newest(const char *cache_dir, const char *suite, bool refresh,
		    const struct kc_progress *progress, struct kc_pick *ret, struct kt_err *e)
{
	kt_auto(answer) struct answer a = { 0 };
	kt_auto(mem) char *path = NULL;
	char name[NAME_BYTES];
	int r;

	make_name(suite, name);
	path = answer_path(cache_dir, name);
	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "look up the newest kernel of %s", suite);
	if (refresh || read_answer(path, &a) < 0 || !is_fresh(&a)) {
		kt_cleanup_answer(&a);
		r = refresh_answer(cache_dir, name, path, suite, progress, &a, e);
		if (r < 0)
			return kt_context(e, r, "look up the newest cloud kernel of Debian %s",
					  suite);
	}
	*ret = a.pick;
	a.pick = (struct kc_pick){ 0 };
	return 0;
}

int kc_index_last(const char *cache_dir, const char *suite, struct kc_pick *ret, struct kt_err *e)
{
	kt_auto(answer) struct answer a = { 0 };
	kt_auto(mem) char *path = NULL;
	char name[NAME_BYTES];

	make_name(suite, name);
	path = answer_path(cache_dir, name);
	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "look up the newest kernel of %s", suite);
	if (read_answer(path, &a) < 0)
		return -ENOENT;
	*ret = a.pick;
	a.pick = (struct kc_pick){ 0 };
	return 0;
}
