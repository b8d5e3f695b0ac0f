/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The probe's variables in the guest: its latch, what it took when the scheduler exited, and its counters. They are found
 * once, through the program's own BTF, and are then only read: the map stays where it is as long as the probe is loaded.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/scx.h"

#define SECTION "probe_bp.bss"
enum {
	VALUE_MAX = 16 << 20, /* of the section */
	COUNTER_STRIDE = 128, /* wire-schema.md section 5: no two CPUs write to one cache line */
	CPUS_MAX = 256,
	POOL_MAX = 4 << 20, /* a list of maps, names of reasons */
	BLOCK_BYTES = CAP_PC_NR * COUNTER_STRIDE, /* of one CPU */
};

enum variable {
	LATCH,
	KIND,
	ABORTING,
	DEPTH,
	TIMEOUT,
	SCHED,
	COUNTERS,
	NR_VARIABLES,
};
static const char *const names[NR_VARIABLES] = {
	[LATCH] = "ktstr_err_exit_detected",       [KIND] = "ktstr_exit_kind_snap",
	[ABORTING] = "ktstr_exit_aborting",        [DEPTH] = "ktstr_exit_bypass_depth",
	[TIMEOUT] = "ktstr_exit_watchdog_timeout", [SCHED] = "ktstr_exit_sched_kva",
	[COUNTERS] = "ktstr_pcpu_counters",
};

struct cap_probe {
	gva_t value;
	uint32_t value_bytes; /* as the map says */
	struct cap_field variable[NR_VARIABLES];
};

void cap_probe_free(struct cap_probe *p)
{
	free(p);
}

/* ---- where they are ---- */

static const struct btf_type *find_section(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(btf, id);

	return t && btf_is_datasec(t) ? t : NULL;
}

static void find_variables(const struct btf *btf, const struct btf_type *section,
			   struct cap_probe *p)
{
	const struct btf_var_secinfo *v = btf_var_secinfos(section);

	for (uint32_t n = 0; n < btf_vlen(section); n++) {
		const struct btf_type *var = btf__type_by_id(btf, v[n].type);
		const char *name = var ? btf__name_by_offset(btf, var->name_off) : NULL;

		for (unsigned i = 0; name && i < NR_VARIABLES; i++)
			if (kt_streq(name, names[i]))
				p->variable[i] = (struct cap_field){
					.there = true,
					.offset = v[n].offset,
					.bytes = v[n].size,
					.type_id = v[n].type,
				};
	}
}

static bool find_in_map(struct cap_dump *d, const struct cap_map *m, struct cap_probe *ret)
{
	const struct cap_btf *btf = cap_prog_btf(d, m->btf_kva);
	const struct btf_type *section = btf->btf ? find_section(btf->btf, m->btf_value_type_id)
						  : NULL;

	if (!section || m->value_size > VALUE_MAX || cap_array_value(d->g, m->kva, &ret->value) < 0)
		return false;
	ret->value_bytes = m->value_size;
	find_variables(btf->btf, section, ret);
	return ret->variable[LATCH].there;
}

/* With the maps of @d; NULL: there is no probe. */
static const struct cap_probe *find_in_dump(struct cap_dump *d)
{
	struct cap_probe **kept = cap_guest_probe(d->g);

	for (size_t i = 0; !*kept && i < d->nr_maps; i++) {
		struct cap_probe found = { 0 };

		if (!kt_streq(d->map[i].name, SECTION) || !find_in_map(d, &d->map[i], &found))
			continue;
		*kept = malloc(sizeof(found));
		if (*kept)
			**kept = found;
	}
	return *kept;
}

