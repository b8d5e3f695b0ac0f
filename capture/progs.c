/* SPDX-License-Identifier: GPL-2.0-only */
/* The scheduler's programs: how often they ran, and which maps are theirs. */
#include <stdlib.h>
#include <string.h>

#include "capture/internal.h"

struct prog_layout {
	struct cap_field type, aux, stats, name, used_maps, used_map_cnt, cnt, nsecs, misses;
};

static const struct cap_field_row rows[] = {
	CAP_FIELD(prog_layout, type, "bpf_prog", "type"),
	CAP_FIELD(prog_layout, aux, "bpf_prog", "aux"),
	CAP_FIELD(prog_layout, stats, "bpf_prog", "stats"),
	CAP_FIELD(prog_layout, name, "bpf_prog_aux", "name"),
	CAP_FIELD(prog_layout, used_maps, "bpf_prog_aux", "used_maps"),
	CAP_FIELD(prog_layout, used_map_cnt, "bpf_prog_aux", "used_map_cnt"),
	CAP_FIELD(prog_layout, cnt, "bpf_prog_stats", "cnt"),
	CAP_FIELD(prog_layout, nsecs, "bpf_prog_stats", "nsecs"),
	CAP_FIELD(prog_layout, misses, "bpf_prog_stats", "misses"),
};

const struct cap_layout_desc cap_layout_prog = {
	.group = "prog",
	.row = rows,
	.nr_rows = sizeof(rows) / sizeof(rows[0]),
	.bytes = sizeof(struct prog_layout),
};

enum {
	IDS_MAX = 65536,
	STRUCT_OPS_PROGS_MAX = 1024, /* a scheduler has some thirty */
	LOOKS_MAX = 1 << 20, /* at counts of one CPU: the guest says how many CPUs there are */
	USED_MAPS_MAX = 64,
	NAME_BYTES = 16, /* BPF_OBJ_NAME_LEN */
	PROG_TYPE_STRUCT_OPS = 27, /* uapi/linux/bpf.h */
	MAP_TYPE_STRUCT_OPS = 26,
};

struct walk {
	struct cap_dump *d;
	const struct prog_layout *l;
	struct cap_set *seen;
	size_t nr; /* struct_ops programs */
	size_t looks;
	int r; /* what the table's walk ended with */
	size_t nr_unreadable;
	const char *cut; /* what ended it before its end */
	bool (*take)(struct walk *w, gva_t prog, gva_t aux); /* false: it was the last */
	KT_VEC(struct cap_prog_stats) stats;
};

static bool look_at_prog(void *ctx, uint32_t id, gva_t prog)
{
	struct walk *w = ctx;
	struct cap_guest *g = w->d->g;
	uint64_t type, aux;

	(void)id;
	if (cap_set_has(w->seen, prog.v))
		return true;
	if (!cap_is_kernel(prog) || !cap_set_add(w->seen, prog.v) ||
	    cap_read_field(g, prog, &w->l->type, &type) < 0 ||
	    cap_read_field(g, prog, &w->l->aux, &aux) < 0) {
		w->nr_unreadable++;
		return true;
	}
	if (type != PROG_TYPE_STRUCT_OPS)
		return true;
	if (w->nr == STRUCT_OPS_PROGS_MAX) {
		w->cut = "more than 1024 struct_ops programs";
		return false;
	}
	w->nr++;
	return w->take(w, prog, (gva_t){ aux });
}

/* False: there is nothing to walk with. */
static bool walk_progs(struct walk *w)
{
	kt_auto(cap_set) struct cap_set *seen = NULL;
	const struct cap_types *t = cap_guest_types(w->d->g);
	gva_t idr;

	w->l = t ? cap_layout(t, &cap_layout_prog, NULL) : NULL;
	if (!w->l || !cap_guest_symbol(w->d->g, "prog_idr", &idr) ||
	    cap_set_create(IDS_MAX, &seen) < 0)
		return false;
	w->seen = seen;
	w->r = cap_idr_each(w->d->g, idr, IDS_MAX, look_at_prog, w);
	return w->r == 0 || w->nr;
}

/* ---- how often they ran ---- */

static uint64_t add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* Reads one of the three numbers out of a struct bpf_prog_stats that was read whole. */
static uint64_t number_at(const uint8_t *data, const struct cap_field *f)
{
	uint64_t v;

	memcpy(&v, data + f->offset, sizeof(v));
	return v;
}

enum { STATS_BYTES = 256 };

static size_t stats_bytes(const struct prog_layout *l)
{
	const struct cap_field *fields[] = { &l->cnt, &l->nsecs, &l->misses };
	size_t bytes = 0;

	for (size_t i = 0; i < 3; i++)
		if (fields[i]->offset + sizeof(uint64_t) > bytes)
			bytes = fields[i]->offset + sizeof(uint64_t);
	return bytes;
}

static bool sum_stats(struct walk *w, gva_t prog, gva_t aux)
{
	struct cap_dump *d = w->d;
	unsigned nr_cpus = cap_guest_cpus(d->g);
	struct cap_prog_stats s = { 0 };
	size_t bytes = stats_bytes(w->l);
	uint8_t data[STATS_BYTES];
	char name[NAME_BYTES] = "";
	uint64_t stats;
	gva_t at;

	(void)cap_read_text(d->g, cap_at(aux, w->l->name.offset), name, sizeof(name));
	s.name = cap_strdup(d->pool, name);
	if (bytes > sizeof(data) || cap_read_field(d->g, prog, &w->l->stats, &stats) < 0 ||
	    !stats) {
		w->nr_unreadable++;
		return true;
	}
	if (nr_cpus > LOOKS_MAX - w->looks) {
		w->cut = "too many counts to add"; /* part of a sum would look like all of it */
		return false;
	}
	w->looks += nr_cpus;
	for (unsigned cpu = 0; cpu < nr_cpus; cpu++) {
		if (cap_percpu(d->g, (gva_t){ stats }, cpu, &at) < 0 ||
		    cap_guest_read(d->g, at, data, bytes) < 0)
			continue;
		s.cnt = add(s.cnt, number_at(data, &w->l->cnt));
		s.nsecs = add(s.nsecs, number_at(data, &w->l->nsecs));
		s.misses = add(s.misses, number_at(data, &w->l->misses));
	}
	if (!s.name || KT_VEC_PUSH(&w->stats, s) < 0)
		w->cut = CAP_WHY_FULL;
	else if (cap_dump_late(d))
		w->cut = CAP_WHY_CUT_LATE;
	return !w->cut;
}

