/* SPDX-License-Identifier: GPL-2.0-only */
/* What the walkers of the scheduler's state share: lists of tasks, and what could not be told. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/scx.h"

#define LINK(member, path) CAP_FIELD(cap_links, member, "task_struct", path)
/* include/linux/sched/ext.h: struct sched_ext_entity. */
static const struct cap_field_row link_rows[] = {
	LINK(scx, "scx"),
	LINK(tasks_node, "scx.tasks_node"),
	LINK(runnable_node, "scx.runnable_node"),
	LINK(dsq_node, "scx.dsq_list.node"),
	LINK(dsq_flags, "scx.dsq_list.flags"),
	LINK(flags, "scx.flags"),
	LINK(pid, "pid"),
	LINK(comm, "comm"),
};
const struct cap_layout_desc cap_layout_scx_tasks = {
	.group = "scx_tasks",
	.row = link_rows,
	.nr_rows = sizeof(link_rows) / sizeof(link_rows[0]),
	.bytes = sizeof(struct cap_links),
};

static void add_missing(struct cap_scx *s, const char *group)
{
	for (size_t i = 0; i < s->nr_missing; i++)
		if (kt_streq(s->missing[i], group))
			return;
	if (s->nr_missing < CAP_SCX_GROUPS)
		s->missing[s->nr_missing++] = group;
}

struct cap_scx *cap_scx(struct cap_dump *d)
{
	uint64_t sched;
	gva_t at;
	int r;

	if (d->scx)
		return d->scx;
	d->scx = calloc(1, sizeof(*d->scx));
	if (!d->scx)
		return NULL;
	d->scx->nodes_left = CAP_SCX_NODES_MAX;
	r = cap_find_exit_kind(d->g, &at, &sched);
	d->scx->detached = r == -ENOENT;
	d->scx->sched.v = r == 0 ? sched : 0;
	if (r == -EOPNOTSUPP)
		add_missing(d->scx, cap_layout_sched.group);
	return d->scx;
}

void cap_scx_free(struct cap_scx *s)
{
	free(s);
}

const void *cap_scx_layout(struct cap_dump *d, const struct cap_layout_desc *desc)
{
	struct cap_scx *s = cap_scx(d);
	const void *layout = s ? cap_layout(cap_guest_types(d->g), desc, NULL) : NULL;

	if (s && !layout)
		add_missing(s, desc->group);
	return layout;
}

void cap_scx_cut(struct cap_dump *d, const char *fmt, ...)
{
	struct cap_scx *s = cap_scx(d);
	char text[160];
	va_list ap;

	if (!s || s->nr_cut++)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->cut = cap_strdup(d->pool, text);
}

const char *cap_list_error(int r)
{
	switch (r) {
	case 0:
		return NULL;
	case -ELOOP:
		return "goes round without coming back to its head";
	case -E2BIG:
		return "has too many nodes";
	case -EFAULT:
	case -EINVAL:
		return "leads to memory that is not there";
	case -ENODATA:
		return "leads to memory that is not in this image";
	default:
		return strerror(-r);
	}
}

struct list_walk {
	struct cap_guest *g;
	const struct cap_links *links;
	const struct cap_field *link;
	bool cursors;
	size_t nr_nodes; /* with cursors */
	KT_VEC(uint64_t) tasks;
};

/* enum scx_dsq_lnode_flags (include/linux/sched/ext.h, 6.12 to 7.3): a BPF iterator's place in the list, no task. */
enum { DSQ_LNODE_ITER_CURSOR = 1 };

static bool is_cursor(const struct list_walk *w, gva_t task)
{
	uint64_t flags;

	return w->cursors && cap_read_field(w->g, task, &w->links->dsq_flags, &flags) == 0 &&
	       (flags & DSQ_LNODE_ITER_CURSOR);
}

static bool add_task(void *ctx, gva_t node)
{
	struct list_walk *w = ctx;
	gva_t task = { node.v - w->link->offset };

	w->nr_nodes++;
	return is_cursor(w, task) || KT_VEC_PUSH(&w->tasks, task.v) == 0;
}

struct cap_task_list cap_scx_task_list(struct cap_dump *d, gva_t head, const struct cap_field *link,
				       bool cursors, const char *what)
{
	struct cap_scx *s = cap_scx(d);
	struct list_walk w = { .g = d->g, .link = link, .cursors = cursors };
	struct cap_task_list ret = { .truncated = true };
	size_t max;
	int r;

	w.links = cap_scx_layout(d, &cap_layout_scx_tasks);
	if (!s || !w.links)
		return ret;
	max = s->nodes_left < CAP_LIST_MAX ? s->nodes_left : CAP_LIST_MAX;
	r = cap_list_each(d->g, head, max, add_task, &w);
	s->nodes_left -= w.nr_nodes;
	ret.kvas = cap_keep(d->pool, w.tasks.v, w.tasks.nr, sizeof(*w.tasks.v));
	ret.nr = ret.kvas ? w.tasks.nr : 0;
	ret.truncated = r < 0 || ret.nr < w.tasks.nr;
	if (r < 0)
		cap_scx_cut(d, "%s %s", what, cap_list_error(r));
	free(w.tasks.v);
	return ret;
}
