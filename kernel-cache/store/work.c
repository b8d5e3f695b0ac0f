/* SPDX-License-Identifier: GPL-2.0-only */
/* Locks of the cache, the directories that are worked in under them, and what the dead left there. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel-cache/internal.h"

/* No name of ours begins with a dot, so no lock belongs to these: they are for whoever has the lock "trash". */
#define TRASH_PREFIX ".trash-"
enum {
	TRASH_TRIES = 1000,
	KEEP_SECONDS = 7 * 24 * 60 * 60, /* what was left to be continued is worth its space */
	KEEP_LOG_SECONDS = 30 * 24 * 60 * 60, /* of builds that failed */
};
#define LOG_SUFFIX ".build.log.zst"
#define PART_SUFFIX ".part"

static void say_waiting(void *ctx, pid_t holder, const char *purpose)
{
	const struct kc_progress *p = ctx;
	kt_auto(buf) struct kt_buf text = { 0 };

	/* Another thread of ours says itself what it does. */
	if (holder == getpid())
		return;
	if (holder)
		kt_buf_addf(&text, "waiting for pid %d (%s)", (int)holder,
			    *purpose ? purpose : "kernel cache");
	else
		kt_buf_adds(&text, "waiting for another process that uses the kernel cache");
	if (p && p->step)
		p->step(p->ctx, kt_buf_str(&text));
	else
		kt_log(KT_AREA_KERNEL_CACHE, KT_DEBUG, "%s", kt_buf_str(&text));
}

static bool is_read_only(int errnum)
{
	return errnum == EROFS || errnum == EACCES || errnum == EPERM;
}

/* @r, the errno of what could not be made in @cache_dir, said so that it helps. */
static int cannot_write(const char *cache_dir, int r, struct kt_err *e)
{
	if (!is_read_only(-r))
		return r;
	return kt_fail(
		e, KT_E_HOST, -r,
		"what is wanted is not in the kernel cache, and '%s' cannot be written to; set KTSTR_CACHE_DIR to a directory of your own",
		cache_dir);
}

/* Locks can be taken on files that can only be read, but what they are taken for cannot be done then. */
static int check_writable(const char *cache_dir, struct kt_err *e)
{
	if (access(cache_dir, W_OK) < 0)
		return cannot_write(cache_dir,
				    kt_fail(e, KT_E_HOST, errno, "write to '%s'", cache_dir), e);
	return kc_lock_dir_check(cache_dir, e);
}

static int take_lock(const char *cache_dir, const char *name, const struct kt_lock_opts *given,
		     struct kt_lock *ret, struct kt_err *e)
{
	kt_auto(mem) char *dir = kt_fmt("%s/locks", cache_dir);
	kt_auto(mem) char *path = kt_fmt("%s/locks/%s.lock", cache_dir, name);
	struct kt_lock_opts o = *given;
	int r;

	if (!dir || !path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "lock %s", name);
	if (!o.purpose)
		o.purpose = name;
	r = kt_mkdir_p(dir, 0755, e);
	if (r < 0)
		return cannot_write(cache_dir, r, e);
	r = check_writable(cache_dir, e);
	return r < 0 ? r : kt_lock_acquire(path, &o, ret, e);
}

static int wait_for(const char *cache_dir, const char *name, const char *purpose,
		    const struct kc_progress *progress, struct kt_lock *ret, struct kt_err *e)
{
	const struct kt_lock_opts o = {
		.wait = true,
		.purpose = purpose,
		.waiting = say_waiting,
		.ctx = (void *)progress, /* given back to say_waiting, which does not write to it */
	};

	return take_lock(cache_dir, name, &o, ret, e);
}

int kc_lock(const char *cache_dir, const char *name, const char *purpose,
	    const struct kc_progress *progress, struct kt_lock *ret, struct kt_err *e)
{
	return wait_for(cache_dir, name, purpose, progress, ret, e);
}

int kc_lock_try(const char *cache_dir, const char *name, const char *purpose, struct kt_lock *ret,
		struct kt_err *e)
{
	return take_lock(cache_dir, name, &(struct kt_lock_opts){ .purpose = purpose }, ret, e);
}

