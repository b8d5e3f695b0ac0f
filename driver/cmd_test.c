/* SPDX-License-Identifier: GPL-2.0-only */
/* test: plan, prepare, run, report. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "driver/fetch.h"
#include "driver/run.h"

enum { SCHEMA_VERSION = 1 };
/* What the rest of the host keeps of its available memory. */
#define HOST_RESERVE_BYTES (UINT64_C(512) << 20)

static const char *const accel_words[] = { "auto", "kvm", "tcg", NULL };
static const char *const format_words[] = { "human", "json", NULL };
enum { FORMAT_HUMAN, FORMAT_JSON };

struct test_opts {
	bool list;
	bool json;
	struct drv_strings kernels;
	unsigned accel; /* enum vm_accel */
	unsigned jobs;
	bool performance;
	bool no_capture;
	unsigned format;
	bool offline;
	bool locked;
	bool include_ignored;
	bool ignored;
};

#define ROW(name, letter, kind, arg, help, choices, complete, field) \
	{ \
		name, letter, kind, arg, help, choices, complete, \
			offsetof(struct test_opts, field) \
	}
static const struct drv_option options[] = {
	ROW("list", 'l', DRV_OPT_FLAG, NULL,
	    "list what would run: test, topology, scheduler, kernel; asks no network, so a range of kernels is one",
	    NULL, DRV_COMPLETE_NONE, list),
	ROW("json", 0, DRV_OPT_FLAG, NULL, "with --list: one JSON document", NULL,
	    DRV_COMPLETE_NONE, json),
	ROW("kernel", 'k', DRV_OPT_STRINGS, "NAME|SPEC",
	    "a kernel of ktstr.toml, or a source such as path:../bzImage, 6.12 or 6.12..6.16; without it the kernel named 'default'",
	    NULL, DRV_COMPLETE_KERNEL, kernels),
	ROW("accel", 0, DRV_OPT_CHOICE, "HOW", "how machines run; kvm fails rather than emulate",
	    accel_words, DRV_COMPLETE_NONE, accel),
	ROW("jobs", 'j', DRV_OPT_NUMBER, "N",
	    "cells at a time; without it as many as the CPUs carry", NULL, DRV_COMPLETE_NONE, jobs),
	ROW("performance", 0, DRV_OPT_FLAG, NULL,
	    "performance mode in every test, as 'performance = true': CPUs and memory held still, one test at a time",
	    NULL, DRV_COMPLETE_NONE, performance),
	ROW("no-capture", 0, DRV_OPT_FLAG, NULL,
	    "show console, scheduler and kernel log as they come; one cell at a time unless -j says more",
	    NULL, DRV_COMPLETE_NONE, no_capture),
	ROW("message-format", 0, DRV_OPT_CHOICE, "FORMAT",
	    "json: one object per event on stdout, text on stderr", format_words, DRV_COMPLETE_NONE,
	    format),
	ROW("offline", 0, DRV_OPT_FLAG, NULL, "use only kernels that are in the cache", NULL,
	    DRV_COMPLETE_NONE, offline),
	ROW("locked", 0, DRV_OPT_FLAG, NULL, "fail rather than change ktstr.lock", NULL,
	    DRV_COMPLETE_NONE, locked),
	ROW("include-ignored", 0, DRV_OPT_FLAG, NULL, "also run tests that have 'ignore = true'",
	    NULL, DRV_COMPLETE_NONE, include_ignored),
	ROW("ignored", 0, DRV_OPT_FLAG, NULL, "run only tests that have 'ignore = true'", NULL,
	    DRV_COMPLETE_NONE, ignored),
};

static int check_opts(const struct test_opts *o, struct kt_err *e)
{
	if (o->json && !o->list)
		return kt_fail(e, KT_E_USAGE, EINVAL,
			       "--json goes with --list; a run reports by --message-format json");
	if (o->ignored && o->include_ignored)
		return kt_fail(e, KT_E_USAGE, EINVAL,
			       "--ignored and --include-ignored exclude each other");
	return 0;
}

static int load_project(struct cfg_project **ret, struct kt_err *e)
{
	kt_auto(mem) char *path = NULL;
	int r = cfg_find(".", &path, e);

	return r < 0 ? r : cfg_load(path, ret, e);
}

/* What the options say, of the working directory; the plan borrows from @keep. */
static int anchor_kernels(const struct test_opts *o, const struct cfg_project *p,
			  struct kt_strv *keep, struct drv_strings *ret, struct kt_err *e)
{
	int r = 0;

	ret->nr = o->kernels.nr;
	for (size_t i = 0; r == 0 && i < ret->nr; i++)
		r = drv_anchor_spec(p, o->kernels.v[i], keep, &ret->v[i], e);
	return r;
}

