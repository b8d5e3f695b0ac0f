/* SPDX-License-Identifier: GPL-2.0-only */
/* Captures that the guest asks for: by a program in it, at a watched write, or at fixed times by init. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "driver/cell/coordinator.h"

/* A file in any case: who looks for it finds why there is nothing in it. */
static int snapshot_placeholder(struct cell_coordinator *c, const char *tag,
				const struct kt_err *why, struct kt_err *e)
{
	struct cap_report *report = NULL;
	char reason[1024];
	int r;

	cell_describe_freeze(why, reason, sizeof(reason));
	r = cap_report_placeholder(reason, &report, e);
	if (r == 0)
		r = cell_dumps_snapshot(&c->dumps, tag, report, e);
	return r < 0 ? r : kt_fail(e, KT_E_HOST, why->errnum, "%s", reason);
}

/*
 * Where the guest's clock is its work, time that it stands still costs it nothing: then it waits for the file, or captures
 * that are close to each other would be late by the writing of those before.
 */
static bool clock_stands(const struct cell_spec *s)
{
	return s->accel->accel == VM_ACCEL_TCG && !s->project->tcg_clock_real;
}

/* The machine is frozen by us. Thaws it. */
int cell_take_snapshot(struct cell_coordinator *c, const char *tag, struct kt_err *e)
{
	bool hold = clock_stands(c->view.spec) && cell_view_freeze(&c->view, NULL) == 0;
	struct cap_report *report = NULL;
	int r = cell_coordinator_capture(c, NULL, &report, e);

	if (report)
		r = cell_dumps_snapshot(&c->dumps, tag, report, r < 0 ? NULL : e);
	if (hold)
		cell_coordinator_thaw(c);
	return r;
}

void cell_take_watched(struct cell_coordinator *c, unsigned id, const char *symbol)
{
	struct kt_err e = { 0 };

	if (c->nr_asked < CELL_ASKED_MAX) {
		c->nr_asked++;
		(void)cell_take_snapshot(c, symbol, &e); /* noted where it was seen */
		return;
	}
	kt_log(KT_AREA_DRIVER, KT_WARN,
	       "'%s' is no longer watched: %d captures were asked for, which is the most", symbol,
	       CELL_ASKED_MAX);
	cell_watch_end_user(&c->watch, &c->view, id);
	cell_coordinator_thaw(c);
}

enum { TIMEOUTS_MAX = 2 }; /* one after the other: no more captures of this machine */

static int freeze_for_snapshot(struct cell_coordinator *c, const char *tag, struct kt_err *e)
{
	struct kt_err why = { 0 };

	if (c->timeouts >= TIMEOUTS_MAX)
		return kt_fail(e, KT_E_HOST, ETIMEDOUT,
			       "given up: the machine could not be stopped %d times", TIMEOUTS_MAX);
	if (cell_view_freeze(&c->view, &why) == 0) {
		c->timeouts = 0;
		return 0;
	}
	c->timeouts++;
	return snapshot_placeholder(c, tag, &why, e);
}

/* Of periodic captures: one of a kernel that has just thrown its scheduler out would tell of nothing. */
static bool scheduler_is_there(struct cell_coordinator *c)
{
	uint32_t kind;

	return !c->view.spec->plan.scheduler_argv.nr || !c->view.live ||
	       (cell_coordinator_exit_kind(c, &kind) && kind == 0);
}

static int serve_capture(struct cell_coordinator *c, const char *tag, struct kt_err *e)
{
	bool periodic = kt_starts_with(tag, "periodic_") &&
			c->periodic_fired < c->view.spec->plan.nr_periodic;
	int r;

	if (!periodic && c->nr_asked >= CELL_ASKED_MAX)
		return kt_fail(e, KT_E_GUEST, ENOSPC, "at most %d captures are taken of a machine",
			       CELL_ASKED_MAX);
	c->nr_asked += !periodic;
	r = freeze_for_snapshot(c, tag, e);
	if (r == 0 && periodic && !scheduler_is_there(c)) {
		cell_coordinator_thaw(c);
		return kt_fail(e, KT_E_GUEST, ESRCH, "no scheduler is attached");
	}
	if (r == 0)
		r = cell_take_snapshot(c, tag, e);
	/* One that timed out has its placeholder, and is done. */
	if (periodic)
		c->periodic_fired++;
	return r;
}

static int serve_watch(struct cell_coordinator *c, const char *symbol, struct kt_err *e)
{
	int r = cell_view_freeze(&c->view, e);

	if (r < 0)
		return r;
	r = cell_watch_add_user(&c->watch, &c->view, symbol, e);
	cell_coordinator_thaw(c);
	return r;
}

static int serve(struct cell_coordinator *c, const struct gst_snapshot_request *q, struct kt_err *e)
{
	char tag[sizeof(q->tag) + 1] = "";

	memcpy(tag, q->tag, sizeof(q->tag));
	if (q->request_id == 0)
		return kt_fail(e, KT_E_GUEST, EINVAL, "request_id is 0");
	if (!c->probed)
		return kt_fail(e, KT_E_GUEST, EAGAIN, "too early: no symbols were sent yet");
	switch (q->kind) {
	case GST_SNAPSHOT_CAPTURE:
		return serve_capture(c, tag, e);
	case GST_SNAPSHOT_WATCH:
		return serve_watch(c, tag, e);
	}
	return kt_fail(e, KT_E_GUEST, EINVAL, "kind %u is neither 1 (capture) nor 2 (watch)",
		       q->kind);
}

void cell_coordinator_request(struct cell_coordinator *c, const struct gst_snapshot_request *q)
{
	struct gst_snapshot_reply reply = { .request_id = q->request_id,
					    .status = GST_SNAPSHOT_OK };
	char text[KT_ERR_TEXT_BYTES];
	struct kt_err e = { 0 };

	if (!c)
		return;
	if (serve(c, q, &e) < 0) {
		reply.status = GST_SNAPSHOT_ERR;
		(void)kt_snprintf(reply.reason, sizeof(reply.reason), "%s",
				  kt_err_text(&e, text, sizeof(text))); /* cut is fine */
		kt_log(KT_AREA_DRIVER, KT_DEBUG, "a capture that the guest asked for: %s", text);
	}
	/* A guest that does not read its answers gets no more of them. */
	if (gst_ring_write(&c->down, GST_F_SNRP, &reply, sizeof(reply), GST_HIGH) == 0)
		(void)vm_ring_bell(c->view.vm, GST_BELL_DOWN); /* fails only after the end */
}
