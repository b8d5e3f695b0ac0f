/* SPDX-License-Identifier: GPL-2.0-only */
/* Every task that sched_ext knows of, from its list of all tasks, with what a reader asks of a stuck one. */
#include <errno.h>
#include <stdlib.h>

#include "capture/scx.h"

struct task_fields {
	struct cap_field pid, tgid, comm, prio, static_prio, normal_prio, rt_priority, sched_class,
		core_cookie, real_parent, group_leader, signal, nvcsw, nivcsw, weight, scx_flags,
		saved_sp;
	struct cap_field nr_threads, pgid, sid, signal_nvcsw, signal_nivcsw;
	struct cap_field pid_numbers, upid_nr;
};
#define TASK(member, path) CAP_FIELD(task_fields, member, "task_struct", path)
#define TASK_OPT(member, path) CAP_FIELD_OPT(task_fields, member, "task_struct", path)
#define SIGNAL_OPT(member, path) CAP_FIELD_OPT(task_fields, member, "signal_struct", path)
static const struct cap_field_row task_rows[] = {
	TASK(pid, "pid"),
	TASK(tgid, "tgid"),
	TASK(comm, "comm"),
	TASK(prio, "prio"),
	TASK(static_prio, "static_prio"),
	TASK(normal_prio, "normal_prio"),
	TASK(rt_priority, "rt_priority"),
	TASK(weight, "scx.weight"),
	TASK(scx_flags, "scx.flags"),
	TASK(nvcsw, "nvcsw"),
	TASK(nivcsw, "nivcsw"),
	TASK_OPT(sched_class, "sched_class"),
	TASK_OPT(core_cookie, "core_cookie"), /* with CONFIG_SCHED_CORE */
	TASK_OPT(real_parent, "real_parent"),
	TASK_OPT(group_leader, "group_leader"),
	TASK_OPT(signal, "signal"),
	TASK_OPT(saved_sp, "thread.sp"), /* x86-64 */
	SIGNAL_OPT(nr_threads, "nr_threads"),
	/* enum pid_type (include/linux/pid_types.h, since 4.19): PIDTYPE_PGID is 2, PIDTYPE_SID is 3 */
	SIGNAL_OPT(pgid, "pids[2]"),
	SIGNAL_OPT(sid, "pids[3]"),
	SIGNAL_OPT(signal_nvcsw, "nvcsw"),
	SIGNAL_OPT(signal_nivcsw, "nivcsw"),
	CAP_FIELD_OPT(task_fields, pid_numbers, "pid", "numbers"),
	CAP_FIELD_OPT(task_fields, upid_nr, "upid", "nr"),
};
const struct cap_layout_desc cap_layout_task = {
	.group = "task",
	.row = task_rows,
	.nr_rows = sizeof(task_rows) / sizeof(task_rows[0]),
	.bytes = sizeof(struct task_fields),
};

enum {
	TASKS_MAX = 4096,
	TASK_BYTES_MAX = 32768, /* of a task_struct, up to the last field that is read with it */
	COMM_MAX = 64,
	CLASSES = 6,
};
/* enum scx_ent_flags (include/linux/sched/ext.h, 6.12 to 7.3): the list's own place holder, SCX_TASK_CURSOR. */
#define SCX_TASK_CURSOR (1u << 31)

gva_t cap_task_of_scx(const struct cap_types *t, gva_t scx)
{
	const struct cap_links *l = t ? cap_layout(t, &cap_layout_scx_tasks, NULL) : NULL;

	return (gva_t){ l ? scx.v - l->scx.offset : 0 };
}

struct walk {
	struct cap_dump *d;
	const struct task_fields *f;
	const struct cap_links *links;
	size_t bytes; /* of a task_struct that are read at once */
	uint8_t *task; /* as many */
	KT_VEC(struct cap_task) rows;
	size_t nr_unreadable;
	const char *cut; /* what ended the walk before its end */
	uint64_t class_at[CLASSES];
	struct cap_slowpaths slowpaths;
};

/* Kernel symbol -> word of the JSON (kernel/sched/sched.h). */
static const struct {
	const char *symbol, *name;
} classes[CLASSES] = {
	{ "ext_sched_class", "ext" },   { "fair_sched_class", "fair" },
	{ "rt_sched_class", "rt" },     { "dl_sched_class", "dl" },
	{ "idle_sched_class", "idle" }, { "stop_sched_class", "stop" },
};

static void find_classes(struct walk *w)
{
	gva_t at;

	for (size_t i = 0; i < CLASSES; i++)
		w->class_at[i] = cap_guest_symbol(w->d->g, classes[i].symbol, &at) ? at.v : 0;
}

static const char *class_name(const struct walk *w, uint64_t sched_class)
{
	for (size_t i = 0; sched_class && i < CLASSES; i++)
		if (w->class_at[i] == sched_class)
			return classes[i].name;
	return NULL;
}

static uint64_t of_task(const struct walk *w, const struct cap_field *f)
{
	return cap_get_field(w->task, w->bytes, f);
}

