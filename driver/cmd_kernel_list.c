/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel list: what the cache holds. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/parse.h"
#include "driver/kernel_args.h"
#include "driver/times.h"

enum { SCHEMA_VERSION = 1, SOURCE_MIN = 12 };

struct list_opts {
	bool json;
	bool names;
	bool verify;
};

static const struct drv_option options[] = {
	{ "json", 0, DRV_OPT_FLAG, NULL, "one JSON document", NULL, DRV_COMPLETE_NONE,
	  offsetof(struct list_opts, json) },
	{ "names", 0, DRV_OPT_FLAG, NULL,
	  "only what --kernel takes: the project's names and the cached keys", NULL,
	  DRV_COMPLETE_NONE, offsetof(struct list_opts, names) },
	{ "verify", 0, DRV_OPT_FLAG, NULL,
	  "read every file and compare it with what was recorded; exits with 5 when one differs",
	  NULL, DRV_COMPLETE_NONE, offsetof(struct list_opts, verify) },
};

struct damaged_one {
	char *key, *why;
};

/* All that is told. */
struct listing {
	struct drv_ctx *ctx;
	char *dir;
	struct kc_list kernels;
	KT_VEC(struct damaged_one) damaged;
	bool oom;
	size_t nr_sources;
	uint64_t source_bytes;
};

static void listing_done(struct listing *l)
{
	for (size_t i = 0; i < l->damaged.nr; i++) {
		free(l->damaged.v[i].key);
		free(l->damaged.v[i].why);
	}
	free(l->damaged.v);
	kc_list_done(&l->kernels);
	free(l->dir);
}
static inline void kt_cleanup_listing(struct listing *l)
{
	listing_done(l);
}

static void on_damaged(void *arg, const char *key, const char *why)
{
	struct listing *l = arg;
	struct damaged_one d = { strdup(key), strdup(why) };

	kt_log(KT_AREA_DRIVER, KT_WARN,
	       "cache entry '%s' is damaged: %s; it is made anew when it is needed", key, why);
	if (d.key && d.why && KT_VEC_PUSH(&l->damaged, d) == 0)
		return;
	free(d.key);
	free(d.why);
	l->oom = true;
}

/* The reason is told at once; the entry is corrupt from here on. */
static int verify(struct listing *l, struct kt_err *e)
{
	for (size_t i = 0; i < l->kernels.nr; i++) {
		struct kc_entry *k = l->kernels.v[i];
		struct kt_err why = { 0 };
		char text[KT_ERR_TEXT_BYTES];
		int r = kc_verify(k, &why);

		if (r < 0 && r != -EBADMSG) {
			if (e)
				*e = why;
			return kt_context(e, r, "verify kernel '%s'", k->key);
		}
		if (r == 0)
			continue;
		k->state = KC_STATE_CORRUPT;
		l->ctx->exit = DRV_EXIT_BUILD;
		kt_log(KT_AREA_DRIVER, KT_WARN,
		       "cache entry '%s' is corrupt: %s; 'ktstr-make kernel clean --corrupt' removes it",
		       k->key, kt_err_text(&why, text, sizeof(text)));
	}
	if (l->damaged.nr)
		l->ctx->exit = DRV_EXIT_BUILD;
	return 0;
}

