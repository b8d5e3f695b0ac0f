/* SPDX-License-Identifier: GPL-2.0-only */
/* run.json: what was run, where, and how it ended. */
#include <errno.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "driver/run.h"

enum { SCHEMA_VERSION = 1 };

static void add_time(struct kt_json *j, const char *key, time_t t)
{
	kt_auto(buf) struct kt_buf b = { 0 };

	kt_format_time(&b, t);
	kt_json_str(j, key, kt_buf_str(&b));
}

static void add_argv(struct kt_json *j, const struct drv_ctx *ctx)
{
	kt_json_array_begin_oneline(j, "argv");
	for (int i = 0; i < ctx->argc; i++)
		kt_json_str(j, NULL, ctx->argv[i]);
	kt_json_array_end(j);
}

static void add_host(struct kt_json *j, const struct drv_host *h)
{
	kt_json_object_begin(j, "host");
	kt_json_str(j, "kernel_release", h->release);
	kt_json_str(j, "arch", h->machine);
	kt_json_str(j, "cpu_model", h->cpu_model[0] ? h->cpu_model : NULL);
	kt_json_u64(j, "cpus", h->nr_cpus);
	kt_json_u64(j, "memory_bytes", h->memory_bytes);
	kt_json_u64(j, "available_bytes", h->available_bytes);
	kt_json_object_end(j);
}

static void add_kernels(struct kt_json *j, const struct drv_plan *p)
{
	kt_json_array_begin(j, "kernels");
	for (size_t i = 0; i < p->nr_kernels; i++) {
		kt_json_object_begin(j, NULL);
		kt_json_str(j, "name", p->kernels[i].name);
		kt_json_str(j, "source", p->kernels[i].source);
		kt_json_str(j, "key", p->kernels[i].entry->key);
		kt_json_str(j, "release", p->kernels[i].entry->release);
		kt_json_str(j, "directory", p->kernels[i].dir_name);
		kt_json_object_end(j);
	}
	kt_json_array_end(j);
}

static const char *state_of(const struct drv_cell *c, bool run_ended)
{
	if (c->state == DRV_ENDED)
		return c->interrupted ? "interrupted" : scn_verdict_name(c->verdict);
	return run_ended ? "not-run" : "planned";
}

static void add_cells(struct kt_json *j, const struct drv_run *r)
{
	const struct drv_plan *p = r->plan;

	kt_json_array_begin(j, "cells");
	for (size_t i = 0; i < p->nr_cells; i++) {
		const struct drv_cell *c = &p->cells[i];

		kt_json_object_begin(j, NULL);
		drv_cell_identity_json(p, c, j);
		kt_json_u64(j, "vcpus", c->spec.nr_cpus);
		kt_json_u64(j, "memory_bytes", c->spec.memory_bytes);
		kt_json_double(j, "host_deadline_s", (double)c->spec.host_deadline_ns / 1e9);
		kt_json_str(j, "sidecar", c->spec.sidecar_path + strlen(r->dir) + 1);
		kt_json_str(j, "state", state_of(c, r->ended_ns != 0));
		if (c->state == DRV_ENDED)
			kt_json_double(j, "seconds", (double)(c->ended_ns - c->started_ns) / 1e9);
		else
			kt_json_null(j, "seconds");
		kt_json_object_end(j);
	}
	kt_json_array_end(j);
}

static void add_totals(struct kt_json *j, const struct drv_run *r)
{
	kt_json_object_begin(j, "totals");
	for (unsigned v = 0; v < SCN_VERDICT_NR; v++)
		kt_json_u64(j, scn_verdict_name((enum scn_verdict)v), r->totals.nr[v]);
	kt_json_u64(j, "interrupted", r->totals.interrupted);
	kt_json_u64(j, "not_run", r->totals.not_run);
	kt_json_object_end(j);
}

static void render(struct kt_buf *b, const struct drv_run *r)
{
	bool ended = r->ended_ns != 0;
	struct kt_json j;

	kt_json_init(&j, b, true);
	kt_json_object_begin(&j, NULL);
	kt_json_u64(&j, "schema_version", SCHEMA_VERSION);
	kt_json_str(&j, "run_id", r->id);
	kt_json_str(&j, "tool", "ktstr-make " KTSTR_VERSION);
	add_argv(&j, r->ctx);
	kt_json_str(&j, "project", r->plan->project->name);
	kt_json_str(&j, "project_file", r->plan->project->file);
	kt_json_str(&j, "project_commit", r->commit);
	add_time(&j, "started", r->started);
	if (ended)
		add_time(&j, "ended", time(NULL));
	else
		kt_json_null(&j, "ended");
	kt_json_object_begin(&j, "accelerator");
	kt_json_str(&j, "name", r->accel.name);
	kt_json_str(&j, "why", r->accel.why);
	kt_json_str(&j, "version", r->accel.version);
	kt_json_object_end(&j);
	add_host(&j, &r->host);
	add_kernels(&j, r->plan);
	add_cells(&j, r);
	add_totals(&j, r);
	if (ended)
		kt_json_u64(&j, "exit_code", drv_exit_of_totals(&r->totals));
	else
		kt_json_null(&j, "exit_code");
	kt_json_object_end(&j);
	kt_json_finish(&j);
}

int drv_run_write_json(const struct drv_run *r, struct kt_err *e)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	kt_auto(mem) char *path = kt_fmt("%s/run.json", r->dir);

	render(&b, r);
	if (!path || !kt_buf_ok(&b))
		return kt_fail(e, KT_E_HOST, ENOMEM, "write run.json");
	return kt_file_write_atomic(path, kt_buf_str(&b), b.len, 0644, e);
}