/* The number of a struct pid, as the guest's first namespace counts: its numbers[0].nr. */
static bool read_pid(struct walk *w, gva_t signal, const struct cap_field *which, int32_t *ret)
{
	const struct task_fields *f = w->f;
	uint64_t pid, nr;

	if (!f->pid_numbers.there || !f->upid_nr.there ||
	    cap_read_field(w->d->g, signal, which, &pid) < 0 || !cap_is_kernel((gva_t){ pid }) ||
	    cap_read_field(w->d->g, (gva_t){ pid + f->pid_numbers.offset }, &f->upid_nr, &nr) < 0)
		return false;
	*ret = (int32_t)nr;
	return true;
}

/* Of a task that another one points to. */
static bool read_relative(struct walk *w, const struct cap_field *which, int32_t *ret_pid,
			  const char **ret_comm)
{
	gva_t task = { of_task(w, which) };
	char comm[COMM_MAX] = "";
	uint64_t pid;

	if (!which->there || !cap_is_kernel(task) ||
	    cap_read_field(w->d->g, task, &w->f->pid, &pid) < 0)
		return false;
	*ret_pid = (int32_t)pid;
	if (ret_comm &&
	    cap_read_text(w->d->g, cap_at(task, w->f->comm.offset), comm,
			  w->f->comm.bytes < COMM_MAX ? w->f->comm.bytes + 1 : COMM_MAX) >= 0)
		*ret_comm = cap_strdup(w->d->pool, comm);
	return true;
}

static void read_signal(struct walk *w, struct cap_task *t)
{
	gva_t signal = { of_task(w, &w->f->signal) };
	uint64_t nr, nvcsw, nivcsw;

	if (!cap_is_kernel(signal)) /* NULL: it was reaped, and is about to be freed */
		return;
	t->has_pgid = read_pid(w, signal, &w->f->pgid, &t->pgid);
	t->has_sid = read_pid(w, signal, &w->f->sid, &t->sid);
	if (cap_read_field(w->d->g, signal, &w->f->nr_threads, &nr) == 0) {
		t->has_nr_threads = true;
		t->nr_threads = (int32_t)nr;
	}
	if (cap_read_field(w->d->g, signal, &w->f->signal_nvcsw, &nvcsw) == 0 &&
	    cap_read_field(w->d->g, signal, &w->f->signal_nivcsw, &nivcsw) == 0) {
		t->has_signal_csw = true;
		t->signal_nvcsw = nvcsw;
		t->signal_nivcsw = nivcsw;
	}
}

static void read_where(struct walk *w, gva_t task, struct cap_task *t)
{
	const struct cap_runnable *runnable = w->d->runnable;
	gva_t saved_sp = { 0 };
	uint64_t sp;

	if (cap_read_field(w->d->g, task, &w->f->saved_sp, &sp) == 0)
		saved_sp.v = sp;
	t->sched_class = class_name(w, of_task(w, &w->f->sched_class));
	t->pi_boosted_out_of_scx = runnable && t->sched_class && !kt_streq(t->sched_class, "ext") &&
				   cap_set_has(runnable->tasks, task.v);
	t->lock_slowpath_match = cap_lock_slowpath(w->d->g, &w->slowpaths,
						   cap_runnable_cpu(runnable, task), saved_sp);
}

static void read_task(struct walk *w, gva_t task, struct cap_task *t)
{
	const struct task_fields *f = w->f;
	char comm[COMM_MAX] = "";

	t->kva = task.v;
	t->pid = (int32_t)of_task(w, &f->pid);
	t->tgid = (int32_t)of_task(w, &f->tgid);
	(void)cap_read_text(w->d->g, cap_at(task, f->comm.offset), comm,
			    f->comm.bytes < COMM_MAX ? f->comm.bytes + 1 : COMM_MAX);
	t->comm = cap_strdup(w->d->pool, comm);
	t->weight = (uint32_t)of_task(w, &f->weight);
	t->prio = (int32_t)of_task(w, &f->prio);
	t->static_prio = (int32_t)of_task(w, &f->static_prio);
	t->normal_prio = (int32_t)of_task(w, &f->normal_prio);
	t->rt_priority = (uint32_t)of_task(w, &f->rt_priority);
	t->nvcsw = of_task(w, &f->nvcsw);
	t->nivcsw = of_task(w, &f->nivcsw);
	t->has_core_cookie = f->core_cookie.there;
	t->core_cookie = of_task(w, &f->core_cookie);
	t->has_group_leader = read_relative(w, &f->group_leader, &t->group_leader_pid, NULL);
	t->has_parent =
		read_relative(w, &f->real_parent, &t->real_parent_pid, &t->real_parent_comm);
	read_signal(w, t);
	read_where(w, task, t);
}

