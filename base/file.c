/* SPDX-License-Identifier: GPL-2.0-only */
/* Reading files, replacing them atomically, copying, making directories. */
#include "base/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

enum { READ_STEP = 64 * 1024, COPY_STEP = 1 << 20, TEMP_TRIES = 100 };

int kt_file_read(const char *path, size_t max, struct kt_buf *ret, struct kt_err *e)
{
	kt_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	kt_auto(mem) char *step = NULL;
	size_t total = 0;
	ssize_t n;

	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "open '%s'", path);
	step = malloc(READ_STEP);
	if (!step)
		return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", path);
	for (;;) {
		n = read(fd, step, READ_STEP);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return kt_fail(e, KT_E_HOST, errno, "read '%s'", path);
		if (n == 0)
			break;
		if ((size_t)n > max - total)
			return kt_fail(e, KT_E_HOST, EFBIG, "read '%s' (limit %zu bytes)", path,
				       max);
		total += (size_t)n;
		kt_buf_add(ret, step, (size_t)n);
	}
	if (!kt_buf_ok(ret))
		return kt_fail(e, KT_E_HOST, ENOMEM, "read '%s'", path);
	return 0;
}

ssize_t kt_file_read_small(const char *path, char *buf, size_t size)
{
	kt_auto(fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (size == 0)
		return -EINVAL;
	while (len < size - 1) {
		n = read(fd, buf + len, size - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	if (len > 0 && buf[len - 1] == '\n')
		len--;
	buf[len] = '\0';
	return (ssize_t)len;
}

int kt_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;
	ssize_t n;

	while (len > 0) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A new file beside @path, so that the rename stays in one file system. @ret is its name (caller frees). */
static int open_temp(const char *path, mode_t mode, char **ret)
{
	const char *slash = strrchr(path, '/');
	int dir_len = slash ? (int)(slash + 1 - path) : 0;
	uint64_t random;
	int fd;

	for (int i = 0; i < TEMP_TRIES; i++) {
		kt_auto(mem) char *temp = NULL;

		if (getrandom(&random, sizeof(random), 0) != sizeof(random))
			return -EIO;
		temp = kt_fmt("%.*s.%s.%016llx.tmp", dir_len, path, path + dir_len,
			      (unsigned long long)random);
		if (!temp)
			return -ENOMEM;
		fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
		if (fd >= 0) {
			*ret = kt_take(temp);
			return fd;
		}
		if (errno != EEXIST)
			return -errno;
	}
	return -EEXIST;
}

static int fsync_parent(const char *path, struct kt_err *e)
{
	const char *slash = strrchr(path, '/');
	kt_auto(mem) char *dir = NULL;

	if (!slash)
		return kt_fsync_dir(".", e);
	if (slash == path)
		return kt_fsync_dir("/", e);
	dir = strndup(path, (size_t)(slash - path));
	if (!dir)
		return kt_fail(e, KT_E_HOST, ENOMEM, "sync the directory of '%s'", path);
	return kt_fsync_dir(dir, e);
}

struct bytes {
	const void *data;
	size_t len;
};

static int fill_bytes(void *ctx, int fd)
{
	const struct bytes *b = ctx;

	return kt_write_all(fd, b->data, b->len);
}

/* @what is written, for an error's text. */
static int replace(const char *path, mode_t mode, int (*fill)(void *ctx, int fd), void *ctx,
		   const char *what, struct kt_err *e)
{
	kt_auto(mem) char *temp = NULL;
	int fd, r;

	fd = open_temp(path, mode, &temp);
	if (fd < 0)
		return kt_fail(e, KT_E_HOST, -fd, "create a temporary file for '%s'", path);
	assert(temp);
	r = fill(ctx, fd);
	if (r == 0 && fsync(fd) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (r < 0) {
		unlink(temp);
		return kt_fail(e, KT_E_HOST, -r, "write %s for '%s'", what, path);
	}
	if (rename(temp, path) < 0) {
		r = errno;
		unlink(temp);
		return kt_fail(e, KT_E_HOST, r, "replace '%s'", path);
	}
	return fsync_parent(path, e);
}

int kt_file_write_atomic(const char *path, const void *data, size_t len, mode_t mode,
			 struct kt_err *e)
{
	struct bytes b = { data, len };
	char what[32];

	(void)kt_snprintf(what, sizeof(what), "%zu bytes", len); /* fits */
	return replace(path, mode, fill_bytes, &b, what, e);
}

int kt_file_replace(const char *path, int (*fill)(void *ctx, int fd), void *ctx, struct kt_err *e)
{
	return replace(path, 0644, fill, ctx, "a file", e);
}

static int copy_by_read(int from, int to)
{
	kt_auto(mem) char *block = malloc(READ_STEP);
	ssize_t n;
	int r;

	if (!block)
		return -ENOMEM;
	for (;;) {
		n = read(from, block, READ_STEP);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return 0;
		r = kt_write_all(to, block, (size_t)n);
		if (r < 0)
			return r;
	}
}

/* What copy_file_range says when it cannot serve this pair of files at all (pipes, other file systems, O_APPEND). */
static bool cannot_copy_range(int errnum)
{
	return errnum == EXDEV || errnum == EINVAL || errnum == ENOSYS || errnum == EOPNOTSUPP ||
	       errnum == EBADF || errnum == EPERM;
}

int kt_copy_fd(int from, int to)
{
	ssize_t n;

	for (;;) {
		n = copy_file_range(from, NULL, to, NULL, COPY_STEP, 0);
		if (n > 0)
			continue;
		/* 0 is also what files of procfs give, however much they hold: reading has the last word. */
		if (n == 0 || cannot_copy_range(errno))
			return copy_by_read(from, to);
		if (errno != EINTR)
			return -errno;
	}
}

static int make_dir(const char *path, mode_t mode)
{
	struct stat st;
	int r;

	if (mkdir(path, mode) == 0)
		return 0;
	r = errno;
	if (stat(path, &st) < 0)
		return -r;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int kt_mkdir_p(const char *path, mode_t mode, struct kt_err *e)
{
	kt_auto(mem) char *part = strdup(path);
	char *p = part;
	int r = 0;

	if (!part)
		return kt_fail(e, KT_E_HOST, ENOMEM, "make directory '%s'", path);
	if (*p == '\0')
		return kt_fail(e, KT_E_HOST, ENOENT, "make directory ''");
	while (r == 0 && *p) {
		p += strspn(p, "/");
		p += strcspn(p, "/");
		if (*p == '/') {
			*p = '\0';
			r = make_dir(part, mode);
			*p = '/';
		} else {
			r = make_dir(part, mode);
		}
	}
	if (r < 0)
		return kt_fail(e, KT_E_HOST, -r, "make directory '%s'", path);
	return 0;
}

int kt_fsync_dir(const char *path, struct kt_err *e)
{
	kt_auto(fd) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "open directory '%s'", path);
	/* EINVAL: this file system (some FUSE, 9p) has no fsync of directories, and nothing better to offer. */
	if (fsync(fd) < 0 && errno != EINVAL)
		return kt_fail(e, KT_E_HOST, errno, "sync directory '%s'", path);
	return 0;
}
