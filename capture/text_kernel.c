/* SPDX-License-Identifier: GPL-2.0-only */
/* What a report has of the machine and the kernel at large, as text: registers, allocators, programs, times, counters. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "capture/text.h"
#include "capture/value.h"

enum { NS_PER_MS = 1000000, EVENT_NAME_COLUMNS = 30, BARS_MAX = 60 };

void cap_text_regs(struct cap_text *x)
{
	for (size_t i = 0; i < x->r->nr_vcpus; i++) {
		const struct cap_vcpu_regs *v = &x->r->vcpu_regs[i];

		if (v->valid)
			kt_buf_addf(x->out,
				    "vcpu %zu: ip=0x%016" PRIx64 " sp=0x%016" PRIx64
				    " ptroot=0x%016" PRIx64 "\n",
				    i, v->instruction_pointer, v->stack_pointer,
				    v->page_table_root);
		else
			kt_buf_addf(x->out, "vcpu %zu: <unavailable>\n", i);
	}
}

static void add_allocator(struct cap_text *x, const struct cap_sdt_report *s)
{
	kt_buf_adds(x->out, "sdt_alloc ");
	cap_text_name(x->out, s->allocator_name);
	kt_buf_addf(x->out, " (elem_size=%" PRIu64 ", target_type_id=%" PRIu32, s->elem_size,
		    s->target_type_id);
	if (s->payload_type_reason) {
		kt_buf_adds(x->out, ", reason=");
		cap_text_name(x->out, s->payload_type_reason);
	}
	kt_buf_addf(x->out, "): %zu live%s", s->nr, s->truncated ? " (truncated)" : "");
	if (s->skipped_subtrees)
		kt_buf_addf(x->out, " (%" PRIu32 " subtrees skipped)", s->skipped_subtrees);
	kt_buf_addc(x->out, '\n');
	for (size_t i = 0; i < s->nr; i++) {
		const struct cap_sdt_entry *e = &s->entry[i];

		kt_buf_addf(x->out, "  [%" PRId32 "] gen %" PRId32 " at 0x%08" PRIx64 ": ", e->idx,
			    e->genn, e->user_addr);
		cap_value_text(&e->payload, 4, x->width, x->out);
		kt_buf_addc(x->out, '\n');
	}
}

void cap_text_sdt(struct cap_text *x)
{
	for (size_t i = 0; i < x->r->nr_sdt; i++)
		add_allocator(x, &x->r->sdt[i]);
}

void cap_text_static(struct cap_text *x)
{
	const struct cap_static_report *s = &x->r->scx_static;

	for (size_t i = 0; i < s->nr; i++) {
		const struct cap_static_range *g = &s->range[i];

		kt_buf_adds(x->out, "scx_static ");
		cap_text_name(x->out, g->instance_name);
		kt_buf_addf(x->out, " [0x%08" PRIx32 "..0x%08" PRIx64 ") cap=%" PRIu64 "\n",
			    g->start_low32, g->start_low32 + g->size, g->capacity);
	}
	if (s->skipped)
		kt_buf_addf(x->out, "scx_static: %" PRIu32 " instances skipped\n", s->skipped);
}

void cap_text_progs(struct cap_text *x)
{
	size_t width = 0;

	for (size_t i = 0; i < x->r->nr_progs; i++) {
		size_t columns = cap_value_columns(x->r->prog[i].name, strlen(x->r->prog[i].name));

		width = columns > width ? columns : width;
	}
	for (size_t i = 0; i < x->r->nr_progs; i++) {
		const struct cap_prog_stats *p = &x->r->prog[i];
		double calls = (double)p->cnt, all = calls + (double)p->misses;

		cap_text_name(x->out, p->name);
		kt_buf_addf(x->out, ": %*scnt=%" PRIu64 " nsecs=%" PRIu64 " misses=%" PRIu64,
			    (int)(width - cap_value_columns(p->name, strlen(p->name))), "", p->cnt,
			    p->nsecs, p->misses);
		if (p->cnt)
			kt_buf_addf(x->out, " ns/call=%.3f", (double)p->nsecs / calls);
		if (p->misses)
			kt_buf_addf(x->out, " miss_rate=%.4f", (double)p->misses / all);
		kt_buf_addc(x->out, '\n');
	}
}

/* ---- tables ---- */

static void add_heads(struct cap_table *t, const char *const *head, size_t nr)
{
	t->columns = nr;
	for (size_t i = 0; i < nr; i++)
		cap_table_add(t, "%s", head[i]);
}

void cap_text_cpu_time(struct cap_text *x)
{
	static const char *const heads[] = { "cpu", "user", "nice",   "system", "softirq",
					     "irq", "idle", "iowait", "steal",  "irqs" };
	kt_auto(table) struct cap_table t = { 0 };

	if (!x->r->nr_cpu_times)
		return;
	kt_buf_addf(x->out, "per_cpu_time: %zu CPUs (ms; irqs: number)\n", x->r->nr_cpu_times);
	add_heads(&t, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < x->r->nr_cpu_times; i++) {
		const struct cap_cpu_time *c = &x->r->cpu_time[i];
		const uint64_t times[] = { c->user_ns, c->nice_ns, c->system_ns, c->softirq_ns,
					   c->irq_ns,  c->idle_ns, c->iowait_ns, c->steal_ns };

		cap_table_add(&t, "%" PRIu32, c->cpu);
		for (size_t n = 0; n < sizeof(times) / sizeof(times[0]); n++)
			cap_table_add(&t, "%" PRIu64, times[n] / NS_PER_MS);
		cap_table_add(&t, "%" PRIu64, c->irqs_sum);
	}
	cap_table_print(&t, 2, x->out);
}