static bool add_task(void *ctx, gva_t node)
{
	struct walk *w = ctx;
	gva_t task = { node.v - w->links->tasks_node.offset };
	struct cap_task row = { 0 };
	uint64_t flags;

	/* A place holder is no task: around it is whatever is on the stack of who walks the list. */
	if (cap_read_field(w->d->g, task, &w->f->scx_flags, &flags) == 0 &&
	    (flags & SCX_TASK_CURSOR))
		return true;
	if (cap_guest_read(w->d->g, task, w->task, w->bytes) < 0) {
		w->nr_unreadable++;
		return true;
	}
	read_task(w, task, &row);
	if (KT_VEC_PUSH(&w->rows, row) < 0 || cap_pool_full(w->d->pool))
		w->cut = CAP_WHY_FULL;
	else if (cap_dump_late(w->d))
		w->cut = CAP_WHY_CUT_LATE;
	return !w->cut;
}

/* Up to the end of the last field that is taken from the copy. */
static size_t bytes_at_once(const struct task_fields *f)
{
	const struct cap_field *all[] = {
		&f->pid,         &f->tgid,        &f->prio,         &f->static_prio,
		&f->normal_prio, &f->rt_priority, &f->sched_class,  &f->core_cookie,
		&f->real_parent, &f->signal,      &f->group_leader, &f->nvcsw,
		&f->nivcsw,      &f->weight,
	};
	size_t bytes = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		size_t end = (size_t)all[i]->offset + all[i]->bytes;

		if (all[i]->there && end > bytes)
			bytes = end;
	}
	return bytes < TASK_BYTES_MAX ? bytes : TASK_BYTES_MAX;
}

/*
 * The states of a task in sched_ext_entity.flags, in order of their numbers: an enum of its own in 6.12 (enum scx_task_state,
 * include/linux/sched/ext.h), and in 7.2 and 7.3 values of the flags themselves, shifted.
 */
static const char *task_states(const struct cap_types *t, struct cap_pool *p)
{
	static const char *const names[] = { "NONE",  "INIT_BEGIN", "INIT",
					     "READY", "ENABLED",    "DEAD" };
	enum { NAMES = sizeof(names) / sizeof(names[0]), SHIFT_MAX = 16 };
	const char *by_number[NAMES] = { NULL };
	kt_auto(buf) struct kt_buf b = { 0 };
	char symbol[32];
	uint64_t shift, v;

	if (!cap_type_enum_value(t, "SCX_TASK_STATE_SHIFT", &shift) || shift > SHIFT_MAX)
		return NULL;
	for (unsigned i = 0; i < NAMES; i++) {
		(void)kt_snprintf(symbol, sizeof(symbol), "SCX_TASK_%s", names[i]);
		if (!cap_type_enum_value(t, symbol, &v))
			continue;
		if (v >> shift)
			v >>= shift;
		if (v < NAMES)
			by_number[v] = names[i];
	}
	for (unsigned i = 0; i < NAMES && by_number[i]; i++)
		kt_buf_addf(&b, "%s%s", i ? " " : "", by_number[i]);
	return b.len ? cap_strdup(p, kt_buf_str(&b)) : NULL;
}

static const char *why_not_all(struct walk *w, int r)
{
	if (w->rows.nr == 0 && !w->cut && r == 0 && !w->nr_unreadable)
		return CAP_WHY_ZERO_TASKS;
	if (cap_pool_full(w->d->pool))
		return CAP_WHY_FULL;
	if (w->cut)
		return cap_fmt(w->d->pool, "task walker stopped after %zu tasks: %s", w->rows.nr,
			       w->cut);
	if (r < 0)
		return cap_fmt(w->d->pool,
			       "task walker stopped after %zu tasks: the list of all tasks %s",
			       w->rows.nr, cap_list_error(r));
	if (w->nr_unreadable)
		return cap_fmt(w->d->pool, "task walker could not read %zu tasks",
			       w->nr_unreadable);
	return NULL;
}

void cap_dump_tasks(struct cap_dump *d)
{
	const struct cap_types *t = cap_guest_types(d->g);
	struct walk w = { .d = d };
	gva_t head;
	int r;

	d->report->task_enrichments_unavailable = CAP_WHY_TASKS;
	if (t) {
		d->report->scx_task_states = task_states(t, d->pool);
		w.f = cap_layout(t, &cap_layout_task, NULL);
		w.links = cap_layout(t, &cap_layout_scx_tasks, NULL);
	}
	if (!w.f || !w.links || !cap_guest_symbol(d->g, "scx_tasks", &head))
		return;
	w.bytes = bytes_at_once(w.f);
	w.task = malloc(w.bytes);
	if (!w.task)
		return;
	find_classes(&w);
	cap_slowpaths_find(d->g, &w.slowpaths);
	r = cap_list_each(d->g, head, TASKS_MAX, add_task, &w);
	d->report->task = cap_keep(d->pool, w.rows.v, w.rows.nr, sizeof(*w.rows.v));
	d->report->nr_tasks = d->report->task ? w.rows.nr : 0;
	d->report->task_enrichments_unavailable = why_not_all(&w, r);
	free(w.rows.v);
	free(w.task);
}
