/* SPDX-License-Identifier: GPL-2.0-only */
/* What a machine has to say, one event at a time, in turns, each with bounded work. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "vmm/kvm/internal.h"

enum {
	CONSOLE_CHUNK = 16 << 10,
	EVENTS_AT_ONCE = 8,
	TICK_MS = 200, /* look into the ring this often, in case a doorbell was lost */
};

static int watch_fd(struct kvm_machine *m, int fd, struct kt_err *e)
{
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(m->epoll_fd, EPOLL_CTL_ADD, fd, &ev) < 0)
		return kt_fail(e, KT_E_HOST, errno, "poll a descriptor of the machine");
	return 0;
}

int kvm_events_init(struct kvm_machine *m, struct kt_err *e)
{
	const struct itimerspec tick = {
		.it_interval = { .tv_nsec = TICK_MS * 1000000L },
		.it_value = { .tv_nsec = TICK_MS * 1000000L },
	};
	int r = 0;

	m->chunk = malloc(CONSOLE_CHUNK);
	if (!m->chunk)
		return kt_fail(e, KT_E_HOST, ENOMEM, "allocate room for the console");
	m->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	m->bell_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	m->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	m->tick_fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (m->epoll_fd < 0 || m->bell_fd < 0 || m->wake_fd < 0 || m->tick_fd < 0)
		return kt_fail(e, KT_E_HOST, errno, "make descriptors for events");
	if (timerfd_settime(m->tick_fd, 0, &tick, NULL) < 0)
		return kt_fail(e, KT_E_HOST, errno, "set a timer");
	{
		const int fds[] = { kvm_console_fd(m->console), m->bell_fd, m->wake_fd,
				    m->tick_fd };

		for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]) && r == 0; i++)
			r = watch_fd(m, fds[i], e);
	}
	return r;
}

int kvm_poll_fd(const void *m)
{
	const struct kvm_machine *machine = m;

	return machine->epoll_fd;
}

void kvm_wake(struct kvm_machine *m)
{
	const uint64_t one = 1;

	(void)!write(m->wake_fd, &one, sizeof(one)); /* fails only when it is readable for sure */
}

/* Reads an eventfd or a timer: it is readable no more. */
static void drain(int fd)
{
	uint64_t count;

	(void)!read(fd, &count, sizeof(count)); /* nothing there is as good */
}

/* ---- what the vCPU threads have left for us ---- */

struct news {
	bool ended, all_gone;
};

static struct news look(struct kvm_machine *m)
{
	struct news n;

	(void)pthread_mutex_lock(&m->lock);
	n = (struct news){ .ended = m->ended, .all_gone = m->ended && m->gone >= m->nr_cpus };
	(void)pthread_mutex_unlock(&m->lock);
	return n;
}

static void take_input(struct kvm_machine *m, int fd)
{
	if (fd == m->bell_fd || fd == m->tick_fd)
		m->frames.pending = true;
	if (fd != kvm_console_fd(m->console)) /* readable until it is empty */
		drain(fd);
}

/* ---- output: each fills in one event and returns true, or has nothing ---- */

static bool next_console(struct kvm_machine *m, struct vm_event *ret)
{
	size_t n = kvm_console_take(m->console, m->chunk, CONSOLE_CHUNK);

	if (n == 0)
		return false;
	ret->type = VM_EV_CONSOLE;
	ret->data = m->chunk;
	ret->len = n;
	return true;
}

static void forget_fd(struct kvm_machine *m, int fd)
{
	(void)epoll_ctl(m->epoll_fd, EPOLL_CTL_DEL, fd, NULL); /* may be out already */
}

static bool next_end(struct kvm_machine *m, struct vm_event *ret)
{
	if (!m->end_seen || m->end_told)
		return false;
	m->end_told = true;
	forget_fd(m, m->bell_fd);
	forget_fd(m, m->wake_fd);
	forget_fd(m, m->tick_fd);
	forget_fd(m, m->parked_fd);
	ret->type = VM_EV_END;
	ret->end = m->end; /* nobody writes these any more */
	(void)kt_snprintf(ret->text, sizeof(ret->text), "%s", m->end_text); /* as long */
	return true;
}

/*
 * Console and frames take turns, so that neither a flood of the one nor of the other keeps its neighbour waiting. The
 * end comes when both are dry and no vCPU is left to fill them again.
 */
static bool next_output(struct kvm_machine *m, struct vm_event *ret)
{
	bool console_first = m->console_turn;

	m->console_turn = !m->console_turn;
	if (console_first && next_console(m, ret))
		return true;
	if (vm_frames_next(&m->frames, ret))
		return true;
	if (!console_first && next_console(m, ret))
		return true;
	return next_end(m, ret);
}

/* A watch hit first: the machine stands still until it is dealt with. 1: an event; 0: none. */
static int next_event(struct kvm_machine *m, struct vm_event *ret, struct kt_err *e)
{
	int r = kvm_watch_next(m, &ret->watch_id, e);

	if (r > 0)
		ret->type = VM_EV_WATCH;
	return r ? r : next_output(m, ret);
}

static int take_all_input(struct kvm_machine *m, int timeout_ms, struct kt_err *e)
{
	struct epoll_event ev[EVENTS_AT_ONCE];
	int n = epoll_wait(m->epoll_fd, ev, EVENTS_AT_ONCE, timeout_ms);

	if (n < 0 && errno != EINTR)
		return kt_fail(e, KT_E_HOST, errno, "wait for the machine");
	for (int i = 0; i < n; i++)
		take_input(m, ev[i].data.fd);
	return 0;
}

/*
 * After the end the last vCPU to go rings parked_fd (nobody freezes any more), and the ring is looked into once more:
 * its last frames may have come without a bell.
 */
static int note_end(struct kvm_machine *m, struct kt_err *e)
{
	struct news n = look(m);

	if (!n.ended || m->end_seen)
		return 0;
	if (!n.all_gone && m->end_polled)
		return 0;
	if (!n.all_gone) {
		m->end_polled = true;
		return watch_fd(m, m->parked_fd, e);
	}
	m->end_seen = true;
	m->frames.pending = true;
	return 0;
}

/* Something is left over that shows on no descriptor: the caller's poll() would sleep on it. */
static bool has_more(struct kvm_machine *m)
{
	return m->frames.pending || (m->end_seen && !m->end_told) || kvm_watch_pending(m);
}

int kvm_wait(void *machine, int timeout_ms, struct vm_event *ret, struct kt_err *e)
{
	struct kvm_machine *m = machine;
	const uint64_t deadline = timeout_ms < 0 ? UINT64_MAX
						 : kt_now_ns() + (uint64_t)timeout_ms * 1000000;
	struct vm_event event = { .type = VM_EV_NONE };
	bool at_hand = true; /* the first look at the descriptors never waits */
	int r;

	for (;;) {
		/* Also before reporting what is at hand, so that no source waits for another to dry up. */
		r = take_all_input(m, at_hand || m->end_told ? 0 : kt_poll_timeout(deadline), e);
		if (r == 0)
			r = note_end(m, e);
		if (r == 0)
			r = next_event(m, &event, e);
		if (r < 0)
			return r;
		if (r > 0)
			break;
		if (m->end_told || (!at_hand && kt_now_ns() >= deadline))
			break;
		at_hand = false;
	}
	if (has_more(m))
		kvm_wake(m);
	*ret = event;
	return 0;
}
