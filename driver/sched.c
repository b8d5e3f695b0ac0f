/* SPDX-License-Identifier: GPL-2.0-only */
/* Which cell runs when: the biggest first, packed within CPUs and memory; deadlines; Ctrl-C. */
#include "driver/sched.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"

enum {
	REDRAW_MS = 200,
	LOOK_AHEAD = 64, /* waiting cells that are tried when the first does not fit */
	STARTS_PER_ROUND = 8,
};

struct loop {
	struct drv_run *run;
	const struct drv_limits *limits;
	drv_cell_main cell_main;
	struct drv_signals *signals;
	struct drv_cell **order; /* biggest first; NULL: started */
	size_t nr_order, first; /* order[0..first) are started */
	struct drv_cell **running;
	size_t nr_running, max_running;
	struct pollfd *polls;
	unsigned cpus_used;
	uint64_t memory_used;
	bool stopping;
};

unsigned drv_cell_weight(const struct drv_run *r, const struct drv_cell *c,
			 const struct drv_limits *l)
{
	/*
	 * One thread runs all vCPUs of an emulated guest, except by the real clock where each can
	 * have a host CPU; under KVM each vCPU is a thread.
	 */
	if (r->accel.accel == VM_ACCEL_TCG &&
	    (!c->spec.project->tcg_clock_real || c->spec.nr_cpus > l->cpus))
		return 1;
	return c->spec.nr_cpus < l->cpus ? c->spec.nr_cpus : l->cpus;
}

unsigned drv_max_jobs(const struct drv_run *r, const struct drv_limits *l)
{
	unsigned least = l->cpus, jobs;

	if (l->jobs)
		return l->jobs;
	for (size_t i = 0; i < r->plan->nr_cells; i++) {
		unsigned w = drv_cell_weight(r, &r->plan->cells[i], l);

		least = w < least ? w : least;
	}
	jobs = least ? l->cpus / least : 1;
	return jobs ? jobs : 1;
}

/* ---- order ---- */

static int compare_size(const void *pa, const void *pb)
{
	const struct drv_cell *a = *(struct drv_cell *const *)pa,
			      *b = *(struct drv_cell *const *)pb;

	if (a->spec.host_deadline_ns != b->spec.host_deadline_ns)
		return a->spec.host_deadline_ns > b->spec.host_deadline_ns ? -1 : 1;
	if (a->spec.nr_cpus != b->spec.nr_cpus)
		return a->spec.nr_cpus > b->spec.nr_cpus ? -1 : 1;
	return a < b ? -1 : a > b; /* as in the file */
}

static int loop_init(struct loop *l, struct kt_err *e)
{
	struct drv_plan *p = l->run->plan;

	l->max_running = drv_max_jobs(l->run, l->limits);
	if (l->max_running > p->nr_cells)
		l->max_running = p->nr_cells;
	l->order = calloc(p->nr_cells + 1, sizeof(struct drv_cell *));
	l->running = calloc(l->max_running + 1, sizeof(struct drv_cell *));
	l->polls = calloc(2 * l->max_running + 1, sizeof(*l->polls));
	if (!l->order || !l->running || !l->polls)
		return kt_fail(e, KT_E_HOST, ENOMEM, "schedule %zu cells", p->nr_cells);
	for (size_t i = 0; i < p->nr_cells; i++)
		l->order[i] = &p->cells[i];
	l->nr_order = p->nr_cells;
	qsort(l->order, l->nr_order, sizeof(struct drv_cell *), compare_size);
	return 0;
}

static void loop_done(struct loop *l)
{
	free(l->order);
	free(l->running);
	free(l->polls);
}

/* ---- starting ---- */

/* Its vCPUs have host CPUs of their own, which two such machines would both choose from the same. */
static bool wants_the_host(const struct loop *l, const struct drv_cell *c)
{
	return c->spec.performance && l->run->accel.accel == VM_ACCEL_KVM;
}

static bool fits(const struct loop *l, const struct drv_cell *c)
{
	if (l->nr_running == 0)
		return true; /* alone, whatever it needs: waiting would not help */
	if (l->nr_running == l->max_running)
		return false;
	if (wants_the_host(l, c) || wants_the_host(l, l->running[0]))
		return false;
	if (!l->limits->jobs &&
	    l->cpus_used + drv_cell_weight(l->run, c, l->limits) > l->limits->cpus)
		return false;
	return !l->limits->memory_bytes ||
	       l->memory_used + c->spec.memory_bytes <= l->limits->memory_bytes;
}

static struct drv_cell *take_next(struct loop *l)
{
	size_t tried = 0;

	while (l->first < l->nr_order && !l->order[l->first])
		l->first++;
	for (size_t i = l->first; i < l->nr_order && tried < LOOK_AHEAD; i++) {
		struct drv_cell *c = l->order[i];

		if (!c)
			continue;
		tried++;
		if (fits(l, c)) {
			l->order[i] = NULL;
			return c;
		}
	}
	return NULL;
}

static void refuse(struct loop *l, struct drv_cell *c, struct kt_err *e)
{
	char text[KT_ERR_TEXT_BYTES];

	drv_cell_refuse(l->run, c, drv_kind_name(e->kind), kt_err_text(e, text, sizeof(text)));
}

static int check_memory(const struct loop *l, const struct drv_cell *c, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	uint64_t has = l->limits->host_memory_bytes;

	if (!has || c->spec.memory_bytes <= has)
		return 0;
	kt_format_size(&b, c->spec.memory_bytes);
	kt_buf_adds(&b, " for the guest, and this host has ");
	kt_format_size(&b, has);
	return kt_fail(e, KT_E_HOST, 0,
		       "test '%s' needs %s: give it less by 'memory' or a smaller topology",
		       c->test->name, kt_buf_str(&b));
}

