/* SPDX-License-Identifier: GPL-2.0-only */
/* One run of cells: its directory, what is reported while it goes, and the loop that makes it go. */
#ifndef KTSTR_DRIVER_RUN_H
#define KTSTR_DRIVER_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "base/err.h"
#include "driver/driver.h"
#include "driver/host.h"
#include "driver/interrupt.h"
#include "driver/kernel_args.h"
#include "driver/plan.h"
#include "vmm/vmm.h"

/* ---- run directory ---- */

struct drv_run {
	struct drv_ctx *ctx;
	struct drv_plan *plan;
	const struct drv_kernel_args *kernel_args; /* how its kernels were had */
	struct drv_host host;
	struct vm_accel_choice accel;
	char *id; /* 20261121T070000Z-1f3a5c */
	char *out_dir; /* PROJECT/ktstr-out */
	char *dir; /* PROJECT/ktstr-out/runs/ID */
	char *commit; /* NULL: unknown */
	time_t started;
	uint64_t started_ns, ended_ns;
	struct drv_totals totals;
	uint64_t status_ns; /* when the status line was last drawn */
	bool json; /* events on stdout */
	bool performance; /* of all cells, whatever their tests say */
	bool no_capture;
	struct kt_strv notes; /* of machines, that were reported */
};
void drv_run_done(struct drv_run *r);
static inline void kt_cleanup_drv_run(struct drv_run *r)
{
	drv_run_done(r);
}

/* ktstr-out/ with its .gitignore. Sets out_dir. */
int drv_run_make_out_dir(struct drv_run *r, struct kt_err *e);
/*
 * runs/ID, a directory for each kernel, "runs/latest", paths of all cells. The plan's kernels have
 * their entries.
 */
int drv_run_make_dir(struct drv_run *r, struct kt_err *e);
/* The one directory that @c writes into. */
int drv_run_make_cell_dir(const struct drv_cell *c, struct kt_err *e);
/* run.json: at the start with ended_ns 0, and again at the end. */
int drv_run_write_json(const struct drv_run *r, struct kt_err *e);

/* ---- making cells ready ---- */

/*
 * Build what the kernels' cells need and make their initramfs bases. KT_E_BUILD; KT_E_INTR when
 * interrupted.
 */
int drv_prepare(struct drv_run *r, struct drv_signals *signals, struct kt_err *e);

struct drv_build_opts {
	const struct cfg_scheduler *scheduler;
	const struct kc_entry *kernel;
	const char *project_dir;
	const char *build_dir; /* $KTSTR_OUT; exists */
	const char *kernel_source; /* $KTSTR_KERNEL_SOURCE; NULL: not wanted */
};
/* Run its build command. KT_E_BUILD with the end of the command's output. */
int drv_build(struct drv_run *r, const struct drv_build_opts *o, struct drv_signals *signals,
	      struct kt_err *e);

/* ---- reports ---- */

/*
 * Paths below the working directory are shown relative to it: shorter, and still to be copied. Not after -C, when the
 * user's own directory is another. Returns how much of the beginning is left out.
 */
size_t drv_shown_from(const struct drv_run *r, const char *path);
void drv_report_begin(struct drv_run *r, unsigned jobs);
void drv_report_started(struct drv_run *r, const struct drv_cell *c);
void drv_report_phase(struct drv_run *r, const struct drv_cell *c);
/* What a machine does without. Each is shown once a run, however many cells say it. */
void drv_report_note(struct drv_run *r, const struct drv_cell *c, const char *text, size_t len);
void drv_report_output(struct drv_run *r, struct drv_cell *c, enum cell_stream stream,
		       const char *text, size_t len);
/* @text: the failure text, "" when it has none. */
void drv_report_finished(struct drv_run *r, const struct drv_cell *c, const char *text);
void drv_report_end(struct drv_run *r);
/* The status line, when there is a terminal to show it. */
void drv_report_status(struct drv_run *r, bool stopping);

/* The same as events on stdout. */
void drv_events_begin(struct drv_run *r, unsigned jobs);
void drv_events_started(struct drv_run *r, const struct drv_cell *c);
void drv_events_phase(struct drv_run *r, const struct drv_cell *c);
void drv_events_note(struct drv_run *r, const struct drv_cell *c, const char *text, size_t len);
void drv_events_output(struct drv_run *r, const struct drv_cell *c, enum cell_stream stream,
		       const char *text, size_t len);
void drv_events_finished(struct drv_run *r, const struct drv_cell *c, const char *text);
void drv_events_end(struct drv_run *r);
/* What identifies a cell, in events, run.json and --list --json. */
void drv_cell_identity_json(const struct drv_plan *p, const struct drv_cell *c, struct kt_json *j);

/* "3 passed, 1 failed, 0 inconclusive, 0 skipped, 0 errors". */
void drv_add_totals(struct kt_buf *b, const struct drv_totals *t);

/* ---- the loop ---- */

struct drv_limits {
	unsigned jobs; /* cells at a time; 0: as the CPUs allow */
	unsigned cpus; /* for vCPU threads, when jobs is 0 */
	uint64_t memory_bytes; /* for all guests together */
	uint64_t host_memory_bytes; /* a guest that needs more can never run; 0: unknown */
};
/* How many host CPUs a cell keeps busy. */
unsigned drv_cell_weight(const struct drv_run *r, const struct drv_cell *c,
			 const struct drv_limits *l);
/* Cells at a time when all are of the smallest weight: for the first line of the report. */
unsigned drv_max_jobs(const struct drv_run *r, const struct drv_limits *l);

/* The function that is a cell: cell_run, except in tests of the loop. */
typedef enum scn_verdict (*drv_cell_main)(const struct cell_spec *spec, int msg_fd);

/**
 * Run all cells of the plan, each in a process of its own; fills their results and r->totals.
 * Failing cells and Ctrl-C are results, not errors; an error is only returned when the loop itself
 * cannot go on (all cells are then killed).
 */
int drv_run_cells(struct drv_run *r, const struct drv_limits *l, drv_cell_main cell_main,
		  struct drv_signals *signals, struct kt_err *e);

#endif
