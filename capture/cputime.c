/* SPDX-License-Identifier: GPL-2.0-only */
/* What each CPU spent its time on, and its interrupts. */
#include <stdlib.h>
#include <string.h>

#include "capture/internal.h"

/* include/linux/kernel_stat.h; kernel/time/tick-sched.h. */
struct cputime_fields {
	struct cap_field cpustat, softirqs, irqs_sum, iowait_sleeptime;
};
static const struct cap_field_row cputime_rows[] = {
	CAP_FIELD(cputime_fields, cpustat, "kernel_cpustat", "cpustat"),
	CAP_FIELD_OPT(cputime_fields, softirqs, "kernel_stat", "softirqs"),
	CAP_FIELD_OPT(cputime_fields, irqs_sum, "kernel_stat", "irqs_sum"),
	/* 7.3 counts what CPUs idle away in cpustat, and has it no more */
	CAP_FIELD_OPT(cputime_fields, iowait_sleeptime, "tick_sched", "iowait_sleeptime"),
};
const struct cap_layout_desc cap_layout_cputime = {
	.group = "cputime",
	.row = cputime_rows,
	.nr_rows = sizeof(cputime_rows) / sizeof(cputime_rows[0]),
	.bytes = sizeof(struct cputime_fields),
};

/* enum cpu_usage_stat (include/linux/kernel_stat.h): the first eight are the same in all releases. */
enum { USER, NICE, SYSTEM, SOFTIRQ, IRQ, IDLE, IOWAIT, STEAL, NR_TIMES };

static bool read_times(struct cap_guest *g, gva_t cpustat, const struct cputime_fields *f,
		       struct cap_cpu_time *ret)
{
	uint64_t t[NR_TIMES];

	if (f->cpustat.bytes < sizeof(t) ||
	    cap_guest_read(g, cap_at(cpustat, f->cpustat.offset), t, sizeof(t)) < 0)
		return false;
	ret->user_ns = t[USER];
	ret->nice_ns = t[NICE];
	ret->system_ns = t[SYSTEM];
	ret->softirq_ns = t[SOFTIRQ];
	ret->irq_ns = t[IRQ];
	ret->idle_ns = t[IDLE];
	ret->iowait_ns = t[IOWAIT];
	ret->steal_ns = t[STEAL];
	return true;
}

static void read_interrupts(struct cap_guest *g, unsigned cpu, const struct cputime_fields *f,
			    struct cap_cpu_time *ret)
{
	uint32_t softirqs[CAP_SOFTIRQS] = { 0 };
	size_t bytes = f->softirqs.bytes < sizeof(softirqs) ? f->softirqs.bytes : sizeof(softirqs);
	gva_t kstat, at;

	if (!cap_guest_symbol(g, "kstat", &kstat) || cap_percpu(g, kstat, cpu, &at) < 0)
		return;
	(void)cap_read_field(g, at, &f->irqs_sum, &ret->irqs_sum);
	if (f->softirqs.there &&
	    cap_guest_read(g, cap_at(at, f->softirqs.offset), softirqs, bytes) == 0)
		for (unsigned i = 0; i < CAP_SOFTIRQS; i++)
			ret->softirqs[i] = softirqs[i];
}

static void read_iowait(struct cap_guest *g, unsigned cpu, const struct cputime_fields *f,
			struct cap_cpu_time *ret)
{
	gva_t tick, at;

	if (!f->iowait_sleeptime.there || !cap_guest_symbol(g, "tick_cpu_sched", &tick) ||
	    cap_percpu(g, tick, cpu, &at) < 0)
		return;
	ret->has_iowait_sleeptime =
		cap_read_field(g, at, &f->iowait_sleeptime, &ret->iowait_sleeptime_ns) == 0;
}

void cap_dump_cpu_times(struct cap_dump *d)
{
	const struct cap_types *t = cap_guest_types(d->g);
	const struct cputime_fields *f = t ? cap_layout(t, &cap_layout_cputime, NULL) : NULL;
	unsigned nr_cpus = cap_guest_cpus(d->g);
	KT_VEC(struct cap_cpu_time) rows = { 0 };
	gva_t cpustat, at;

	if (!f || !cap_guest_symbol(d->g, "kernel_cpustat", &cpustat))
		return;
	for (unsigned cpu = 0; cpu < nr_cpus && !cap_dump_late(d); cpu++) {
		struct cap_cpu_time row = { .cpu = cpu };

		if (cap_percpu(d->g, cpustat, cpu, &at) < 0 || !read_times(d->g, at, f, &row))
			continue;
		read_interrupts(d->g, cpu, f, &row);
		read_iowait(d->g, cpu, f, &row);
		if (KT_VEC_PUSH(&rows, row) < 0)
			break;
	}
	d->report->cpu_time = cap_keep(d->pool, rows.v, rows.nr, sizeof(*rows.v));
	d->report->nr_cpu_times = d->report->cpu_time ? rows.nr : 0;
	free(rows.v);
}
