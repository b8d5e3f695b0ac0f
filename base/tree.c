/* SPDX-License-Identifier: GPL-2.0-only */
/* Removal of whole directory trees. */
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 200 }; /* each level holds one descriptor */

struct removal {
	dev_t dev; /* of the tree's top; anything else is another file system */
	struct kt_buf path;
	struct kt_err *e;
};

static int remove_children(struct removal *rm, int dir_fd, unsigned depth);

static int remove_failed(const struct removal *rm, int errnum)
{
	return kt_fail(rm->e, KT_E_HOST, errnum, "remove '%s'", kt_buf_str(&rm->path));
}

static int remove_dir(struct removal *rm, int parent_fd, const char *name, unsigned depth)
{
	kt_auto(fd) int fd = -1;
	struct stat st;
	int r;

	if (depth >= DEPTH_MAX)
		return remove_failed(rm, ELOOP);
	fd = openat(parent_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : remove_failed(rm, errno);
	if (fstat(fd, &st) < 0)
		return remove_failed(rm, errno);
	if (st.st_dev != rm->dev)
		return remove_failed(rm, EXDEV);
	r = remove_children(rm, fd, depth + 1);
	if (r < 0)
		return r;
	if (unlinkat(parent_fd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return remove_failed(rm, errno);
	return 0;
}

/* Somebody else may be removing the same tree: what is gone already is fine. */
static int remove_entry(struct removal *rm, int parent_fd, const char *name, unsigned depth)
{
	struct stat st;

	if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : remove_failed(rm, errno);
	if (S_ISDIR(st.st_mode))
		return remove_dir(rm, parent_fd, name, depth);
	if (unlinkat(parent_fd, name, 0) < 0 && errno != ENOENT)
		return remove_failed(rm, errno);
	return 0;
}

static int remove_children(struct removal *rm, int dir_fd, unsigned depth)
{
	kt_auto(fd) int dup_fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 0);
	kt_auto(dir) DIR *dir = NULL;
	size_t len = rm->path.len;
	struct dirent *d;
	int r;

	if (dup_fd < 0)
		return remove_failed(rm, errno);
	dir = fdopendir(dup_fd);
	if (!dir)
		return remove_failed(rm, errno);
	(void)kt_take_fd(dup_fd); /* closedir closes it */
	for (;;) {
		errno = 0;
		d = readdir(dir);
		if (!d)
			return errno ? remove_failed(rm, errno) : 0;
		if (kt_streq(d->d_name, ".") || kt_streq(d->d_name, ".."))
			continue;
		kt_buf_addf(&rm->path, "/%s", d->d_name);
		if (!kt_buf_ok(&rm->path))
			return remove_failed(rm, ENOMEM);
		r = remove_entry(rm, dir_fd, d->d_name, depth);
		if (r < 0)
			return r;
		rm->path.len = len;
		rm->path.data[len] = '\0';
	}
}

int kt_remove_tree(const char *path, struct kt_err *e)
{
	struct removal rm = { .e = e };
	struct stat st;
	int r;

	if (lstat(path, &st) < 0) {
		if (errno == ENOENT)
			return 0;
		return kt_fail(e, KT_E_HOST, errno, "remove '%s'", path);
	}
	rm.dev = st.st_dev;
	kt_buf_adds(&rm.path, path);
	r = remove_entry(&rm, AT_FDCWD, path, 0);
	kt_buf_done(&rm.path);
	return r;
}
