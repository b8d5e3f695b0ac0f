/* SPDX-License-Identifier: GPL-2.0-only */
/* Where each node's memory was asked for and taken from: what /sys/devices/system/node/node N/numastat tells. */
#include <stdlib.h>
#include <string.h>

#include "capture/internal.h"

/* include/linux/mmzone.h: struct pglist_data, struct zone, struct per_cpu_zonestat. */
struct numa_fields {
	struct cap_field node_zones, vm_numa_event, present_pages, per_cpu_zonestats,
		percpu_vm_numa_event;
};
static const struct cap_field_row numa_rows[] = {
	CAP_FIELD(numa_fields, node_zones, "pglist_data", "node_zones"),
	CAP_FIELD(numa_fields, vm_numa_event, "zone", "vm_numa_event"),
	CAP_FIELD_OPT(numa_fields, present_pages, "zone", "present_pages"),
	CAP_FIELD_OPT(numa_fields, per_cpu_zonestats, "zone", "per_cpu_zonestats"),
	CAP_FIELD_OPT(numa_fields, percpu_vm_numa_event, "per_cpu_zonestat", "vm_numa_event"),
};
const struct cap_layout_desc cap_layout_numa = {
	.group = "numa",
	.row = numa_rows,
	.nr_rows = sizeof(numa_rows) / sizeof(numa_rows[0]),
	.bytes = sizeof(struct numa_fields),
};

enum {
	NODES_MAX = 1024, /* MAX_NUMNODES of the largest x86 configuration */
	ZONES_MAX = 16,
	LOOKS_MAX = 1 << 20, /* at counts of one CPU: the guest says how many CPUs there are */
};
/* enum numa_stat_item (include/linux/mmzone.h): since 2.6. */
enum { HIT, MISS, FOREIGN, INTERLEAVE_HIT, LOCAL, OTHER, NR_EVENTS };

static void add(struct cap_guest *g, gva_t at, const struct cap_field *f, uint64_t *sum)
{
	uint64_t v[NR_EVENTS];

	if (!f->there || f->bytes < sizeof(v) ||
	    cap_guest_read(g, cap_at(at, f->offset), v, sizeof(v)) < 0)
		return;
	for (unsigned i = 0; i < NR_EVENTS; i++)
		sum[i] += v[i]; /* may wrap, as the kernel's own do */
}

/*
 * CPUs count for themselves, and their counts are folded into the zone's now and then, also by who reads numastat
 * (mm/vmstat.c, fold_vm_numa_events()): so both are added. A zone without pages has the counters of no one, shared by
 * all such zones (mm/page_alloc.c, boot_zonestats): those are no figures of the zone.
 */
static void add_zone(struct cap_guest *g, gva_t zone, const struct numa_fields *f, size_t *looks,
		     uint64_t *sum)
{
	uint64_t present = 1, stats;
	gva_t at;

	add(g, zone, &f->vm_numa_event, sum);
	(void)cap_read_field(g, zone, &f->present_pages, &present);
	if (!present || cap_read_field(g, zone, &f->per_cpu_zonestats, &stats) < 0 || !stats)
		return;
	for (unsigned cpu = 0, nr = cap_guest_cpus(g); cpu < nr && ++*looks < LOOKS_MAX; cpu++)
		if (cap_percpu(g, (gva_t){ stats }, cpu, &at) == 0)
			add(g, at, &f->percpu_vm_numa_event, sum);
}

static unsigned nr_nodes(struct cap_guest *g)
{
	uint32_t nr;
	gva_t at;

	if (!cap_guest_symbol(g, "nr_node_ids", &at) || cap_read_u32(g, at, &nr) < 0)
		return 1;
	return nr < NODES_MAX ? nr : NODES_MAX;
}

static struct cap_numa read_node(struct cap_guest *g, unsigned node, gva_t pgdat,
				 const struct numa_fields *f, uint32_t zone_bytes, size_t *looks)
{
	unsigned nr = f->node_zones.bytes / zone_bytes;
	uint64_t sum[NR_EVENTS] = { 0 };

	for (unsigned i = 0; i < nr && i < ZONES_MAX; i++)
		add_zone(g, cap_at(pgdat, f->node_zones.offset + (uint64_t)i * zone_bytes), f,
			 looks, sum);
	return (struct cap_numa){
		.node = node,
		.hit = sum[HIT],
		.miss = sum[MISS],
		.foreign = sum[FOREIGN],
		.interleave_hit = sum[INTERLEAVE_HIT],
		.local = sum[LOCAL],
		.other = sum[OTHER],
	};
}

struct walk {
	struct cap_dump *d;
	const struct numa_fields *f;
	KT_VEC(struct cap_numa) rows;
};

/* NULL: all of them. Else what ended it, after the rows that it has. */
static const char *walk_nodes(struct walk *w, gva_t node_data)
{
	struct cap_dump *d = w->d;
	uint32_t zone_bytes = cap_type_bytes(cap_guest_types(d->g), "zone");
	size_t looks = 0;
	gva_t pgdat;

	for (unsigned i = 0, nr = zone_bytes ? nr_nodes(d->g) : 0; i < nr; i++) {
		gva_t at = cap_at(node_data, i * sizeof(uint64_t));

		if (cap_dump_late(d))
			return CAP_WHY_CUT_LATE;
		if (cap_read_ptr(d->g, at, &pgdat) < 0 || !cap_is_kernel(pgdat))
			continue;
		if (KT_VEC_PUSH(&w->rows, read_node(d->g, i, pgdat, w->f, zone_bytes, &looks)) < 0)
			return CAP_WHY_FULL;
		if (looks >= LOOKS_MAX)
			return "too many counts to add";
	}
	return NULL;
}

void cap_dump_numa(struct cap_dump *d)
{
	struct walk w = { .d = d, .f = cap_layout(cap_guest_types(d->g), &cap_layout_numa, NULL) };
	const char *cut = NULL, **why = &d->report->per_node_numa_unavailable;
	gva_t node_data;

	if (w.f && cap_guest_symbol(d->g, "node_data", &node_data))
		cut = walk_nodes(&w, node_data);
	d->report->numa = cap_keep(d->pool, w.rows.v, w.rows.nr, sizeof(*w.rows.v));
	d->report->nr_numa = d->report->numa ? w.rows.nr : 0;
	if (cap_pool_full(d->pool))
		*why = CAP_WHY_FULL;
	else if (cut)
		*why = cap_fmt(d->pool, "NUMA walker stopped after %zu nodes: %s", w.rows.nr, cut);
	else if (!w.rows.nr)
		*why = CAP_WHY_NUMA;
	free(w.rows.v);
}
