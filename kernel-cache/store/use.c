/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who uses an entry or a source tree: a shared lock on locks/KEY.use, which outlives what it is about. Whoever wants to
 * remove something takes it exclusively, so that nothing vanishes under a running machine or build.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "kernel-cache/internal.h"

static char *path_of(const char *cache_dir, const char *key)
{
	return kt_fmt("%s/locks/%s.use", cache_dir, key);
}

/* Nothing can be locked where nothing can be written; whoever could remove it there is warned by no one. */
static bool cannot_write(int errnum)
{
	return errnum == EROFS || errnum == EACCES || errnum == EPERM || errnum == ENOSPC ||
	       errnum == EDQUOT;
}

static int take(const char *cache_dir, const char *key, const struct kt_lock_opts *o, int *ret,
		struct kt_err *e)
{
	kt_auto(lock) struct kt_lock lock = KT_LOCK_NONE;
	kt_auto(mem) char *path = path_of(cache_dir, key);
	kt_auto(mem) char *dir = kt_fmt("%s/locks", cache_dir);
	int r;

	if (!path || !dir)
		return kt_fail(e, KT_E_HOST, ENOMEM, "lock %s", key);
	r = kt_mkdir_p(dir, 0755, e);
	if (r == 0)
		r = kc_lock_dir_check(cache_dir, e);
	if (r == 0)
		r = kt_lock_acquire(path, o, &lock, e);
	if (r < 0)
		return r;
	*ret = kt_take_fd(lock.fd);
	return 0;
}

int kc_use_begin(const char *cache_dir, const char *key, int *ret, struct kt_err *e)
{
	/* Whoever holds it exclusively is about to rename one directory. */
	const struct kt_lock_opts o = { .shared = true, .wait = true };
	struct kt_err ours = { 0 };
	int fd = -1;
	int r = take(cache_dir, key, &o, &fd, &ours);

	/* A read-only mount of another machine's cache has no locks that hold either, and nobody to lock out. */
	if (r < 0 && !cannot_write(-r) && access(cache_dir, W_OK) == 0) {
		if (e)
			*e = ours;
		return r;
	}
	*ret = fd;
	return 0;
}

int kc_use_claim(const char *cache_dir, const char *key, int *ret, struct kt_err *e)
{
	const struct kt_lock_opts o = { .purpose = "removes it" };

	return take(cache_dir, key, &o, ret, e);
}
