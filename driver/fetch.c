/* SPDX-License-Identifier: GPL-2.0-only */
/* Kernels, several at once: threads, their progress, their errors. */
#include "driver/fetch.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "driver/progress.h"

enum { WHAT_BYTES = 200 };
/* Without a terminal: often enough to see that something goes on, seldom enough to read a log of it. */
#define SAY_NS (UINT64_C(10) * 1000000000)

struct board;

/* What one kernel shows. */
struct shown {
	struct board *board;
	const char *name; /* NULL: alone, so that its steps need no name */
	char what
		[WHAT_BYTES]; /* the step, without its details: beside a bar there is no room for them */
	char line[2 * WHAT_BYTES]; /* on the terminal; "": none */
	uint64_t said_ns; /* without one: when it last said something */
	struct kc_progress progress;
};

/* The kernels that share the terminal. */
struct board {
	struct drv_ctx *ctx;
	struct shown *shown;
	size_t nr;
	pthread_mutex_t lock; /* of all that is in shown, and of the order of lines on the screen */
};

/* With b->lock. */
static void redraw(struct board *b)
{
	const char *lines[DRV_FETCHES_AT_ONCE];
	size_t nr = 0;

	for (size_t i = 0; i < b->nr && nr < DRV_FETCHES_AT_ONCE; i++) {
		if (b->shown[i].line[0])
			lines[nr++] = b->shown[i].line;
	}
	drv_term_status_lines(&b->ctx->term, lines, nr);
}

static void show(struct shown *s, const char *line)
{
	struct board *b = s->board;

	pthread_mutex_lock(&b->lock);
	(void)kt_snprintf(s->line, sizeof(s->line), "%s", line); /* cut at the width anyway */
	redraw(b);
	pthread_mutex_unlock(&b->lock);
}

/* "build 6.12.117 with gcc 12.2.0, 2 jobs": what comes after the thing itself. */
static const char *details_of(const char *what)
{
	static const char *const begins[] = { " with ", " (", ", " };
	const char *end = what + strlen(what);

	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		const char *at = strstr(what, begins[i]);

		end = at && at < end ? at : end;
	}
	return end;
}

static void on_step(void *arg, const char *what)
{
	struct shown *s = arg;
	struct drv_ctx *ctx = s->board->ctx;

	char whole[WHAT_BYTES];

	(void)kt_snprintf(whole, sizeof(whole), "%s%s%s", s->name ? s->name : "",
			  s->name ? ": " : "", what);
	(void)kt_snprintf(s->what, sizeof(s->what), "%s%s%.*s", s->name ? s->name : "",
			  s->name ? ": " : "", (int)(details_of(what) - what), what);
	s->said_ns = kt_now_ns();
	if (ctx->globals.quiet)
		return;
	if (ctx->term.live)
		show(s, whole);
	else
		drv_term_say(&ctx->term, whole);
}

/* Without a terminal: whether it is time to say something. */
static bool is_due(struct shown *s)
{
	uint64_t now = kt_now_ns();

	if (s->board->ctx->globals.quiet || now - s->said_ns < SAY_NS)
		return false;
	s->said_ns = now;
	return true;
}

static void on_bytes(void *arg, uint64_t done, uint64_t total, double per_second)
{
	struct shown *s = arg;
	struct drv_term *t = &s->board->ctx->term;
	kt_auto(buf) struct kt_buf b = { 0 };

	if (!t->live && !is_due(s))
		return;
	drv_transfer_line(&b, s->what, done, total, per_second, t->live ? t->columns - 1 : 0);
	if (t->live)
		show(s, kt_buf_str(&b));
	else
		drv_term_say(t, kt_buf_str(&b));
}

static void on_count(void *arg, uint64_t done, uint64_t total, double seconds_left)
{
	struct shown *s = arg;
	struct drv_term *t = &s->board->ctx->term;
	kt_auto(buf) struct kt_buf b = { 0 };

	if (!t->live && !is_due(s))
		return;
	drv_count_line(&b, s->what, done, total, seconds_left, t->live ? t->columns - 1 : 0);
	if (t->live)
		show(s, kt_buf_str(&b));
	else
		drv_term_say(t, kt_buf_str(&b));
}

