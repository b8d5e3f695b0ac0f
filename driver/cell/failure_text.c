/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the terminal shows of a cell that did not pass (wire-schema.md section 9, as far as its
 * sections exist).
 */
#include <stdlib.h>
#include <string.h>

#include "driver/cell/parts.h"

enum {
	CONSOLE_LINES = 25,
	PANIC_LINES_BEFORE = 12,
	SCHED_LINES = 40,
	KERNEL_LINES = 15,
	DUMP_LINES = 60,
	COLUMNS = 400, /* of a log line; the file has all of it */
	PERIOD_MAX = 8,
	REPEATS_MIN = 3,
};

/* ---- the end of a log, as lines ---- */

struct line {
	const char *text;
	size_t len;
	unsigned period,
		times; /* times > 0: not a text, but how often the @period lines before came */
};
struct lines {
	KT_VEC(struct line) v;
};

static void kt_cleanup_lines(struct lines *l)
{
	free(l->v.v);
}

static bool has_words(const struct line *l, const char *words)
{
	return memmem(l->text, l->len, words, strlen(words)) != NULL;
}

/* Every guest that ends in order says this last. */
static bool is_farewell(const struct line *l)
{
	return has_words(l, "reboot: Power down");
}

/*
 * Lines of @t that have @words (NULL: all). What is before the first line end of a tail that was
 * cut is left out.
 */
static void split(const struct cell_tail *t, const char *words, struct lines *ret)
{
	const char *p = t ? t->b.data : NULL, *end = p ? p + t->b.len : NULL;
	const char *first = p && t->dropped ? memchr(p, '\n', t->b.len) : NULL;

	if (first)
		p = first + 1;
	while (p < end) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));
		struct line l = { .text = p, .len = (size_t)((stop ? stop : end) - p) };

		p += l.len + 1;
		while (l.len && l.text[l.len - 1] == '\r')
			l.len--;
		if ((!words || has_words(&l, words)) && !is_farewell(&l) &&
		    KT_VEC_PUSH(&ret->v, l) < 0)
			return;
	}
}

static bool same(const struct line *a, const struct line *b, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (a[i].len != b[i].len || memcmp(a[i].text, b[i].text, a[i].len) != 0)
			return false;
	}
	return true;
}

/* How often the @period lines at @at come one after the other. */
static unsigned repeats(const struct lines *l, size_t at, size_t period)
{
	unsigned times = 1;

	while (at + (times + 1) * period <= l->v.nr &&
	       same(&l->v.v[at], &l->v.v[at + times * period], period))
		times++;
	return times;
}

/* A scheduler that prints the same few lines for ever says no more by it than once. */
static void collapse(const struct lines *from, struct lines *ret)
{
	size_t at = 0;

	while (at < from->v.nr) {
		unsigned times = 1, period = 1;

		for (unsigned p = 1; p <= PERIOD_MAX && times < REPEATS_MIN; p++) {
			times = repeats(from, at, p);
			period = p;
		}
		if (times < REPEATS_MIN)
			times = period = 1;
		for (size_t i = 0; i < period; i++) {
			if (KT_VEC_PUSH(&ret->v, from->v.v[at + i]) < 0)
				return;
		}
		if (times > 1 &&
		    KT_VEC_PUSH(&ret->v, (struct line){ .period = period, .times = times }) < 0)
			return;
		at += (size_t)period * times;
	}
}

static void add_line(struct kt_buf *b, const struct line *l)
{
	size_t len = l->len < COLUMNS ? l->len : COLUMNS;

	if (l->times > 1 && l->period == 1) {
		kt_buf_addf(b, "  (the line above %u times)\n", l->times);
		return;
	}
	if (l->times > 1) {
		kt_buf_addf(b, "  (the %u lines above %u times)\n", l->period, l->times);
		return;
	}
	kt_buf_add_printable(b, l->text, len);
	kt_buf_adds(b, len < l->len ? " [...]\n" : "\n");
}

static void title(struct kt_buf *b, const char *text)
{
	kt_buf_addf(b, "\n--- %s ---\n", text);
}

