/* SPDX-License-Identifier: GPL-2.0-only */
/* From a tar to files: only names, contents, modes and times, and only below the one directory. */
#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-cache/source/unpack.h"

enum { DISK_BLOCK = 4096 };

struct writer {
	struct kc_unpack *u;
	struct archive *tar;
	struct kt_err *e;
	time_t now;
	uint64_t bytes; /* as the members say */
	bool stopped;
	char path[KC_UNPACK_PATH_MAX + 1]; /* of the member, clean */
	unsigned depth;
	struct kc_tops tops;
	struct kc_dirs dirs, targets; /* targets: of hard links */
};

static int refuse(const struct writer *w, const char *member, const char *why)
{
	return kc_unpack_refuse(w->u, member, why, w->e);
}

static int write_failed(const struct writer *w, int errnum)
{
	if (errnum == ENOTDIR || errnum == ELOOP)
		return refuse(w, w->path, "goes through a member that is no directory");
	return kt_fail(w->e, KT_E_HOST, errnum, "write '%s/%s' (%llu bytes so far)", w->u->dir,
		       w->path, (unsigned long long)atomic_load(&w->u->disk_bytes));
}

static int damaged(const struct writer *w)
{
	if (w->stopped)
		return -ECANCELED;
	return kt_fail(w->e, KT_E_KERNEL, EBADMSG, "'%s' is no whole tar archive: %s", w->u->name,
		       archive_error_string(w->tar));
}

static la_ssize_t read_tar(struct archive *a, void *ctx, const void **ret)
{
	struct writer *w = ctx;
	ssize_t n = kc_pipe_read(&w->u->tar, ret);

	w->stopped = n < 0;
	if (n < 0)
		archive_set_error(a, ECANCELED, "stopped");
	return n;
}

static struct timespec mtime_of(const struct writer *w, struct archive_entry *entry)
{
	struct timespec t = { .tv_sec = archive_entry_mtime(entry),
			      .tv_nsec = archive_entry_mtime_nsec(entry) };

	/* make would rebuild what depends on a file of tomorrow again and again. */
	if (t.tv_sec > w->now || !archive_entry_mtime_is_set(entry))
		t = (struct timespec){ .tv_sec = w->now };
	if (t.tv_sec < 0 || t.tv_nsec < 0 || t.tv_nsec > 999999999)
		t = (struct timespec){ 0 };
	return t;
}

static void took(struct writer *w, uint64_t bytes)
{
	atomic_fetch_add(&w->u->disk_bytes, (bytes + DISK_BLOCK - 1) / DISK_BLOCK * DISK_BLOCK);
}

static int copy_data(struct writer *w, int fd)
{
	la_int64_t end = 0;

	for (;;) {
		la_int64_t offset;
		const void *data;
		size_t len = 0;
		int r = archive_read_data_block(w->tar, &data, &len, &offset);

		if (r == ARCHIVE_EOF) {
			/* A sparse file may end with a hole. */
			if (offset > end && ftruncate(fd, offset) < 0)
				return write_failed(w, errno);
			return 0;
		}
		if (r < ARCHIVE_WARN)
			return damaged(w);
		if (offset != end && lseek(fd, offset, SEEK_SET) < 0)
			return write_failed(w, errno);
		r = kt_write_all(fd, data, len);
		if (r < 0)
			return write_failed(w, -r);
		end = offset + (la_int64_t)len;
	}
}

/* Enter the directory that @path is in; *ret_name is its last part. */
static int enter_parent(struct kc_dirs *dirs, const char *path, bool make, const char **ret_name)
{
	const char *slash = strrchr(path, '/');

	*ret_name = slash ? slash + 1 : path;
	return kc_dirs_enter(dirs, path, slash ? (size_t)(slash - path) : 0, make);
}

/* A later member of the same name replaces an earlier one, but never a directory. */
static int make_room(struct writer *w, const char *name)
{
	if (unlinkat(kc_dirs_fd(&w->dirs), name, 0) == 0)
		return 0;
	if (errno == EISDIR || errno == EPERM)
		return refuse(w, w->path, "is there already, as a directory");
	return write_failed(w, errno);
}

