/* SPDX-License-Identifier: GPL-2.0-only */
/* A report as text: all of it, or what tells most on a screen. */
#include <inttypes.h>
#include <string.h>

#include "capture/text.h"

const struct cap_section cap_sections[] = {
	{ "maps", "maps", "maps_unavailable", cap_text_maps },
	{ "regs", "vcpu_regs", NULL, cap_text_regs },
	{ "sdt", "sdt_allocations", "sdt_alloc_unavailable", cap_text_sdt },
	{ "static", "scx_static_ranges", NULL, cap_text_static },
	{ "progs", "prog_runtime_stats", "prog_runtime_stats_unavailable", cap_text_progs },
	{ "cpu_time", "per_cpu_time", NULL, cap_text_cpu_time },
	{ "psi", "cgroup_psi", NULL, cap_text_psi },
	{ "numa", "per_node_numa", "per_node_numa_unavailable", cap_text_numa },
	{ "tasks", "task_enrichments", "task_enrichments_unavailable", cap_text_tasks },
	{ "sched", "scx_sched_state", "scx_walker_unavailable", cap_text_sched },
	{ "dsq", "dsq_states", NULL, cap_text_dsqs },
	{ "rq", "rq_scx_states", NULL, cap_text_rqs },
	{ "events", "event_counter_timeline", NULL, cap_text_events },
	{ "perf", "vcpu_perf_at_freeze", NULL, cap_text_perf },
	{ "counters", "probe_counters", NULL, cap_text_counters },
	{ NULL, NULL, NULL, NULL },
};

void cap_text_maps(struct cap_text *x)
{
	for (size_t i = 0; i < x->r->nr_maps; i++) {
		if (i)
			kt_buf_addc(x->out, '\n');
		cap_text_map(x, &x->r->map[i]);
	}
}

/* ---- all of it ---- */

static const char *reason_of(const struct cap_report *r, const struct cap_section *s)
{
	for (size_t i = 0; s->unavailable && i < cap_record_report.nr_keys; i++) {
		const struct cap_key *k = &cap_record_report.key[i];

		if (kt_streq(k->name, s->unavailable))
			return *(const char *const *)cap_key_at(r, k);
	}
	return NULL;
}

void cap_text_section(struct cap_text *x, const struct cap_section *s)
{
	const char *reason = reason_of(x->r, s);

	s->text(x);
	if (!reason)
		return;
	kt_buf_addf(x->out, "%s: <unavailable: ", s->key);
	cap_text_name(x->out, reason);
	kt_buf_adds(x->out, ">\n");
}

static void add_footer(struct cap_text *x)
{
	if (!x->r->has_truncated_at && !x->r->maps_truncated)
		return;
	kt_buf_addf(x->out, "dump truncated: deadline after %" PRIu64 " us",
		    x->r->dump_truncated_at_us);
	if (x->r->maps_truncated)
		kt_buf_addf(x->out, " (%" PRIu32 " map(s) skipped)", x->r->maps_truncated);
	kt_buf_addc(x->out, '\n');
}

/* A blank line before what begins at @mark, when something is before it. */
static void separate(struct cap_text *x, size_t start, size_t mark)
{
	kt_auto(buf) struct kt_buf part = { 0 };

	if (x->out->len == mark || mark == start)
		return;
	kt_buf_add(&part, x->out->data + mark, x->out->len - mark);
	x->out->len = mark;
	kt_buf_addc(x->out, '\n');
	kt_buf_add(x->out, kt_buf_str(&part), part.len);
	if (part.oom)
		x->out->oom = true;
}

static void add_all(struct cap_text *x)
{
	size_t start = x->out->len, mark;

	for (const struct cap_section *s = cap_sections; s->name; s++) {
		mark = x->out->len;
		cap_text_section(x, s);
		separate(x, start, mark);
	}
	mark = x->out->len;
	add_footer(x);
	separate(x, start, mark);
	if (x->out->len == start)
		kt_buf_adds(x->out, "(empty failure dump)\n");
}

static size_t nr_lines(const struct kt_buf *b, size_t from)
{
	size_t nr = 0;

	for (size_t i = from; i < b->len; i++)
		nr += b->data[i] == '\n';
	return nr;
}