static void add_last(struct kt_buf *b, const struct lines *l, size_t max)
{
	size_t from = l->v.nr > max ? l->v.nr - max : 0;

	if (from)
		kt_buf_addf(b, "(the last %zu lines)\n", max);
	for (size_t i = from; i < l->v.nr; i++)
		add_line(b, &l->v.v[i]);
}

/* ---- sections ---- */

static const char *verdict_word(enum scn_verdict v)
{
	switch (v) {
	case SCN_SKIP:
		return "skipped";
	case SCN_PASS:
		return "passed";
	case SCN_INCONCLUSIVE:
		return "inconclusive";
	case SCN_ERROR:
		return "error";
	case SCN_FAIL:
		return "failed";
	case SCN_VERDICT_NR:
		break;
	}
	return "ended";
}

static void header(const struct cell_spec *c, const struct scn_judgement *j, struct kt_buf *b)
{
	kt_buf_addf(b, "ktstr_test '%s'", c->plan.test_name);
	if (c->plan.scheduler_argv.nr)
		kt_buf_addf(b, " [sched=%s]", c->scheduler);
	kt_buf_addf(b, " [topo=%s] %s:\n", c->topology, verdict_word(j->verdict));
	for (size_t i = 0; i < j->nr_findings; i++) {
		const struct scn_finding *f = &j->findings[i];

		kt_buf_adds(b, "  ");
		if (f->verdict != j->verdict)
			kt_buf_addf(b, "(%s) ", verdict_word(f->verdict));
		kt_buf_addf(b, "%s\n", f->text ? f->text : f->check);
	}
	if (j->nr_more)
		kt_buf_addf(b, "  and %zu more\n", j->nr_more);
}

static void stats(const struct cell_spec *c, const struct cell_outcome *o, struct kt_buf *b)
{
	const struct scn_judgement *j = &o->judgement;

	if (!o->has_result || !j->total_workers)
		return;
	title(b, "stats");
	kt_buf_addf(b,
		    "%u workers, %u cpus, %llu migrations, worst_spread=%.1f%%, worst_gap=%llums\n",
		    j->total_workers, j->total_cpus, (unsigned long long)j->total_migrations,
		    j->worst_spread, (unsigned long long)j->worst_gap_ms);
	for (size_t i = 0; i < j->nr_cgroups && i < c->plan.nr_cgroups; i++) {
		const struct scn_cgroup_stats *s = &j->cgroup[i];

		kt_buf_addf(
			b,
			"cg%zu: workers=%u cpus=%u spread=%.1f%% gap=%llums migrations=%llu iter=%llu name=%s\n",
			i, s->nr_workers, s->nr_cpus, s->spread, (unsigned long long)s->max_gap_ms,
			(unsigned long long)s->migrations, (unsigned long long)s->iterations,
			c->plan.cgroups[i].name);
	}
}

static size_t find_line(const struct lines *l, size_t from, const char *words)
{
	while (from < l->v.nr && !has_words(&l->v.v[from], words))
		from++;
	return from;
}

/* A panic's own line, and what led to it, matter more than the registers and traces that end it. */
static void add_around_panic(struct kt_buf *b, const struct lines *l)
{
	size_t at = find_line(l, 0, "Kernel panic - not syncing"), from, to;

	from = at > PANIC_LINES_BEFORE ? at - PANIC_LINES_BEFORE : 0;
	to = from + CONSOLE_LINES;
	if (at == l->v.nr || to >= l->v.nr) {
		add_last(b, l, CONSOLE_LINES);
		return;
	}
	for (size_t i = from; i < to; i++)
		add_line(b, &l->v.v[i]);
	kt_buf_addf(b, "(%zu more lines)\n", l->v.nr - to);
}

/*
 * The console is where a kernel says its last words: of use when the guest or its scheduler did not
 * live to the end.
 */
