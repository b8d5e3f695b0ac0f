/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel clean: make room, least recently used first. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/parse.h"
#include "driver/driver.h"
#include "driver/interrupt.h"
#include "driver/times.h"
#include "kernel-cache/kernel-cache.h"

enum { SCHEMA_VERSION = 1 };
/* Lines are printed as things go, so nobody knows yet how long the longest is: most fit. */
enum { KIND_COLUMNS = 6, KEY_COLUMNS = 38, SIZE_COLUMNS = 10 };

struct clean_opts {
	unsigned keep;
	const char *max_size;
	const char *older;
	bool corrupt, sources, all;
	bool dry_run;
	bool json;
};

#define ROW(name, letter, kind, arg, help, field) \
	{ \
		name, letter, kind, arg, help, NULL, DRV_COMPLETE_NONE, \
			offsetof(struct clean_opts, field) \
	}
static const struct drv_option options[] = {
	ROW("keep", 0, DRV_OPT_NUMBER, "N", "all but the N kernels that were used last", keep),
	ROW("max-size", 0, DRV_OPT_STRING, "SIZE",
	    "until kernels and source trees together take at most SIZE, such as 10G; source trees go first",
	    max_size),
	ROW("older", 0, DRV_OPT_STRING, "AGE", "what was not used for AGE, such as 30d, 2w or 12h",
	    older),
	ROW("corrupt", 0, DRV_OPT_FLAG, NULL, "what is damaged; reads every file to find out",
	    corrupt),
	ROW("sources", 0, DRV_OPT_FLAG, NULL, "all source trees that are kept for the next build",
	    sources),
	ROW("all", 0, DRV_OPT_FLAG, NULL, "everything", all),
	ROW("dry-run", 'n', DRV_OPT_FLAG, NULL, "only say what would go", dry_run),
	ROW("json", 0, DRV_OPT_FLAG, NULL, "one JSON document", json),
};

static int make_opts(const struct clean_opts *o, struct kc_clean_opts *ret, struct kt_err *e)
{
	*ret = (struct kc_clean_opts){
		.by_count = o->keep != 0 || o->all,
		.by_size = o->max_size != NULL,
		.by_age = o->older != NULL,
		.keep = o->keep,
		.corrupt = o->corrupt || o->all,
		.sources = o->sources || o->all,
		.dry_run = o->dry_run,
	};
	if (o->max_size && kt_parse_size(o->max_size, &ret->max_bytes) < 0)
		return kt_fail(e, KT_E_USAGE, EINVAL,
			       "option --max-size takes a size such as 10G or 500M, not '%s'",
			       o->max_size);
	if (o->older && drv_parse_age(o->older, &ret->older_s) < 0)
		return kt_fail(e, KT_E_USAGE, EINVAL,
			       "option --older takes an age such as 30d, 2w or 12h, not '%s'",
			       o->older);
	if (o->all && (o->keep || o->max_size || o->older))
		return kt_fail(e, KT_E_USAGE, EINVAL,
			       "--all leaves nothing for --keep, --max-size or --older to decide");
	if (!ret->by_count && !ret->by_size && !ret->by_age && !ret->corrupt && !ret->sources)
		return kt_fail(
			e, KT_E_USAGE, EINVAL,
			"say what is to go: --keep N, --max-size SIZE, --older AGE, --corrupt, "
			"--sources or --all; --dry-run only shows it");
	return 0;
}

/* What went, as it goes. */
struct going {
	struct kt_buf *b;
	struct kt_json *json; /* NULL: text */
	bool all; /* reasons are not what they were */
};