static int write_file(struct writer *w, struct archive_entry *entry, const char *name)
{
	mode_t mode = archive_entry_perm(entry) & 0100 ? 0755 : 0644;
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, mtime_of(w, entry) };
	const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
	kt_auto(fd) int fd = openat(kc_dirs_fd(&w->dirs), name, flags, mode);
	int r;

	if (fd < 0 && errno == EEXIST) {
		r = make_room(w, name);
		if (r < 0)
			return r;
		fd = openat(kc_dirs_fd(&w->dirs), name, flags, mode);
	}
	if (fd < 0)
		return write_failed(w, errno);
	r = copy_data(w, fd);
	if (r < 0)
		return r;
	if (futimens(fd, times) < 0 || close(kt_take_fd(fd)) < 0)
		return write_failed(w, errno);
	atomic_fetch_add(&w->u->files, 1);
	took(w, (uint64_t)archive_entry_size(entry));
	return 0;
}

static int write_symlink(struct writer *w, struct archive_entry *entry, const char *name)
{
	const char *target = archive_entry_symlink(entry);
	bool to_top = false;
	const char *why = target ? kc_unpack_symlink(target, w->depth, &w->u->limits, &to_top)
				 : "is a symbolic link to a name that cannot be read";
	int r;

	if (why)
		return refuse(w, w->path, why);
	if (to_top && !w->tops.to_top[0])
		(void)kt_snprintf(w->tops.to_top, sizeof(w->tops.to_top), "%s", w->path); /* fits */
	if (symlinkat(target, kc_dirs_fd(&w->dirs), name) == 0)
		return 0;
	if (errno != EEXIST)
		return write_failed(w, errno);
	r = make_room(w, name);
	if (r == 0 && symlinkat(target, kc_dirs_fd(&w->dirs), name) < 0)
		r = write_failed(w, errno);
	return r;
}

/* Only to a file of this archive: a symbolic link by another way would mean something else there. */
static int write_hardlink(struct writer *w, struct archive_entry *entry, const char *name)
{
	char target[KC_UNPACK_PATH_MAX + 1];
	const char *raw = archive_entry_hardlink(entry), *last;
	unsigned depth;
	struct stat st;
	int r;

	if (kc_unpack_path(raw, &w->u->limits, target, &depth) || !depth)
		return refuse(w, w->path, "is a hard link to a place out of the tree");
	if (kt_streq(target, w->path))
		return refuse(w, w->path, "is a hard link to itself");
	if (enter_parent(&w->targets, target, false, &last) < 0 ||
	    fstatat(kc_dirs_fd(&w->targets), last, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode))
		return refuse(w, w->path, "is a hard link to what is no file of the archive");
	for (int i = 0; i < 2; i++) {
		if (linkat(kc_dirs_fd(&w->targets), last, kc_dirs_fd(&w->dirs), name, 0) == 0)
			return 0;
		if (errno != EEXIST || i)
			break;
		r = make_room(w, name);
		if (r < 0)
			return r;
	}
	return write_failed(w, errno);
}

static int write_dir(struct writer *w, struct archive_entry *entry)
{
	const char *name;
	int r = enter_parent(&w->dirs, w->path, true, &name);

	if (r < 0)
		return write_failed(w, -r);
	r = kc_dirs_enter(&w->dirs, w->path, strlen(w->path), true);
	if (r < 0)
		return write_failed(w, -r);
	if (w->dirs.depth) {
		w->dirs.level[w->dirs.depth].timed = true;
		w->dirs.level[w->dirs.depth].mtime = mtime_of(w, entry);
	}
	took(w, 1);
	return 0;
}

static const char *type_name(mode_t type)
{
	switch (type) {
	case AE_IFCHR:
	case AE_IFBLK:
		return "is a device";
	case AE_IFIFO:
		return "is a named pipe";
	case AE_IFSOCK:
		return "is a socket";
	default:
		return "is of an unknown type";
	}
}