static void remove_dead_trash(const char *cache_dir, const char *path)
{
	kt_auto(lock) struct kt_lock lock = KT_LOCK_NONE;

	if (kc_lock_try(cache_dir, "trash", NULL, &lock, NULL) == 0)
		(void)kt_remove_tree(path, NULL);
}

static char *keep_marker(const char *dir)
{
	return kt_fmt("%s/keep", dir);
}

/* Whether @dir was left on purpose, for who comes back for it, and not too long ago. */
static bool is_kept(const char *dir)
{
	kt_auto(mem) char *marker = keep_marker(dir);
	time_t now = time(NULL);
	struct stat st;

	/* The clock may have been ahead then, but what is of next year is nobody's any more. */
	return marker && stat(marker, &st) == 0 && st.st_mtime > now - KEEP_SECONDS &&
	       st.st_mtime < now + KEEP_SECONDS;
}

/* Best effort: without the mark it is there for who comes before anybody else does. */
static void mark_kept(const char *dir)
{
	kt_auto(mem) char *marker = keep_marker(dir);

	if (marker)
		(void)kt_file_write_atomic(marker, "", 0, 0644, NULL);
}

/* Whoever dies in the middle has not meant to leave what is there then. */
static void unmark_kept(const char *dir)
{
	kt_auto(mem) char *marker = keep_marker(dir);

	if (marker)
		(void)unlink(marker); /* mostly there is none */
}

/*
 * Whoever works in tmp/NAME holds the lock NAME, so a directory whose lock is free belongs to
 * nobody alive. Best effort: what cannot be removed now will be another time.
 */
static void remove_dead_work(const char *cache_dir, const char *name, const char *path)
{
	kt_auto(lock) struct kt_lock lock = KT_LOCK_NONE;

	if (kc_lock_try(cache_dir, name, NULL, &lock, NULL) == 0 && !is_kept(path))
		(void)kt_remove_tree(path, NULL);
}

/* logs/@file: what a killed build has left of its log, and logs that nobody comes back for. */
static void remove_dead_log(const char *cache_dir, const char *file, const char *path)
{
	kt_auto(lock) struct kt_lock lock = KT_LOCK_NONE;
	bool part = kt_ends_with(file, LOG_SUFFIX PART_SUFFIX);
	size_t tail = strlen(part ? LOG_SUFFIX PART_SUFFIX : LOG_SUFFIX);
	kt_auto(mem) char *name = NULL;
	struct stat st;

	if (!part && (!kt_ends_with(file, LOG_SUFFIX) || lstat(path, &st) < 0 ||
		      st.st_mtime > time(NULL) - KEEP_LOG_SECONDS))
		return;
	name = strndup(file, strlen(file) - tail);
	if (name && kc_is_key(name) && kc_lock_try(cache_dir, name, NULL, &lock, NULL) == 0)
		(void)unlink(path); /* another time, then */
}

static void remove_dead_logs(const char *cache_dir)
{
	kt_auto(mem) char *logs = kt_fmt("%s/logs", cache_dir);
	kt_auto(dir) DIR *dir = logs ? opendir(logs) : NULL;
	struct dirent *d;

	while (dir && (d = readdir(dir))) {
		kt_auto(mem) char *path = kt_fmt("%s/%s", logs, d->d_name);

		if (path && d->d_name[0] != '.')
			remove_dead_log(cache_dir, d->d_name, path);
	}
}

void kc_remove_stale(const char *cache_dir, const char *but)
{
	kt_auto(mem) char *tmp = kt_fmt("%s/tmp", cache_dir);
	kt_auto(dir) DIR *dir = tmp ? opendir(tmp) : NULL;
	struct dirent *d;

	remove_dead_logs(cache_dir);
	while (dir && (d = readdir(dir))) {
		kt_auto(mem) char *path = kt_fmt("%s/%s", tmp, d->d_name);

		if (!path)
			continue;
		if (kt_starts_with(d->d_name, TRASH_PREFIX))
			remove_dead_trash(cache_dir, path);
		else if (kc_is_key(d->d_name) && !(but && kt_streq(d->d_name, but)))
			remove_dead_work(cache_dir, d->d_name, path);
	}
}