static void console(const struct cell_outcome *o, struct kt_buf *b)
{
	kt_auto(lines) struct lines l = { 0 };
	bool lived = o->has_result &&
		     (o->result.sched == SCN_SCHED_NONE || o->result.sched == SCN_SCHED_LIVED);

	if (!o->machine_ran || (lived && o->judgement.verdict != SCN_ERROR))
		return;
	split(o->console, NULL, &l);
	if (!l.v.nr && o->has_result)
		return;
	title(b, "console diagnostics");
	if (!l.v.nr)
		kt_buf_adds(b, "(the console is empty)\n");
	add_around_panic(b, &l);
}

/*
 * The dump that the kernel gave the scheduler at its exit, when the scheduler prints it as the user
 * space library of the kernel's tools does: between "DEBUG DUMP" and the line of the exit. Takes it
 * out of @log.
 */
static void cut_dump(struct lines *log, struct lines *ret)
{
	size_t from = find_line(log, 0, "DEBUG DUMP"), to = find_line(log, from, "EXIT: ");

	if (from == log->v.nr)
		return;
	for (size_t i = from + 1; i < to; i++) {
		if (log->v.v[i].len && !kt_starts_with(log->v.v[i].text, "=====") &&
		    KT_VEC_PUSH(&ret->v, log->v.v[i]) < 0)
			return;
	}
	memmove(&log->v.v[from], &log->v.v[to], (log->v.nr - to) * sizeof(log->v.v[0]));
	log->v.nr -= to - from;
}

static void scheduler_log(const struct cell_spec *c, const struct cell_outcome *o,
			  struct lines *dump, struct kt_buf *b)
{
	kt_auto(lines) struct lines all = { 0 };
	kt_auto(lines) struct lines l = { 0 };

	if (!c->plan.scheduler_argv.nr || !o->machine_ran)
		return;
	split(o->sched_log, NULL, &all);
	cut_dump(&all, dump);
	collapse(&all, &l);
	if (!l.v.nr && o->has_result && o->result.sched == SCN_SCHED_LIVED)
		return;
	title(b, "scheduler log");
	if (!l.v.nr)
		kt_buf_adds(b, "(it printed nothing)\n");
	add_last(b, &l, SCHED_LINES);
}

static void sched_ext_dump(const struct cell_outcome *o, const struct lines *dump, struct kt_buf *b)
{
	kt_auto(lines) struct lines l = { 0 };

	split(o->kernel_log, "sched_ext: ", &l);
	if (!l.v.nr && !dump->v.nr)
		return;
	title(b, "sched_ext dump");
	add_last(b, &l, KERNEL_LINES);
	/* Its beginning has the CPUs, which matter more than the last of the tasks. */
	for (size_t i = 0; i < dump->v.nr && i < DUMP_LINES; i++)
		add_line(b, &dump->v.v[i]);
	if (dump->v.nr > DUMP_LINES)
		kt_buf_addf(b, "(%zu more lines)\n", dump->v.nr - DUMP_LINES);
}

/* What was read from the stopped machine; it is bounded already. */
static void failure_dump(const struct cell_spec *c, const struct cell_capture_summary *s,
			 struct kt_buf *b)
{
	if (!s->dump && !s->text && !s->problem)
		return;
	title(b, "failure dump");
	if (s->problem)
		kt_buf_addf(b, "(%s)\n", s->problem);
	if (s->dump)
		kt_buf_addf(b, "%s\n", s->dump + c->shown_from);
	if (s->text)
		kt_buf_add_printable(b, s->text, strlen(s->text));
	if (s->text && !kt_ends_with(s->text, "\n"))
		kt_buf_addc(b, '\n');
}

void cell_failure_text(const struct cell_spec *c, const struct cell_outcome *o, struct kt_buf *ret)
{
	kt_auto(lines) struct lines dump = { 0 };

	if (o->judgement.verdict == SCN_PASS)
		return;
	header(c, &o->judgement, ret);
	stats(c, o, ret);
	console(o, ret);
	scheduler_log(c, o, &dump, ret);
	sched_ext_dump(o, &dump, ret);
	failure_dump(c, &o->capture, ret);
	if (o->result.frames_lost)
		kt_buf_addf(ret, "\nthe guest dropped %llu pieces of log for lack of room\n",
			    (unsigned long long)o->result.frames_lost);
}