/* @wanted: these kernels instead of @kernels; may be NULL. */
static int make_plan(const struct drv_ctx *ctx, const struct cfg_project *p,
		     const struct drv_strings *kernels, const struct drv_wanted_list *wanted,
		     struct drv_plan *ret, struct kt_err *e)
{
	const struct test_opts *o = ctx->opts;
	const struct drv_select s = {
		.filters = ctx->operands,
		.nr_filters = ctx->nr_operands,
		.kernels = kernels ? kernels->v : NULL,
		.nr_kernels = kernels ? kernels->nr : 0,
		.wanted = wanted,
		.ignored = o->ignored           ? DRV_IGNORED_ONLY
			   : o->include_ignored ? DRV_IGNORED_TOO
						: DRV_IGNORED_LEAVE_OUT,
	};
	int r = drv_plan_select(p, &s, ret, e);

	return r < 0 ? r : drv_plan_resolve(ret, e);
}

/* ---- --list ---- */

static void list_json(const struct drv_plan *p, struct kt_buf *b)
{
	struct kt_json j;

	kt_json_init(&j, b, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", SCHEMA_VERSION);
	kt_json_str(&j, "project", p->project->name);
	kt_json_array_begin(&j, "cells");
	for (size_t i = 0; i < p->nr_cells; i++) {
		kt_json_object_begin(&j, NULL);
		drv_cell_identity_json(p, &p->cells[i], &j);
		kt_json_u64(&j, "vcpus", p->cells[i].spec.nr_cpus);
		kt_json_bool(&j, "ignored", p->cells[i].test->ignored);
		kt_json_object_end(&j);
	}
	kt_json_array_end(&j);
	kt_json_object_end(&j);
	kt_json_finish(&j);
}

static void list_text(const struct drv_plan *p, struct kt_buf *b)
{
	size_t topology = 0, scheduler = 0;

	for (size_t i = 0; i < p->nr_cells; i++) {
		size_t t = drv_columns(p->cells[i].spec.topology),
		       s = drv_columns(p->cells[i].spec.scheduler);

		topology = t > topology ? t : topology;
		scheduler = s > scheduler ? s : scheduler;
	}
	for (size_t i = 0; i < p->nr_cells; i++) {
		const struct drv_cell *c = &p->cells[i];

		drv_add_padded(b, c->test->name, p->name_columns);
		kt_buf_adds(b, "  ");
		drv_add_padded(b, c->spec.topology, topology);
		kt_buf_adds(b, "  ");
		drv_add_padded(b, c->spec.scheduler, scheduler);
		kt_buf_addf(b, "  %s\n", p->kernels[c->kernel].name);
	}
}

static int list(const struct drv_plan *p, bool json, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	if (json)
		list_json(p, &b);
	else
		list_text(p, &b);
	if (!kt_buf_ok(&b))
		return kt_fail(e, KT_E_HOST, ENOMEM, "list %zu cells", p->nr_cells);
	fputs(kt_buf_str(&b), stdout);
	return 0;
}

/* ---- the run ---- */

static enum vm_accel wanted_accel(const struct drv_ctx *ctx, const struct cfg_project *p)
{
	const struct test_opts *o = ctx->opts;

	if (o->accel != VM_ACCEL_AUTO)
		return (enum vm_accel)o->accel;
	switch (p->accel) {
	case CFG_ACCEL_AUTO:
		return VM_ACCEL_AUTO;
	case CFG_ACCEL_KVM:
		return VM_ACCEL_KVM;
	case CFG_ACCEL_TCG:
		return VM_ACCEL_TCG;
	}
	return VM_ACCEL_AUTO;
}

/* Every range becomes its versions, and the cells are planned again for these. */
static int expand_kernels(struct drv_ctx *ctx, struct drv_plan *plan,
			  const struct drv_kernel_args *args, struct drv_wanted_list *wanted,
			  struct kt_err *e)
{
	const struct cfg_project *p = plan->project;
	int r = 0;

	for (size_t i = 0; r == 0 && i < plan->nr_kernels; i++) {
		const struct drv_kernel *k = &plan->kernels[i];

		if (drv_wanted_add(wanted, k->name, k->source, k->config) < 0)
			return kt_fail(e, KT_E_HOST, ENOMEM, "plan kernels");
	}
	r = drv_wanted_expand(p, args, wanted, e);
	if (r < 0)
		return r;
	drv_plan_done(plan);
	return make_plan(ctx, p, NULL, wanted, plan, e);
}

static int fetch_kernels(struct drv_run *r, struct kt_err *e)
{
	struct drv_plan *plan = r->plan;
	const struct drv_fetch_opts fo = { .project = plan->project, .args = r->kernel_args };
	kt_auto(drv_fetches) struct drv_fetches f = { 0 };
	int ret;

	f.v = calloc(plan->nr_kernels + 1, sizeof(*f.v));
	if (!f.v)
		return kt_fail(e, KT_E_HOST, ENOMEM, "get %zu kernels", plan->nr_kernels);
	f.nr = plan->nr_kernels;
	for (size_t i = 0; i < f.nr; i++) {
		f.v[i].name = plan->kernels[i].name;
		f.v[i].source = plan->kernels[i].source;
		f.v[i].config = plan->kernels[i].config;
	}
	ret = drv_fetch_all(r->ctx, &f, &fo, e);
	for (size_t i = 0; ret == 0 && i < f.nr; i++)
		plan->kernels[i].entry = kt_take(f.v[i].entry);
	return ret;
}

static void set_limits(const struct drv_run *r, struct drv_limits *ret)
{
	const struct test_opts *o = r->ctx->opts;

	*ret = (struct drv_limits){
		.jobs = o->jobs         ? o->jobs
			: o->no_capture ? 1
					: 0,
		.cpus = r->host.nr_cpus,
		.memory_bytes = r->host.available_bytes > 2 * HOST_RESERVE_BYTES
					? r->host.available_bytes - HOST_RESERVE_BYTES
					: r->host.available_bytes / 2,
		.host_memory_bytes = r->host.memory_bytes,
	};
}

/* From here on Ctrl-C is an event. */
static int run_prepared(struct drv_run *r, struct kt_err *e)
{
	kt_auto(drv_signals) struct drv_signals signals = DRV_SIGNALS_NONE;
	struct drv_limits limits;
	int ret;

	ret = drv_signals_begin(&signals, e);
	if (ret == 0)
		ret = drv_prepare(r, &signals, e);
	if (ret == 0)
		ret = drv_run_make_dir(r, e);
	if (ret == 0)
		ret = drv_run_write_json(r, e);
	if (ret < 0)
		return ret;
	set_limits(r, &limits);
	drv_report_begin(r, drv_max_jobs(r, &limits));
	ret = drv_run_cells(r, &limits, cell_run, &signals, e);
	r->ended_ns = kt_now_ns();
	if (ret < 0)
		return ret;
	r->ctx->exit = drv_exit_of_totals(&r->totals);
	drv_report_end(r);
	ret = drv_run_write_json(r, e);
	/* The tests' own answer is worth more than that a file about it could not be written. */
	if (ret < 0 && r->ctx->exit != DRV_EXIT_PASSED) {
		char text[KT_ERR_TEXT_BYTES];

		fprintf(stderr, "ktstr-make: warning: %s\n", kt_err_text(e, text, sizeof(text)));
		return 0;
	}
	return ret;
}

static int run(struct drv_ctx *ctx, struct drv_plan *plan, struct drv_wanted_list *wanted,
	       struct kt_err *e)
{
	const struct test_opts *o = ctx->opts;
	const struct drv_kernel_args args = { .offline = o->offline, .locked = o->locked };
	kt_auto(drv_run) struct drv_run r = {
		.ctx = ctx,
		.plan = plan,
		.kernel_args = &args,
		.json = o->format == FORMAT_JSON,
		.performance = o->performance,
		.no_capture = o->no_capture,
		.started = time(NULL),
		.started_ns = kt_now_ns(),
	};
	kt_auto(mem) char *cache_dir = kc_default_dir();
	int ret;

	drv_interrupt_exits(&ctx->term);
	ret = vm_choose_accel(wanted_accel(ctx, plan->project), cache_dir, &r.accel, e);
	if (ret < 0)
		return ret;
	drv_host_read(&r.host);
	r.commit = drv_commit_of(plan->project->dir);
	ret = drv_run_make_out_dir(&r, e);
	if (ret == 0)
		ret = expand_kernels(ctx, plan, &args, wanted, e);
	if (ret == 0)
		ret = fetch_kernels(&r, e);
	return ret < 0 ? ret : run_prepared(&r, e);
}

static int test_run(struct drv_ctx *ctx, struct kt_err *e)
{
	const struct test_opts *o = ctx->opts;
	kt_auto(cfg_project) struct cfg_project *p = NULL;
	kt_auto(drv_wanted_list) struct drv_wanted_list wanted = {
		0
	}; /* the plan borrows from it */
	kt_auto(strv) struct kt_strv keep = { 0 };
	struct drv_strings kernels;
	kt_auto(drv_plan) struct drv_plan plan = { 0 };
	int r;

	ctx->json_document = o->json; /* without --list it is refused */
	ctx->json_events = !o->list && o->format == FORMAT_JSON;
	r = check_opts(o, e);
	if (r < 0)
		return r;
	r = load_project(&p, e);
	if (r < 0)
		return r;
	r = anchor_kernels(o, p, &keep, &kernels, e);
	if (r < 0)
		return r;
	r = make_plan(ctx, p, &kernels, NULL, &plan, e);
	if (r < 0)
		return r;
	return o->list ? list(&plan, o->json, e) : run(ctx, &plan, &wanted, e);
}

const struct drv_command drv_cmd_test = {
	.name = "test",
	.summary = "run the project's tests",
	.operands = "[FILTER...]",
	.help = "Boots a machine for each test and says whether the scheduler did well in it. A FILTER is a part of test "
		"names; with several, a test that any of them matches is run.",
	.complete = DRV_COMPLETE_TEST,
	.max_operands = SIZE_MAX,
	.options = options,
	.nr_options = sizeof(options) / sizeof(options[0]),
	.opts_bytes = sizeof(struct test_opts),
	.run = test_run,
};
