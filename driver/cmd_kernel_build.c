/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel build: kernels of any source, ready to boot. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "driver/fetch.h"
#include "driver/interrupt.h"

enum { SCHEMA_VERSION = 1 };

struct build_opts {
	struct drv_kernel_args args;
	bool json;
};

#define ROW(name, letter, kind, arg, help, field) \
	DRV_KERNEL_ARG(struct build_opts, name, letter, kind, arg, help, NULL, DRV_COMPLETE_NONE, \
		       field)
static const struct drv_option options[] = {
	DRV_KERNEL_SOURCE_OPTIONS(struct build_opts, args),
	DRV_KERNEL_CONFIG_OPTIONS(struct build_opts, args),
	ROW("jobs", 'j', DRV_OPT_NUMBER, "N",
	    "compile this many files at a time, in all builds together; without it as many as there are CPUs",
	    args.jobs),
	ROW("cpu-cap", 0, DRV_OPT_NUMBER, "N", "the same as --jobs", args.jobs),
	ROW("keep-debug", 0, DRV_OPT_FLAG, NULL, "keep DWARF in vmlinux (several hundred MiB)",
	    args.keep_debug),
	ROW("no-ccache", 0, DRV_OPT_FLAG, NULL, "do not use ccache", args.no_ccache),
	ROW("rebuild", 0, DRV_OPT_FLAG, NULL, "build even what the cache has", args.rebuild),
	DRV_KERNEL_FETCH_OPTIONS(struct build_opts, args),
	ROW("json", 0, DRV_OPT_FLAG, NULL, "one JSON document", json),
};

/* @e: NULL when all went well. */
static void render_json(const struct drv_fetches *f, const struct kt_err *e, struct kt_buf *b)
{
	struct kt_json j;

	kt_json_init(&j, b, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", SCHEMA_VERSION);
	kt_json_array_begin(&j, "kernels");
	for (size_t i = 0; i < f->nr; i++)
		if (f->v[i].entry)
			kc_entry_json(f->v[i].entry, &j, NULL);
	kt_json_array_end(&j);
	drv_fetches_errors_json(f, e, &j);
	kt_json_object_end(&j);
	kt_json_finish(&j);
}

static void render_text(const struct drv_fetches *f, struct kt_buf *b)
{
	for (size_t i = 0; i < f->nr; i++) {
		const struct kc_entry *k = f->v[i].entry;

		if (k)
			kt_buf_addf(b, "%s  %s  %s\n", k->key, k->release, k->dir);
	}
}

static int build(struct drv_ctx *ctx, const struct cfg_project *p, struct drv_wanted_list *wanted,
		 struct kt_err *e)
{
	const struct build_opts *o = ctx->opts;
	const struct drv_fetch_opts fo = { .project = p, .args = &o->args };
	const struct drv_fetch_print print = { .as_json = o->json,
					       .json = render_json,
					       .text = render_text };

	return drv_fetch_and_print(ctx, wanted, &fo, &print, e);
}

static int run(struct drv_ctx *ctx, struct kt_err *e)
{
	const struct build_opts *o = ctx->opts;
	kt_auto(cfg_project) struct cfg_project *p = NULL;
	kt_auto(drv_wanted_list) struct drv_wanted_list wanted = { 0 };
	int r;

	ctx->json_document = o->json;
	drv_interrupt_exits(&ctx->term);
	r = drv_find_project(&p, e);
	if (r == 0)
		r = drv_wanted_select(ctx, p, &o->args, &wanted, e);
	if (r == 0 && !wanted.list.nr && drv_wanted_add(&wanted, "stable", "stable", NULL) < 0)
		r = kt_fail(e, KT_E_HOST, ENOMEM, "choose kernels");
	return r < 0 ? r : build(ctx, p, &wanted, e);
}

const struct drv_command drv_cmd_kernel_build = {
	.name = "kernel build",
	.summary = "get kernels ready to boot, building what is not in the cache",
	.operands = "[NAME|SPEC...]",
	.help = "Without operands, --source and --git: all kernels of ktstr.toml; outside a project the newest stable "
		"kernel. Prints key, release and directory of each.\n\n" DRV_KERNEL_SPECS_HELP,
	.complete = DRV_COMPLETE_KERNEL,
	.max_operands = SIZE_MAX,
	.options = options,
	.nr_options = sizeof(options) / sizeof(options[0]),
	.opts_bytes = sizeof(struct build_opts),
	.run = run,
};
