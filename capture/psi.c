/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * How long the tasks of a test's control groups stood still for interrupts: PSI's "irq full", of the leaves below the
 * cgroup that guest/cgroup.c makes. The figures are those of the kernel's last averaging, up to 2 s ago (kernel/sched/psi.c):
 * who reads the pressure file makes the kernel average anew, who reads memory does not.
 */
#include <stdlib.h>

#include "capture/internal.h"

/* include/linux/cgroup-defs.h, kernfs.h, psi_types.h. */
struct psi_fields {
	struct cap_field root_cgrp, self, kn, psi;
	struct cap_field children, sibling, serial_nr, css_flags;
	struct cap_field kn_name;
	struct cap_field avg_total, total, avg;
};
static const struct cap_field_row psi_rows[] = {
	CAP_FIELD(psi_fields, root_cgrp, "cgroup_root", "cgrp"),
	CAP_FIELD(psi_fields, self, "cgroup", "self"),
	CAP_FIELD(psi_fields, kn, "cgroup", "kn"),
	CAP_FIELD(psi_fields, psi, "cgroup", "psi"),
	CAP_FIELD(psi_fields, children, "cgroup_subsys_state", "children"),
	CAP_FIELD(psi_fields, sibling, "cgroup_subsys_state", "sibling"),
	CAP_FIELD(psi_fields, serial_nr, "cgroup_subsys_state", "serial_nr"),
	CAP_FIELD(psi_fields, css_flags, "cgroup_subsys_state", "flags"),
	CAP_FIELD(psi_fields, kn_name, "kernfs_node", "name"),
	CAP_FIELD(psi_fields, avg_total, "psi_group", "avg_total"),
	CAP_FIELD(psi_fields, total, "psi_group", "total"),
	CAP_FIELD(psi_fields, avg, "psi_group", "avg"),
};
const struct cap_layout_desc cap_layout_psi = {
	.group = "psi",
	.row = psi_rows,
	.nr_rows = sizeof(psi_rows) / sizeof(psi_rows[0]),
	.bytes = sizeof(struct psi_fields),
};

#define OURS "ktstr" /* guest/cgroup.c: /sys/fs/cgroup/ktstr */
enum {
	CGROUPS_MAX = 1024,
	NAME_BYTES = 256,
	CSS_ONLINE =
		1
		<< 1, /* include/linux/cgroup-defs.h; clear: it was removed, and is about to be freed */
};

struct walk {
	struct cap_dump *d;
	const struct psi_fields *f;
	unsigned irq_full; /* index of that state */
	KT_VEC(uint64_t) todo; /* cgroups that are still to be looked at */
	size_t nr_children; /* of the one that is looked at */
	size_t nr_seen;
	uint64_t found;
	KT_VEC(struct cap_psi) rows;
};

static bool is_online(struct walk *w, gva_t cgroup)
{
	uint64_t flags;

	return cap_read_field(w->d->g, cap_at(cgroup, w->f->self.offset), &w->f->css_flags,
			      &flags) == 0 &&
	       (flags & CSS_ONLINE);
}

static gva_t cgroup_of(const struct walk *w, gva_t sibling)
{
	return (gva_t){ sibling.v - w->f->sibling.offset - w->f->self.offset };
}

static int each_child(struct walk *w, gva_t cgroup, bool (*fn)(void *ctx, gva_t node))
{
	return cap_list_each(w->d->g, cap_at(cgroup, w->f->self.offset + w->f->children.offset),
			     CGROUPS_MAX, fn, w);
}

static bool is_ours(void *ctx, gva_t node)
{
	struct walk *w = ctx;
	gva_t cgroup = cgroup_of(w, node), kn, name;
	char text[NAME_BYTES];

	if (!is_online(w, cgroup) ||
	    cap_read_ptr(w->d->g, cap_at(cgroup, w->f->kn.offset), &kn) < 0 ||
	    cap_read_ptr(w->d->g, cap_at(kn, w->f->kn_name.offset), &name) < 0 ||
	    cap_read_text(w->d->g, name, text, sizeof(text)) < 0 || !kt_streq(text, OURS))
		return true;
	w->found = cgroup.v;
	return false;
}

static bool add_child(void *ctx, gva_t node)
{
	struct walk *w = ctx;
	gva_t cgroup = cgroup_of(w, node);

	if (!is_online(w, cgroup))
		return true;
	w->nr_children++;
	return ++w->nr_seen < CGROUPS_MAX && KT_VEC_PUSH(&w->todo, cgroup.v) == 0;
}

/* BTF has arrays of arrays as one (pahole): u64 total[aggregators][states], unsigned long avg[states][3]. */
static void add_leaf(struct walk *w, gva_t cgroup)
{
	unsigned nr_states = w->f->avg_total.bytes / sizeof(uint64_t);
	struct cap_psi row = { .cgroup_kva = cgroup.v };
	size_t per_state;
	gva_t psi;

	if (w->irq_full >= nr_states ||
	    cap_read_ptr(w->d->g, cap_at(cgroup, w->f->psi.offset), &psi) < 0 ||
	    !cap_is_kernel(psi)) /* NULL: switched off */
		return;
	per_state = w->f->avg.bytes / nr_states;
	if (cap_read_u64(w->d->g, cap_at(psi, w->f->total.offset + w->irq_full * sizeof(uint64_t)),
			 &row.total_ns) < 0 ||
	    cap_read_u64(w->d->g, cap_at(psi, w->f->avg.offset + w->irq_full * per_state),
			 &row.avg10_raw) < 0 ||
	    cap_read_field(w->d->g, cap_at(cgroup, w->f->self.offset), &w->f->serial_nr,
			   &row.serial_nr) < 0)
		return;
	(void)KT_VEC_PUSH(&w->rows, row); /* out of memory: one less */
}

/* Children are put to the end of what is to be done: each is looked at once, or the walk ends at CGROUPS_MAX. */
static void walk_leaves(struct walk *w)
{
	for (size_t i = 0; i < w->todo.nr && w->nr_seen < CGROUPS_MAX && !cap_dump_late(w->d);
	     i++) {
		gva_t cgroup = { w->todo.v[i] };

		w->nr_children = 0;
		if (each_child(w, cgroup, add_child) == 0 && w->nr_children == 0)
			add_leaf(w, cgroup);
	}
}

void cap_dump_psi(struct cap_dump *d)
{
	const struct cap_types *t = cap_guest_types(d->g);
	struct walk w = { .d = d, .f = t ? cap_layout(t, &cap_layout_psi, NULL) : NULL };
	uint64_t irq_full;
	gva_t root;

	/* Without CONFIG_IRQ_TIME_ACCOUNTING there is no such state: Debian's 7.x cloud kernels. */
	if (!w.f || !cap_type_enum_value(t, "PSI_IRQ_FULL", &irq_full) || irq_full > CGROUPS_MAX ||
	    !cap_guest_symbol(d->g, "cgrp_dfl_root", &root))
		return;
	w.irq_full = (unsigned)irq_full;
	(void)each_child(&w, cap_at(root, w.f->root_cgrp.offset), is_ours);
	if (w.found && KT_VEC_PUSH(&w.todo, w.found) == 0)
		walk_leaves(&w);
	d->report->psi = cap_keep(d->pool, w.rows.v, w.rows.nr, sizeof(*w.rows.v));
	d->report->nr_psi = d->report->psi ? w.rows.nr : 0;
	free(w.todo.v);
	free(w.rows.v);
}