/* The last line of a screen: how much there is besides, by the whole text's lines. */
static void add_more(struct cap_text *x, size_t start, const struct cap_text_opts *o)
{
	size_t shown = nr_lines(x->out, start), all;
	struct cap_text whole = *x;
	struct kt_buf text = { 0 };

	whole.out = &text;
	add_all(&whole);
	all = nr_lines(&text, 0);
	if (text.oom)
		x->out->oom = true;
	kt_buf_done(&text);
	if (all <= shown)
		return;
	kt_buf_addf(x->out, "(%zu more lines", all - shown);
	if (o->more)
		kt_buf_addf(x->out, ": %s", o->more);
	kt_buf_adds(x->out, ")\n");
}

void cap_report_text(const struct cap_report *r, const struct cap_text_opts *o, struct kt_buf *ret)
{
	size_t start = ret->len;
	struct cap_text x;

	cap_text_init(&x, r, o ? o->width : 0, ret);
	if (!o || !o->max_lines) {
		add_all(&x);
	} else {
		cap_text_digest(&x, o->max_lines > 1 ? o->max_lines - 1 : 1);
		add_footer(&x);
		add_more(&x, start, o);
	}
	cap_text_done(&x);
}

/* ---- the other documents ---- */

static void add_parked(const struct cap_degraded *d, struct kt_buf *ret)
{
	size_t parked = 0;

	for (size_t i = 0; i < d->nr_vcpus; i++)
		parked += d->vcpu_regs[i].valid;
	kt_buf_addf(ret, "vcpus_parked: %zu/%zu\n", parked, d->nr_vcpus);
	for (size_t i = 0; i < d->nr_vcpus; i++) {
		const struct cap_vcpu_regs *v = &d->vcpu_regs[i];

		if (v->valid)
			kt_buf_addf(ret,
				    "  vcpu %zu: parked ip=0x%016" PRIx64 " sp=0x%016" PRIx64
				    " ptroot=0x%016" PRIx64 "\n",
				    i, v->instruction_pointer, v->stack_pointer,
				    v->page_table_root);
		else
			kt_buf_addf(ret, "  vcpu %zu: not_parked\n", i);
	}
}

void cap_degraded_text(const struct cap_degraded *d, const struct cap_text_opts *o,
		       struct kt_buf *ret)
{
	char name[32];

	(void)o; /* it is never long */
	kt_buf_adds(ret, "no dump: ");
	cap_text_name(ret, d->reason);
	kt_buf_addc(ret, '\n');
	if (d->nr_vcpus)
		add_parked(d, ret);
	kt_buf_addf(ret,
		    "watchpoint_hit: %s\nbss_latch_state: ", d->watchpoint_hit ? "true" : "false");
	cap_text_name(ret, d->bss_latch_state);
	kt_buf_addc(ret, '\n');
	if (d->has_exit_kind)
		kt_buf_addf(ret, "exit_kind: %s (%" PRIu32 ")\n",
			    cap_exit_kind_name(d->exit_kind, name, sizeof(name)), d->exit_kind);
	if (d->elapsed_ms)
		kt_buf_addf(ret, "elapsed_ms: %" PRIu64 "\n", d->elapsed_ms);
}

void cap_dual_text(const struct cap_dual *d, const struct cap_text_opts *o, struct kt_buf *ret)
{
	if (d->early) {
		kt_buf_addf(ret,
			    "early: taken when a task had waited %" PRIu64 " of %" PRIu64
			    " jiffies",
			    d->early_max_age_jiffies, d->early_threshold_jiffies);
	} else {
		kt_buf_adds(ret, "early: none: ");
		cap_text_name(ret, d->early_skipped_reason ? d->early_skipped_reason : "no reason");
	}
	kt_buf_addf(ret, "; late: %zu maps, registers of %zu vCPUs\n", d->late->nr_maps,
		    d->late->nr_vcpus);
	if (o && o->max_lines) {
		cap_report_text(d->late, o, ret);
		return;
	}
	if (d->early) {
		kt_buf_adds(ret, "\n=== early ===\n\n");
		cap_report_text(d->early, o, ret);
	}
	kt_buf_adds(ret, "\n=== late ===\n\n");
	cap_report_text(d->late, o, ret);
}
