/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel fetch, kernel list. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/parse.h"
#include "config/config.h"
#include "driver/fetch.h"
#include "driver/interrupt.h"
#include "driver/plan.h"

enum { SCHEMA_VERSION = 1 };

/* The project here, or NULL when there is none: a kernel can be fetched anywhere. */
static int find_project(struct cfg_project **ret, struct kt_err *e)
{
	kt_auto(mem) char *path = NULL;
	int r = cfg_find(".", &path, e);

	if (r == -ENOENT) {
		*ret = NULL;
		return 0;
	}
	return r < 0 ? r : cfg_load(path, ret, e);
}

/* ---- fetch ---- */

struct fetch_opts {
	bool offline;
	bool locked;
};

static const struct drv_option fetch_options[] = {
	{ "offline", 0, DRV_OPT_FLAG, NULL, "only look into the cache", NULL, DRV_COMPLETE_NONE,
	  offsetof(struct fetch_opts, offline) },
	{ "locked", 0, DRV_OPT_FLAG, NULL, "fail rather than change ktstr.lock", NULL,
	  DRV_COMPLETE_NONE, offsetof(struct fetch_opts, locked) },
};

static int fetch_one(struct drv_ctx *ctx, const char *name, const char *source,
		     const struct cfg_project *p, struct kt_err *e)
{
	const struct fetch_opts *o = ctx->opts;
	const struct drv_fetch_opts fo = {
		.project_dir = p ? p->dir : NULL,
		.offline = o->offline,
		.locked = o->locked,
	};
	kt_auto(kc_entry) struct kc_entry *k = NULL;
	int r = drv_fetch(ctx, source, &fo, &k, e);

	if (r < 0)
		return kt_context(e, r, "get kernel '%s'", name);
	printf("%s  %s  %s\n", k->key, k->release, k->dir);
	if (k->notes)
		kt_log(KT_AREA_DRIVER, KT_WARN, "kernel '%s': %s; going on without", name,
		       k->notes);
	return 0;
}

static const char *source_of(const struct cfg_project *p, const char *name)
{
	for (size_t i = 0; p && i < p->nr_kernels; i++) {
		if (kt_streq(p->kernels[i].name, name))
			return p->kernels[i].source;
	}
	return name;
}

/* A word of the command line that is neither a kernel's name nor a source. */
static int fail_name(const struct cfg_project *p, const char *name, int r, struct kt_err *e)
{
	const char *nearest = p ? drv_nearest_kernel(p, name) : NULL;

	if (nearest) {
		if (e)
			*e = (struct kt_err){ 0 };
		return kt_fail(e, KT_E_USAGE, EINVAL,
			       "'%s' is neither a kernel of %s nor a source: did you mean '%s'?",
			       name, p->file, nearest);
	}
	if (e)
		e->kind = KT_E_USAGE; /* it came from the command line */
	return r;
}

static int fetch_named(struct drv_ctx *ctx, const struct cfg_project *p, struct kt_err *e)
{
	int r = 0;

	for (size_t i = 0; i < ctx->nr_operands; i++) {
		r = kc_spec_check(source_of(p, ctx->operands[i]), e);
		if (r < 0)
			return fail_name(p, ctx->operands[i], r, e);
	}
	for (size_t i = 0; r == 0 && i < ctx->nr_operands; i++)
		r = fetch_one(ctx, ctx->operands[i], source_of(p, ctx->operands[i]), p, e);
	return r;
}

static int fetch_run(struct drv_ctx *ctx, struct kt_err *e)
{
	kt_auto(cfg_project) struct cfg_project *p = NULL;
	int r;

	drv_interrupt_exits(&ctx->term);
	r = find_project(&p, e);
	if (r < 0)
		return r;
	if (ctx->nr_operands)
		return fetch_named(ctx, p, e);
	if (!p)
		return kt_fail(e, KT_E_USAGE, EINVAL,
			       "no ktstr.toml here or above, so name a source: "
			       "'ktstr-make kernel fetch debian:trixie-backports/cloud'");
	for (size_t i = 0; r == 0 && i < p->nr_kernels; i++)
		r = fetch_one(ctx, p->kernels[i].name, p->kernels[i].source, p, e);
	return r;
}

const struct drv_command drv_cmd_kernel_fetch = {
	.name = "kernel fetch",
	.summary = "get kernels into the cache",
	.operands = "[NAME|SPEC...]",
	.help = "Without operands: all kernels of ktstr.toml. Prints key, release and directory of each.",
	.complete = DRV_COMPLETE_KERNEL,
	.max_operands = SIZE_MAX,
	.options = fetch_options,
	.nr_options = sizeof(fetch_options) / sizeof(fetch_options[0]),
	.opts_bytes = sizeof(struct fetch_opts),
	.run = fetch_run,
};

/* ---- list ---- */

struct list_opts {
	bool json;
	bool names;
};