/* Beside what was found. */
static const char *why_not_all(const struct walk *w)
{
	struct cap_pool *p = w->d->pool;

	if (cap_pool_full(p))
		return CAP_WHY_FULL;
	if (w->cut)
		return cap_fmt(p, "prog walker stopped after %zu programs: %s", w->stats.nr,
			       w->cut);
	if (w->r < 0)
		return cap_fmt(p, "prog walker found %zu programs, but prog_idr %s", w->stats.nr,
			       cap_idr_error(w->r));
	if (w->nr_unreadable)
		return cap_fmt(p, "prog walker could not read %zu programs", w->nr_unreadable);
	return w->stats.nr ? NULL : CAP_WHY_NO_PROGS;
}

void cap_dump_prog_stats(struct cap_dump *d)
{
	struct walk w = { .d = d, .take = sum_stats };

	if (!walk_progs(&w)) {
		d->report->prog_runtime_stats_unavailable = CAP_WHY_PROGS;
		return;
	}
	d->report->prog = cap_keep(d->pool, w.stats.v, w.stats.nr, sizeof(*w.stats.v));
	d->report->nr_progs = d->report->prog ? w.stats.nr : 0;
	d->report->prog_runtime_stats_unavailable = why_not_all(&w);
	free(w.stats.v);
}

/* ---- whose maps ---- */

/* "bpf.bss" -> 3; 0: no section of variables. */
static size_t object_length(const char *name)
{
	static const char *const sections[] = { ".bss", ".data", ".rodata" };
	const char *dot = strchr(name, '.');

	for (size_t i = 0; dot && i < sizeof(sections) / sizeof(sections[0]); i++)
		if (kt_streq(dot, sections[i]))
			return (size_t)(dot - name);
	return 0;
}

static const struct cap_map *find_map(const struct cap_dump *d, uint64_t kva)
{
	for (size_t i = 0; i < d->nr_maps; i++)
		if (d->map[i].kva.v == kva)
			return &d->map[i];
	return NULL;
}

/*
 * The kernel publishes the table first and then its length (bpf_prog_load() in kernel/bpf/syscall.c): a NULL table has none.
 * All of them count, the program's own object's and those it shares.
 */
static bool take_used_maps(struct walk *w, gva_t prog, gva_t aux)
{
	struct cap_report *r = w->d->report;
	uint64_t table, nr, kva[USED_MAPS_MAX];

	(void)prog;
	if (cap_read_field(w->d->g, aux, &w->l->used_maps, &table) < 0 || !table ||
	    cap_read_field(w->d->g, aux, &w->l->used_map_cnt, &nr) < 0)
		return true;
	if (nr > USED_MAPS_MAX)
		nr = USED_MAPS_MAX;
	if (!nr || cap_guest_read(w->d->g, (gva_t){ table }, kva, nr * sizeof(kva[0])) < 0)
		return true;
	for (size_t i = 0; i < nr; i++) {
		const struct cap_map *m = find_map(w->d, kva[i]);
		size_t len = m && !m->framework ? object_length(m->name) : 0;

		if (!len)
			continue;
		r->active_obj_name = cap_strndup(w->d->pool, m->name, len);
		r->active_map_kvas = cap_keep(w->d->pool, kva, nr, sizeof(kva[0]));
		r->nr_active_maps = r->active_map_kvas ? nr : 0;
		return false;
	}
	return true;
}

/* Whether the sections that are named after @obj are there, one of each at most. */
static bool is_only_object(const struct cap_dump *d, const char *obj, size_t len)
{
	static const char *const sections[] = { ".bss", ".data", ".rodata" };
	size_t all = 0;

	for (size_t s = 0; s < sizeof(sections) / sizeof(sections[0]); s++) {
		size_t nr = 0;

		for (size_t i = 0; i < d->nr_maps; i++)
			nr += object_length(d->map[i].name) == len &&
			      memcmp(d->map[i].name, obj, len) == 0 &&
			      kt_streq(d->map[i].name + len, sections[s]);
		if (nr > 1)
			return false;
		all += nr;
	}
	return all;
}

/* Without such a program: a struct_ops map that is named after its object. */
static void guess_by_names(struct cap_dump *d)
{
	for (size_t i = 0; i < d->nr_maps; i++) {
		const struct cap_map *m = &d->map[i];
		size_t len = strcspn(m->name, ".");

		if (m->type != MAP_TYPE_STRUCT_OPS || m->framework || !len ||
		    !is_only_object(d, m->name, len))
			continue;
		d->report->active_obj_name = cap_strndup(d->pool, m->name, len);
		return;
	}
}

void cap_dump_active(struct cap_dump *d)
{
	struct walk w = { .d = d, .take = take_used_maps };

	(void)walk_progs(&w); /* what it found, or nothing */
	if (!d->report->active_obj_name)
		guess_by_names(d);
}