static void shown_init(struct shown *s, struct board *b, const char *name)
{
	*s = (struct shown){
		.board = b,
		.name = name,
		.progress = { .step = on_step, .bytes = on_bytes, .count = on_count, .ctx = s },
	};
}

/* ---- one alone ---- */

struct drv_shown {
	struct board board;
	struct shown shown;
};

int drv_shown_begin(struct drv_ctx *ctx, struct drv_shown **ret, struct kt_err *e)
{
	struct drv_shown *s = calloc(1, sizeof(*s));

	if (!s)
		return kt_fail(e, KT_E_HOST, ENOMEM, "show progress");
	s->board = (struct board){
		.ctx = ctx,
		.shown = &s->shown,
		.nr = 1,
		.lock = PTHREAD_MUTEX_INITIALIZER,
	};
	shown_init(&s->shown, &s->board, NULL);
	*ret = s;
	return 0;
}

const struct kc_progress *drv_shown_progress(const struct drv_shown *s)
{
	return &s->shown.progress;
}

void drv_shown_free(struct drv_shown *s)
{
	if (!s)
		return;
	drv_term_clear(&s->board.ctx->term);
	free(s);
}

/* ---- several ---- */

int drv_fetches_init(struct drv_fetches *f, const struct drv_wanted_list *w)
{
	f->v = calloc(w->list.nr + 1, sizeof(*f->v));
	if (!f->v)
		return -ENOMEM;
	f->nr = w->list.nr;
	for (size_t i = 0; i < f->nr; i++) {
		f->v[i].name = w->list.v[i].name;
		f->v[i].source = w->list.v[i].source;
		f->v[i].config = w->list.v[i].config;
	}
	return 0;
}

void drv_fetches_done(struct drv_fetches *f)
{
	for (size_t i = 0; i < f->nr; i++) {
		kc_entry_free(f->v[i].entry);
		kc_fetched_done(&f->v[i].fetched);
	}
	free(f->v);
	*f = (struct drv_fetches){ 0 };
}

struct pool {
	struct board board;
	struct drv_fetches *f;
	const struct drv_fetch_opts *o;
	size_t next; /* with board.lock */
};

/* A line each: what did not become as it was asked for, though the kernel is there. */
static void tell_notes(const char *name, const char *notes)
{
	while (notes && *notes) {
		size_t len = strcspn(notes, "\n");

		kt_log(KT_AREA_DRIVER, KT_WARN, "kernel '%s': %.*s", name, (int)len, notes);
		notes += len + (notes[len] == '\n');
	}
}

static int fetch_one(struct pool *p, size_t i, struct kt_err *e)
{
	const struct drv_fetch_opts *o = p->o;
	struct drv_fetch *f = &p->f->v[i];
	kt_auto(drv_kc_opts) struct drv_kc_opts ko = { 0 };
	int r = drv_kc_opts_make(o->project, f->config, o->args, &ko, e);

	ko.o.update = o->update;
	ko.o.progress = &p->board.shown[i].progress;
	if (r == 0 && o->sources_only)
		r = kc_fetch_only(f->source, &ko.o, &f->fetched, e);
	else if (r == 0)
		r = kc_get(f->source, &ko.o, &f->entry, e);
	if (r < 0)
		return kt_context(e, r, "%s kernel '%s'", o->doing ? o->doing : "get", f->name);
	tell_notes(f->name, f->entry ? f->entry->notes : f->fetched.notes);
	return 0;
}

static void *work(void *arg)
{
	struct pool *p = arg;

	for (;;) {
		size_t i;

		pthread_mutex_lock(&p->board.lock);
		i = p->next++;
		pthread_mutex_unlock(&p->board.lock);
		if (i >= p->f->nr)
			return NULL;
		p->f->v[i].r = fetch_one(p, i, &p->f->v[i].err);
		if (p->board.ctx->term.live)
			show(&p->board.shown[i], "");
	}
}

/* Whose exit code is told when there are several: the first of these. */
static unsigned badness(enum kt_kind kind)
{
	switch (kind) {
	case KT_E_INTR:
		return 9;
	case KT_E_INTERNAL:
	case KT_E_NONE:
		return 8;
	case KT_E_HOST:
		return 7;
	case KT_E_TOOL:
		return 6;
	case KT_E_GUEST:
		return 5;
	case KT_E_BUILD:
		return 4;
	case KT_E_KERNEL:
		return 3;
	case KT_E_CONFIG:
		return 2;
	case KT_E_USAGE:
		return 1;
	}
	return 8;
}

