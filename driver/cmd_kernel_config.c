/* SPDX-License-Identifier: GPL-2.0-only */
/* kernel config: what a kernel would be built with, and what of it cannot be had. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "driver/fetch.h"
#include "driver/interrupt.h"
#include "driver/plan.h"

enum { SCHEMA_VERSION = 1, OPTION_COLUMNS_MAX = 44 };

struct config_opts {
	struct drv_kernel_args args;
	bool dry_run;
	const char *output;
	bool json;
};

#define ROW(name, letter, kind, arg, help, complete, field) \
	DRV_KERNEL_ARG(struct config_opts, name, letter, kind, arg, help, NULL, complete, field)
static const struct drv_option options[] = {
	ROW("dry-run", 'n', DRV_OPT_FLAG, NULL,
	    "print what is asked for, and what becomes of each option, instead of the whole .config",
	    DRV_COMPLETE_NONE, dry_run),
	ROW("output", 'o', DRV_OPT_STRING, "FILE", "write to FILE instead of stdout",
	    DRV_COMPLETE_FILE, output),
	DRV_KERNEL_SOURCE_OPTIONS(struct config_opts, args),
	DRV_KERNEL_CONFIG_OPTIONS(struct config_opts, args),
	DRV_KERNEL_FETCH_OPTIONS(struct config_opts, args),
	ROW("json", 0, DRV_OPT_FLAG, NULL, "one JSON document", DRV_COMPLETE_NONE, json),
};

static const char *const fate_names[] = {
	[KC_OPTION_SET] = "set",
	[KC_OPTION_ABSENT] = "absent",
	[KC_OPTION_UNMET] = "unmet",
};

/* A kernel with it would not be built: as kernel build judges. */
static bool is_fatal(const struct config_opts *o, const struct kc_option *op)
{
	return kc_option_is_fatal(op, o->args.allow_unmet);
}

struct counts {
	size_t nr[KC_OPTION_UNMET + 1];
	size_t fatal;
};

static struct counts count(const struct config_opts *o, const struct kc_config_report *r)
{
	struct counts c = { 0 };

	for (size_t i = 0; i < r->nr; i++) {
		c.nr[r->v[i].fate]++;
		c.fatal += is_fatal(o, &r->v[i]);
	}
	return c;
}

/* ---- text ---- */

static void add_summary(struct kt_buf *b, const struct kc_config_report *r, const struct counts *c)
{
	kt_buf_addf(b, "%zu options: %zu as asked, %zu absent in this kernel, %zu unmet", r->nr,
		    c->nr[KC_OPTION_SET], c->nr[KC_OPTION_ABSENT], c->nr[KC_OPTION_UNMET]);
}

static enum drv_style style_of(const struct config_opts *o, const struct kc_option *op)
{
	switch (op->fate) {
	case KC_OPTION_SET:
		return is_fatal(o, op) ? DRV_RED : DRV_GREEN;
	case KC_OPTION_ABSENT:
		return DRV_DIM;
	case KC_OPTION_UNMET:
		return is_fatal(o, op) ? DRV_RED : DRV_YELLOW;
	}
	return DRV_PLAIN;
}

/* The lines are a fragment, as it could be given to --kconfig; the verdicts are its comments. */
static void add_option(const struct drv_ctx *ctx, const struct kc_option *op, size_t width,
		       struct kt_buf *b)
{
	const char *plain = drv_term_style(&ctx->term, stdout, DRV_PLAIN);
	kt_auto(buf) struct kt_buf left = { 0 };

	kt_buf_addf(&left, "%s=%s", op->name, op->wanted);
	drv_add_padded(b, kt_buf_str(&left), width);
	kt_buf_addf(b, "  # %s%-6s%s  %s\n",
		    drv_term_style(&ctx->term, stdout, style_of(ctx->opts, op)),
		    fate_names[op->fate], plain, op->from);
	if (op->fate == KC_OPTION_UNMET)
		kt_buf_addf(b, "#   is %s%s%s\n", op->found ? op->found : "not set",
			    op->why ? ": " : "", op->why ? op->why : "");
	else if (op->why)
		kt_buf_addf(b, "#   %s\n", op->why);
	if (op->fix)
		kt_buf_addf(b, "#   fix: %s\n", op->fix);
}

