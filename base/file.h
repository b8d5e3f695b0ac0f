/* SPDX-License-Identifier: GPL-2.0-only */
/* Files, directories and locks: whole or not at all. */
#ifndef KTSTR_BASE_FILE_H
#define KTSTR_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/str.h"

/* Read all of @path (at most @max bytes, else KT_E_HOST/EFBIG) into @ret, which is appended to. */
int kt_file_read(const char *path, size_t max, struct kt_buf *ret, struct kt_err *e);
/* For /proc and /sys: leaf, -errno, reads at most size-1 bytes, NUL-terminates, strips one trailing newline. */
ssize_t kt_file_read_small(const char *path, char *buf, size_t size);
/* Replace @path atomically: temporary beside it, every write checked, fsync, rename, fsync of the directory. */
int kt_file_write_atomic(const char *path, const void *data, size_t len, mode_t mode,
			 struct kt_err *e);
/*
 * The same of what @fill writes to the new file, of mode 0644, which is open for writing at its beginning: holes and any
 * order of writes are fine. @fill is a leaf.
 */
int kt_file_replace(const char *path, int (*fill)(void *ctx, int fd), void *ctx, struct kt_err *e);
/* Write all or fail. Leaf. */
int kt_write_all(int fd, const void *data, size_t len);
/* Copy the rest of @from to @to (copy_file_range, falling back to read/write). Leaf. */
int kt_copy_fd(int from, int to);
/* mkdir -p with @mode for new directories. */
int kt_mkdir_p(const char *path, mode_t mode, struct kt_err *e);
/* rm -r; a missing @path is fine. Never follows links, never leaves the file system. */
int kt_remove_tree(const char *path, struct kt_err *e);
/* fsync of a directory, so that renames in it last. */
int kt_fsync_dir(const char *path, struct kt_err *e);

/*
 * An flock on a file that is made when missing and never removed. Released by kt_lock_release, or by the
 * kernel when the process dies; never inherited by children (CLOEXEC).
 */
struct kt_lock {
	int fd; /* -1: not held */
};
#define KT_LOCK_NONE \
	{ \
		.fd = -1 \
	}
/**
 * @exclusive or shared. @wait false: -EWOULDBLOCK at once when somebody holds it (no error text).
 * @wait true: blocks; before blocking calls @waiting (may be NULL) with the holder's pid (0 unknown).
 * A signal whose handler was installed without SA_RESTART ends the waiting: -EINTR, KT_E_INTR.
 * An exclusive holder writes its pid and @purpose into the file, for people and for @waiting.
 */
struct kt_lock_opts {
	bool shared;
	bool wait;
	const char *purpose;
	void (*waiting)(void *ctx, pid_t holder, const char *purpose);
	void *ctx;
};
int kt_lock_acquire(const char *path, const struct kt_lock_opts *o, struct kt_lock *ret,
		    struct kt_err *e);
void kt_lock_release(struct kt_lock *l);
static inline void kt_cleanup_lock(struct kt_lock *l)
{
	kt_lock_release(l);
}

#endif
