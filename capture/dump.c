/* SPDX-License-Identifier: GPL-2.0-only */
/* One capture: the phases in their order, and the time that they may take. */
#include <errno.h>
#include <stddef.h>

#include "base/clock.h"
#include "capture/internal.h"

/* "Peak memory of the capture": what a report may hold. */
enum { POOL_MAX = 64 << 20 };

bool cap_dump_late(struct cap_dump *d)
{
	uint64_t now;

	if (d->report->has_truncated_at)
		return true;
	if (!d->opts->deadline_ns)
		return false;
	now = kt_now_ns();
	if (now <= d->opts->deadline_ns)
		return false;
	d->report->has_truncated_at = true;
	d->report->dump_truncated_at_us = (now - d->started_ns) / 1000;
	return true;
}

struct cap_render cap_dump_render(struct cap_dump *d, const struct cap_btf *btf)
{
	return (struct cap_render){
		.g = d->g,
		.pool = d->pool,
		.btf = btf,
		.d = d,
		.arena = d->arena.map_kva.v ? &d->arena : NULL,
		.nr_cpu_ids = cap_guest_cpus(d->g),
	};
}

struct phase {
	void (*run)(struct cap_dump *d);
	bool always; /* cheap, or needed by what is told even when time is up */
	size_t why_at; /* in struct cap_report, with: */
	const char *why_late; /* what is said there when it was skipped; NULL: nothing */
};
#define WHY(member) .why_at = offsetof(struct cap_report, member##_unavailable)
static const struct phase phases[] = {
	{ .run = cap_dump_find_maps, .always = true },
	{ .run = cap_dump_prog_stats,
	  WHY(prog_runtime_stats),
	  .why_late = CAP_WHY_LATE("prog walker") },
	{ .run = cap_dump_cpu_times },
	{ .run = cap_dump_psi },
	{ .run = cap_dump_rqs, WHY(scx_walker), .why_late = CAP_WHY_LATE("scx walker") },
	{ .run = cap_dump_tasks, WHY(task_enrichments), .why_late = CAP_WHY_LATE("task walker") },
	{ .run = cap_dump_events, .always = true },
	{ .run = cap_dump_sched_state,
	  WHY(scx_walker),
	  .why_late = CAP_WHY_LATE("scx walker's look at the scheduler's state") },
	{ .run = cap_dump_dsqs,
	  WHY(scx_walker),
	  .why_late = CAP_WHY_LATE("scx walker's look at dispatch queues") },
	{ .run = cap_dump_scx_reason, .always = true },
	{ .run = cap_dump_probe_counters },
	{ .run = cap_dump_active },
	{ .run = cap_dump_find_arena },
	{ .run = cap_dump_sdt, .always = true },
	{ .run = cap_dump_static },
	{ .run = cap_dump_maps, .always = true },
	{ .run = cap_dump_numa, WHY(per_node_numa), .why_late = CAP_WHY_LATE("NUMA walker") },
};

/* Where several phases share a reason, that of the first is the one. */
static void skip(struct cap_dump *d, const struct phase *p)
{
	const char **why = (void *)((char *)d->report + p->why_at);

	if (p->why_late && !*why)
		*why = p->why_late;
}

static void take_what_is_known(struct cap_dump *d)
{
	size_t nr;
	const struct cap_vcpu_regs *regs = cap_guest_vcpus(d->g, &nr);

	d->report->vcpu_regs = cap_keep(d->pool, regs, nr, sizeof(*regs));
	d->report->nr_vcpus = d->report->vcpu_regs ? nr : 0;
	d->report->perf =
		cap_keep(d->pool, d->opts->perf, d->opts->nr_perf, sizeof(*d->opts->perf));
	d->report->nr_perf = d->report->perf ? d->opts->nr_perf : 0;
}

static int new_report(size_t max_bytes, struct cap_report **ret, struct kt_err *e)
{
	kt_auto(cap_pool) struct cap_pool *pool = NULL;
	int r = cap_pool_create(max_bytes, &pool);
	struct cap_report *report = r < 0 ? NULL : cap_alloc(pool, sizeof(*report));

	if (!report) {
		(void)kt_fail(e, KT_E_HOST, ENOMEM, "make a report");
		return -ENOMEM;
	}
	report->pool = kt_take(pool);
	*ret = report;
	return 0;
}

int cap_dump(struct cap_guest *g, const struct cap_dump_opts *o, struct cap_report **ret,
	     struct kt_err *e)
{
	static const struct cap_dump_opts defaults = { 0 };
	struct cap_dump d = { .g = g, .opts = o ? o : &defaults, .started_ns = kt_now_ns() };
	int r = new_report(d.opts->pool_max_bytes ? d.opts->pool_max_bytes : POOL_MAX, &d.report,
			   e);

	if (r < 0)
		return r;
	d.pool = d.report->pool;
	take_what_is_known(&d);
	for (size_t i = 0; i < sizeof(phases) / sizeof(phases[0]); i++) {
		if (phases[i].always || !cap_dump_late(&d))
			phases[i].run(&d);
		else
			skip(&d, &phases[i]);
	}
	cap_prog_btfs_free(d.btfs);
	cap_slots_free(d.slots);
	cap_scx_free(d.scx);
	cap_runnable_free(d.runnable);
	*ret = d.report;
	return 0;
}

static void give_reason(struct cap_report *report, const char *reason)
{
	const char *why = cap_strdup(report->pool, reason);

	report->maps_unavailable = why;
	report->sdt_alloc_unavailable = why;
	report->prog_runtime_stats_unavailable = why;
	report->per_node_numa_unavailable = why;
	report->task_enrichments_unavailable = why;
	report->scx_walker_unavailable = why;
}

int cap_report_placeholder(const char *reason, struct cap_report **ret, struct kt_err *e)
{
	struct cap_report *report = NULL;
	int r = new_report(0, &report, e);

	if (r < 0)
		return r;
	report->is_placeholder = true;
	give_reason(report, reason);
	*ret = report;
	return 0;
}

int cap_report_registers(const char *reason, const struct cap_vcpu_regs *vcpus, size_t nr,
			 struct cap_report **ret, struct kt_err *e)
{
	struct cap_report *report = NULL;
	int r = new_report(0, &report, e);

	if (r < 0)
		return r;
	report->vcpu_regs = cap_keep(report->pool, vcpus, nr, sizeof(*vcpus));
	report->nr_vcpus = report->vcpu_regs ? nr : 0;
	give_reason(report, reason);
	*ret = report;
	return 0;
}
