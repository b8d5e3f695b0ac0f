/* SPDX-License-Identifier: GPL-2.0-only */
/* What a machine has to say, one event at a time, in turns, each with bounded work. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "vmm/qemu/internal.h"

enum {
	CONSOLE_CHUNK = 16 << 10,
	EVENTS_AT_ONCE = 8,
	TICK_MS = 200, /* look into the ring this often, in case a doorbell was lost */
	GRACE_MS = 5000, /* from SHUTDOWN to the end of the process */
	LAST_LINE_MAX = 400,
	STDERR_MAX = 256 << 10, /* of QEMU's messages is kept */
};
#define STDERR_END (INT64_C(1) << 40)

enum { OURS_CONSOLE, OURS_BELL };

static int watch_fd(struct qemu *q, int fd, struct kt_err *e)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(q->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return kt_fail(e, KT_E_HOST, errno, "poll a descriptor of the machine");
	return 0;
}

int qemu_events_init(struct qemu *q, struct kt_err *e)
{
	const struct itimerspec tick = {
		.it_interval = { .tv_nsec = TICK_MS * 1000000L },
		.it_value = { .tv_nsec = TICK_MS * 1000000L },
	};
	int r = 0;

	q->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	q->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	q->tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (q->epoll_fd < 0 || q->wake_fd < 0 || q->tick_fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "make descriptors for events");
	if (timerfd_settime(q->tick_fd, 0, &tick, NULL) < 0)
		return kt_fail(e, KT_E_HOST, errno, "set a timer");
	{
		const int fds[] = { q->wake_fd,         q->tick_fd, q->ours[OURS_CONSOLE],
				    q->ours[OURS_BELL], q->qmp.fd,  q->proc.pidfd };

		for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]) && r == 0; i++)
			r = watch_fd(q, fds[i], e);
	}
	return r;
}

int qemu_poll_fd(const void *m)
{
	const struct qemu *q = m;

	return q->epoll_fd;
}

void qemu_wake(struct qemu *q)
{
	const uint64_t one = 1;

	if (q->awake || q->wake_fd < 0)
		return;
	q->awake = write(q->wake_fd, &one, sizeof(one)) == sizeof(one);
}

static void sleep_again(struct qemu *q)
{
	uint64_t count;

	if (q->awake && read(q->wake_fd, &count, sizeof(count)) == sizeof(count))
		q->awake = false;
}

/* Nothing more comes from @fd: an end of file would keep poll_fd readable. */
static void forget_fd(struct qemu *q, int fd)
{
	(void)epoll_ctl(q->epoll_fd, EPOLL_CTL_DEL, fd, NULL); /* may be out already */
}

/* ---- input: cheap, and nothing is reported here ---- */

static void take_bell(struct qemu *q)
{
	char bells[512];
	ssize_t n = recv(q->ours[OURS_BELL], bells, sizeof(bells), MSG_DONTWAIT);

	if (n > 0 && memchr(bells, GST_BELL_UP, (size_t)n))
		q->frames.pending = true;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		forget_fd(q, q->ours[OURS_BELL]);
}

static void take_qmp(struct qemu *q)
{
	qmp_pump(&q->qmp);
	if (q->qmp.closed)
		forget_fd(q, q->qmp.fd);
	if (q->qmp.shutdown != QMP_RUNNING && q->shutdown_deadline_ns == 0)
		q->shutdown_deadline_ns = kt_now_ns() + GRACE_MS * UINT64_C(1000000);
}

/* A stop that is no watch hit of ours: the stub also tells of shutdowns. */
static void take_gdb(struct qemu *q)
{
	bool was_running = q->gdb.running;

	gdb_pump(&q->gdb);
	if (q->gdb.closed)
		forget_fd(q, q->gdb.fd);
	if (!was_running || q->gdb.running)
		return;
	if (q->gdb.hit)
		q->freezes++;
	else
		(void)gdb_resume(
			&q->gdb,
			NULL); /* refused after a shutdown, which is reported by its own event */
}

