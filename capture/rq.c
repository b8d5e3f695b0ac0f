/* SPDX-License-Identifier: GPL-2.0-only */
/* Each CPU's run queue as sched_ext sees it, and the tasks that wait on it. */
#include <errno.h>
#include <stdlib.h>

#include "capture/scx.h"

#define RQ(member, path) CAP_FIELD(cap_rq_fields, member, "rq", path)
#define RQ_OPT(member, path) CAP_FIELD_OPT(cap_rq_fields, member, "rq", path)
/* kernel/sched/sched.h: struct rq and struct scx_rq. */
static const struct cap_field_row rq_rows[] = {
	RQ(nr_running, "scx.nr_running"),
	RQ(flags, "scx.flags"),
	RQ(curr, "curr"),
	RQ(runnable_list, "scx.runnable_list"),
	RQ(local_dsq, "scx.local_dsq"),
	RQ_OPT(cpu_released, "scx.cpu_released"),
	RQ_OPT(ops_qseq, "scx.ops_qseq"), /* 7.3: of each task */
	RQ_OPT(kick_sync, "scx.kick_sync"), /* 7.x; older kernels' pnt_seq is another count */
	RQ_OPT(nr_immed, "scx.nr_immed"), /* 7.x */
	RQ_OPT(clock, "scx.clock"), /* since 6.14, for scx_bpf_now(); not the run queue's own */
	RQ_OPT(bypass_dsq, "scx.bypass_dsq"), /* 6.18; 7.x: of struct scx_sched_pcpu */
};
const struct cap_layout_desc cap_layout_rq = {
	.group = "rq",
	.row = rq_rows,
	.nr_rows = sizeof(rq_rows) / sizeof(rq_rows[0]),
	.bytes = sizeof(struct cap_rq_fields),
};

void cap_runnable_free(struct cap_runnable *r)
{
	if (!r)
		return;
	cap_set_free(r->tasks);
	free(r->curr);
	free(r);
}
KT_DEFINE_AUTO(cap_runnable, struct cap_runnable *, cap_runnable_free);

int cap_runnable_cpu(const struct cap_runnable *r, gva_t task)
{
	for (unsigned cpu = 0; r && cpu < r->nr_cpus; cpu++)
		if (r->curr[cpu] == task.v)
			return (int)cpu;
	return -1;
}

static struct cap_runnable *new_runnable(unsigned nr_cpus)
{
	kt_auto(cap_runnable) struct cap_runnable *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->curr = calloc(nr_cpus, sizeof(*r->curr));
	if (!r->curr || cap_set_create(CAP_SCX_NODES_MAX, &r->tasks) < 0)
		return NULL;
	r->nr_cpus = nr_cpus;
	return kt_take(r);
}

/* 0 when it cannot be read: what is optional is then as if it were not there. */
static uint64_t number(struct cap_guest *g, gva_t rq, const struct cap_field *f, bool *ret_there)
{
	uint64_t v = 0;
	bool there = cap_read_field(g, rq, f, &v) == 0;

	if (ret_there)
		*ret_there = there;
	return there ? v : 0;
}

static void read_curr(struct cap_dump *d, gva_t rq, const struct cap_rq_fields *f,
		      struct cap_rq *ret)
{
	const struct cap_links *links = cap_scx_layout(d, &cap_layout_scx_tasks);
	gva_t task = { number(d->g, rq, &f->curr, NULL) };
	char comm[32] = "";
	uint64_t pid;

	if (!links || !cap_is_kernel(task) || cap_read_field(d->g, task, &links->pid, &pid) < 0)
		return;
	d->runnable->curr[ret->cpu] = task.v;
	ret->has_curr = true;
	ret->curr_pid = (int32_t)pid;
	if (cap_read_text(d->g, cap_at(task, links->comm.offset), comm, sizeof(comm)) >= 0)
		ret->curr_comm = cap_strndup(d->pool, comm, links->comm.bytes);
}

static void read_runnable(struct cap_dump *d, gva_t rq, const struct cap_rq_fields *f,
			  struct cap_rq *ret)
{
	const struct cap_links *links = cap_scx_layout(d, &cap_layout_scx_tasks);
	struct cap_task_list list;
	char what[64];

	if (!links)
		return;
	(void)kt_snprintf(what, sizeof(what), "the runnable list of CPU %u", ret->cpu);
	list = cap_scx_task_list(d, cap_at(rq, f->runnable_list.offset), &links->runnable_node,
				 false, what);
	ret->runnable_task_kvas = list.kvas;
	ret->nr_runnable = list.nr;
	ret->runnable_truncated = list.truncated;
	for (size_t i = 0; i < list.nr; i++)
		(void)cap_set_add(d->runnable->tasks, list.kvas[i]);
}

static bool read_rq(struct cap_dump *d, gva_t rq, const struct cap_rq_fields *f, struct cap_rq *ret)
{
	bool there;

	ret->nr_running = (uint32_t)number(d->g, rq, &f->nr_running, &there);
	if (!there)
		return false;
	ret->flags = (uint32_t)number(d->g, rq, &f->flags, NULL);
	ret->cpu_released = number(d->g, rq, &f->cpu_released, NULL);
	ret->ops_qseq = number(d->g, rq, &f->ops_qseq, NULL);
	ret->kick_sync = number(d->g, rq, &f->kick_sync, &ret->has_kick_sync);
	ret->nr_immed = (uint32_t)number(d->g, rq, &f->nr_immed, &ret->has_nr_immed);
	ret->rq_clock = number(d->g, rq, &f->clock, &ret->has_rq_clock);
	read_curr(d, rq, f, ret);
	read_runnable(d, rq, f, ret);
	return true;
}

void cap_dump_rqs(struct cap_dump *d)
{
	const struct cap_rq_fields *f = cap_scx_layout(d, &cap_layout_rq);
	unsigned nr_cpus = cap_guest_cpus(d->g);
	KT_VEC(struct cap_rq) rows = { 0 };
	gva_t runqueues, rq;

	if (!f || nr_cpus == 0 || !cap_guest_symbol(d->g, "runqueues", &runqueues))
		return;
	d->runnable = new_runnable(nr_cpus);
	for (unsigned cpu = 0; d->runnable && cpu < nr_cpus && !cap_dump_late(d); cpu++) {
		struct cap_rq row = { .cpu = cpu };
		int r = cap_percpu(d->g, runqueues, cpu, &rq);

		if (r == -ENOENT)
			continue; /* no possible CPU */
		if (r < 0 || !read_rq(d, rq, f, &row)) {
			cap_scx_cut(d, "the run queue of CPU %u is not to be read", cpu);
			continue;
		}
		if (KT_VEC_PUSH(&rows, row) < 0)
			break;
	}
	d->report->rq = cap_keep(d->pool, rows.v, rows.nr, sizeof(*rows.v));
	d->report->nr_rqs = d->report->rq ? rows.nr : 0;
	free(rows.v);
}
