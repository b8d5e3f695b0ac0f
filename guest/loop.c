/* SPDX-License-Identifier: GPL-2.0-only */
/* The poll loop: serves the host's bells, the kernel's log and the scheduler on one thread. */
#include "guest/internal.h"

#include <poll.h>
#include <unistd.h>

#include "base/clock.h"

enum { BELL, LOG, OUTPUT, PROCESS, NOTIFY, REQUEST, NR_SOURCES };

/* How soon to look for room again for the scheduler's output. */
static const uint64_t held_retry_ns = GST_MS;

void gst_turn(struct gst_init *g, uint64_t until_ns)
{
	struct pollfd p[NR_SOURCES] = {
		[BELL] = { .fd = g->chan.bell_fd, .events = POLLIN },
		[LOG] = { .fd = g->kmsg.fd, .events = POLLIN },
		[OUTPUT] = { .fd = g->sched.nr_held ? -1 : g->sched.out_fd, .events = POLLIN },
		[PROCESS] = { .fd = g->sched.pidfd, .events = POLLIN },
		[NOTIFY] = { .fd = g->watchdog.notify_fd, .events = POLLIN },
		[REQUEST] = { .fd = gst_snapshots_ready(&g->snapshots) ? g->snapshots.request_fd
								       : -1,
			      .events = POLLIN },
	};
	uint64_t now = kt_now_ns(), wait = until_ns > now ? until_ns - now : 0;
	uint64_t next_look = gst_snapshots_next_look(&g->snapshots);
	struct timespec ts;

	if (g->sched.nr_held && wait > held_retry_ns)
		wait = held_retry_ns;
	if (wait > next_look)
		wait = next_look;
	ts = (struct timespec){ .tv_sec = (time_t)(wait / GST_SEC),
				.tv_nsec = (long)(wait % GST_SEC) };
	if (ppoll(p, NR_SOURCES, &ts, NULL) < 0)
		return; /* EINTR: the caller looks at its clock and comes again */
	/* First: the scheduler's thread stands still until it is served. */
	if (p[NOTIFY].revents & POLLIN) {
		gst_watchdog_serve(&g->watchdog);
	} else if (p[NOTIFY].revents) { /* the last process under the filter has ended */
		(void)close(g->watchdog.notify_fd);
		g->watchdog.notify_fd = -1;
	}
	if (p[BELL].revents & POLLIN)
		gst_chan_take_bells(&g->chan);
	if (p[LOG].revents)
		gst_kmsg_forward(&g->kmsg, &g->chan);
	if (p[OUTPUT].revents || g->sched.nr_held)
		gst_sched_forward(&g->sched, &g->chan);
	if (p[PROCESS].revents)
		gst_sched_reap(&g->sched);
	if (p[REQUEST].revents || g->chan.down_due || next_look != UINT64_MAX)
		gst_snapshots_serve(&g->snapshots, &g->chan);
	gst_chan_ring(&g->chan);
}

void gst_settle(struct gst_init *g, uint64_t ns)
{
	uint64_t until = kt_now_ns() + ns;

	while (!g->chan.stop && kt_now_ns() < until)
		gst_turn(g, until);
}
