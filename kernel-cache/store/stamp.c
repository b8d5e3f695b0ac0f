/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * used/KEY: how each file of an entry was when its content was last compared with what was recorded. A file that still
 * is that very one (device, inode, size, times: equal or not, never earlier or later) is not summed again, so that a
 * kernel is had in milliseconds and a file that was overwritten is found at the next use all the same.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel-cache/internal.h"

enum {
	STAMP_BYTES = 256,
	TICK_NS = 1000 * 1000,
	TICKS_MAX = 40, /* the coarsest clock of a kernel ticks every 10 ms */
};

struct stamps {
	char now[KC_FILE_NR][STAMP_BYTES]; /* "": not summed */
	bool changed;
};

static char *path_of(const char *cache_dir, const char *key)
{
	return kt_fmt("%s/used/%s", cache_dir, key);
}

/* What was summed to @sha256, as text: numbers of JSON would not hold all of it. */
static void describe(const struct stat *st, const char *sha256, char ret[static STAMP_BYTES])
{
	(void)kt_snprintf(ret, STAMP_BYTES, "%s %llx:%llu %lld %lld.%09ld %lld.%09ld", sha256,
			  (unsigned long long)st->st_dev, (unsigned long long)st->st_ino,
			  (long long)st->st_size, (long long)st->st_mtim.tv_sec,
			  st->st_mtim.tv_nsec, (long long)st->st_ctim.tv_sec,
			  st->st_ctim.tv_nsec); /* fits */
}

/*
 * Where the cache cannot be written to, this process at least sums each file only once. Only ever grows by what was
 * summed, so by as many files as there are kernels in use.
 */
static pthread_mutex_t own_lock = PTHREAD_MUTEX_INITIALIZER;
static struct kt_strv own;

static bool own_has(const char *stamp)
{
	bool found = false;

	pthread_mutex_lock(&own_lock);
	for (size_t i = 0; i < own.nr && !found; i++)
		found = kt_streq(own.v[i], stamp);
	pthread_mutex_unlock(&own_lock);
	return found;
}

static void own_add(const char *stamp)
{
	if (own_has(stamp))
		return;
	pthread_mutex_lock(&own_lock);
	(void)kt_strv_add(&own, stamp); /* without it, it is summed again */
	pthread_mutex_unlock(&own_lock);
}

static int look(const char *path, uint64_t bytes, struct stat *ret, struct kt_err *e)
{
	if (lstat(path, ret) < 0)
		return errno == ENOENT ? kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is missing", path)
				       : kt_fail(e, KT_E_HOST, errno, "look at '%s'", path);
	if (!S_ISREG(ret->st_mode))
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s' is no regular file", path);
	if ((uint64_t)ret->st_size != bytes)
		return kt_fail(e, KT_E_KERNEL, EBADMSG,
			       "'%s' has %llu bytes, metadata.json says %llu", path,
			       (unsigned long long)ret->st_size, (unsigned long long)bytes);
	return 0;
}

/*
 * A file that is written to in the same tick of the clock as before has the same times: only what is older than that
 * can be told from what comes later. Waits for the next tick if it must, which is no use where times have no fractions.
 */
static bool times_tell(const struct stat *st)
{
	const struct timespec tick = { .tv_nsec = TICK_NS };
	struct timespec now;

	for (int i = 0; i < TICKS_MAX; i++) {
		if (clock_gettime(CLOCK_REALTIME_COARSE, &now) < 0)
			return false;
		if (now.tv_sec != st->st_ctim.tv_sec)
			return true;
		if (!st->st_ctim.tv_nsec)
			return false;
		if (now.tv_nsec != st->st_ctim.tv_nsec)
			return true;
		(void)nanosleep(&tick, NULL);
	}
	return false;
}

/* @ret: how @path was while it had the content that @m says; "" when that cannot be told. */
static int sum(const char *path, uint64_t bytes, const char *sha256, char ret[static STAMP_BYTES],
	       struct kt_err *e)
{
	char found[KT_SHA256_HEX], before[STAMP_BYTES], after[STAMP_BYTES];
	struct stat st;
	bool tell;
	int r = look(path, bytes, &st, e);

	if (r < 0)
		return r;
	tell = times_tell(&st);
	describe(&st, sha256, before);
	r = kt_sha256_file(path, found, e);
	if (r < 0)
		return r;
	if (!kt_streq(found, sha256))
		return kt_fail(e, KT_E_KERNEL, EBADMSG, "'%s': expected sha256 %s, found %s", path,
			       sha256, found);
	r = look(path, bytes, &st, e);
	if (r < 0)
		return r;
	describe(&st, sha256, after);
	(void)kt_snprintf(ret, STAMP_BYTES, "%s", tell && kt_streq(before, after) ? after : "");
	return 0;
}

