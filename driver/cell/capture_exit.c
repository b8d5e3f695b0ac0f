/* SPDX-License-Identifier: GPL-2.0-only */
/* The error exit: the capture at its store, or when it is found without one; and the one before it, in dual mode. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "driver/cell/coordinator.h"

#define MS UINT64_C(1000000)
static const uint64_t probe_wait_ns =
	UINT64_C(1000000000); /* for the probe's hook, after the thaw */
static const uint64_t store_wait_ns =
	UINT64_C(2000000000); /* for the kind's store, after the probe's latch */

/* ---- stopping and going on ---- */

/* The cell cannot go on with a machine that stands for ever. */
void cell_coordinator_lost(struct cell_coordinator *c, int r, const struct kt_err *e)
{
	if (r >= 0 || r == -ENOMEM || c->lost)
		return;
	c->lost = true;
	c->error = *e;
}

void cell_coordinator_thaw(struct cell_coordinator *c)
{
	struct kt_err e = { 0 };
	int r = cell_view_thaw(&c->view, &e);

	if (r != -ENOTCONN) /* it has ended, and says so itself */
		cell_coordinator_lost(c, r, &e);
}

int cell_coordinator_capture(struct cell_coordinator *c, const char *image_path,
			     struct cap_report **ret, struct kt_err *e)
{
	kt_auto(mem) char *problem = NULL;
	int r = cell_view_capture(&c->view, image_path, ret, e);

	cell_coordinator_lost(c, r, e);
	if (c->view.missing[0])
		problem = kt_fmt("a capture has only registers: %s", c->view.missing);
	if (problem)
		cell_dumps_problem(&c->dumps, problem);
	return r;
}

/* ---- the error exit ---- */

static const char *latch_word(enum cap_latch l)
{
	switch (l) {
	case CAP_LATCH_NOT_RESOLVED:
		return "not_resolved";
	case CAP_LATCH_NOT_TRIGGERED:
		return "not_triggered";
	case CAP_LATCH_TRIGGERED:
		return "triggered";
	case CAP_LATCH_OUT_OF_BOUNDS:
		return "out_of_bounds";
	}
	return "not_resolved";
}

static enum cap_latch read_latch(struct cell_coordinator *c, struct cap_probe_counters *ret)
{
	if (!c->view.live)
		return CAP_LATCH_NOT_RESOLVED;
	cap_guest_forget(c->view.live);
	return cap_read_latch(c->view.live, ret);
}

bool cell_coordinator_exit_kind(struct cell_coordinator *c, uint32_t *ret)
{
	uint64_t sched;
	gva_t at;

	if (!c->view.live)
		return false;
	cap_guest_forget(c->view.live);
	return cap_find_exit_kind(c->view.live, &at, &sched) == 0 &&
	       cap_guest_read(c->view.live, at, ret, sizeof(*ret)) == 0;
}

/* The file, from what is there. */
static void finish_pending(struct cell_coordinator *c)
{
	struct cell_captured taken = { .report = c->pending };

	if (!c->pending)
		return;
	if (c->has_counters)
		c->pending->probe_counters = &c->counters;
	c->pending = NULL;
	cell_dumps_late(&c->dumps, &taken);
}

/* They belong to the failure, not to the instant: the probe's hook comes after the store that stopped the machine. */
void cell_exit_look_at_probe(struct cell_coordinator *c, uint64_t now)
{
	enum cap_latch latch = read_latch(c, &c->counters);

	c->has_counters = c->counters.valid;
	if (latch != CAP_LATCH_NOT_TRIGGERED || now >= c->pending_until_ns)
		finish_pending(c);
}

/* The machine is frozen by us. Thaws it. */
void cell_exit_take(struct cell_coordinator *c)
{
	struct kt_err e = { 0 };
	char text[KT_ERR_TEXT_BYTES];

	cell_watch_disarm(&c->watch, &c->view);
	cell_watch_disarm_check(&c->watch, &c->view);
	(void)cell_coordinator_capture(c, c->image_path, &c->pending, &e); /* said below */
	c->pending_until_ns = kt_now_ns() + probe_wait_ns;
	if (c->pending) {
		cell_exit_look_at_probe(c, kt_now_ns());
		return;
	}
	cell_dumps_problem(&c->dumps, kt_err_text(&e, text, sizeof(text)));
	cell_dumps_late(&c->dumps, &(struct cell_captured){ 0 });
}

/* It did not stop, or not all of it. @buf is for the reason. */
static struct cap_degraded degraded_of(struct cell_coordinator *c, const struct kt_err *why,
				       uint64_t freeze_ns, char *buf, size_t size)
{
	struct cap_degraded d = { .reason = buf, .elapsed_ms = freeze_ns / MS };

	cell_describe_freeze(why, buf, size);
	d.nr_vcpus = cell_view_stopped_regs(&c->view);
	d.vcpu_regs = d.nr_vcpus ? c->view.regs : NULL;
	d.bss_latch_state = latch_word(read_latch(c, NULL));
	d.has_exit_kind = cell_coordinator_exit_kind(c, &d.exit_kind);
	return d;
}

