/* SPDX-License-Identifier: GPL-2.0-only */
/* The scheduler's state as text: how it ended, its tasks, dispatch queues and run queues. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "capture/decode.h"
#include "capture/text.h"
#include "capture/value.h"

/* ---- tasks by address ---- */

static int compare_kva(const void *a, const void *b)
{
	uint64_t left = (*(const struct cap_task *const *)a)->kva;
	uint64_t right = (*(const struct cap_task *const *)b)->kva;

	return left < right ? -1 : left > right;
}

void cap_text_init(struct cap_text *x, const struct cap_report *r, unsigned width,
		   struct kt_buf *out)
{
	enum { WIDTH = 120 };

	*x = (struct cap_text){ .r = r, .out = out, .width = width ? width : WIDTH };
	x->by_kva = r->nr_tasks ? calloc(r->nr_tasks, sizeof(void *)) : NULL;
	/* Without memory for it tasks are told by address. */
	if (!x->by_kva)
		return;
	for (size_t i = 0; i < r->nr_tasks; i++) {
		if (r->task[i].kva)
			x->by_kva[x->nr_by_kva++] = &r->task[i];
	}
	qsort(x->by_kva, x->nr_by_kva, sizeof(void *), compare_kva);
}

void cap_text_done(struct cap_text *x)
{
	free(x->by_kva);
	x->by_kva = NULL;
}

static const struct cap_task *find_task(const struct cap_text *x, uint64_t kva)
{
	const struct cap_task like = { .kva = kva }, *key = &like;
	const struct cap_task **found = NULL;

	if (x->nr_by_kva)
		found = bsearch(&key, x->by_kva, x->nr_by_kva, sizeof(void *), compare_kva);
	return found ? *found : NULL;
}

void cap_text_task(struct cap_text *x, uint64_t kva)
{
	const struct cap_task *t = find_task(x, kva);

	if (!t) {
		kt_buf_addf(x->out, "0x%" PRIx64, kva);
		return;
	}
	cap_text_name(x->out, t->comm);
	kt_buf_addf(x->out, "[%" PRId32 "]", t->pid);
}

/* Tasks after a label, on as many lines as they need. */
static void add_tasks(struct cap_text *x, const uint64_t *kva, size_t nr, bool truncated,
		      unsigned indent)
{
	size_t line = x->out->len;

	while (line && x->out->data[line - 1] != '\n')
		line--;
	for (size_t i = 0; i < nr; i++) {
		size_t mark = x->out->len;

		kt_buf_addc(x->out, ' ');
		cap_text_task(x, kva[i]);
		if (cap_value_columns(kt_buf_str(x->out) + line, x->out->len - line) <= x->width ||
		    !kt_buf_ok(x->out))
			continue;
		x->out->len = mark;
		line = mark + 1;
		kt_buf_addf(x->out, "\n%*s", (int)indent, "");
		cap_text_task(x, kva[i]);
	}
	if (truncated)
		kt_buf_adds(x->out, " ... (truncated)");
}

static void add_task_notes(struct kt_buf *b, const struct cap_task *t)
{
	if (t->pi_boosted_out_of_scx)
		kt_buf_adds(b, "boosted out of ext");
	if (t->lock_slowpath_match) {
		kt_buf_adds(b, b->len ? ", in " : "in ");
		cap_text_name(b, t->lock_slowpath_match);
	}
	if (t->has_core_cookie && t->core_cookie)
		kt_buf_addf(b, "%score_cookie=0x%" PRIx64, b->len ? ", " : "", t->core_cookie);
}

