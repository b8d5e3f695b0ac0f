/* SPDX-License-Identifier: GPL-2.0-only */
/* Inside of the unpacker: what its two threads share, and limits that tests can lower. */
#ifndef KTSTR_KERNEL_CACHE_SOURCE_UNPACK_H
#define KTSTR_KERNEL_CACHE_SOURCE_UNPACK_H

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#include "kernel-cache/source/source.h"

/* What one archive may ask for. */
struct kc_unpack_limits {
	uint64_t bytes;
	uint64_t ratio_from_bytes; /* unpacked, until then the ratio does not count */
	unsigned ratio;
	unsigned members;
	unsigned
		path_bytes; /* of a member or of what a link points to; at most KC_UNPACK_PATH_MAX */
	unsigned depth; /* directories below each other; at most KC_UNPACK_DEPTH_MAX */
	size_t in_bytes,
		tar_bytes; /* what may wait for each of the threads; 0: what is good for real ones */
};
enum { KC_UNPACK_PATH_MAX = 1024, KC_UNPACK_DEPTH_MAX = 64 };
extern const struct kc_unpack_limits kc_unpack_limits;

/* kc_unpack_begin with other limits. */
int kc_unpack_begin_limited(const char *dir, const char *name,
			    const struct kc_unpack_limits *limits,
			    const struct kc_progress *progress, struct kc_unpack **ret,
			    struct kt_err *e);

/* --- unpack_pipe.c: bytes from one thread to another, of which only so many wait -------------------- */
struct kc_pipe {
	pthread_mutex_t lock;
	pthread_cond_t readable, writable;
	char *ring;
	size_t size, start, used; /* used counts what is lent too */
	size_t lent; /* to the reader, until it asks for more */
	bool ended, broken;
	uint64_t taken; /* by the reader, in total */
};
/* 0 or -errno. */
int kc_pipe_init(struct kc_pipe *p, size_t size);
void kc_pipe_done(struct kc_pipe *p);
/* Empty it; nobody may be using it. */
void kc_pipe_reset(struct kc_pipe *p);
/* Waits for room. -EPIPE: broken. */
int kc_pipe_write(struct kc_pipe *p, const void *data, size_t len);
/* The writer has no more. */
void kc_pipe_end(struct kc_pipe *p);
/* Neither side shall wait or go on. */
void kc_pipe_break(struct kc_pipe *p);
/* The next bytes, valid until the next call: how many, 0 at the end, -EPIPE broken. */
ssize_t kc_pipe_read(struct kc_pipe *p, const void **ret);

/* --- unpack_safe.c: names as they come, before anything is done with them --------------------------- */
/*
 * Write @raw to @ret (limits->path_bytes + 1 bytes) without "." and superfluous slashes; "" is the top itself. NULL, or
 * why no member may be named so.
 */
const char *kc_unpack_path(const char *raw, const struct kc_unpack_limits *limits, char *ret,
			   unsigned *ret_depth);
/*
 * NULL, or why the member of @depth directories cannot be a symbolic link to @target. *ret_to_top: it goes up to the
 * top, so it would leave the tree if the first directory were taken away.
 */
const char *kc_unpack_symlink(const char *target, unsigned depth,
			      const struct kc_unpack_limits *limits, bool *ret_to_top);

/* --- unpack_dirs.c: directories below one, entered without ever following a link ------------------- */
struct kc_dirs {
	char path[KC_UNPACK_PATH_MAX + 1]; /* where we are, below the top */
	unsigned depth;
	struct kc_dirs_level {
		int fd;
		size_t end; /* of its name in path */
		bool timed; /* mtime is to be set when we leave */
		struct timespec mtime;
	} level[KC_UNPACK_DEPTH_MAX + 1]; /* level[0] is the top */
};
int kc_dirs_begin(struct kc_dirs *d, const char *top); /* 0 or -errno */
/*
 * Enter the directory @path (clean, of @len bytes), made when missing and @make. 0 or -errno; -ENOTDIR and -ELOOP:
 * something on the way is no directory.
 */
int kc_dirs_enter(struct kc_dirs *d, const char *path, size_t len, bool make);
static inline int kc_dirs_fd(const struct kc_dirs *d)
{
	return d->level[d->depth].fd;
}
void kc_dirs_end(struct kc_dirs *d);

/* --- unpack.c --------------------------------------------------------------------------------------- */
struct kc_unpack {
	char *dir, *name;
	const struct kc_progress *progress;
	struct kc_unpack_limits limits;
	struct kc_pipe in; /* the archive as it comes */
	struct kc_pipe tar; /* the tar of it */
	pthread_t decoder, writer;
	bool running;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t ended;
	unsigned nr_ended;
	int r; /* 0, or what the first thread that failed says */
	struct kt_err err;
	_Atomic uint64_t members, files, disk_bytes;
};
/* How many files it wrote, and what they take on a disk of 4 KiB blocks. */
void kc_unpack_written(struct kc_unpack *u, uint64_t *ret_files, uint64_t *ret_bytes);

/* --- unpack_decode.c, unpack_write.c: the two threads ----------------------------------------------- */
/* From u->in to u->tar. -ECANCELED without text: the other one stopped us. */
int kc_unpack_decode(struct kc_unpack *u, struct kt_err *e);
/* From u->tar to u->dir; the same. */
int kc_unpack_write(struct kc_unpack *u, struct kt_err *e);

/* --- unpack_top.c ------------------------------------------------------------------------------------ */
struct kc_tops {
	char top[NAME_MAX + 1]; /* the first member's first directory */
	bool several;
	char to_top[KC_UNPACK_PATH_MAX +
		    1]; /* a link that leaves the tree when the top is taken away; "": none */
};
/* Members are named by their maker: quoted so that a terminal stays sane. */
int kc_unpack_refuse(const struct kc_unpack *u, const char *member, const char *why,
		     struct kt_err *e);
void kc_tops_note(struct kc_tops *t, const char *path);
/* Move everything out of the top, when there is one, into the directory @root that it is in. */
int kc_tops_finish(const struct kc_tops *t, const struct kc_unpack *u, int root, struct kt_err *e);

#endif
