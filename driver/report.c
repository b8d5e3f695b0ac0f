/* SPDX-License-Identifier: GPL-2.0-only */
/* What people see of a run: one line a cell, failures at once and again at the end, the sum. */
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "driver/progress.h"
#include "driver/run.h"

#define REDRAW_NS UINT64_C(100000000)
enum { LINE_BYTES_MAX = 16 << 10 }; /* of --no-capture: what is longer is shown in parts */
enum { VERDICT_COLUMNS = 12, SHOWN_RUNNING = 32, TOPOLOGY_COLUMNS = 9, SCHEDULER_COLUMNS = 10 };

static const struct {
	const char *word;
	enum drv_style style;
} verdicts[SCN_VERDICT_NR] = {
	[SCN_SKIP] = { "SKIP", DRV_YELLOW },
	[SCN_PASS] = { "PASS", DRV_GREEN },
	[SCN_INCONCLUSIVE] = { "INCONCLUSIVE", DRV_YELLOW },
	[SCN_ERROR] = { "ERROR", DRV_RED },
	[SCN_FAIL] = { "FAIL", DRV_RED },
};

/* With --message-format json stdout belongs to the events. */
static FILE *human(const struct drv_run *r)
{
	return r->json ? stderr : stdout;
}

static const char *style(const struct drv_run *r, enum drv_style s)
{
	return drv_term_style(&r->ctx->term, human(r), s);
}

static void print(const struct drv_run *r, const struct kt_buf *b)
{
	FILE *to = human(r);

	drv_term_clear(&r->ctx->term);
	fputs(kt_buf_str(b), to);
	/* Line by line also into a pipe: a reader follows along, and a kill loses nothing. */
	fflush(to);
}

/* "        PASS [  12.3s] two_cgroups  1n1l4c1t  simple  7.3.4" */
static void add_result(struct kt_buf *b, const struct drv_run *r, const struct drv_cell *c)
{
	const char *word = c->interrupted ? "INTERRUPTED" : verdicts[c->verdict].word;
	enum drv_style s = c->interrupted ? DRV_YELLOW : verdicts[c->verdict].style;

	kt_buf_addf(b, "%s%*s%s [%6.1fs] ", style(r, s), VERDICT_COLUMNS, word, style(r, DRV_PLAIN),
		    (double)(c->ended_ns - c->started_ns) / 1e9);
	kt_buf_adds(b, style(r, DRV_BOLD));
	drv_add_padded(b, c->test->name, r->plan->name_columns);
	kt_buf_addf(b, "%s  ", style(r, DRV_PLAIN));
	drv_add_padded(b, c->spec.topology, TOPOLOGY_COLUMNS);
	kt_buf_adds(b, "  ");
	drv_add_padded(b, c->spec.scheduler, SCHEDULER_COLUMNS);
	kt_buf_addf(b, "  %s\n", r->plan->kernels[c->kernel].entry->release);
}

static void add_indented(struct kt_buf *b, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, "\n");

		if (len)
			kt_buf_adds(b, "    ");
		kt_buf_add_printable(b, text, len);
		kt_buf_addc(b, '\n');
		text += len;
		text += *text == '\n';
	}
}

size_t drv_shown_from(const struct drv_run *r, const char *path)
{
	kt_auto(mem) char *cwd = getcwd(NULL, 0);
	size_t len = cwd ? strlen(cwd) : 0;
	bool below = len > 1 && !strncmp(path, cwd, len) && path[len] == '/';

	return !r->ctx->globals.dir && below ? len + 1 : 0;
}

void drv_report_begin(struct drv_run *r, unsigned jobs)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	const struct drv_plan *p = r->plan;

	if (r->json)
		drv_events_begin(r, jobs);
	if (r->ctx->globals.quiet)
		return;
	kt_buf_addf(&b, "accelerator %s", r->accel.why[0] ? r->accel.why : r->accel.name);
	if (r->accel.version[0])
		kt_buf_addf(&b, " (%s)", r->accel.version);
	kt_buf_addf(&b, "\nrunning %zu test%s on kernel ", p->nr_cells,
		    p->nr_cells == 1 ? "" : "s");
	for (size_t i = 0; i < p->nr_kernels; i++)
		kt_buf_addf(&b, "%s%s", i ? ", " : "", p->kernels[i].entry->release);
	if (p->nr_cells > 1)
		kt_buf_addf(&b, ", %zu at a time", jobs < p->nr_cells ? jobs : p->nr_cells);
	kt_buf_addc(&b, '\n');
	print(r, &b);
}