static void start(struct loop *l, struct drv_cell *c)
{
	struct kt_err e = { 0 };

	if (check_memory(l, c, &e) < 0 || drv_run_make_cell_dir(c, &e) < 0 ||
	    drv_cell_spawn(l->run, c, l->cell_main, l->signals, &e) < 0) {
		refuse(l, c, &e);
		return;
	}
	l->running[l->nr_running++] = c;
	l->cpus_used += drv_cell_weight(l->run, c, l->limits);
	l->memory_used += c->spec.memory_bytes;
	drv_report_started(l->run, c);
}

/*
 * A few at a time, so that a wide machine still reads its first cells' messages while it starts the
 * last. Returns whether there may be more to start at once.
 */
static bool start_some(struct loop *l)
{
	for (unsigned i = 0; i < STARTS_PER_ROUND && !l->stopping; i++) {
		struct drv_cell *c = take_next(l);

		if (!c)
			return false;
		start(l, c);
	}
	return !l->stopping;
}

/* ---- waiting ---- */

static void forget(struct loop *l, size_t i)
{
	const struct drv_cell *c = l->running[i];

	l->cpus_used -= drv_cell_weight(l->run, c, l->limits);
	l->memory_used -= c->spec.memory_bytes;
	l->running[i] = l->running[--l->nr_running];
}

static int wait_ms(const struct loop *l)
{
	uint64_t until = UINT64_MAX;
	int ms;

	for (size_t i = 0; i < l->nr_running; i++)
		until = l->running[i]->kill_at_ns < until ? l->running[i]->kill_at_ns : until;
	ms = kt_poll_timeout(until);
	if (l->run->ctx->term.live && (ms < 0 || ms > REDRAW_MS))
		return REDRAW_MS;
	return ms;
}

static int wait_for_events(struct loop *l, bool more_to_start, struct kt_err *e)
{
	size_t nr = 0;

	l->polls[nr++] = (struct pollfd){ .fd = l->signals->fd, .events = POLLIN };
	for (size_t i = 0; i < l->nr_running; i++) {
		l->polls[nr++] = (struct pollfd){ .fd = l->running[i]->pidfd, .events = POLLIN };
		l->polls[nr++] = (struct pollfd){ .fd = l->running[i]->msg_fd, .events = POLLIN };
	}
	if (poll(l->polls, nr, more_to_start ? 0 : wait_ms(l)) < 0 && errno != EINTR)
		return kt_fail(e, KT_E_HOST, errno, "wait for %zu cells", l->nr_running);
	return 0;
}

static void on_signals(struct loop *l)
{
	unsigned stops = drv_signals_take(l->signals, &l->run->ctx->term);
	uint64_t now = kt_now_ns();

	for (; stops; stops--) {
		bool again = l->stopping;

		l->stopping = true;
		if (!again) {
			drv_term_clear(&l->run->ctx->term);
			fprintf(stderr,
				"interrupted: stopping %zu running; once more kills at once\n",
				l->nr_running);
		}
		for (size_t i = 0; i < l->nr_running; i++) {
			if (again)
				drv_cell_kill(l->running[i]);
			else if (!l->running[i]->terminated)
				drv_cell_stop(l->running[i], now);
		}
	}
}

static void on_cells(struct loop *l)
{
	/* From the end: forget() moves the last one down, and that one has been looked at. */
	for (size_t i = l->nr_running; i-- > 0;) {
		struct drv_cell *c = l->running[i];
		const struct pollfd *ended = &l->polls[1 + 2 * i], *said = &l->polls[2 + 2 * i];

		if (said->revents)
			drv_cell_read(l->run, c);
		if (ended->revents) {
			drv_cell_ended(l->run, c);
			forget(l, i);
		}
	}
}

static void on_deadlines(struct loop *l)
{
	uint64_t now = kt_now_ns();

	for (size_t i = 0; i < l->nr_running; i++) {
		struct drv_cell *c = l->running[i];

		if (now < c->kill_at_ns)
			continue;
		if (!c->terminated)
			c->timed_out = true;
		drv_cell_stop(c, now);
	}
}

static void kill_all(struct loop *l)
{
	for (size_t i = 0; i < l->nr_running; i++) {
		drv_cell_kill(l->running[i]);
		l->running[i]->terminated = true;
		drv_cell_ended(l->run, l->running[i]);
	}
	l->nr_running = 0;
}

static int go(struct loop *l, struct kt_err *e)
{
	for (;;) {
		bool more = start_some(l);
		int r;

		if (!l->nr_running && !more)
			return 0;
		drv_report_status(l->run, l->stopping);
		r = wait_for_events(l, more, e);
		if (r < 0)
			return r;
		if (l->polls[0].revents)
			on_signals(l);
		on_cells(l);
		on_deadlines(l);
	}
}

int drv_run_cells(struct drv_run *r, const struct drv_limits *limits, drv_cell_main cell_main,
		  struct drv_signals *signals, struct kt_err *e)
{
	struct loop l = { .run = r, .limits = limits, .cell_main = cell_main, .signals = signals };
	int ret;

	ret = loop_init(&l, e);
	if (ret == 0)
		ret = go(&l, e);
	if (ret < 0)
		kill_all(&l);
	for (size_t i = 0; i < r->plan->nr_cells; i++)
		r->totals.not_run += r->plan->cells[i].state == DRV_WAITING;
	loop_done(&l);
	return ret;
}
