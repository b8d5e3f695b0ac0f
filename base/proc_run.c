/* SPDX-License-Identifier: GPL-2.0-only */
/* Running a program to its end and collecting what it prints. */
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

enum { OUT, ERR, NR_STREAMS };

struct stream {
	int fd; /* -1: at its end, or not asked for */
	struct kt_buf *buf;
	size_t left; /* until the cap */
};

/* Take what is there. At the end of the stream its descriptor is closed. */
static void drain(struct stream *s)
{
	char block[16384];
	size_t keep;
	ssize_t n;

	while (s->fd >= 0) {
		n = read(s->fd, block, sizeof(block));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n <= 0) {
			close(s->fd);
			s->fd = -1;
			return;
		}
		/* Past the cap it is read and dropped, so that the program does not block on a full pipe. */
		keep = (size_t)n < s->left ? (size_t)n : s->left;
		kt_buf_add(s->buf, block, keep);
		s->left -= keep;
	}
}

/* Until the process has ended. What a background child of it prints later is not waited for. */
static int collect(const struct kt_proc *p, struct stream *streams, uint64_t deadline_ns)
{
	struct pollfd pfds[NR_STREAMS + 1];
	int n;

	do {
		for (int i = 0; i < NR_STREAMS; i++)
			pfds[i] = (struct pollfd){ .fd = streams[i].fd, .events = POLLIN };
		pfds[NR_STREAMS] = (struct pollfd){ .fd = p->pidfd, .events = POLLIN };
		n = poll(pfds, NR_STREAMS + 1, kt_poll_timeout(deadline_ns));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			return -ETIMEDOUT;
		for (int i = 0; i < NR_STREAMS; i++)
			drain(&streams[i]);
	} while (n < 0 || !pfds[NR_STREAMS].revents);
	/* It may have written between our read and its end. */
	for (int i = 0; i < NR_STREAMS; i++)
		drain(&streams[i]);
	return 0;
}

static int open_stream(struct stream *s, struct kt_buf *buf, size_t max, int *child_fd, int null_fd)
{
	int fds[2];

	*s = (struct stream){ .fd = -1, .buf = buf, .left = max };
	if (!buf) {
		if (*child_fd == 0)
			*child_fd = null_fd;
		return 0;
	}
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	s->fd = fds[0];
	*child_fd = fds[1];
	/* Only our end: the program's writes shall block as ever. */
	return fcntl(fds[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
}

static int start_and_collect(struct kt_proc_opts *o, int timeout_ms, struct stream *streams,
			     const int *write_fds, struct kt_proc_end *ret, struct kt_err *e)
{
	kt_auto(proc) struct kt_proc p = KT_PROC_NONE;
	uint64_t deadline_ns = UINT64_MAX;
	int r;

	if (timeout_ms >= 0)
		deadline_ns = kt_now_ns() + (uint64_t)timeout_ms * 1000000;
	r = kt_proc_start(o, &p, e);
	for (int i = 0; i < NR_STREAMS; i++) {
		if (write_fds[i] >= 0)
			close(write_fds[i]);
	}
	if (r < 0)
		return r;
	r = collect(&p, streams, deadline_ns);
	if (r == -ETIMEDOUT)
		return kt_fail(e, KT_E_TOOL, ETIMEDOUT, "'%s' did not end within %d ms", o->argv[0],
			       timeout_ms);
	if (r < 0)
		return kt_fail(e, KT_E_HOST, -r, "read the output of '%s'", o->argv[0]);
	for (int i = 0; i < NR_STREAMS; i++) {
		if (streams[i].buf && !kt_buf_ok(streams[i].buf))
			return kt_fail(e, KT_E_HOST, ENOMEM, "keep the output of '%s'", o->argv[0]);
	}
	return kt_proc_wait(&p, -1, ret, e);
}

int kt_proc_run(const struct kt_proc_opts *o, int timeout_ms, size_t max, struct kt_buf *out,
		struct kt_buf *err, struct kt_proc_end *ret, struct kt_err *e)
{
	kt_auto(fd) int null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	struct stream streams[NR_STREAMS] = { { .fd = -1 }, { .fd = -1 } };
	struct kt_buf *bufs[NR_STREAMS] = { out, err };
	struct kt_proc_opts with_pipes = *o;
	int *child_fds[NR_STREAMS] = { &with_pipes.stdout_fd, &with_pipes.stderr_fd };
	int write_fds[NR_STREAMS] = { -1, -1 };
	int r = 0;

	if (null_fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "open '/dev/null'");
	for (int i = 0; i < NR_STREAMS && r == 0; i++) {
		r = open_stream(&streams[i], bufs[i], max, child_fds[i], null_fd);
		if (streams[i].fd >= 0)
			write_fds[i] = *child_fds[i];
	}
	if (r == 0) {
		r = start_and_collect(&with_pipes, timeout_ms, streams, write_fds, ret, e);
	} else {
		(void)kt_fail(e, KT_E_HOST, -r, "open a pipe for '%s'", o->argv[0]);
		for (int i = 0; i < NR_STREAMS; i++)
			kt_cleanup_fd(&write_fds[i]);
	}
	for (int i = 0; i < NR_STREAMS; i++)
		kt_cleanup_fd(&streams[i].fd);
	return r;
}