void kc_remove_left(const char *cache_dir, const char *key)
{
	kt_auto(mem) char *path = kt_fmt("%s/tmp/%s", cache_dir, key);
	kt_auto(lock) struct kt_lock lock = KT_LOCK_NONE;

	if (path && access(path, F_OK) == 0 &&
	    kc_lock_try(cache_dir, key, "clears up", &lock, NULL) == 0)
		(void)kt_remove_tree(path, NULL); /* if not now, then by kc_remove_stale */
}

int kc_work_begin(const char *cache_dir, const char *name, const char *purpose,
		  const struct kc_progress *progress, struct kc_work *ret, struct kt_err *e)
{
	kt_auto(kc_work) struct kc_work w = KC_WORK_NONE;
	int r = wait_for(cache_dir, name, purpose, progress, &w.lock, e);

	if (r < 0)
		return r;
	kc_remove_stale(cache_dir, name);
	w.dir = kt_fmt("%s/tmp/%s", cache_dir, name);
	if (!w.dir)
		return kt_fail(e, KT_E_HOST, ENOMEM, "lock %s", name);
	r = kt_mkdir_p(w.dir, 0755, e);
	if (r < 0)
		return cannot_write(cache_dir, r, e);
	unmark_kept(w.dir);
	*ret = w;
	w = (struct kc_work)KC_WORK_NONE;
	return 0;
}

void kc_work_end(struct kc_work *w)
{
	int saved = errno;

	if (w->dir && w->keep)
		mark_kept(w->dir);
	else if (w->dir)
		(void)kt_remove_tree(w->dir, NULL); /* if not now, then by kc_remove_stale */
	free(w->dir);
	w->dir = NULL;
	kt_lock_release(&w->lock);
	errno = saved;
}

int kc_trash_begin(const char *cache_dir, struct kc_trash *ret, struct kt_err *e)
{
	const struct kt_lock_opts o = { .shared = true, .wait = true };
	kt_auto(kc_trash) struct kc_trash t = KC_TRASH_NONE;
	kt_auto(mem) char *tmp = kt_fmt("%s/tmp", cache_dir);
	int r;

	if (!tmp)
		return kt_fail(e, KT_E_HOST, ENOMEM, "clean '%s'", cache_dir);
	r = take_lock(cache_dir, "trash", &o, &t.lock, e);
	if (r == 0)
		r = kt_mkdir_p(tmp, 0755, e);
	if (r < 0)
		return r;
	t.cache_dir = cache_dir;
	*ret = t;
	t = (struct kc_trash)KC_TRASH_NONE;
	return 0;
}

int kc_trash_move(struct kc_trash *t, const char *path, struct kt_err *e)
{
	int r = kc_trash_empty(t, e);

	for (int i = 0; r == 0 && i < TRASH_TRIES; i++) {
		kt_auto(mem) char *to = kt_fmt("%s/tmp/" TRASH_PREFIX "%d-%u", t->cache_dir,
					       (int)getpid(), t->nr++);

		if (!to)
			return kt_fail(e, KT_E_HOST, ENOMEM, "remove '%s'", path);
		if (rename(path, to) == 0) {
			t->dir = kt_take(to);
			return 0;
		}
		if (errno == ENOENT)
			return -ENOENT;
		/* That of a process of the same number, dead or in another container. */
		if (errno != EEXIST && errno != ENOTEMPTY)
			return kt_fail(e, KT_E_HOST, errno, "rename '%s' to '%s'", path, to);
	}
	return r < 0 ? r : kt_fail(e, KT_E_HOST, EEXIST, "find a name in '%s/tmp'", t->cache_dir);
}

int kc_trash_empty(struct kc_trash *t, struct kt_err *e)
{
	int r = t->dir ? kt_remove_tree(t->dir, e) : 0;

	free(t->dir);
	t->dir = NULL;
	return r;
}

void kc_trash_end(struct kc_trash *t)
{
	int saved = errno;

	(void)kc_trash_empty(t, NULL); /* if not now, then by kc_remove_stale */
	kt_lock_release(&t->lock);
	errno = saved;
}
