/* SPDX-License-Identifier: GPL-2.0-only */
/* From a project and what was asked for to a list of cells. */
#ifndef KTSTR_DRIVER_PLAN_H
#define KTSTR_DRIVER_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "config/config.h"
#include "driver/cell/cell.h"
#include "driver/driver.h"

struct drv_wanted_list;

/* One kernel of the run. */
struct drv_kernel {
	const char *name; /* as in ktstr.toml, or the spec itself */
	const char *source; /* the spec */
	const struct cfg_kernel *config; /* of ktstr.toml; NULL: a source of the command line */
	struct kc_entry *entry; /* owned; NULL until fetched */
	char *dir_name; /* of its directory in the run directory; owned */
	/* For captures; owned. Filled by drv_prepare when a cell wants them. */
	struct cap_types *types; /* NULL: types_why */
	char *types_why;
	struct cap_symbols *symbols; /* as linked, those that captures ask for; maybe none */
	struct cap_objects **
		objects; /* of each scheduler of the project, by its index; NULL in it: not wanted */
	char **programs; /* where they are from, by the same index */
};

/* Which tests to take. */
enum drv_ignored { DRV_IGNORED_LEAVE_OUT, DRV_IGNORED_TOO, DRV_IGNORED_ONLY };
struct drv_select {
	const char *const *filters; /* substrings of test names, any of them; nr 0: all */
	size_t nr_filters;
	const char *const *kernels; /* names or specs; nr 0: "default", or the only one */
	size_t nr_kernels;
	/* Instead of kernels, which were looked up before: ranges have become versions. Outlives the plan. */
	const struct drv_wanted_list *wanted;
	enum drv_ignored ignored;
};

/* A cell's way through the run: scheduled, running, finished. Filled by plan.c, then by sched.c. */
enum drv_cell_state { DRV_WAITING, DRV_STARTED, DRV_ENDED };
struct drv_cell {
	struct cell_spec spec;
	const struct cfg_test *test;
	size_t kernel; /* index into drv_plan.kernels */

	enum drv_cell_state state;
	enum cell_phase phase;
	pid_t pid;
	int pidfd, msg_fd; /* -1: none */
	struct kt_buf in; /* of a message that is not whole yet */
	uint64_t started_ns, ended_ns;
	uint64_t kill_at_ns; /* when the next step of ending it is due; UINT64_MAX: never */
	bool terminated; /* SIGTERM was sent */
	bool timed_out; /* because it passed its deadline */
	bool interrupted; /* because the user interrupted, and it had no verdict by then */
	bool has_done; /* done holds what the cell said */
	struct cell_done done;
	enum scn_verdict verdict;
	struct kt_buf line[CELL_KERNEL_LOG +
			   1]; /* --no-capture: of each stream, what has no newline yet */
	char *cause; /* first telling line of its failure text, short; owned */
};

struct drv_plan {
	const struct cfg_project *project;
	struct drv_kernel *kernels;
	size_t nr_kernels;
	struct drv_cell *cells; /* kernel by kernel, tests in the order of the file */
	size_t nr_cells;
	size_t name_columns; /* of the longest test name, at most DRV_NAME_COLUMNS */
};
enum { DRV_NAME_COLUMNS = 40 };

void drv_plan_done(struct drv_plan *p);
static inline void kt_cleanup_drv_plan(struct drv_plan *p)
{
	drv_plan_done(p);
}

/**
 * Which tests on which kernels. KT_E_USAGE when nothing matched, naming the nearest tests;
 * KT_E_CONFIG for a kernel that is neither a name nor a spec. Touches neither network nor disk: a range is one kernel
 * still.
 */
int drv_plan_select(const struct cfg_project *p, const struct drv_select *s, struct drv_plan *ret,
		    struct kt_err *e);

/*
 * Resolve every cell for its topology: scn_plan, variant. KT_E_CONFIG with the place in the file.
 */
int drv_plan_resolve(struct drv_plan *p, struct kt_err *e);

/* The parts, for drv_plan_resolve and for its tests. */
int drv_resolve_test(const struct cfg_project *p, const struct cfg_test *t, struct scn_plan *ret,
		     struct kt_err *e);
/* "spin_wait"; "mixed" when cgroups differ; "none" without any. Static. */
const char *drv_work_type(const struct cfg_test *t);
/* The kernel of @p whose name is most like @name; NULL when none is. Valid as long as @p. */
const char *drv_nearest_kernel(const struct cfg_project *p, const char *name);
/* "default", or the only one. KT_E_CONFIG: there are several, and none of that name. */
int drv_default_kernel(const struct cfg_project *p, const struct cfg_kernel **ret,
		       struct kt_err *e);
const char *drv_scheduler_name(const struct cfg_project *p, const struct cfg_test *t);

/**
 * The host-side limit of a cell from its spawn, scaled. Only a backstop against what nobody
 * foresaw: a guest that panics, hangs before init or loses its scheduler is noticed by the cell
 * itself.
 */
struct drv_deadline_in {
	bool tcg;
	unsigned nr_cpus;
	bool has_scheduler;
	uint64_t duration_ns;
	uint64_t timeout_ns; /* of the test: replaces the rule before scaling; 0: none */
	double time_scale; /* under tcg */
};
uint64_t drv_host_deadline_ns(const struct drv_deadline_in *in);

/* A name that is safe as one path component. Caller frees; NULL when out of memory. */
char *drv_safe_name(const char *s);

#endif