void cap_text_psi(struct cap_text *x)
{
	static const char *const heads[] = { "cgroup", "serial", "total us", "avg10 %" };
	enum { RAW_PER_PERCENT = 2048 };
	kt_auto(table) struct cap_table t = { 0 };

	if (!x->r->nr_psi)
		return;
	kt_buf_addf(x->out, "cgroup_psi: %zu cgroups (interrupts, full)\n", x->r->nr_psi);
	add_heads(&t, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < x->r->nr_psi; i++) {
		const struct cap_psi *p = &x->r->psi[i];
		double percent = (double)p->avg10_raw / RAW_PER_PERCENT;

		cap_table_add(&t, "0x%016" PRIx64, p->cgroup_kva);
		cap_table_add(&t, "%" PRIu64, p->serial_nr);
		cap_table_add(&t, "%" PRIu64, p->total_ns / 1000);
		cap_table_add(&t, "%.2f", percent > 100 ? 100 : percent);
	}
	cap_table_print(&t, 2, x->out);
}

void cap_text_numa(struct cap_text *x)
{
	static const char *const heads[] = { "node",       "hit",   "miss", "foreign",
					     "interleave", "local", "other" };
	kt_auto(table) struct cap_table t = { 0 };

	if (!x->r->nr_numa)
		return;
	kt_buf_addf(x->out, "per_node_numa: %zu nodes\n", x->r->nr_numa);
	add_heads(&t, heads, sizeof(heads) / sizeof(heads[0]));
	for (size_t i = 0; i < x->r->nr_numa; i++) {
		const struct cap_numa *n = &x->r->numa[i];
		const uint64_t events[] = { n->hit,   n->miss, n->foreign, n->interleave_hit,
					    n->local, n->other };

		cap_table_add(&t, "%" PRIu32, n->node);
		for (size_t e = 0; e < sizeof(events) / sizeof(events[0]); e++)
			cap_table_add(&t, "%" PRIu64, events[e]);
	}
	cap_table_print(&t, 2, x->out);
}

/* ---- counters ---- */

/* The last value, after bars of how it came to it: the newest of them where there are many. */
static void add_counter(struct cap_text *x, const char *name, const int64_t *v, size_t nr)
{
	size_t from = nr > BARS_MAX ? nr - BARS_MAX : 0;

	kt_buf_addf(x->out, "%*s ", EVENT_NAME_COLUMNS, name);
	cap_sparkline(x->out, v + from, nr - from);
	kt_buf_addf(x->out, " (last=%" PRId64 ")\n", v[nr - 1]);
}

void cap_text_events(struct cap_text *x)
{
	size_t nr = x->r->nr_events;
	kt_auto(mem) int64_t *v = nr ? calloc(nr, sizeof(*v)) : NULL;

	if (!nr)
		return;
	if (!v) {
		x->out->oom = true;
		return;
	}
	kt_buf_addf(x->out, "event_counter_timeline: %zu samples (%" PRIu64 "–%" PRIu64 "ms)\n", nr,
		    x->r->event[0].elapsed_ms, x->r->event[nr - 1].elapsed_ms);
	for (size_t c = 0; c < CAP_EV_NR; c++) {
		bool any = false;

		for (size_t i = 0; i < nr; i++) {
			v[i] = x->r->event[i].count[c];
			any = any || v[i];
		}
		/* The table has the time first. */
		if (any)
			add_counter(x, cap_record_event_sample.key[c + 1].name, v, nr);
	}
}

void cap_text_perf(struct cap_text *x)
{
	for (size_t i = 0; i < x->r->nr_perf; i++) {
		const struct cap_perf *p = &x->r->perf[i];

		if (!p->valid) {
			kt_buf_addf(x->out, "vcpu_perf %zu: <unavailable>\n", i);
			continue;
		}
		kt_buf_addf(x->out,
			    "vcpu_perf %zu: cycles=%" PRIu64 " insns=%" PRIu64
			    " ipc=%.3f cache_misses=%" PRIu64 " branch_misses=%" PRIu64
			    " (en/ru=%" PRIu64 "/%" PRIu64 " ns)\n",
			    i, p->cycles, p->instructions,
			    p->cycles ? (double)p->instructions / (double)p->cycles : 0.0,
			    p->cache_misses, p->branch_misses, p->time_enabled_ns,
			    p->time_running_ns);
	}
}

/* The table has them in the order of the slots. */
void cap_text_counters(struct cap_text *x)
{
	const struct cap_probe_counters *c = x->r->probe_counters;
	const struct cap_key *key = cap_record_probe_counters.key;
	size_t used = 0;

	if (!c)
		return;
	kt_buf_adds(x->out, "probe_counters:");
	for (size_t i = 0; i < CAP_PC_NR; i++) {
		if (!c->slot[i])
			continue;
		if (used && used % 4 == 0)
			kt_buf_adds(x->out, "\n ");
		kt_buf_addf(x->out, " %s=%" PRIu64, key[i].name, c->slot[i]);
		used++;
	}
	kt_buf_adds(x->out, used ? "\n" : " all 0\n");
}