static void take_tick(struct qemu *q)
{
	uint64_t count;

	(void)!read(q->tick_fd, &count, sizeof(count)); /* only to make it unreadable */
	q->frames.pending = true;
	/* A guest that makes QEMU complain for hours must not fill the host's memory. */
	(void)fallocate(q->stderr_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, STDERR_MAX,
			STDERR_END - STDERR_MAX); /* if not now, then at the next tick */
	if (q->shutdown_deadline_ns && kt_now_ns() > q->shutdown_deadline_ns)
		kt_proc_signal(&q->proc, SIGKILL);
}

static int take_end(struct qemu *q, struct kt_err *e)
{
	int pidfd = q->proc.pidfd, r;

	if (q->ended)
		return 0;
	forget_fd(q, pidfd);
	r = kt_proc_wait(&q->proc, 0, &q->end, e);
	if (r < 0)
		return r == -ETIMEDOUT
			       ? kt_fail(e, KT_E_INTERNAL, ETIMEDOUT, "QEMU has and has not ended")
			       : r;
	q->ended = true;
	forget_fd(q, q->tick_fd);
	take_qmp(q);
	q->frames.pending = true; /* the last frames, whether it rang or not */
	q->console_ready = true;
	qemu_wake(q);
	return 0;
}

static int take_input(struct qemu *q, int fd, struct kt_err *e)
{
	if (fd == q->ours[OURS_CONSOLE])
		q->console_ready = true;
	else if (fd == q->ours[OURS_BELL])
		take_bell(q);
	else if (fd == q->qmp.fd)
		take_qmp(q);
	else if (fd == q->gdb.fd)
		take_gdb(q);
	else if (fd == q->tick_fd)
		take_tick(q);
	else if (fd == q->proc.pidfd)
		return take_end(q, e);
	return 0;
}

/* ---- output: each fills in one event and returns true, or has nothing ---- */

static bool next_watch(struct qemu *q, struct vm_event *ret)
{
	if (!q->gdb.hit)
		return false;
	q->gdb.hit = false;
	ret->type = VM_EV_WATCH;
	ret->watch_id = q->gdb.hit_id;
	return true;
}

static bool next_console(struct qemu *q, struct vm_event *ret)
{
	ssize_t n;

	if (!q->console_ready || q->console_closed)
		return false;
	n = recv(q->ours[OURS_CONSOLE], q->console, CONSOLE_CHUNK, MSG_DONTWAIT);
	if (n > 0) {
		ret->type = VM_EV_CONSOLE;
		ret->data = q->console;
		ret->len = (size_t)n;
		return true;
	}
	q->console_ready = false;
	if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		q->console_closed = true;
		forget_fd(q, q->ours[OURS_CONSOLE]);
	}
	return false;
}

/*
 * Its own last words, printable: the last line that begins with its name, as its messages do, for
 * after a fatal one come hundreds of lines of registers; else the last line.
 */
static void add_last_line(const struct qemu *q, struct kt_buf *b)
{
	kt_auto(mem) char *text = calloc(1, STDERR_MAX + 1);
	ssize_t n = text ? pread(q->stderr_fd, text, STDERR_MAX, 0) : 0;
	const char *last = NULL, *named = NULL;
	char *save = NULL;

	if (n <= 0)
		return;
	for (char *line = strtok_r(text, "\r\n", &save); line;
	     line = strtok_r(NULL, "\r\n", &save)) {
		last = line;
		if (kt_starts_with(line, "qemu"))
			named = line;
	}
	if (named)
		last = named;
	if (!last)
		return;
	kt_buf_adds(b, ": ");
	kt_buf_add_printable(b, last, strnlen(last, LAST_LINE_MAX));
}

static bool is_hung(const struct qemu *q)
{
	return q->qmp.hung || q->gdb.hung;
}

