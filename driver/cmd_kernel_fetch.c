/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel fetch: what a kernel needs from the network, and no more. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "driver/fetch.h"
#include "driver/interrupt.h"

enum { SCHEMA_VERSION = 1 };

struct fetch_opts {
	struct drv_kernel_args args;
	bool json;
};

static const struct drv_option options[] = {
	DRV_KERNEL_SOURCE_OPTIONS(struct fetch_opts, args),
	DRV_KERNEL_FETCH_OPTIONS(struct fetch_opts, args),
	DRV_KERNEL_ARG(struct fetch_opts, "json", 0, DRV_OPT_FLAG, NULL, "one JSON document", NULL,
		       DRV_COMPLETE_NONE, json),
};

/* @e: NULL when all went well. */
static void render_json(const struct drv_fetches *f, const struct kt_err *e, struct kt_buf *b)
{
	struct kt_json j;

	kt_json_init(&j, b, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", SCHEMA_VERSION);
	kt_json_array_begin(&j, "fetched");
	for (size_t i = 0; i < f->nr; i++) {
		if (!f->v[i].fetched.key)
			continue;
		kt_json_object_begin(&j, NULL);
		kt_json_str(&j, "name", f->v[i].name);
		kt_json_str(&j, "source", f->v[i].source);
		kt_json_str(&j, "key", f->v[i].fetched.key);
		kt_json_str(&j, "release", f->v[i].fetched.release);
		kt_json_str(&j, "dir", f->v[i].fetched.dir);
		kt_json_object_end(&j);
	}
	kt_json_array_end(&j);
	drv_fetches_errors_json(f, e, &j);
	kt_json_object_end(&j);
	kt_json_finish(&j);
}

static void render_text(const struct drv_fetches *f, struct kt_buf *b)
{
	for (size_t i = 0; i < f->nr; i++) {
		const struct kc_fetched *k = &f->v[i].fetched;

		if (k->key)
			kt_buf_addf(b, "%s  %s  %s\n", k->key, k->release, k->dir);
	}
}

static int fetch(struct drv_ctx *ctx, const struct cfg_project *p, struct drv_wanted_list *wanted,
		 struct kt_err *e)
{
	const struct fetch_opts *o = ctx->opts;
	const struct drv_fetch_opts fo = { .project = p, .args = &o->args, .sources_only = true };
	const struct drv_fetch_print print = { .as_json = o->json,
					       .json = render_json,
					       .text = render_text };

	return drv_fetch_and_print(ctx, wanted, &fo, &print, e);
}

static int run(struct drv_ctx *ctx, struct kt_err *e)
{
	const struct fetch_opts *o = ctx->opts;
	kt_auto(cfg_project) struct cfg_project *p = NULL;
	kt_auto(drv_wanted_list) struct drv_wanted_list wanted = { 0 };
	int r;

	ctx->json_document = o->json;
	drv_interrupt_exits(&ctx->term);
	r = drv_find_project(&p, e);
	if (r == 0)
		r = drv_wanted_select(ctx, p, &o->args, &wanted, e);
	if (r < 0)
		return r;
	if (!wanted.list.nr)
		return kt_fail(e, KT_E_USAGE, EINVAL,
			       "no ktstr.toml here or above, so name a source: "
			       "'ktstr-make kernel fetch debian:trixie-backports/cloud'");
	return fetch(ctx, p, &wanted, e);
}

const struct drv_command drv_cmd_kernel_fetch = {
	.name = "kernel fetch",
	.summary = "get kernels, or the source of those that have to be built, into the cache",
	.operands = "[NAME|SPEC...]",
	.help = "Without operands: all kernels of ktstr.toml. Prints key, release and directory of each: of the kernel "
		"where it is prebuilt, else of its source tree. A later 'kernel build' or 'test' needs no network.\n\n" DRV_KERNEL_SPECS_HELP,
	.complete = DRV_COMPLETE_KERNEL,
	.max_operands = SIZE_MAX,
	.options = options,
	.nr_options = sizeof(options) / sizeof(options[0]),
	.opts_bytes = sizeof(struct fetch_opts),
	.run = run,
};