static size_t option_columns(const struct kc_config_report *r)
{
	size_t width = 0;

	for (size_t i = 0; i < r->nr; i++) {
		size_t n = drv_columns(r->v[i].name) + 1 + drv_columns(r->v[i].wanted);

		if (n <= OPTION_COLUMNS_MAX && n > width)
			width = n;
	}
	return width;
}

static void render_dry_run(const struct drv_ctx *ctx, const struct kc_config_report *r,
			   const struct counts *c, struct kt_buf *b)
{
	size_t width = option_columns(r);

	kt_buf_addf(b, "# Linux %s, base %s\n", r->version, r->base);
	for (size_t i = 0; i < r->nr; i++)
		add_option(ctx, &r->v[i], width, b);
	kt_buf_adds(b, "# ");
	add_summary(b, r, c);
	kt_buf_addc(b, '\n');
}

/* Without the table: what went wrong alone, on stderr. */
static void warn_unmet(const struct config_opts *o, const struct kc_config_report *r)
{
	for (size_t i = 0; i < r->nr; i++) {
		const struct kc_option *op = &r->v[i];
		kt_auto(buf) struct kt_buf b = { 0 };

		if (op->fate == KC_OPTION_UNMET)
			kt_buf_addf(&b, " is unmet: it is %s", op->found ? op->found : "not set");
		else if (!op->why)
			continue;
		kt_log(KT_AREA_DRIVER, is_fatal(o, op) ? KT_ERROR : KT_WARN, "%s=%s (%s)%s%s%s%s%s",
		       op->name, op->wanted, op->from, kt_buf_str(&b), op->why ? ": " : "",
		       op->why ? op->why : "", op->fix ? "; " : "", op->fix ? op->fix : "");
	}
}

/* ---- JSON ---- */

static void add_option_json(struct kt_json *j, const struct kc_option *op)
{
	kt_json_object_begin(j, NULL);
	kt_json_str(j, "name", op->name);
	kt_json_str(j, "wanted", op->wanted);
	kt_json_str(j, "found", op->found);
	kt_json_str(j, "from", op->from);
	kt_json_bool(j, "critical", op->critical);
	kt_json_bool(j, "by_user", op->by_user);
	kt_json_bool(j, "takes_away", op->takes_away);
	kt_json_str(j, "fate", fate_names[op->fate]);
	kt_json_str(j, "why", op->why);
	kt_json_str(j, "fix", op->fix);
	kt_json_object_end(j);
}

