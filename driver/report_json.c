/* SPDX-License-Identifier: GPL-2.0-only */
/* The events of --message-format json: one object a line on stdout. */
#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"
#include "driver/progress.h"
#include "driver/run.h"

static const char *const stream_names[] = {
	[CELL_CONSOLE] = "console",
	[CELL_SCHED_LOG] = "scheduler",
	[CELL_KERNEL_LOG] = "kernel",
};

static void begin(struct kt_json *j, struct kt_buf *b, const char *event)
{
	kt_json_init(j, b, false);
	kt_json_object_begin(j, NULL);
	kt_json_str(j, "event", event);
}

/* Each line is whole when it leaves: readers take them one by one. */
static void end(struct kt_json *j)
{
	kt_json_object_end(j);
	kt_json_finish(j);
	puts(kt_buf_str(j->out));
	fflush(stdout);
}

static size_t index_of(const struct drv_run *r, const struct drv_cell *c)
{
	return (size_t)(c - r->plan->cells);
}

void drv_cell_identity_json(const struct drv_plan *p, const struct drv_cell *c, struct kt_json *j)
{
	char hash[17];

	(void)kt_snprintf(hash, sizeof(hash), "%016" PRIx64, c->spec.variant_hash);
	kt_json_str(j, "test", c->test->name);
	kt_json_str(j, "topology", c->spec.topology);
	kt_json_str(j, "scheduler", c->spec.scheduler);
	kt_json_str(j, "kernel", p->kernels[c->kernel].name);
	kt_json_str(j, "kernel_source", p->kernels[c->kernel].source);
	kt_json_str(j, "variant", hash);
}

void drv_events_begin(struct drv_run *r, unsigned jobs)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_json j;

	begin(&j, &b, "run-started");
	kt_json_str(&j, "run_id", r->id);
	kt_json_str(&j, "directory", r->dir);
	kt_json_str(&j, "project", r->plan->project->name);
	kt_json_str(&j, "project_commit", r->commit);
	kt_json_object_begin(&j, "accelerator");
	kt_json_str(&j, "name", r->accel.name);
	kt_json_str(&j, "why", r->accel.why);
	kt_json_str(&j, "version", r->accel.version);
	kt_json_object_end(&j);
	kt_json_u64(&j, "cells", r->plan->nr_cells);
	kt_json_u64(&j, "jobs", jobs);
	end(&j);
}

void drv_events_started(struct drv_run *r, const struct drv_cell *c)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_json j;

	begin(&j, &b, "cell-started");
	kt_json_u64(&j, "cell", index_of(r, c));
	drv_cell_identity_json(r->plan, c, &j);
	kt_json_str(&j, "kernel_release", r->plan->kernels[c->kernel].entry->release);
	kt_json_i64(&j, "pid", c->pid);
	end(&j);
}

void drv_events_phase(struct drv_run *r, const struct drv_cell *c)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_json j;

	begin(&j, &b, "cell-phase");
	kt_json_u64(&j, "cell", index_of(r, c));
	kt_json_str(&j, "phase", drv_phase_name(c->phase));
	end(&j);
}

void drv_events_note(struct drv_run *r, const struct drv_cell *c, const char *text, size_t len)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_json j;

	begin(&j, &b, "cell-note");
	kt_json_u64(&j, "cell", index_of(r, c));
	kt_json_strn(&j, "text", text, len);
	end(&j);
}

void drv_events_output(struct drv_run *r, const struct drv_cell *c, enum cell_stream stream,
		       const char *text, size_t len)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_json j;

	begin(&j, &b, "cell-output");
	kt_json_u64(&j, "cell", index_of(r, c));
	kt_json_str(&j, "stream", stream_names[stream]);
	kt_json_strn(&j, "text", text, len);
	end(&j);
}

void drv_events_finished(struct drv_run *r, const struct drv_cell *c, const char *text)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_json j;

	begin(&j, &b, "cell-finished");
	kt_json_u64(&j, "cell", index_of(r, c));
	drv_cell_identity_json(r->plan, c, &j);
	kt_json_str(&j, "verdict", c->interrupted ? "interrupted" : scn_verdict_name(c->verdict));
	kt_json_double(&j, "seconds", (double)(c->ended_ns - c->started_ns) / 1e9);
	if (c->has_done) {
		kt_json_double(&j, "setup_seconds", (double)c->done.setup_ns / 1e9);
		kt_json_double(&j, "boot_seconds", (double)c->done.boot_ns / 1e9);
		kt_json_u64(&j, "max_rss_kib", c->done.max_rss_kib);
	}
	kt_json_str(&j, "failure_text", text[0] ? text : NULL);
	/* A cell that was stopped by the user wrote none. */
	kt_json_str(&j, "sidecar", c->interrupted ? NULL : c->spec.sidecar_path);
	kt_json_str(&j, "log_dir", c->spec.log_dir);
	end(&j);
}

void drv_events_end(struct drv_run *r)
{
	kt_auto(buf) struct kt_buf b = { 0 };
	struct kt_json j;

	begin(&j, &b, "run-finished");
	kt_json_str(&j, "run_id", r->id);
	kt_json_object_begin(&j, "totals");
	for (unsigned v = 0; v < SCN_VERDICT_NR; v++)
		kt_json_u64(&j, scn_verdict_name((enum scn_verdict)v), r->totals.nr[v]);
	kt_json_u64(&j, "interrupted", r->totals.interrupted);
	kt_json_u64(&j, "not_run", r->totals.not_run);
	kt_json_object_end(&j);
	kt_json_double(&j, "seconds", (double)(r->ended_ns - r->started_ns) / 1e9);
	kt_json_u64(&j, "exit_code", drv_exit_of_totals(&r->totals));
	end(&j);
}