/* Outside of a dump: the maps are looked up for this alone. */
static const struct cap_probe *find(struct cap_guest *g)
{
	static const struct cap_dump_opts defaults = { 0 };
	kt_auto(cap_pool) struct cap_pool *pool = NULL;
	struct cap_dump d = { .g = g, .opts = &defaults };
	const struct cap_probe *p = *cap_guest_probe(g);

	if (p || cap_pool_create(POOL_MAX, &pool) < 0)
		return p;
	d.pool = pool;
	d.report = cap_alloc(pool, sizeof(*d.report));
	if (!d.report)
		return NULL;
	cap_dump_find_maps(&d);
	p = find_in_dump(&d);
	cap_prog_btfs_free(d.btfs);
	return p;
}

/* ---- what they hold ---- */

static bool is_inside(const struct cap_probe *p, enum variable which)
{
	const struct cap_field *f = &p->variable[which];

	return f->there && f->bytes <= p->value_bytes && f->offset <= p->value_bytes - f->bytes;
}

static bool read_number(struct cap_guest *g, const struct cap_probe *p, enum variable which,
			uint64_t *ret)
{
	return is_inside(p, which) && cap_read_field(g, p->value, &p->variable[which], ret) == 0;
}

/* [CPU][slot], each at the start of its own cache lines. Only positive values count. */
static bool read_counters(struct cap_guest *g, const struct cap_probe *p,
			  struct cap_probe_counters *ret)
{
	unsigned nr = p->variable[COUNTERS].bytes / BLOCK_BYTES, cpus = cap_guest_cpus(g);
	struct cap_probe_counters sum = { .valid = true };

	if (!is_inside(p, COUNTERS) || nr == 0)
		return false;
	nr = nr < CPUS_MAX ? nr : CPUS_MAX;
	nr = cpus && cpus < nr ? cpus : nr; /* the others never counted */
	for (unsigned cpu = 0; cpu < nr; cpu++) {
		uint8_t block[BLOCK_BYTES];
		gva_t at = cap_at(p->value, p->variable[COUNTERS].offset + cpu * BLOCK_BYTES);

		if (cap_guest_read(g, at, block, sizeof(block)) < 0)
			return false;
		for (unsigned i = 0; i < CAP_PC_NR; i++) {
			int64_t v;

			memcpy(&v, block + i * COUNTER_STRIDE, sizeof(v));
			if (v > 0)
				sum.slot[i] += (uint64_t)v;
		}
	}
	*ret = sum;
	return true;
}

enum cap_latch cap_read_latch(struct cap_guest *g, struct cap_probe_counters *ret_counters)
{
	const struct cap_probe *p = find(g);
	uint64_t latch;

	if (!p)
		return CAP_LATCH_NOT_RESOLVED;
	if (ret_counters)
		(void)read_counters(g, p, ret_counters); /* else those of an earlier look */
	if (!read_number(g, p, LATCH, &latch))
		return CAP_LATCH_OUT_OF_BOUNDS;
	return latch ? CAP_LATCH_TRIGGERED : CAP_LATCH_NOT_TRIGGERED;
}

bool cap_read_exit_snapshot(struct cap_dump *d, struct cap_exit_snapshot *ret)
{
	const struct cap_probe *p = find_in_dump(d);
	struct cap_exit_snapshot s = { 0 };
	uint64_t v;

	if (!p || !read_number(d->g, p, KIND, &v) || v == 0)
		return false;
	s.exit_kind = (uint32_t)v;
	s.aborting = read_number(d->g, p, ABORTING, &v) && v;
	s.bypass_depth = read_number(d->g, p, DEPTH, &v) ? (int32_t)v : 0;
	s.watchdog_timeout = read_number(d->g, p, TIMEOUT, &v) ? v : 0;
	s.sched_kva = read_number(d->g, p, SCHED, &v) ? v : 0;
	*ret = s;
	return true;
}

void cap_dump_probe_counters(struct cap_dump *d)
{
	const struct cap_probe *p = find_in_dump(d);
	struct cap_probe_counters counters;

	if (p && read_counters(d->g, p, &counters))
		d->report->probe_counters = cap_keep(d->pool, &counters, 1, sizeof(counters));
}