void drv_report_started(struct drv_run *r, const struct drv_cell *c)
{
	if (r->json)
		drv_events_started(r, c);
}

void drv_report_phase(struct drv_run *r, const struct drv_cell *c)
{
	if (r->json)
		drv_events_phase(r, c);
}

void drv_report_note(struct drv_run *r, const struct drv_cell *c, const char *text, size_t len)
{
	kt_auto(mem) char *note = kt_fmt("%.*s", (int)len, text);
	kt_auto(buf) struct kt_buf b = { 0 };

	if (r->json)
		drv_events_note(r, c, text, len);
	if (!note || r->ctx->globals.quiet)
		return;
	for (size_t i = 0; i < r->notes.nr; i++) {
		if (kt_streq(r->notes.v[i], note))
			return;
	}
	(void)kt_strv_add(&r->notes, note); /* without it: shown again, no more */
	kt_buf_addf(&b, "%snote:%s ", style(r, DRV_YELLOW), style(r, DRV_PLAIN));
	kt_buf_add_printable(&b, note, strlen(note));
	kt_buf_addc(&b, '\n');
	print(r, &b);
}

/* ---- --no-capture ---- */

static const char *const stream_names[] = {
	[CELL_CONSOLE] = "console",
	[CELL_SCHED_LOG] = "scheduler",
	[CELL_KERNEL_LOG] = "kernel",
};

static void print_line(struct drv_run *r, const struct drv_cell *c, enum cell_stream stream,
		       const char *text, size_t len)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	if (len && text[len - 1] == '\r')
		len--;
	kt_buf_addf(&b, "%s%s %s|%s ", style(r, DRV_DIM), c->test->name, stream_names[stream],
		    style(r, DRV_PLAIN));
	kt_buf_add_printable(&b, text, len);
	kt_buf_addc(&b, '\n');
	print(r, &b);
}

void drv_report_output(struct drv_run *r, struct drv_cell *c, enum cell_stream stream,
		       const char *text, size_t len)
{
	struct kt_buf *line = &c->line[stream];
	size_t at = 0;

	if (r->json) {
		drv_events_output(r, c, stream, text, len);
		return;
	}
	kt_buf_add(line, text, len);
	while (at < line->len) {
		const char *newline = memchr(line->data + at, '\n', line->len - at);

		if (!newline)
			break;
		print_line(r, c, stream, line->data + at, (size_t)(newline - line->data) - at);
		at = (size_t)(newline - line->data) + 1;
	}
	if (line->len - at > LINE_BYTES_MAX) {
		print_line(r, c, stream, line->data + at, line->len - at);
		at = line->len;
	}
	if (at) {
		memmove(line->data, line->data + at, line->len - at);
		line->len -= at;
		line->data[line->len] = '\0';
	}
}

static void flush_lines(struct drv_run *r, const struct drv_cell *c)
{
	for (unsigned s = 0; s <= CELL_KERNEL_LOG; s++) {
		if (c->line[s].len)
			print_line(r, c, (enum cell_stream)s, c->line[s].data, c->line[s].len);
	}
}

/* ---- ends ---- */

static bool is_news(const struct drv_run *r, const struct drv_cell *c)
{
	return !r->ctx->globals.quiet || c->interrupted ||
	       (c->verdict != SCN_PASS && c->verdict != SCN_SKIP);
}

/* Where to read on; a cell that was refused has nothing there. */
static void add_logs(struct kt_buf *b, const struct drv_cell *c)
{
	if (c->interrupted || c->verdict == SCN_PASS || access(c->spec.log_dir, F_OK) < 0)
		return;
	kt_buf_adds(b, "\n    logs: ");
	kt_buf_adds(b, c->spec.log_dir + c->spec.shown_from);
	kt_buf_addc(b, '\n');
}

void drv_report_finished(struct drv_run *r, const struct drv_cell *c, const char *text)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	flush_lines(r, c);
	if (r->json)
		drv_events_finished(r, c, text);
	if (!is_news(r, c))
		return;
	add_result(&b, r, c);
	if (!c->interrupted)
		add_indented(&b, text);
	add_logs(&b, c);
	print(r, &b);
}