static const struct drv_option list_options[] = {
	{ "json", 0, DRV_OPT_FLAG, NULL, "one JSON document", NULL, DRV_COMPLETE_NONE,
	  offsetof(struct list_opts, json) },
	{ "names", 0, DRV_OPT_FLAG, NULL,
	  "only what --kernel takes: the project's names and the cached keys", NULL,
	  DRV_COMPLETE_NONE, offsetof(struct list_opts, names) },
};

struct damaged {
	struct drv_ctx *ctx;
	struct kt_strv lines;
};

static void on_damaged(void *arg, const char *key, const char *why)
{
	struct damaged *d = arg;

	kt_log(KT_AREA_DRIVER, KT_WARN,
	       "cache entry '%s' is damaged: %s; it is made anew when it is needed", key, why);
	if (kt_strv_add(&d->lines, key) < 0)
		kt_log(KT_AREA_DRIVER, KT_WARN,
		       "out of memory; the list of damaged entries is not whole");
}

static void list_json(const struct kc_list *l, const struct damaged *d, const char *dir,
		      struct kt_buf *b)
{
	struct kt_json j;

	kt_json_init(&j, b, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", SCHEMA_VERSION);
	kt_json_str(&j, "directory", dir);
	kt_json_array_begin(&j, "kernels");
	for (size_t i = 0; i < l->nr; i++)
		kc_entry_json(l->v[i], &j, NULL);
	kt_json_array_end(&j);
	kt_json_array_begin(&j, "damaged");
	for (size_t i = 0; i < d->lines.nr; i++)
		kt_json_str(&j, NULL, d->lines.v[i]);
	kt_json_array_end(&j);
	kt_json_object_end(&j);
	kt_json_finish(&j);
}

static void list_names(const struct kc_list *l, const struct cfg_project *p, struct kt_buf *b)
{
	for (size_t i = 0; p && i < p->nr_kernels; i++)
		kt_buf_addf(b, "%s\n", p->kernels[i].name);
	for (size_t i = 0; i < l->nr; i++)
		kt_buf_addf(b, "%s\n", l->v[i]->key);
}

static void list_text(const struct kc_list *l, struct kt_buf *b)
{
	size_t key = 3, release = 7, source = 6;

	for (size_t i = 0; i < l->nr; i++) {
		size_t k = drv_columns(l->v[i]->key), r = drv_columns(l->v[i]->release),
		       s = drv_columns(l->v[i]->spec);

		key = k > key ? k : key;
		release = r > release ? r : release;
		source = s > source ? s : source;
	}
	kt_buf_addf(b, "%-*s  %-*s  %-*s  %9s  LAST USED\n", (int)key, "KEY", (int)release,
		    "RELEASE", (int)source, "SOURCE", "SIZE");
	for (size_t i = 0; i < l->nr; i++) {
		const struct kc_entry *k = l->v[i];
		kt_auto(buf) struct kt_buf size = { 0 };

		kt_format_size(&size, k->bytes);
		kt_buf_addf(b, "%-*s  %-*s  %-*s  %9s  ", (int)key, k->key, (int)release,
			    k->release, (int)source, k->spec, kt_buf_str(&size));
		kt_format_time(b, k->last_used);
		kt_buf_addc(b, '\n');
	}
}

static int list_run(struct drv_ctx *ctx, struct kt_err *e)
{
	const struct list_opts *o = ctx->opts;
	kt_auto(cfg_project) struct cfg_project *p = NULL;
	kt_auto(kc_list) struct kc_list l = { 0 };
	kt_auto(mem) char *dir = kc_default_dir();
	kt_auto(buf) struct kt_buf b = { 0 };
	struct damaged d = { .ctx = ctx };
	int r = 0;

	ctx->json_document = o->json;
	if (!dir)
		return kt_fail(e, KT_E_HOST, ENOMEM, "find the cache directory");
	if (o->names)
		(void)find_project(
			&p, NULL); /* a broken project still leaves the cache's keys to name */
	r = kc_list(dir, &l, on_damaged, &d, e);
	if (r == 0 && o->json)
		list_json(&l, &d, dir, &b);
	else if (r == 0 && o->names)
		list_names(&l, p, &b);
	else if (r == 0 && l.nr)
		list_text(&l, &b);
	else if (r == 0)
		fprintf(stderr, "no kernels in '%s': 'ktstr-make kernel fetch' gets some\n", dir);
	kt_strv_done(&d.lines);
	if (r == 0 && !kt_buf_ok(&b))
		r = kt_fail(e, KT_E_HOST, ENOMEM, "list %zu kernels", l.nr);
	if (r == 0)
		fputs(kt_buf_str(&b), stdout);
	return r;
}

const struct drv_command drv_cmd_kernel_list = {
	.name = "kernel list",
	.summary = "list the kernels in the cache, last used first",
	.options = list_options,
	.nr_options = sizeof(list_options) / sizeof(list_options[0]),
	.opts_bytes = sizeof(struct list_opts),
	.run = list_run,
};
