/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * When the machine is stopped and looked into. All on the cell's one thread, between two events of the machine: so there is
 * never more than one capture in flight.
 *
 * An error exit goes: the store of its kind stops the machine; registers and memory are made into a report; the machine
 * goes on; the probe's hook runs, and its counters are read for up to a second; then the file is written. The report
 * holds all values, so nothing of the guest is needed by then.
 */
#include "driver/cell/coordinator.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

#define MS UINT64_C(1000000)
static const uint64_t look_ns = 250 * MS; /* in case a watched write was missed */
static const uint64_t look_often_ns = 50 * MS; /* where writes cannot be watched */
static const uint64_t probe_look_ns = 10 * MS;

/* All that we ask for is a hundredth of it. */
enum { SYMBOLS_MAX_BYTES = 1 << 20 };
/* With half of it a capture of a scheduler with a hash of 1 000 entries and an arena of 100 pages still had to wait. */
enum { CAPTURE_BYTES = 8 << 20 };

/* ---- birth and death ---- */

static int attach_down(struct cell_coordinator *c, struct kt_err *e)
{
	uint64_t len;
	gpa_t at = vm_ring_gpa(c->view.vm, &len);
	void *window = vm_guest_buf(c->view.vm, at, len);
	int r = window ? gst_ring_attach_down(window, len, true, &c->down) : -EFAULT;

	if (r < 0)
		return kt_fail(e, KT_E_INTERNAL, -r, "attach to the ring down");
	c->has_down = true;
	return 0;
}

int cell_coordinator_create(const struct cell_spec *spec, struct vm *vm,
			    void (*note)(void *ctx, const char *text), void *ctx,
			    struct cell_coordinator **ret, struct kt_err *e)
{
	kt_auto(cell_coordinator) struct cell_coordinator *c = calloc(1, sizeof(*c));
	const char *keep = getenv("KTSTR_KEEP_IMAGE");
	int r;

	if (!c)
		return kt_fail(e, KT_E_HOST, ENOMEM, "prepare for captures");
	c->note = note;
	c->note_ctx = ctx;
	r = cell_view_init(&c->view, spec, vm, e);
	if (r == 0)
		r = attach_down(c, e);
	if (r < 0)
		return kt_context(e, r, "prepare for captures");
	c->dump_path = cell_dump_path(spec->sidecar_path);
	if (c->dump_path && keep)
		c->image_path = cell_dump_image(c->dump_path);
	if (!c->dump_path || (keep && !c->image_path))
		return kt_fail(e, KT_E_HOST, ENOMEM, "name the files of captures");
	c->view.keep_all = keep && kt_streq(keep, "all");
	c->dumps.path = c->dump_path;
	c->dumps.shown_from = spec->shown_from;
	c->dumps.dual = spec->dual;
	*ret = kt_take(c);
	return 0;
}

void cell_coordinator_free(struct cell_coordinator *c)
{
	int saved = errno;

	if (c) {
		cap_report_free(c->pending);
		cell_dumps_done(&c->dumps);
		cell_view_done(&c->view);
		free(c->dump_path);
		free(c->image_path);
		free(c->probe);
		free(c);
	}
	errno = saved;
}

/* ---- what the guest says ---- */

void cell_coordinator_symbols(struct cell_coordinator *c, const void *text, size_t len)
{
	if (!c || len > SYMBOLS_MAX_BYTES - c->symbol_bytes)
		return;
	c->symbol_bytes += len;
	(void)cap_symbols_add_text(c->view.symbols, text, len); /* what is none is not taken */
}

void cell_coordinator_addresses(struct cell_coordinator *c, const struct gst_kadr *k)
{
	if (!c)
		return;
	c->view.has_phys_base = k->phys_base_plus_1 != 0;
	c->view.phys_base = k->phys_base_plus_1 - 1;
	c->view.text = k->text_plus_1 ? k->text_plus_1 - 1 : 0;
}

static void say_why_not_watching(struct cell_coordinator *c)
{
	kt_auto(mem) char *text = NULL;

	if (!c->watch.why_not[0])
		return;
	text = kt_fmt(
		"cannot watch for the scheduler's exit: %s; looking for it now and then, so that a dump may "
		"come late",
		c->watch.why_not);
	if (text)
		c->note(c->note_ctx, text);
}

/*
 * What a capture takes of memory, taken once while nothing waits for it: where a host must first find the pages (a virtual
 * machine that has given them back), they cost more than the walk. malloc() keeps them.
 */
static void find_memory(void)
{
	volatile char *room;

	(void)mallopt(M_MMAP_THRESHOLD, 2 * CAPTURE_BYTES);
	(void)mallopt(M_TRIM_THRESHOLD, 2 * CAPTURE_BYTES);
	room = malloc(CAPTURE_BYTES);
	for (size_t at = 0; room && at < CAPTURE_BYTES; at += 4096)
		room[at] = 0;
	free((void *)room);
}

