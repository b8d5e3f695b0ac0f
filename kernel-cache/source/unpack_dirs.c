/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Walking a tree that is being made, by descriptors: members come in the order of directories, so mostly the parent of
 * the next file is open already, and no path is ever looked up where a link could lead it elsewhere.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-cache/source/unpack.h"

static int open_dir(int parent, const char *name)
{
	return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

int kc_dirs_begin(struct kc_dirs *d, const char *top)
{
	d->depth = 0;
	d->path[0] = '\0';
	d->level[0] = (struct kc_dirs_level){ .fd = open_dir(AT_FDCWD, top) };
	return d->level[0].fd < 0 ? -errno : 0;
}

static void leave(struct kc_dirs *d)
{
	struct kc_dirs_level *l = &d->level[d->depth--];
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, l->mtime };

	if (l->timed)
		(void)futimens(l->fd, times); /* nothing depends on the time of a directory */
	close(l->fd);
	d->path[d->level[d->depth].end] = '\0';
}

static bool is_on_the_way(const struct kc_dirs *d, const char *path, size_t len)
{
	size_t end = d->level[d->depth].end;

	return end == 0 ||
	       (len >= end && memcmp(path, d->path, end) == 0 && (len == end || path[end] == '/'));
}

static int enter_one(struct kc_dirs *d, const char *name, size_t len, bool make)
{
	size_t end = d->level[d->depth].end;
	int parent = kc_dirs_fd(d), fd;
	char *part;

	if (d->depth >= KC_UNPACK_DEPTH_MAX || end + 1 + len >= sizeof(d->path))
		return -ENAMETOOLONG;
	if (end)
		d->path[end++] = '/';
	part = d->path + end;
	memcpy(part, name, len);
	part[len] = '\0';
	fd = open_dir(parent, part);
	if (fd < 0 && errno == ENOENT && make) {
		fd = mkdirat(parent, part, 0755);
		if (fd == 0)
			fd = open_dir(parent, part);
	}
	if (fd < 0) {
		d->path[d->level[d->depth].end] = '\0';
		return -errno;
	}
	d->level[++d->depth] = (struct kc_dirs_level){ .fd = fd, .end = end + len };
	return 0;
}

int kc_dirs_enter(struct kc_dirs *d, const char *path, size_t len, bool make)
{
	size_t at;

	while (!is_on_the_way(d, path, len))
		leave(d);
	at = d->level[d->depth].end;
	while (at < len) {
		size_t part;
		int r;

		at += path[at] == '/';
		part = strcspn(path + at, "/");
		if (part > len - at)
			part = len - at;
		r = enter_one(d, path + at, part, make);
		if (r < 0)
			return r;
		at += part;
	}
	return 0;
}

void kc_dirs_end(struct kc_dirs *d)
{
	while (d->depth)
		leave(d);
	if (d->level[0].fd >= 0)
		close(d->level[0].fd);
	d->level[0].fd = -1;
}