/* The worst one is returned, to be told at the very end; the others are told here. */
static int settle(const struct pool *p, struct kt_err *e)
{
	const struct drv_fetch *worst = NULL;

	for (size_t i = 0; i < p->f->nr; i++) {
		const struct drv_fetch *o = &p->f->v[i];

		if (o->r < 0 && (!worst || badness(o->err.kind) > badness(worst->err.kind)))
			worst = o;
	}
	for (size_t i = 0; i < p->f->nr; i++) {
		const struct drv_fetch *o = &p->f->v[i];
		char text[KT_ERR_TEXT_BYTES];

		if (o->r < 0 && o != worst)
			kt_log(KT_AREA_DRIVER, KT_ERROR, "%s",
			       kt_err_text(&o->err, text, sizeof(text)));
	}
	if (worst && e)
		*e = worst->err;
	return worst ? worst->r : 0;
}

/* This thread works too, so that no thread at all is enough. */
static void run_pool(struct pool *p)
{
	pthread_t threads[DRV_FETCHES_AT_ONCE];
	size_t nr = 0;

	while (nr + 1 < DRV_FETCHES_AT_ONCE && nr + 1 < p->f->nr &&
	       pthread_create(&threads[nr], NULL, work, p) == 0)
		nr++;
	(void)work(p);
	for (size_t i = 0; i < nr; i++)
		(void)pthread_join(threads[i], NULL);
}

int drv_fetch_all(struct drv_ctx *ctx, struct drv_fetches *f, const struct drv_fetch_opts *o,
		  struct kt_err *e)
{
	kt_auto(mem) struct shown *shown = calloc(f->nr + 1, sizeof(*shown));
	struct pool p = {
		.board = { .ctx = ctx,
			   .shown = shown,
			   .nr = f->nr,
			   .lock = PTHREAD_MUTEX_INITIALIZER },
		.f = f,
		.o = o,
	};

	if (!shown)
		return kt_fail(e, KT_E_HOST, ENOMEM, "get %zu kernels", f->nr);
	for (size_t i = 0; i < f->nr; i++)
		shown_init(&shown[i], &p.board, f->nr > 1 ? f->v[i].name : NULL);
	run_pool(&p);
	drv_term_clear(&ctx->term);
	return settle(&p, e);
}

void drv_fetches_errors_json(const struct drv_fetches *f, const struct kt_err *e, struct kt_json *j)
{
	kt_json_array_begin(j, "errors");
	for (size_t i = 0; i < f->nr; i++) {
		const struct drv_fetch *one = &f->v[i];
		char text[KT_ERR_TEXT_BYTES];

		if (one->r >= 0)
			continue;
		kt_json_object_begin(j, NULL);
		kt_json_str(j, "kernel", one->name);
		kt_json_str(j, "source", one->source);
		kt_json_str(j, "kind", drv_kind_name(one->err.kind));
		kt_json_str(j, "error", kt_err_text(&one->err, text, sizeof(text)));
		kt_json_object_end(j);
	}
	kt_json_array_end(j);
	if (e)
		drv_error_json(j, e);
}

int drv_fetch_and_print(struct drv_ctx *ctx, struct drv_wanted_list *wanted,
			const struct drv_fetch_opts *o, const struct drv_fetch_print *print,
			struct kt_err *e)
{
	kt_auto(drv_fetches) struct drv_fetches f = { 0 };
	kt_auto(buf) struct kt_buf b = { 0 };
	int r = drv_wanted_expand(o->project, o->args, wanted, e);

	if (r < 0)
		return r;
	if (drv_fetches_init(&f, wanted) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "get %zu kernels", wanted->list.nr);
	r = drv_fetch_all(ctx, &f, o, e);
	if (print->as_json)
		print->json(&f, r < 0 ? e : NULL, &b);
	else
		print->text(&f, &b);
	ctx->json_document = false; /* it has the error already */
	fputs(kt_buf_str(&b), stdout);
	if (r == 0 && !kt_buf_ok(&b))
		return kt_fail(e, KT_E_HOST, ENOMEM, "print %zu kernels", f.nr);
	return r;
}
