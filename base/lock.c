/* SPDX-License-Identifier: GPL-2.0-only */
/* Locks between processes: flock on a file that names its holder. */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/parse.h"

enum {
	HOLDER_BYTES = 256,
	HOLDER_TRIES = 20, /* a holder writes its name right after it got the lock */
	HOLDER_TRY_US = 1000,
};

/* A lock file of another user may be readable only; flock needs no more than that. */
static int open_lock_file(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);

	if (fd < 0 && (errno == EACCES || errno == EROFS))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd;
}

/* "PID PURPOSE", as write_holder left it; anything else is pid 0 and no purpose. */
static void read_holder(int fd, pid_t *ret_pid, char *purpose, size_t size)
{
	char text[HOLDER_BYTES];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	char *rest;
	unsigned pid;

	*ret_pid = 0;
	purpose[0] = '\0';
	if (n <= 0)
		return;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	rest = text;
	if (kt_parse_uint(strsep(&rest, " "), 1, INT32_MAX, &pid) < 0)
		return;
	*ret_pid = (pid_t)pid;
	if (rest)
		(void)kt_snprintf(purpose, size, "%s", rest); /* cut is fine, it is for people */
}

/* For people only: a read-only or full file system must not make locking fail. */
static void write_holder(int fd, const struct kt_lock_opts *o)
{
	char text[HOLDER_BYTES];

	if (ftruncate(fd, 0) < 0 || o->shared)
		return;
	(void)kt_snprintf(text, sizeof(text) - 1, "%d %s", (int)getpid(),
			  o->purpose ? o->purpose : "");
	text[strlen(text) + 1] = '\0';
	text[strlen(text)] = '\n';
	(void)!pwrite(fd, text, strlen(text), 0);
}

static int wait_for_lock(int fd, const char *path, int op, const struct kt_lock_opts *o,
			 struct kt_err *e)
{
	char purpose[HOLDER_BYTES];
	pid_t holder;

	if (o->waiting) {
		read_holder(fd, &holder, purpose, sizeof(purpose));
		for (int i = 0; !holder && i < HOLDER_TRIES; i++) {
			(void)usleep(HOLDER_TRY_US);
			if (flock(fd, op | LOCK_NB) == 0)
				return 0;
			read_holder(fd, &holder, purpose, sizeof(purpose));
		}
		o->waiting(o->ctx, holder, purpose);
	}
	if (flock(fd, op) == 0)
		return 0;
	if (errno == EINTR)
		return kt_fail(e, KT_E_INTR, EINTR, "interrupted while waiting for the lock '%s'",
			       path);
	return kt_fail(e, KT_E_HOST, errno, "lock '%s'", path);
}

int kt_lock_acquire(const char *path, const struct kt_lock_opts *o, struct kt_lock *ret,
		    struct kt_err *e)
{
	kt_auto(fd) int fd = open_lock_file(path);
	int op = o->shared ? LOCK_SH : LOCK_EX;
	int r;

	if (fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "open lock '%s'", path);
	if (flock(fd, op | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK)
			return kt_fail(e, KT_E_HOST, errno, "lock '%s'", path);
		if (!o->wait)
			return -EWOULDBLOCK;
		r = wait_for_lock(fd, path, op, o, e);
		if (r < 0)
			return r;
	}
	write_holder(fd, o);
	ret->fd = kt_take_fd(fd);
	return 0;
}

void kt_lock_release(struct kt_lock *l)
{
	int saved = errno;

	if (l->fd >= 0) {
		/* While we hold it, shared or not, no exclusive holder's name can be in there but ours. */
		(void)!ftruncate(l->fd, 0);
		/* Explicitly, because a forked child may hold a copy of the descriptor. */
		(void)flock(l->fd, LOCK_UN);
		close(l->fd);
		l->fd = -1;
	}
	errno = saved;
}
