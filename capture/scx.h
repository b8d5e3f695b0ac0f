/* SPDX-License-Identifier: GPL-2.0-only */
/* What the walkers of the kernel's scheduler state share: rq.c, dsq.c, scx_state.c, tasks.c and events.c. */
#ifndef KTSTR_CAPTURE_SCX_H
#define KTSTR_CAPTURE_SCX_H

#include "capture/internal.h"

/* A task, and how it is linked: from the start of its task_struct. */
struct cap_links {
	struct cap_field scx, tasks_node, runnable_node, dsq_node, dsq_flags, flags;
	struct cap_field pid, comm;
};
/* A CPU's run queue: from the start of struct rq. */
struct cap_rq_fields {
	struct cap_field nr_running, flags, cpu_released, ops_qseq, kick_sync, nr_immed, clock,
		curr, runnable_list, local_dsq, bypass_dsq;
};
/* Of struct scx_sched, and of what belongs to it per CPU and per node. */
struct cap_sched_fields {
	struct cap_field exit_kind, aborting, bypass_depth, watchdog_timeout;
	struct cap_field dsq_hash, pnode, global_dsqs, pcpu, event_stats_cpu;
	struct cap_field pcpu_bypass_dsq, pcpu_event_stats, pnode_global_dsq;
};

enum {
	CAP_SCX_GROUPS = 8,
	CAP_SCX_NODES_MAX = 65536, /* of all lists of a dump together */
};
/* One dump's: made when it is first asked for, by cap_scx(). */
struct cap_scx {
	const char
		*missing[CAP_SCX_GROUPS]; /* groups whose fields this kernel's types do not tell */
	size_t nr_missing;
	const char *cut; /* the first thing that could not be followed to its end; in the pool */
	size_t nr_cut;
	size_t nodes_left;
	gva_t sched; /* the attached scheduler's scx_sched; 0: none, or this kernel has none */
	bool detached; /* the kernel says that no scheduler is attached */
};
/* NULL: out of memory. */
struct cap_scx *cap_scx(struct cap_dump *d);
/* cap_layout() of this kernel; a group that is missing is remembered for cap_dump_scx_reason(). */
const void *cap_scx_layout(struct cap_dump *d, const struct cap_layout_desc *desc);
/* Something could not be followed to its end: remembered for cap_dump_scx_reason(). */
void cap_scx_cut(struct cap_dump *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* What cap_list_each() ended with, in words; NULL for 0. */
const char *cap_list_error(int r);

/*
 * The tasks on a list: @head is its list_head, @link what of a task is linked, @links->dsq_flags tells cursors when @cursors.
 * What was seen is always given, with whether it is all. @what is for messages.
 */
struct cap_task_list {
	const uint64_t *kvas;
	size_t nr;
	bool truncated;
};
struct cap_task_list cap_scx_task_list(struct cap_dump *d, gva_t head, const struct cap_field *link,
				       bool cursors, const char *what);

/* Tasks on runnable lists, and what each CPU runs (rq.c). */
struct cap_runnable {
	struct cap_set *tasks;
	uint64_t *curr; /* per CPU, task or 0 */
	unsigned nr_cpus;
};
/* The CPU that runs @task; -1: none. */
int cap_runnable_cpu(const struct cap_runnable *r, gva_t task);

/* The values that the probe took when the scheduler exited (probe_counters.c). */
struct cap_exit_snapshot {
	uint32_t exit_kind; /* never 0 */
	bool aborting;
	int32_t bypass_depth;
	uint64_t watchdog_timeout, sched_kva;
};
/* False: there is no probe, or it took nothing yet. */
bool cap_read_exit_snapshot(struct cap_dump *d, struct cap_exit_snapshot *ret);

/* Where the slow paths of the kernel's locks are, looked up once a dump (lock_slowpath.c). */
enum { CAP_SLOWPATHS = 9 };
struct cap_slowpaths {
	struct {
		uint64_t at;
		const char *name;
	} path[CAP_SLOWPATHS];
	size_t nr;
	uint64_t from, to; /* all of them are in there */
};
void cap_slowpaths_find(const struct cap_guest *g, struct cap_slowpaths *ret);
/*
 * The slow path that a task is in, in the words of wire-schema.md section 2.2; NULL: none. @cpu runs it; -1: none does, and
 * @saved_sp is where its stack was left.
 */
const char *cap_lock_slowpath(struct cap_guest *g, const struct cap_slowpaths *s, int cpu,
			      gva_t saved_sp);

#endif
