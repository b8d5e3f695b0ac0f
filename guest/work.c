/* SPDX-License-Identifier: GPL-2.0-only */
/* What workers do, and how each measures by itself whether it got to run when it wanted to. */
#include "guest/internal.h"

#include <errno.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	BURN_STEPS = 1024, /* between two looks at the clock */
};

/*
 * Plain arithmetic: the PAUSE instruction, which spin loops use otherwise, makes an emulator leave
 * the virtual CPU, and a hypervisor may do so too.
 */
static void burn(void)
{
	uint64_t x = 1;

	for (int i = 0; i < BURN_STEPS; i++) {
		x = x * 3 + 1;
		__asm__ volatile("" : "+r"(x));
	}
}

/* The worker is back in its loop at @now, having wanted to run since @wanted. */
static void note_round(volatile struct gst_slot *s, uint64_t wanted, uint64_t now)
{
	uint32_t cpu = (uint32_t)sched_getcpu();

	if (now > wanted && now - wanted > s->max_gap_ns) {
		s->max_gap_ns = now - wanted;
		s->max_gap_cpu = cpu;
	}
	if (cpu != s->cpu && cpu < KT_CPUS_MAX) {
		if (s->cpu != GST_NO_CPU)
			s->migrations++;
		s->cpu = cpu;
		s->cpus_seen[cpu / 64] |= UINT64_C(1) << (cpu % 64);
	}
	s->last_ns = now;
	s->wanted_ns = now;
}

static void note_wake(volatile struct gst_slot *s, uint64_t wanted, uint64_t now)
{
	s->nr_wakes++;
	s->wake[gst_wake_bucket(now > wanted ? now - wanted : 0)]++;
}

static void run_spin_wait(const struct gst_work_args *a)
{
	for (;;) {
		burn();
		note_round(a->slot, a->slot->wanted_ns, kt_now_ns());
		a->slot->iterations++;
	}
}

static void run_yield_heavy(const struct gst_work_args *a)
{
	for (;;) {
		(void)sched_yield(); /* cannot fail on Linux */
		note_round(a->slot, a->slot->wanted_ns, kt_now_ns());
		a->slot->iterations++;
	}
}

static void sleep_until(uint64_t ns)
{
	const struct timespec ts = { .tv_sec = (time_t)(ns / GST_SEC),
				     .tv_nsec = (long)(ns % GST_SEC) };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

static void run_bursty(const struct gst_work_args *a)
{
	volatile struct gst_slot *s = a->slot;

	for (;;) {
		uint64_t begin = kt_now_ns(), wake_at, now;

		do {
			burn();
			now = kt_now_ns();
			note_round(s, s->wanted_ns, now);
		} while (now - begin < a->work->burst_ns);
		wake_at = now + a->work->sleep_ns;
		s->wanted_ns = wake_at;
		sleep_until(wake_at);
		now = kt_now_ns();
		note_wake(s, wake_at, now);
		note_round(s, wake_at, now);
		s->iterations++;
	}
}

static void pipe_send(const struct gst_work_args *a)
{
	volatile struct gst_slot *s = a->slot;
	static const char byte;

	/* Before the write: from here on the peer has something to wake up for. */
	s->sent_ns = kt_now_ns();
	s->nr_sent++;
	if (write(a->write_fd, &byte, 1) != 1)
		_exit(1);
	note_round(s, s->wanted_ns, kt_now_ns());
}

static void pipe_receive(const struct gst_work_args *a)
{
	volatile struct gst_slot *s = a->slot;
	uint64_t asked = kt_now_ns(), sent, now;
	char byte;

	note_round(s, s->wanted_ns, asked);
	s->wanted_ns = GST_WAITS_FOR_PEER;
	if (read(a->read_fd, &byte, 1) != 1)
		_exit(1);
	now = kt_now_ns();
	sent = a->peer->sent_ns;
	s->nr_received++;
	if (sent > asked) /* else the byte was there already: nothing was waited for */
		note_wake(s, sent, now);
	note_round(s, sent > asked ? sent : asked, now);
	s->iterations++;
}

static void run_pipe_io(const struct gst_work_args *a)
{
	if (a->first)
		pipe_send(a);
	for (;;) {
		pipe_receive(a);
		pipe_send(a);
	}
}

static void (*const loops[SCN_WORK_NR])(const struct gst_work_args *a) = {
	[SCN_WORK_SPIN_WAIT] = run_spin_wait,
	[SCN_WORK_YIELD_HEAVY] = run_yield_heavy,
	[SCN_WORK_BURSTY] = run_bursty,
	[SCN_WORK_PIPE_IO] = run_pipe_io,
};

void gst_work_run(const struct gst_work_args *a)
{
	loops[a->work->type](a);
	_exit(1);
}