static void render_json(const struct listing *l, struct kt_buf *b)
{
	struct kt_json j;

	kt_json_init(&j, b, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", SCHEMA_VERSION);
	kt_json_str(&j, "directory", l->dir);
	kt_json_array_begin(&j, "kernels");
	for (size_t i = 0; i < l->kernels.nr; i++)
		kc_entry_json(l->kernels.v[i], &j, NULL);
	kt_json_array_end(&j);
	kt_json_array_begin(&j, "damaged");
	for (size_t i = 0; i < l->damaged.nr; i++)
		kt_json_str(&j, NULL, l->damaged.v[i].key);
	kt_json_array_end(&j);
	kt_json_object_begin(&j, "sources");
	kt_json_u64(&j, "count", l->nr_sources);
	kt_json_u64(&j, "size", l->source_bytes);
	kt_json_object_end(&j);
	kt_json_object_end(&j);
	kt_json_finish(&j);
}

static void render_names(const struct listing *l, const struct cfg_project *p, struct kt_buf *b)
{
	for (size_t i = 0; p && i < p->nr_kernels; i++)
		kt_buf_addf(b, "%s\n", p->kernels[i].name);
	for (size_t i = 0; i < l->kernels.nr; i++)
		kt_buf_addf(b, "%s\n", l->kernels.v[i]->key);
}

/* ---- the table ---- */

enum column { KEY, VERSION, SOURCE, FLAVOUR, STATE, SIZE, AGE, LAST_USED, NR_COLUMNS };
static const struct {
	const char *name;
	bool right;
} columns[NR_COLUMNS] = {
	[KEY] = { "KEY", false },       [VERSION] = { "VERSION", false },
	[SOURCE] = { "SOURCE", false }, [FLAVOUR] = { "FLAVOUR", false },
	[STATE] = { "STATE", false },   [SIZE] = { "SIZE", true },
	[AGE] = { "AGE", false },       [LAST_USED] = { "LAST USED", false },
};

struct row {
	struct kt_buf cell[NR_COLUMNS];
	enum kc_state state;
};

/* "minimal*+2": begun elsewhere, with two options of the user's. */
static void add_flavour(struct kt_buf *b, const struct kc_entry *k)
{
	kt_buf_addf(b, "%s%s", k->flavour ? k->flavour : "-", k->other_base ? "*" : "");
	if (k->nr_options)
		kt_buf_addf(b, "+%" PRIu64, k->nr_options);
}

static void fill_row(struct row *r, const struct kc_entry *k, time_t now)
{
	kt_buf_adds(&r->cell[KEY], k->key);
	kt_buf_adds(&r->cell[VERSION], k->version ? k->version : k->release);
	kt_buf_add_printable(&r->cell[SOURCE], k->spec, strlen(k->spec));
	add_flavour(&r->cell[FLAVOUR], k);
	kt_buf_adds(&r->cell[STATE], kc_state_names[k->state]);
	kt_format_size(&r->cell[SIZE], k->bytes);
	drv_add_seconds(&r->cell[AGE], k->created < now ? (uint64_t)(now - k->created) : 0);
	drv_add_ago(&r->cell[LAST_USED], k->last_used, now);
	r->state = k->state;
}

static enum drv_style style_of(enum kc_state s)
{
	switch (s) {
	case KC_STATE_CURRENT:
		return DRV_GREEN;
	case KC_STATE_CORRUPT:
		return DRV_RED;
	case KC_STATE_DIRTY:
	case KC_STATE_STALE:
	case KC_STATE_EOL:
		return DRV_YELLOW;
	}
	return DRV_PLAIN;
}

static void add_cell(struct kt_buf *b, enum column c, const char *text, size_t width)
{
	kt_auto(buf) struct kt_buf cut = { 0 };

	drv_add_cut(&cut, text, width);
	text = kt_buf_str(&cut);
	if (columns[c].right) {
		for (size_t n = drv_columns(text); n < width; n++)
			kt_buf_addc(b, ' ');
		kt_buf_adds(b, text);
	} else if (c + 1 < NR_COLUMNS) {
		drv_add_padded(b, text, width);
	} else {
		kt_buf_adds(b, text);
	}
	kt_buf_adds(b, c + 1 < NR_COLUMNS ? "  " : "\n");
}

static size_t total_of(const size_t *width)
{
	size_t total = 0;

	for (enum column c = 0; c < NR_COLUMNS; c++)
		total += width[c] ? width[c] + 2 : 0;
	return total - 2;
}

/*
 * Make the table fit a terminal: the source is cut, then columns are left out, first what 'kernel show' tells. Keys stay
 * whole, to be copied. A width of 0 is a column that is left out.
 */
static void fit(size_t *width, size_t room)
{
	static const enum column may_go[] = { NR_COLUMNS, FLAVOUR, VERSION, AGE };
	size_t source = width[SOURCE], total;

	for (size_t i = 0; i < sizeof(may_go) / sizeof(may_go[0]); i++) {
		if (may_go[i] != NR_COLUMNS)
			width[may_go[i]] = 0;
		width[SOURCE] = source;
		total = total_of(width);
		if (total <= room)
			return;
		width[SOURCE] = source > SOURCE_MIN ? SOURCE_MIN : source;
		total = total_of(width);
		if (total <= room) {
			width[SOURCE] += room - total;
			return;
		}
	}
}

static void add_row(const struct drv_ctx *ctx, const struct row *r, const size_t *width,
		    struct kt_buf *b)
{
	for (enum column c = 0; c < NR_COLUMNS; c++) {
		const char *on = c == STATE ? drv_term_style(&ctx->term, stdout, style_of(r->state))
					    : "";

		if (!width[c])
			continue;
		kt_buf_adds(b, on);
		add_cell(b, c, kt_buf_str(&r->cell[c]), width[c]);
		if (*on)
			kt_buf_adds(b, drv_term_style(&ctx->term, stdout, DRV_PLAIN));
	}
}

static void render_rows(const struct drv_ctx *ctx, const struct row *rows, size_t nr,
			struct kt_buf *b)
{
	size_t width[NR_COLUMNS] = { 0 };

	for (enum column c = 0; c < NR_COLUMNS; c++) {
		width[c] = strlen(columns[c].name);
		for (size_t i = 0; i < nr; i++) {
			size_t n = drv_columns(kt_buf_str(&rows[i].cell[c]));

			width[c] = n > width[c] ? n : width[c];
		}
	}
	if (isatty(STDOUT_FILENO))
		fit(width, ctx->term.columns);
	for (enum column c = 0; c < NR_COLUMNS; c++) {
		if (width[c])
			add_cell(b, c, columns[c].name, width[c]);
	}
	for (size_t i = 0; i < nr; i++)
		add_row(ctx, &rows[i], width, b);
}

/* Nothing that such an entry says of itself is to be believed. */
static void fill_damaged(struct row *r, const struct damaged_one *d)
{
	for (enum column c = 0; c < NR_COLUMNS; c++) {
		if (c == KEY)
			kt_buf_add_printable(&r->cell[c], d->key, strlen(d->key));
		else
			kt_buf_adds(&r->cell[c],
				    c == STATE ? kc_state_names[KC_STATE_CORRUPT] : "-");
	}
	r->state = KC_STATE_CORRUPT;
}

static void render_text(struct listing *l, struct kt_buf *b)
{
	size_t nr = l->kernels.nr + l->damaged.nr;
	kt_auto(mem) struct row *rows = calloc(nr + 1, sizeof(*rows));
	time_t now = time(NULL);

	if (!rows) {
		l->oom = true;
		return;
	}
	for (size_t i = 0; i < l->kernels.nr; i++)
		fill_row(&rows[i], l->kernels.v[i], now);
	for (size_t i = 0; i < l->damaged.nr; i++)
		fill_damaged(&rows[l->kernels.nr + i], &l->damaged.v[i]);
	if (nr)
		render_rows(l->ctx, rows, nr, b);
	for (size_t i = 0; i < nr; i++) {
		for (enum column c = 0; c < NR_COLUMNS; c++) {
			l->oom |= !kt_buf_ok(&rows[i].cell[c]);
			kt_buf_done(&rows[i].cell[c]);
		}
	}
}

/* About the table, so it does not disturb who reads the table. */
static void say_rest(const struct listing *l)
{
	kt_auto(buf) struct kt_buf size = { 0 };

	if (!l->kernels.nr && !l->damaged.nr)
		fprintf(stderr, "no kernels in '%s': 'ktstr-make kernel fetch' gets some\n",
			l->dir);
	if (!l->nr_sources)
		return;
	kt_format_size(&size, l->source_bytes);
	fprintf(stderr, "%zu source tree%s, %s, kept for the next build\n", l->nr_sources,
		l->nr_sources == 1 ? "" : "s", kt_buf_str(&size));
}

static int gather(struct listing *l, const struct list_opts *o, struct kt_err *e)
{
	int r;

	l->dir = kc_default_dir();
	if (!l->dir)
		return kt_fail(e, KT_E_HOST, ENOMEM, "find the cache directory");
	r = kc_list(l->dir, &l->kernels, on_damaged, l, e);
	if (r == 0 && !o->names)
		r = kc_sources_usage(l->dir, &l->nr_sources, &l->source_bytes, e);
	if (r == 0 && o->verify)
		r = verify(l, e);
	return r;
}

static int run(struct drv_ctx *ctx, struct kt_err *e)
{
	const struct list_opts *o = ctx->opts;
	kt_auto(cfg_project) struct cfg_project *p = NULL;
	kt_auto(listing) struct listing l = { .ctx = ctx };
	kt_auto(buf) struct kt_buf b = { 0 };
	int r;

	ctx->json_document = o->json;
	if (o->names)
		/* a broken project still leaves the cache's keys to name */
		(void)drv_find_project(&p, NULL);
	r = gather(&l, o, e);
	if (r < 0)
		return r;
	if (o->json)
		render_json(&l, &b);
	else if (o->names)
		render_names(&l, p, &b);
	else
		render_text(&l, &b);
	if (l.oom || !kt_buf_ok(&b))
		return kt_fail(e, KT_E_HOST, ENOMEM, "list %zu kernels", l.kernels.nr);
	fputs(kt_buf_str(&b), stdout);
	fflush(stdout);
	if (!o->json && !o->names)
		say_rest(&l);
	return 0;
}

const struct drv_command drv_cmd_kernel_list = {
	.name = "kernel list",
	.summary = "list the kernels in the cache, last used first",
	.help = "FLAVOUR, of kernels that were built: '*' begins with another base, '+2' has two options more; 'kernel show' "
		"names them. STATE is current; stale: made with a built-in configuration that this version no longer has, so made anew at "
		"the next use; dirty: of a tree that was not committed; EOL: nobody maintains its series any more; corrupt: "
		"a file is not what was recorded, so it is made anew at the next use.",
	.options = options,
	.nr_options = sizeof(options) / sizeof(options[0]),
	.opts_bytes = sizeof(struct list_opts),
	.run = run,
};