static void add_task_row(struct cap_table *t, const struct cap_task *task)
{
	kt_auto(buf) struct kt_buf name = { 0 };
	kt_auto(buf) struct kt_buf parent = { 0 };
	kt_auto(buf) struct kt_buf notes = { 0 };

	cap_text_name(&name, task->comm);
	if (task->has_parent) {
		cap_text_name(&parent, task->real_parent_comm);
		kt_buf_addf(&parent, "[%" PRId32 "]", task->real_parent_pid);
	}
	add_task_notes(&notes, task);
	cap_table_add(t, "%" PRId32, task->pid);
	cap_table_add(t, "%" PRId32, task->tgid);
	cap_table_add(t, "%s", kt_buf_str(&name));
	cap_table_add(t, "%s", task->sched_class ? task->sched_class : "?");
	cap_table_add(t, "%" PRIu32, task->weight);
	cap_table_add(t, "%" PRId32, task->prio);
	cap_table_add(t, "%" PRIu64, task->nvcsw);
	cap_table_add(t, "%" PRIu64, task->nivcsw);
	cap_table_add(t, "%s", kt_buf_str(&parent));
	cap_table_add(t, "%s", kt_buf_str(&notes));
}

void cap_text_tasks(struct cap_text *x)
{
	static const char *const heads[] = { "pid",  "tgid",  "comm",   "class",  "weight",
					     "prio", "nvcsw", "nivcsw", "parent", "" };
	enum { COMM = 2, CLASS = 3, PARENT = 8, NOTES = 9 };
	kt_auto(table) struct cap_table t = {
		.columns = sizeof(heads) / sizeof(heads[0]),
		.left = 1 << COMM | 1 << CLASS | 1 << PARENT | 1 << NOTES,
	};

	if (!x->r->nr_tasks)
		return;
	kt_buf_addf(x->out, "task_enrichments: %zu tasks\n", x->r->nr_tasks);
	for (size_t i = 0; i < t.columns; i++)
		cap_table_add(&t, "%s", heads[i]);
	for (size_t i = 0; i < x->r->nr_tasks; i++)
		add_task_row(&t, &x->r->task[i]);
	cap_table_print(&t, 2, x->out);
}

/* ---- how it ended ---- */

/* ops.name, from the map that the struct_ops is. */
static const struct cap_value *find_ops_name(const struct cap_report *r)
{
	enum { STRUCT_OPS = 26 }; /* BPF_MAP_TYPE_STRUCT_OPS */

	for (size_t i = 0; i < r->nr_maps; i++) {
		const struct cap_value *v = r->map[i].value;

		if (r->map[i].map_type != STRUCT_OPS || !v || v->kind != CAP_STRUCT)
			continue;
		for (size_t m = 0; m < v->s.nr; m++) {
			if (kt_streq(v->s.member[m].name, "name") &&
			    cap_value_string_len(&v->s.member[m].value))
				return &v->s.member[m].value;
		}
	}
	return NULL;
}

static void add_scheduler(struct cap_text *x)
{
	const struct cap_value *name = find_ops_name(x->r);

	if (!name && !x->r->active_obj_name)
		return;
	kt_buf_adds(x->out, ", scheduler");
	if (name) {
		kt_buf_addc(x->out, ' ');
		(void)cap_value_line(name, CAP_ALONE, x->width, x->out);
	}
	if (x->r->active_obj_name) {
		kt_buf_adds(x->out, name ? " of object " : " object ");
		cap_text_name(x->out, x->r->active_obj_name);
	}
}

void cap_text_exit(struct cap_text *x)
{
	const struct cap_sched_state *s = x->r->sched_state;
	char name[32];

	if (!s)
		return;
	kt_buf_addf(x->out, "exit %s (%" PRIu32 ")",
		    cap_exit_kind_name(s->exit_kind, name, sizeof(name)), s->exit_kind);
	add_scheduler(x);
	kt_buf_addf(x->out, ", aborting=%s bypass_depth=%" PRId32, s->aborting ? "true" : "false",
		    s->bypass_depth);
	if (s->has_watchdog_timeout)
		kt_buf_addf(x->out, " watchdog_timeout=%" PRIu64 " jiffies", s->watchdog_timeout);
	if (s->source) {
		kt_buf_adds(x->out, " (");
		cap_text_name(x->out, s->source);
		kt_buf_addc(x->out, ')');
	}
	kt_buf_addc(x->out, '\n');
}

