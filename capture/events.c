/* SPDX-License-Identifier: GPL-2.0-only */
/* The attached scheduler's event counters, summed over CPUs. */
#include "capture/scx.h"

/* kernel/sched/ext/internal.h: struct scx_event_stats, since 6.14; those that came later are optional. */
struct event_fields {
	struct cap_field count[CAP_EV_NR];
};
#define EVENT(n, path) CAP_FIELD_OPT(event_fields, count[n], "scx_event_stats", path)
static const struct cap_field_row event_rows[] = {
	CAP_FIELD(event_fields, count[CAP_EV_SELECT_CPU_FALLBACK], "scx_event_stats",
		  "SCX_EV_SELECT_CPU_FALLBACK"),
	EVENT(CAP_EV_DISPATCH_LOCAL_DSQ_OFFLINE, "SCX_EV_DISPATCH_LOCAL_DSQ_OFFLINE"),
	EVENT(CAP_EV_DISPATCH_KEEP_LAST, "SCX_EV_DISPATCH_KEEP_LAST"),
	EVENT(CAP_EV_ENQ_SKIP_EXITING, "SCX_EV_ENQ_SKIP_EXITING"),
	EVENT(CAP_EV_ENQ_SKIP_MIGRATION_DISABLED, "SCX_EV_ENQ_SKIP_MIGRATION_DISABLED"),
	EVENT(CAP_EV_REENQ_IMMED, "SCX_EV_REENQ_IMMED"),
	EVENT(CAP_EV_REENQ_LOCAL_REPEAT, "SCX_EV_REENQ_REPEAT|SCX_EV_REENQ_LOCAL_REPEAT"),
	EVENT(CAP_EV_REFILL_SLICE_DFL, "SCX_EV_REFILL_SLICE_DFL|SCX_EV_ENQ_SLICE_DFL"),
	EVENT(CAP_EV_BYPASS_DURATION, "SCX_EV_BYPASS_DURATION"),
	EVENT(CAP_EV_BYPASS_DISPATCH, "SCX_EV_BYPASS_DISPATCH"),
	EVENT(CAP_EV_BYPASS_ACTIVATE, "SCX_EV_BYPASS_ACTIVATE"),
	EVENT(CAP_EV_INSERT_NOT_OWNED, "SCX_EV_INSERT_NOT_OWNED"),
	EVENT(CAP_EV_SUB_BYPASS_DISPATCH, "SCX_EV_SUB_BYPASS_DISPATCH"),
};
const struct cap_layout_desc cap_layout_events = {
	.group = "events",
	.row = event_rows,
	.nr_rows = sizeof(event_rows) / sizeof(event_rows[0]),
	.bytes = sizeof(struct event_fields),
};

static int64_t add_saturating(int64_t a, int64_t b)
{
	int64_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		return a < 0 ? INT64_MIN : INT64_MAX;
	return sum;
}

/* The per-CPU variable that the counters are in, and where in it. @sched: 0 where this kernel has no scx_sched. */
static bool find_counters(struct cap_guest *g, gva_t sched, gva_t *ret_percpu, uint32_t *ret_offset)
{
	const struct cap_sched_fields *f = cap_layout(cap_guest_types(g), &cap_layout_sched, NULL);

	*ret_offset = 0;
	if (f && sched.v && f->pcpu.there && f->pcpu_event_stats.there) {
		*ret_offset = f->pcpu_event_stats.offset;
		return cap_read_ptr(g, cap_at(sched, f->pcpu.offset), ret_percpu) == 0;
	}
	if (f && sched.v && f->event_stats_cpu.there) /* 6.16, 6.17 */
		return cap_read_ptr(g, cap_at(sched, f->event_stats_cpu.offset), ret_percpu) == 0;
	return cap_guest_symbol(g, "event_stats_cpu", ret_percpu); /* 6.14, 6.15 */
}

/* What the guest says; there are not more than it has vCPUs. */
static unsigned nr_cpus(struct cap_guest *g)
{
	unsigned nr = cap_guest_cpus(g);
	size_t nr_vcpus;

	(void)cap_guest_vcpus(g, &nr_vcpus);
	return nr_vcpus && nr_vcpus < nr ? (unsigned)nr_vcpus : nr;
}

static bool read_sample(struct cap_guest *g, gva_t sched, struct cap_event_sample *ret)
{
	const struct event_fields *f = cap_layout(cap_guest_types(g), &cap_layout_events, NULL);
	unsigned nr = nr_cpus(g);
	uint32_t offset;
	gva_t percpu, at;
	bool any = false;

	if (!f || !find_counters(g, sched, &percpu, &offset))
		return false;
	for (unsigned cpu = 0; cpu < nr; cpu++) {
		if (cap_percpu(g, percpu, cpu, &at) < 0)
			continue;
		for (unsigned i = 0; i < CAP_EV_NR; i++) {
			uint64_t v;

			if (cap_read_field(g, cap_at(at, offset), &f->count[i], &v) < 0)
				continue;
			ret->count[i] = add_saturating(ret->count[i], (int64_t)v);
			any = true;
		}
	}
	return any;
}

bool cap_read_events(struct cap_guest *g, struct cap_event_sample *ret)
{
	struct cap_event_sample now = { 0 };
	uint64_t sched, later;
	gva_t at;

	cap_guest_forget(g);
	if (cap_find_exit_kind(g, &at, &sched) < 0 || !read_sample(g, (gva_t){ sched }, &now))
		return false;
	/* One that went meanwhile may have been freed before its counters were read, though not if it is still there. */
	cap_guest_forget(g);
	if (cap_find_exit_kind(g, &at, &later) < 0 || later != sched)
		return false;
	*ret = now;
	return true;
}

void cap_dump_events(struct cap_dump *d)
{
	struct cap_event_sample now = { .elapsed_ms = 0 };

	if (d->opts->events) {
		d->report->event = cap_keep(d->pool, d->opts->events, d->opts->nr_events,
					    sizeof(*d->opts->events));
		d->report->nr_events = d->report->event ? d->opts->nr_events : 0;
	} else if (!cap_dump_late(d) &&
		   read_sample(d->g, cap_scx(d) ? d->scx->sched : (gva_t){ 0 }, &now)) {
		d->report->event = cap_keep(d->pool, &now, 1, sizeof(now));
		d->report->nr_events = d->report->event ? 1 : 0;
	}
}