/* Nothing says which of the watched writes it was. */
static bool was_the_exit(const struct cell_coordinator *c, const struct cap_degraded *d)
{
	if (d->has_exit_kind)
		return d->exit_kind >= CAP_EXIT_ERROR;
	return c->watch.what == CELL_WATCH_KIND && !c->watch.has_check && !c->watch.nr_users;
}

static void take_degraded(struct cell_coordinator *c, const struct kt_err *why, uint64_t freeze_ns,
			  bool hit)
{
	char reason[1024];
	struct cap_degraded d = degraded_of(c, why, freeze_ns, reason, sizeof(reason));

	d.watchpoint_hit = hit && was_the_exit(c, &d);
	cell_dumps_late(&c->dumps, &(struct cell_captured){ .degraded = &d });
}

void cell_coordinator_stuck(struct cell_coordinator *c, const struct kt_err *why,
			    uint64_t freeze_ns)
{
	if (c && c->dumps.state != CELL_DUMP_DONE && !c->pending)
		take_degraded(c, why, freeze_ns, true);
}

/* ---- without a watched write: is there an error exit by now? ---- */

/*
 * Where the probe stands at the entry of the function that stores the kind (a kprobe, before 6.16), its latch comes first, and
 * a vCPU may lose its turn between the two: then the scheduler's state is not yet that of an exit, and the watched store
 * is still to come. So a latch beside no kind counts only once it has lasted.
 */
bool cell_exit_is_there(uint64_t *latched_ns, const uint32_t *kind, bool latched, uint64_t now)
{
	if (kind && *kind >= CAP_EXIT_ERROR)
		return true;
	if (!latched)
		*latched_ns = 0; /* what was read before was not so */
	if (!latched || !kind || *kind != CAP_EXIT_NONE)
		return latched;
	if (*latched_ns == 0)
		*latched_ns = now;
	return now - *latched_ns >= store_wait_ns;
}

static bool error_exit(struct cell_coordinator *c)
{
	uint32_t kind;
	bool known = cell_coordinator_exit_kind(c, &kind);

	/* While the machine stands there is no store. */
	return cell_exit_is_there(&c->latched_ns, known ? &kind : NULL,
				  read_latch(c, NULL) == CAP_LATCH_TRIGGERED,
				  kt_now_ns() - cell_coordinator_stood_ns(c));
}

void cell_exit_look(struct cell_coordinator *c)
{
	struct kt_err e = { 0 };

	if (!c->probed || c->pending || c->dumps.state == CELL_DUMP_DONE || !error_exit(c))
		return;
	if (cell_view_freeze(&c->view, &e) < 0) {
		take_degraded(c, &e, c->view.standing.freeze_ns, false);
		return;
	}
	if (error_exit(c)) {
		cell_exit_take(c);
		return;
	}
	/* What was read while it ran is not so, as when the scheduler was freed meanwhile: another may come, and exit. */
	cell_dumps_suppressed(&c->dumps);
	cell_coordinator_thaw(c);
}

void cell_exit_was_told(struct cell_coordinator *c)
{
	struct kt_err e = { 0 };

	if (!c->probed || c->pending || c->dumps.state == CELL_DUMP_DONE)
		return;
	if (cell_view_freeze(&c->view, &e) == 0)
		cell_exit_take(c);
	else
		take_degraded(c, &e, c->view.standing.freeze_ns, false);
}

/* ---- before the error exit, in dual mode ---- */

/* When a task has waited for half of what the watchdog allows. The machine is frozen by us, and thawed here. */
static void take_early(struct cell_coordinator *c, const struct cell_early *at)
{
	struct cell_captured taken = { 0 };
	struct kt_err e = { 0 };

	cell_watch_disarm_check(&c->watch, &c->view);
	(void)cell_coordinator_capture(c, NULL, &taken.report, &e); /* then there is none */
	cell_dumps_early(&c->dumps, &taken, at);
}

static void freeze_and_take_early(struct cell_coordinator *c, const struct cell_early *at)
{
	struct cap_degraded d;
	struct kt_err e = { 0 };
	char reason[1024];

	if (cell_view_freeze(&c->view, &e) == 0) {
		take_early(c, at);
		return;
	}
	d = degraded_of(c, &e, c->view.standing.freeze_ns, reason, sizeof(reason));
	cell_dumps_early(&c->dumps, &(struct cell_captured){ .degraded = &d }, at);
}

static bool wants_early(const struct cell_coordinator *c)
{
	return c->dumps.dual && c->dumps.state == CELL_DUMP_IDLE && !c->pending;
}

void cell_exit_scan_early(struct cell_coordinator *c, uint64_t now)
{
	struct cell_early at;

	if (!wants_early(c))
		return;
	if (cell_dual_scan(&c->dual, now, &at))
		freeze_and_take_early(c, &at);
	else
		cell_dual_why(&c->dual, c->dumps.skipped, sizeof(c->dumps.skipped));
}

void cell_exit_check_early(struct cell_coordinator *c)
{
	struct cell_early at;

	if (wants_early(c) && cell_dual_look(&c->dual, &at))
		take_early(c, &at);
	else
		cell_coordinator_thaw(c);
}