static void judge_end(const struct qemu *q, struct vm_event *ret)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	if (q->stopped) {
		ret->end = VM_END_STOPPED;
		kt_buf_adds(&b, "stopped");
	} else if (q->qmp.shutdown == QMP_GUEST_SHUTDOWN) {
		ret->end = VM_END_POWEROFF;
		kt_buf_adds(&b, "the guest powered off");
	} else if (q->qmp.shutdown == QMP_GUEST_RESET) {
		ret->end = VM_END_RESET;
		kt_buf_adds(&b, "the guest reset the machine");
	} else {
		ret->end = VM_END_CRASHED;
		if (is_hung(q))
			kt_buf_addf(&b, "QEMU did not answer within %llu s, and was ended: ",
				    (unsigned long long)(QEMU_REPLY_LIMIT_NS / 1000000000));
		kt_buf_adds(&b, "QEMU ");
		kt_proc_end_format(&b, &q->end);
		if (q->qmp.reason[0])
			kt_buf_addf(&b, " (%s)", q->qmp.reason);
		add_last_line(q, &b);
	}
	(void)kt_snprintf(ret->text, sizeof(ret->text), "%s",
			  kt_buf_str(&b)); /* for people: may be cut */
}

static bool next_end(struct qemu *q, struct vm_event *ret)
{
	if (!q->ended || q->end_told)
		return false;
	q->end_told = true;
	forget_fd(q, q->wake_fd);
	forget_fd(q, q->gdb.fd);
	forget_fd(q, q->ours[OURS_BELL]);
	forget_fd(q, q->qmp.fd);
	ret->type = VM_EV_END;
	judge_end(q, ret);
	return true;
}

/*
 * A watch hit first: the machine stands still until it is dealt with. Console and frames take
 * turns, so that neither a flood of the one nor of the other keeps its neighbour waiting. The end
 * comes when both are dry: the process is gone, so that they cannot be filled again.
 */
static bool next_event(struct qemu *q, struct vm_event *ret)
{
	bool console_first = q->console_turn;

	if (next_watch(q, ret))
		return true;
	q->console_turn = !q->console_turn;
	if (console_first && next_console(q, ret))
		return true;
	if (vm_frames_next(&q->frames, ret))
		return true;
	if (!console_first && next_console(q, ret))
		return true;
	return next_end(q, ret);
}

static int take_all_input(struct qemu *q, int timeout_ms, struct kt_err *e)
{
	struct epoll_event ev[EVENTS_AT_ONCE];
	int n = epoll_wait(q->epoll_fd, ev, EVENTS_AT_ONCE, timeout_ms), r;

	if (n < 0 && errno != EINTR)
		return kt_fail(e, KT_E_HOST, errno, "wait for the machine");
	for (int i = 0; i < n; i++) {
		r = take_input(q, ev[i].data.fd, e);
		if (r < 0)
			return r;
	}
	return n;
}

static bool has_more(const struct qemu *q)
{
	return q->gdb.hit || q->frames.pending || (q->console_ready && !q->console_closed) ||
	       (q->ended && !q->end_told);
}

int qemu_wait(void *m, int timeout_ms, struct vm_event *ret, struct kt_err *e)
{
	struct qemu *q = m;
	uint64_t deadline = timeout_ms < 0 ? UINT64_MAX
					   : kt_now_ns() + (uint64_t)timeout_ms * 1000000;
	struct vm_event event = { .type = VM_EV_NONE };
	int n;

	/* Whether it stands or runs nobody knows, and nobody can say any more. Its end then comes as an event. */
	if (is_hung(q) && !q->ended && q->proc.pid)
		kt_proc_signal(&q->proc, SIGKILL);
	for (;;) {
		/*
		 * Also before reporting what is at hand, so that no source waits for another to dry
		 * up.
		 */
		n = take_all_input(q, has_more(q) || q->end_told ? 0 : kt_poll_timeout(deadline),
				   e);
		if (n < 0)
			return n;
		if (next_event(q, &event))
			break;
		if (q->end_told || kt_now_ns() >= deadline)
			break;
	}
	if (has_more(q))
		qemu_wake(q);
	else
		sleep_again(q);
	*ret = event;
	return 0;
}