static void on_removed(void *arg, const char *kind, const char *key, uint64_t bytes,
		       const char *why)
{
	struct going *g = arg;
	kt_auto(buf) struct kt_buf size = { 0 };

	if (g->all)
		why = "everything goes";
	if (g->json) {
		kt_json_object_begin(g->json, NULL);
		kt_json_str(g->json, "kind", kind);
		kt_json_str(g->json, "key", key);
		kt_json_u64(g->json, "size", bytes);
		kt_json_str(g->json, "why", why);
		kt_json_object_end(g->json);
		return;
	}
	kt_format_size(&size, bytes);
	drv_add_padded(g->b, kind, KIND_COLUMNS);
	kt_buf_adds(g->b, "  ");
	drv_add_padded(g->b, key, KEY_COLUMNS);
	kt_buf_addf(g->b, "  %*s  %s\n", SIZE_COLUMNS, kt_buf_str(&size), why ? why : "");
	/* It is gone: who stops us now has seen it. */
	fputs(kt_buf_str(g->b), stdout);
	fflush(stdout);
	kt_buf_reset(g->b);
}

static void say_total(const struct kc_cleaned *c, bool dry_run)
{
	kt_auto(buf) struct kt_buf size = { 0 };
	kt_auto(buf) struct kt_buf in_use = { 0 };

	kt_format_size(&size, c->freed_bytes);
	if (c->kept_in_use)
		kt_buf_addf(&in_use, "; %zu in use %s left alone", c->kept_in_use,
			    c->kept_in_use == 1 ? "was" : "were");
	if (!c->removed)
		printf("nothing %s%s\n", dry_run ? "would go" : "to remove", kt_buf_str(&in_use));
	else if (dry_run)
		printf("%zu would go, %s would be free%s\n", c->removed, kt_buf_str(&size),
		       kt_buf_str(&in_use));
	else
		printf("%zu removed, %s free again%s\n", c->removed, kt_buf_str(&size),
		       kt_buf_str(&in_use));
}

static int clean_json(const struct kc_clean_opts *co, bool all, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kc_cleaned c = { 0 };
	struct kt_json j;
	struct going g = { .b = &b, .json = &j, .all = all };
	int r;

	kt_json_init(&j, &b, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", SCHEMA_VERSION);
	kt_json_bool(&j, "dry_run", co->dry_run);
	kt_json_array_begin(&j, "removed");
	r = kc_clean(co, &c, on_removed, &g, e);
	if (r < 0)
		return r;
	kt_json_array_end(&j);
	kt_json_object_begin(&j, "totals");
	kt_json_u64(&j, "removed", c.removed);
	kt_json_u64(&j, "kept_in_use", c.kept_in_use);
	kt_json_u64(&j, "freed", c.freed_bytes);
	kt_json_object_end(&j);
	kt_json_object_end(&j);
	kt_json_finish(&j);
	if (!kt_buf_ok(&b))
		return kt_fail(e, KT_E_HOST, ENOMEM, "say what was removed");
	fputs(kt_buf_str(&b), stdout);
	return 0;
}

static int run(struct drv_ctx *ctx, struct kt_err *e)
{
	const struct clean_opts *o = ctx->opts;
	kt_auto(buf) struct kt_buf b = { 0 };
	struct going g = { .b = &b, .all = o->all };
	struct kc_clean_opts co;
	struct kc_cleaned c = { 0 };
	int r;

	ctx->json_document = o->json;
	drv_interrupt_exits(&ctx->term);
	r = make_opts(o, &co, e);
	if (r < 0)
		return r;
	if (o->json)
		return clean_json(&co, o->all, e);
	r = kc_clean(&co, &c, on_removed, &g, e);
	if (r == 0)
		say_total(&c, o->dry_run);
	return r;
}

const struct drv_command drv_cmd_kernel_clean = {
	.name = "kernel clean",
	.summary = "remove kernels from the cache, least recently used first",
	.help = "At least one limit has to be given; several add up. What is in use by a test or a build stays. Prints kind, "
		"key, size and reason of each, and a total.",
	.options = options,
	.nr_options = sizeof(options) / sizeof(options[0]),
	.opts_bytes = sizeof(struct clean_opts),
	.run = run,
};