void drv_add_totals(struct kt_buf *b, const struct drv_totals *t)
{
	kt_buf_addf(b, "%u passed, %u failed, %u inconclusive, %u skipped, %u error%s",
		    t->nr[SCN_PASS], t->nr[SCN_FAIL], t->nr[SCN_INCONCLUSIVE], t->nr[SCN_SKIP],
		    t->nr[SCN_ERROR], t->nr[SCN_ERROR] == 1 ? "" : "s");
}

/*
 * Everything that did not pass, the worst last, so that the screen's end has it all. What was
 * interrupted has just been told.
 */
static void add_not_passed(struct kt_buf *b, const struct drv_run *r)
{
	static const enum scn_verdict order[] = { SCN_SKIP, SCN_INCONCLUSIVE, SCN_ERROR, SCN_FAIL };
	const struct drv_plan *p = r->plan;

	for (size_t o = 0; o < sizeof(order) / sizeof(order[0]); o++) {
		for (size_t i = 0; i < p->nr_cells; i++) {
			const struct drv_cell *c = &p->cells[i];

			if (c->state != DRV_ENDED || c->interrupted || c->verdict != order[o])
				continue;
			if (c->verdict == SCN_SKIP && r->ctx->globals.quiet)
				continue;
			add_result(b, r, c);
			if (c->cause)
				add_indented(b, c->cause);
		}
	}
}

static void add_sum(struct kt_buf *b, const struct drv_run *r)
{
	static const enum drv_style styles[] = {
		[DRV_EXIT_PASSED] = DRV_GREEN,
		[DRV_EXIT_FAILED] = DRV_RED,
		[DRV_EXIT_INCONCLUSIVE] = DRV_YELLOW,
	};
	enum drv_exit code = drv_exit_of_totals(&r->totals);

	kt_buf_adds(b, style(r, code <= DRV_EXIT_INCONCLUSIVE ? styles[code] : DRV_RED));
	drv_add_totals(b, &r->totals);
	kt_buf_adds(b, style(r, DRV_PLAIN));
	kt_buf_addf(b, "  in %.1f s\n", (double)(r->ended_ns - r->started_ns) / 1e9);
	if (r->totals.interrupted || r->totals.not_run)
		kt_buf_addf(b, "interrupted: %u stopped, %u not started\n", r->totals.interrupted,
			    r->totals.not_run);
}

void drv_report_end(struct drv_run *r)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	kt_auto(buf) struct kt_buf bad = { 0 };

	if (r->json)
		drv_events_end(r);
	if (r->plan->nr_cells > 1) /* a single one has just been told */
		add_not_passed(&bad, r);
	if (bad.len) {
		kt_buf_addc(&b, '\n');
		kt_buf_adds(&b, kt_buf_str(&bad));
	}
	if (!r->ctx->globals.quiet || bad.len)
		kt_buf_addc(&b, '\n');
	add_sum(&b, r);
	kt_buf_adds(&b, "results: ");
	kt_buf_adds(&b, r->dir + drv_shown_from(r, r->dir));
	kt_buf_addc(&b, '\n');
	print(r, &b);
	if (r->totals.nr[SCN_SKIP] && r->totals.nr[SCN_SKIP] == r->plan->nr_cells)
		kt_log(KT_AREA_DRIVER, KT_WARN, "all tests were skipped: nothing was tested");
}

void drv_report_status(struct drv_run *r, bool stopping)
{
	struct drv_progress_cell running[SHOWN_RUNNING];
	kt_auto(buf) struct kt_buf b = { 0 };
	struct drv_progress p = { .running = running, .stopping = stopping };
	uint64_t now = kt_now_ns();

	if (!r->ctx->term.live || (r->ctx->term.shown && now - r->status_ns < REDRAW_NS))
		return;
	r->status_ns = now;
	p.total = r->plan->nr_cells;
	p.failed = r->totals.nr[SCN_FAIL] + r->totals.nr[SCN_ERROR];
	p.utf8 = r->ctx->term.utf8;
	for (size_t i = 0; i < r->plan->nr_cells; i++) {
		const struct drv_cell *c = &r->plan->cells[i];

		p.done += c->state == DRV_ENDED;
		if (c->state != DRV_STARTED || p.nr_running == SHOWN_RUNNING)
			continue;
		running[p.nr_running++] =
			(struct drv_progress_cell){ c->test->name, c->phase, now - c->started_ns };
	}
	drv_progress_line(&b, &p, r->ctx->term.columns - 1);
	drv_term_status(&r->ctx->term, kt_buf_str(&b));
}