static void render_json(const struct config_opts *o, const struct kc_config_report *r,
			const struct counts *c, struct kt_buf *b)
{
	struct kt_json j;

	kt_json_init(&j, b, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", SCHEMA_VERSION);
	kt_json_str(&j, "version", r->version);
	kt_json_str(&j, "base", r->base);
	kt_json_bool(&j, "can_build", c->fatal == 0);
	kt_json_object_begin(&j, "totals");
	kt_json_u64(&j, "options", r->nr);
	kt_json_u64(&j, "set", c->nr[KC_OPTION_SET]);
	kt_json_u64(&j, "absent", c->nr[KC_OPTION_ABSENT]);
	kt_json_u64(&j, "unmet", c->nr[KC_OPTION_UNMET]);
	kt_json_object_end(&j);
	kt_json_array_begin(&j, "options");
	for (size_t i = 0; i < r->nr; i++)
		add_option_json(&j, &r->v[i]);
	kt_json_array_end(&j);
	kt_json_str(&j, "merged", r->merged);
	if (!o->dry_run)
		kt_json_str(&j, "config", r->config);
	kt_json_object_end(&j);
	kt_json_finish(&j);
}

/* ---- the command ---- */

static int print(struct drv_ctx *ctx, const struct kc_config_report *r, struct kt_err *e)
{
	const struct config_opts *o = ctx->opts;
	struct counts c = count(o, r);
	kt_auto(buf) struct kt_buf b = { 0 };

	if (o->json)
		render_json(o, r, &c, &b);
	else if (o->dry_run)
		render_dry_run(ctx, r, &c, &b);
	else
		kt_buf_adds(&b, r->config);
	if (!kt_buf_ok(&b))
		return kt_fail(e, KT_E_HOST, ENOMEM, "print %zu options", r->nr);
	if (!o->json && !o->dry_run)
		warn_unmet(o, r);
	ctx->exit = c.fatal ? DRV_EXIT_BUILD : DRV_EXIT_PASSED;
	if (o->output)
		return kt_file_write_atomic(o->output, kt_buf_str(&b), b.len, 0644, e);
	fputs(kt_buf_str(&b), stdout);
	return 0;
}

/* One kernel: what was named, else what 'test' takes, else the newest stable one. */
static int choose(struct drv_ctx *ctx, const struct cfg_project *p, struct drv_wanted_list *ret,
		  struct kt_err *e)
{
	const struct config_opts *o = ctx->opts;
	const struct cfg_kernel *k = NULL;
	bool named = ctx->nr_operands || o->args.sources.nr || o->args.git || o->args.ref;
	int r = 0;

	if (named)
		r = drv_wanted_select(ctx, p, &o->args, ret, e);
	else if (p)
		r = drv_default_kernel(p, &k, e);
	if (r < 0)
		return r;
	if (!named && drv_wanted_add(ret, k ? k->name : "stable", k ? k->source : "stable", k) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "choose a kernel");
	r = drv_wanted_expand(p, &o->args, ret, e);
	if (r == 0 && ret->list.nr != 1)
		r = kt_fail(e, KT_E_USAGE, EINVAL,
			    "that are %zu kernels, from '%s' to '%s': choose one", ret->list.nr,
			    ret->list.v[0].source, ret->list.v[ret->list.nr - 1].source);
	return r;
}

static int configure(struct drv_ctx *ctx, const struct cfg_project *p, const struct drv_wanted *k,
		     struct kc_config_report *ret, struct kt_err *e)
{
	const struct config_opts *o = ctx->opts;
	kt_auto(drv_kc_opts) struct drv_kc_opts ko = { 0 };
	kt_auto(drv_shown) struct drv_shown *shown = NULL;
	int r = drv_kc_opts_make(p, k->config, &o->args, &ko, e);

	if (r == 0)
		r = drv_shown_begin(ctx, &shown, e);
	if (r < 0)
		return r;
	ko.o.progress = drv_shown_progress(shown);
	r = kc_config(k->source, &ko.o, ret, e);
	return r < 0 ? kt_context(e, r, "configure kernel '%s'", k->name) : 0;
}

static int run(struct drv_ctx *ctx, struct kt_err *e)
{
	const struct config_opts *o = ctx->opts;
	kt_auto(cfg_project) struct cfg_project *p = NULL;
	kt_auto(drv_wanted_list) struct drv_wanted_list wanted = { 0 };
	kt_auto(kc_config_report) struct kc_config_report report = { 0 };
	int r;

	ctx->json_document = o->json;
	drv_interrupt_exits(&ctx->term);
	r = drv_find_project(&p, e);
	if (r == 0)
		r = choose(ctx, p, &wanted, e);
	if (r == 0)
		r = configure(ctx, p, &wanted.list.v[0], &report, e);
	return r < 0 ? r : print(ctx, &report, e);
}

const struct drv_command drv_cmd_kernel_config = {
	.name = "kernel config",
	.summary = "show what a kernel would be configured with, and what of it cannot be had",
	.operands = "[NAME|SPEC]",
	.help = "Without an operand: the kernel that 'test' takes; outside a project the newest stable one. Fetches its source, "
		"builds nothing, and prints the .config. Exits with 5 when the kernel would not be built, because an option "
		"that was asked for cannot be had.\n\n" DRV_KERNEL_SPECS_HELP,
	.complete = DRV_COMPLETE_KERNEL,
	.max_operands = 1,
	.options = options,
	.nr_options = sizeof(options) / sizeof(options[0]),
	.opts_bytes = sizeof(struct config_opts),
	.run = run,
};