/* Open what can be opened, and watch, while it stands still; else say so and go on. */
static void begin_watching(struct cell_coordinator *c)
{
	char text[KT_ERR_TEXT_BYTES];
	struct kt_err e = { 0 };
	int r = cell_view_freeze(&c->view, &e);

	if (r == 0) {
		r = cell_view_open(&c->view, &e);
		if (r == 0)
			cell_watch_arm(&c->watch, &c->view);
		if (r == 0 && c->dumps.dual)
			cell_watch_arm_check(&c->watch, &c->view);
		cell_coordinator_thaw(c);
	}
	if (r < 0)
		(void)kt_snprintf(c->watch.why_not, sizeof(c->watch.why_not), "%s",
				  kt_err_text(&e, text, sizeof(text))); /* cut is fine */
	say_why_not_watching(c);
}

void cell_coordinator_probed(struct cell_coordinator *c, const char *hook)
{
	if (!c || c->probed)
		return;
	c->probed = true;
	c->probe = strdup(hook);
	find_memory();
	begin_watching(c);
	cell_dual_begin(&c->dual, c->view.spec, c->view.live);
	/* Whatever came of it: init waits for this. */
	(void)vm_ring_bell(c->view.vm, GST_BELL_GO); /* fails only after the end */
}

void cell_coordinator_died(struct cell_coordinator *c, const char *why)
{
	if (c && c->view.live)
		cell_exit_look(c);
	else if (c && kt_starts_with(why, "ERROR"))
		cell_exit_was_told(c);
}

/* ---- what the machine reports ---- */

void cell_coordinator_watch(struct cell_coordinator *c, unsigned id)
{
	const char *symbol;

	if (!c)
		return;
	cell_view_stopped(&c->view, kt_now_ns());
	if (c->watch.has_check && id == c->watch.check_id) {
		cell_exit_check_early(c);
		return;
	}
	symbol = cell_watch_user(&c->watch, id);
	if (symbol) {
		cell_take_watched(c, id, symbol);
		return;
	}
	if (c->watch.what != CELL_WATCH_NONE && id == c->watch.id &&
	    cell_watch_hit(&c->watch, &c->view) && !c->pending &&
	    c->dumps.state != CELL_DUMP_DONE) {
		cell_exit_take(c);
		return;
	}
	cell_coordinator_thaw(c);
}

int cell_coordinator_turn(struct cell_coordinator *c, struct kt_err *e)
{
	uint64_t now = kt_now_ns();

	if (c->pending)
		cell_exit_look_at_probe(c, now);
	cell_exit_scan_early(c, now);
	now = kt_now_ns(); /* a file may have been written meanwhile */
	cell_events_look(&c->view, now);
	if (now >= c->next_look_ns) {
		cell_exit_look(c);
		c->next_look_ns =
			now + (c->watch.what == CELL_WATCH_NONE ? look_often_ns : look_ns);
	}
	if (!c->lost)
		return 0;
	if (e)
		*e = c->error;
	return -EIO;
}

uint64_t cell_coordinator_next(const struct cell_coordinator *c)
{
	if (c->pending)
		return kt_now_ns() + probe_look_ns;
	return c->probed && c->dumps.state != CELL_DUMP_DONE ? c->next_look_ns : UINT64_MAX;
}

uint64_t cell_coordinator_stood_ns(const struct cell_coordinator *c)
{
	return c ? c->view.standing.total_ns : 0;
}

void cell_coordinator_finish(struct cell_coordinator *c)
{
	c->pending_until_ns = 0;
	if (c->pending)
		cell_exit_look_at_probe(c, kt_now_ns());
	cell_dumps_finish(&c->dumps);
}

/* ---- what is told of it ---- */

void cell_coordinator_summary(struct cell_coordinator *c, struct cell_capture_summary *ret)
{
	*ret = (struct cell_capture_summary){
		.text = c->dumps.text.len ? kt_buf_take(&c->dumps.text) : NULL,
		.problem = c->dumps.problem[0] ? strdup(c->dumps.problem) : NULL,
		.files = c->dumps.files,
		.watch = c->watch.why_not[0] ? strdup(c->watch.why_not) : NULL,
		.periodic_fired = c->periodic_fired,
	};
	c->dumps.files = (struct kt_strv){ 0 };
	ret->probe = kt_take(c->probe);
	if (c->dumps.has_main)
		ret->dump = kt_take(c->dump_path);
}

void cell_capture_summary_done(struct cell_capture_summary *s)
{
	free(s->dump);
	free(s->text);
	free(s->problem);
	free(s->probe);
	free(s->watch);
	kt_strv_done(&s->files);
	*s = (struct cell_capture_summary){ 0 };
}