void cap_text_sched(struct cap_text *x)
{
	if (!x->r->nr_rqs && !x->r->nr_dsqs && !x->r->sched_state)
		return;
	kt_buf_addf(x->out, "scx_walker: rq_scx=%zu dsq=%zu sched=%s\n", x->r->nr_rqs,
		    x->r->nr_dsqs, x->r->sched_state ? "captured" : "absent");
	if (x->r->sched_state) {
		kt_buf_adds(x->out, "  ");
		cap_text_exit(x);
	}
}

/* ---- queues ---- */

void cap_text_dsq(struct cap_text *x, const struct cap_dsq *q, unsigned indent)
{
	kt_buf_addf(x->out, "%*sdsq ", (int)indent, "");
	cap_decode_dsq(x->out, q->id);
	kt_buf_adds(x->out, " (");
	cap_text_name(x->out, q->origin);
	kt_buf_addf(x->out, "): %" PRIu32 " queued%s", q->nr, q->nr_tasks ? ":" : "");
	add_tasks(x, q->task_kvas, q->nr_tasks, q->truncated, indent + 4);
	kt_buf_addc(x->out, '\n');
}

/* Those with nothing in them, on a line: most are the local ones of CPUs. */
static void add_empty_dsqs(struct cap_text *x)
{
	size_t nr = 0;

	for (size_t i = 0; i < x->r->nr_dsqs; i++)
		nr += !x->r->dsq[i].nr && !x->r->dsq[i].nr_tasks;
	if (nr)
		kt_buf_addf(x->out, "  %zu more are empty\n", nr);
}

void cap_text_dsqs(struct cap_text *x)
{
	if (!x->r->nr_dsqs)
		return;
	kt_buf_addf(x->out, "dsq_states: %zu dispatch queues\n", x->r->nr_dsqs);
	for (size_t i = 0; i < x->r->nr_dsqs; i++) {
		if (x->r->dsq[i].nr || x->r->dsq[i].nr_tasks)
			cap_text_dsq(x, &x->r->dsq[i], 2);
	}
	add_empty_dsqs(x);
}

void cap_text_rq_tasks(struct cap_text *x, const struct cap_rq *q, unsigned indent)
{
	kt_buf_addf(x->out, "%*scpu %" PRIu32 ": ", (int)indent, "", q->cpu);
	if (q->has_curr && q->curr_pid == 0) {
		kt_buf_adds(x->out, "idle, ");
	} else if (q->has_curr) {
		kt_buf_adds(x->out, "runs ");
		cap_text_name(x->out, q->curr_comm);
		kt_buf_addf(x->out, "[%" PRId32 "], ", q->curr_pid);
	}
	kt_buf_addf(x->out, "nr_running=%" PRIu32 "%s", q->nr_running,
		    q->nr_runnable ? ", runnable:" : "");
	add_tasks(x, q->runnable_task_kvas, q->nr_runnable, q->runnable_truncated, indent + 4);
	kt_buf_addc(x->out, '\n');
}

void cap_text_rq(struct cap_text *x, const struct cap_rq *q, unsigned indent)
{
	cap_text_rq_tasks(x, q, indent);
	kt_buf_addf(x->out, "%*sflags=", (int)indent + 4, "");
	cap_decode_rq_flags(x->out, q->flags);
	kt_buf_addf(x->out, "%s ops_qseq=%" PRIu64, q->cpu_released ? " cpu_released" : "",
		    q->ops_qseq);
	if (q->has_kick_sync)
		kt_buf_addf(x->out, " kick_sync=%" PRIu64, q->kick_sync);
	if (q->has_nr_immed)
		kt_buf_addf(x->out, " nr_immed=%" PRIu32, q->nr_immed);
	if (q->has_rq_clock)
		kt_buf_addf(x->out, " clock=%" PRIu64, q->rq_clock);
	kt_buf_addc(x->out, '\n');
}

void cap_text_rqs(struct cap_text *x)
{
	if (!x->r->nr_rqs)
		return;
	kt_buf_addf(x->out, "rq_scx_states: %zu CPUs\n", x->r->nr_rqs);
	for (size_t i = 0; i < x->r->nr_rqs; i++)
		cap_text_rq(x, &x->r->rq[i], 2);
}