static const char *remembered(const cJSON *root, enum kc_file which)
{
	const cJSON *files = root ? cJSON_GetObjectItemCaseSensitive(root, "files") : NULL;
	const char *stamp = files ? kc_json_get_str(files, kc_file_names[which]) : NULL;

	return stamp ? stamp : "";
}

static int check_file(const char *dir, const struct kc_metadata *m, enum kc_file which,
		      const cJSON *root, struct stamps *s, struct kt_err *e)
{
	kt_auto(mem) char *path = kt_fmt("%s/%s", dir, kc_file_names[which]);
	char *now = s->now[which];
	struct stat st;
	int r;

	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "check '%s'", dir);
	r = look(path, m->file[which].bytes, &st, e);
	if (r < 0)
		return r;
	describe(&st, m->file[which].sha256, now);
	if (kt_streq(now, remembered(root, which)))
		return 0;
	s->changed = true;
	if (own_has(now))
		return 0;
	kt_log(KT_AREA_KERNEL_CACHE, KT_DEBUG, "'%s' is not as it was when last used; summing it",
	       path);
	r = sum(path, m->file[which].bytes, m->file[which].sha256, now, e);
	if (r == 0 && now[0])
		own_add(now);
	return r;
}

/* The time of last use stays what it is. Of no consequence when it fails: the next one sums again. */
static void save(const char *cache_dir, const struct kc_metadata *m, const struct stamps *s)
{
	kt_auto(mem) char *path = path_of(cache_dir, m->key);
	kt_auto(buf) struct kt_buf text = { 0 };
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { .tv_sec = m->created } };
	struct kt_json j;
	struct stat st;

	kt_json_init(&j, &text, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", KC_SCHEMA_VERSION);
	kt_json_object_begin(&j, "files");
	for (int i = 0; i < KC_FILE_NR; i++) {
		if (s->now[i][0])
			kt_json_str(&j, kc_file_names[i], s->now[i]);
	}
	kt_json_object_end(&j);
	kt_json_object_end(&j);
	kt_json_finish(&j);
	if (!path || !kt_buf_ok(&text))
		return;
	if (stat(path, &st) == 0)
		times[1] = st.st_mtim;
	if (kt_file_write_atomic(path, text.data, text.len, 0644, NULL) == 0)
		(void)utimensat(AT_FDCWD, path, times, 0);
}

int kc_stamp_check(const char *cache_dir, const char *dir, const struct kc_metadata *m,
		   struct kt_err *e)
{
	kt_auto(mem) char *path = path_of(cache_dir, m->key);
	kt_auto(cjson) cJSON *root = NULL;
	struct stamps s = { 0 };
	int r = 0;

	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "check '%s'", dir);
	(void)kc_json_load(path, &root, NULL); /* whatever it is, without it everything is summed */
	for (int i = 0; i < KC_FILE_NR && r == 0; i++) {
		if (m->file[i].present)
			r = check_file(dir, m, (enum kc_file)i, root, &s, e);
	}
	if (r == 0 && s.changed)
		save(cache_dir, m, &s);
	return r;
}

void kc_stamp_set(const char *cache_dir, const char *dir, const struct kc_metadata *m)
{
	struct stamps s = { 0 };

	for (int i = 0; i < KC_FILE_NR; i++) {
		kt_auto(mem) char *path = kt_fmt("%s/%s", dir, kc_file_names[i]);
		struct stat st;

		if (!m->file[i].present || !path || look(path, m->file[i].bytes, &st, NULL) < 0 ||
		    !times_tell(&st))
			continue;
		describe(&st, m->file[i].sha256, s.now[i]);
	}
	save(cache_dir, m, &s);
}

void kc_stamp_forget(const char *cache_dir, const char *key)
{
	kt_auto(mem) char *path = path_of(cache_dir, key);
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT } };
	struct stat st;

	/* Where it cannot be written to, nothing was believed in the first place. */
	if (!path || stat(path, &st) < 0 || truncate(path, 0) < 0)
		return;
	times[1] = st.st_mtim;
	(void)utimensat(AT_FDCWD, path, times, 0);
}

int kc_stamp_verify(const char *cache_dir, const char *dir, const struct kc_metadata *m,
		    struct kt_err *e)
{
	int r = 0;

	for (int i = 0; i < KC_FILE_NR && r == 0; i++) {
		kt_auto(mem) char *path = kt_fmt("%s/%s", dir, kc_file_names[i]);
		char stamp[STAMP_BYTES];

		if (!m->file[i].present)
			continue;
		if (!path)
			return kt_fail(e, KT_E_HOST, ENOMEM, "check '%s'", dir);
		r = sum(path, m->file[i].bytes, m->file[i].sha256, stamp, e);
	}
	if (r == -EBADMSG)
		kc_stamp_forget(cache_dir, m->key);
	return r;
}
