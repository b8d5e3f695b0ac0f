/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Objects that stay from one build to the next, and what to believe of them after a build that was killed.
 *
 * Whoever is killed while it writes leaves half a file that is newer than its source, and make takes it for made. What
 * kbuild makes it remembers in .NAME.cmd; without that it is made again. So while a build runs there is a mark, and who
 * finds one forgets what was made since. (include/config/ has no such memory, and must not lose its times either.)
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "kernel-cache/build/build.h"

static char *mark_path(const char *objects)
{
	return kt_fmt("%s/.ktstr-unfinished", objects);
}

static bool is_since(const struct stat *st, const struct timespec *since)
{
	return st->st_mtim.tv_sec != since->tv_sec ? st->st_mtim.tv_sec > since->tv_sec
						   : st->st_mtim.tv_nsec >= since->tv_nsec;
}

static int forget_file(const FTSENT *f, struct kt_err *e)
{
	bool is_cmd = f->fts_name[0] == '.' && kt_ends_with(f->fts_name, ".cmd");
	kt_auto(mem) char *path = is_cmd ? strdup(f->fts_path)
					 : kt_fmt("%.*s.%s.cmd",
						  (int)(f->fts_pathlen - f->fts_namelen),
						  f->fts_path, f->fts_name);

	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "look through '%s'", f->fts_path);
	if (unlink(path) < 0 && errno != ENOENT)
		return kt_fail(e, KT_E_HOST, errno, "remove '%s'", path);
	return 0;
}

static int forget(const char *objects, const struct timespec *since, struct kt_err *e)
{
	char *const paths[] = { (char *)(uintptr_t)objects,
				NULL }; /* fts's prototype predates const */
	FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	FTSENT *f;
	int r = 0;

	if (!fts)
		return kt_fail(e, KT_E_HOST, errno, "look through '%s'", objects);
	while (r == 0 && (f = fts_read(fts))) {
		if (f->fts_info == FTS_F && is_since(f->fts_statp, since))
			r = forget_file(f, e);
		else if (f->fts_info == FTS_ERR || f->fts_info == FTS_DNR)
			r = kt_fail(e, KT_E_HOST, f->fts_errno, "look through '%s'", f->fts_path);
	}
	fts_close(fts);
	return r;
}

static int distrust(const char *objects, const struct stat *mark, struct kt_err *e)
{
	/* Programs that the build makes for itself, by makefiles that remember less. */
	kt_auto(mem) char *tools = kt_fmt("%s/tools", objects);
	int r;

	kt_log(KT_AREA_KERNEL_CACHE, KT_DEBUG,
	       "the last build in '%s' did not come to its end: what it made is made again",
	       objects);
	r = tools ? kt_remove_tree(tools, e)
		  : kt_fail(e, KT_E_HOST, ENOMEM, "look through '%s'", objects);
	return r < 0 ? r : forget(objects, &mark->st_mtim, e);
}

int kc_objects_begin(const char *objects, struct kt_err *e)
{
	kt_auto(mem) char *path = mark_path(objects);
	kt_auto(fd) int fd = -1;
	struct stat st;
	int r;

	if (!path)
		return kt_fail(e, KT_E_HOST, ENOMEM, "begin in '%s'", objects);
	r = kt_mkdir_p(objects, 0755, e);
	if (r < 0)
		return r;
	/* The first mark stays as old as it is: whoever is killed now may have forgotten only half. */
	if (stat(path, &st) == 0)
		return distrust(objects, &st, e);
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	return fd < 0 ? kt_fail(e, KT_E_HOST, errno, "create '%s'", path) : 0;
}

void kc_objects_end(const char *objects)
{
	kt_auto(mem) char *path = mark_path(objects);

	/* Left behind it costs time, nothing else. */
	if (path)
		(void)unlink(path);
}
