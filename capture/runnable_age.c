/* SPDX-License-Identifier: GPL-2.0-only */
/* How long the longest waiting of the scheduler's tasks has been runnable, as its own watchdog would find (check_rq_for_timeouts(), kernel/sched/ext.c). */
#include <errno.h>

#include "capture/internal.h"

struct age_layout {
	struct cap_field list; /* struct rq */
	struct cap_field node, since; /* struct sched_ext_entity */
};

static const struct cap_field_row age_rows[] = {
	CAP_FIELD(age_layout, list, "rq", "scx.runnable_list"),
	CAP_FIELD(age_layout, node, "sched_ext_entity", "runnable_node"),
	CAP_FIELD(age_layout, since, "sched_ext_entity", "runnable_at"),
};
const struct cap_layout_desc cap_layout_age = {
	.group = "runnable_age",
	.row = age_rows,
	.nr_rows = sizeof(age_rows) / sizeof(age_rows[0]),
	.bytes = sizeof(struct age_layout),
};

struct walk {
	struct cap_guest *g;
	const struct age_layout *l;
	uint64_t now;
	struct cap_oldest *ret;
	int error;
};

static bool one_task(void *ctx, gva_t node)
{
	struct walk *w = ctx;
	gva_t scx = { node.v - w->l->node.offset };
	uint64_t since;

	w->error = cap_read_field(w->g, scx, &w->l->since, &since);
	if (w->error < 0)
		return false;
	w->ret->nr_tasks++;
	/* Jiffies wrap, and a running guest may be ahead of what was read before. */
	if ((int64_t)(w->now - since) > 0 && w->now - since > w->ret->age)
		w->ret->age = w->now - since;
	return true;
}

static int one_cpu(struct walk *w, gva_t runqueues, unsigned cpu)
{
	gva_t rq;
	int r = cap_percpu(w->g, runqueues, cpu, &rq);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	r = cap_list_each(w->g, cap_at(rq, w->l->list.offset), CAP_LIST_MAX, one_task, w);
	/* A list that changes while it is walked is no failure: the next look will do. */
	return r == -ELOOP || r == -E2BIG || (r == 0 && w->error == 0) ? 0
	       : w->error                                              ? w->error
								       : r;
}

int cap_oldest_runnable(struct cap_guest *g, struct cap_oldest *ret)
{
	const struct cap_types *t = cap_guest_types(g);
	struct cap_oldest oldest = { 0 };
	struct walk w = { .g = g, .ret = &oldest };
	gva_t runqueues, jiffies;
	int r = 0;

	w.l = t ? cap_layout(t, &cap_layout_age, NULL) : NULL;
	if (!w.l || !cap_guest_symbol(g, "runqueues", &runqueues) ||
	    !cap_guest_symbol(g, "jiffies_64", &jiffies) || !cap_guest_cpus(g))
		return -EOPNOTSUPP;
	r = cap_read_u64(g, jiffies, &w.now);
	for (unsigned cpu = 0; r == 0 && cpu < cap_guest_cpus(g); cpu++)
		r = one_cpu(&w, runqueues, cpu);
	if (r < 0)
		return r;
	*ret = oldest;
	return 0;
}