static int write_member(struct writer *w, struct archive_entry *entry)
{
	mode_t type = archive_entry_filetype(entry);
	const char *name;
	int r;

	if (type == AE_IFDIR && !archive_entry_hardlink(entry))
		return write_dir(w, entry);
	if (!w->path[0])
		return refuse(w, archive_entry_pathname(entry), "has no name");
	if (!archive_entry_hardlink(entry) && type != AE_IFREG && type != AE_IFLNK)
		return refuse(w, w->path, type_name(type));
	r = enter_parent(&w->dirs, w->path, true, &name);
	if (r < 0)
		return write_failed(w, -r);
	if (archive_entry_hardlink(entry))
		return write_hardlink(w, entry, name);
	return type == AE_IFREG ? write_file(w, entry, name) : write_symlink(w, entry, name);
}

static int check_member(struct writer *w, struct archive_entry *entry)
{
	const struct kc_unpack_limits *l = &w->u->limits;
	const char *raw = archive_entry_pathname(entry), *why;
	la_int64_t size = archive_entry_size(entry);

	if (!raw)
		raw = archive_entry_pathname_utf8(entry);
	if (!raw)
		return refuse(w, "?", "has a name that cannot be read");
	why = kc_unpack_path(raw, l, w->path, &w->depth);
	if (why)
		return refuse(w, raw, why);
	if (atomic_fetch_add(&w->u->members, 1) >= l->members)
		return kt_fail(w->e, KT_E_KERNEL, EBADMSG,
			       "'%s' has more than %u members; that is no kernel source",
			       w->u->name, l->members);
	if (size < 0 || (uint64_t)size > l->bytes - w->bytes)
		return kt_fail(
			w->e, KT_E_KERNEL, EBADMSG,
			"'%s' unpacks to more than %llu bytes (at member '%s'); that is no kernel source",
			w->u->name, (unsigned long long)l->bytes, w->path);
	w->bytes += (uint64_t)size;
	return 0;
}

/*
 * libarchive takes the end of the bytes for the end of the archive. That is marked by two empty blocks: without them
 * it was cut between two members.
 */
static int check_end(struct writer *w)
{
	la_int64_t members_end = archive_read_header_position(w->tar);
	ssize_t n = 1;

	while (n > 0) {
		const void *rest;

		n = kc_pipe_read(&w->u->tar, &rest);
	}
	if (n < 0)
		return -ECANCELED;
	if (w->u->tar.taken < (uint64_t)members_end + 1024)
		return kt_fail(w->e, KT_E_KERNEL, EBADMSG,
			       "'%s' is no whole tar archive: it ends after member '%s'",
			       w->u->name, w->path);
	return 0;
}

static int write_members(struct writer *w)
{
	for (;;) {
		struct archive_entry *entry;
		int r = archive_read_next_header(w->tar, &entry);

		if (r == ARCHIVE_EOF)
			return check_end(w);
		if (r < ARCHIVE_WARN)
			return damaged(w);
		r = check_member(w, entry);
		if (r == 0)
			r = write_member(w, entry);
		if (r < 0)
			return r;
		kc_tops_note(&w->tops, w->path);
	}
}

static int write_tar(struct writer *w)
{
	int r = kc_dirs_begin(&w->dirs, w->u->dir);

	if (r == 0)
		r = kc_dirs_begin(&w->targets, w->u->dir);
	if (r < 0)
		return kt_fail(w->e, KT_E_HOST, -r, "open directory '%s'", w->u->dir);
	archive_read_support_format_tar(w->tar);
	if (archive_read_open(w->tar, w, NULL, read_tar, NULL) != ARCHIVE_OK)
		return damaged(w);
	r = write_members(w);
	if (r < 0)
		return r;
	(void)kc_dirs_enter(&w->dirs, "", 0, false); /* only leaves, which cannot fail */
	return kc_tops_finish(&w->tops, w->u, w->dirs.level[0].fd, w->e);
}

int kc_unpack_write(struct kc_unpack *u, struct kt_err *e)
{
	struct writer *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return kt_fail(e, KT_E_HOST, ENOMEM, "unpack '%s'", u->name);
	w->u = u;
	w->e = e;
	w->now = time(NULL);
	w->dirs.level[0].fd = w->targets.level[0].fd = -1;
	w->tar = archive_read_new();
	r = w->tar ? write_tar(w) : kt_fail(e, KT_E_HOST, ENOMEM, "unpack '%s'", u->name);
	archive_read_free(w->tar);
	kc_dirs_end(&w->targets);
	kc_dirs_end(&w->dirs);
	free(w);
	return r;
}
