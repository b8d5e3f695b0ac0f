/* SPDX-License-Identifier: GPL-2.0-only */
/* Dispatch queues: each CPU's local and bypass ones, the global one of each node, and the scheduler's own from a hash. */
#include <errno.h>
#include <stdlib.h>

#include "capture/scx.h"

/* include/linux/sched/ext.h: struct scx_dispatch_q. */
struct dsq_fields {
	struct cap_field list, nr, seq, id, hash_node;
};
static const struct cap_field_row dsq_rows[] = {
	CAP_FIELD(dsq_fields, list, "scx_dispatch_q", "list"),
	CAP_FIELD(dsq_fields, nr, "scx_dispatch_q", "nr"),
	CAP_FIELD(dsq_fields, seq, "scx_dispatch_q", "seq"),
	CAP_FIELD(dsq_fields, id, "scx_dispatch_q", "id"),
	CAP_FIELD(dsq_fields, hash_node, "scx_dispatch_q", "hash_node"),
};
const struct cap_layout_desc cap_layout_dsq = {
	.group = "dsq",
	.row = dsq_rows,
	.nr_rows = sizeof(dsq_rows) / sizeof(dsq_rows[0]),
	.bytes = sizeof(struct dsq_fields),
};

/* include/linux/rhashtable.h and rhashtable-types.h. */
struct rhashtable_fields {
	struct cap_field tbl, size, nest, future_tbl, buckets, next;
};
static const struct cap_field_row rhashtable_rows[] = {
	CAP_FIELD(rhashtable_fields, tbl, "rhashtable", "tbl"),
	CAP_FIELD(rhashtable_fields, size, "bucket_table", "size"),
	CAP_FIELD(rhashtable_fields, nest, "bucket_table", "nest"),
	CAP_FIELD(rhashtable_fields, future_tbl, "bucket_table", "future_tbl"),
	CAP_FIELD(rhashtable_fields, buckets, "bucket_table", "buckets"),
	CAP_FIELD(rhashtable_fields, next, "rhash_head", "next"),
};
const struct cap_layout_desc cap_layout_rhashtable = {
	.group = "rhashtable",
	.row = rhashtable_rows,
	.nr_rows = sizeof(rhashtable_rows) / sizeof(rhashtable_rows[0]),
	.bytes = sizeof(struct rhashtable_fields),
};

enum {
	BUCKETS_MAX = 65536,
	HASH_NODES_MAX = 8192,
	PER_BUCKET_MAX = 1024,
	TABLES_MAX = 4, /* a table, and those that it is being moved to */
	NODES_MAX = 1024, /* of memory */
};

struct walk {
	struct cap_dump *d;
	const struct dsq_fields *f;
	const struct cap_links *links;
	KT_VEC(struct cap_dsq) rows;
};

/* False: it is not to be read, and nothing was added. @origin is in the pool, or for ever. */
static bool add_dsq(struct walk *w, gva_t dsq, const char *origin)
{
	struct cap_dsq row = { .origin = origin };
	struct cap_task_list list;
	uint64_t nr, seq;

	if (cap_read_field(w->d->g, dsq, &w->f->id, &row.id) < 0 ||
	    cap_read_field(w->d->g, dsq, &w->f->nr, &nr) < 0 ||
	    cap_read_field(w->d->g, dsq, &w->f->seq, &seq) < 0) {
		cap_scx_cut(w->d, "DSQ %s is not to be read", origin);
		return false;
	}
	row.nr = (uint32_t)nr;
	row.seq = (uint32_t)seq;
	list = cap_scx_task_list(w->d, cap_at(dsq, w->f->list.offset), &w->links->dsq_node, true,
				 cap_fmt(w->d->pool, "DSQ %s", origin));
	row.task_kvas = list.kvas;
	row.nr_tasks = list.nr;
	row.truncated = list.truncated;
	return KT_VEC_PUSH(&w->rows, row) == 0;
}

/* ---- one per CPU ---- */

static void add_local(struct walk *w, const struct cap_rq_fields *rq, const struct cap_field *where,
		      const char *origin)
{
	unsigned nr_cpus = cap_guest_cpus(w->d->g);
	gva_t runqueues, at;

	if (!rq || !where->there || !cap_guest_symbol(w->d->g, "runqueues", &runqueues))
		return;
	for (unsigned cpu = 0; cpu < nr_cpus && !cap_dump_late(w->d); cpu++)
		if (cap_percpu(w->d->g, runqueues, cpu, &at) == 0)
			(void)add_dsq(w, cap_at(at, where->offset),
				      cap_fmt(w->d->pool, "%s cpu %u", origin, cpu));
}

static void add_bypass(struct walk *w, const struct cap_sched_fields *f)
{
	unsigned nr_cpus = cap_guest_cpus(w->d->g);
	gva_t pcpu, at;

	if (!f->pcpu.there || !f->pcpu_bypass_dsq.there ||
	    cap_read_ptr(w->d->g, cap_at(w->d->scx->sched, f->pcpu.offset), &pcpu) < 0)
		return;
	for (unsigned cpu = 0; cpu < nr_cpus && !cap_dump_late(w->d); cpu++)
		if (cap_percpu(w->d->g, pcpu, cpu, &at) == 0)
			(void)add_dsq(w, cap_at(at, f->pcpu_bypass_dsq.offset),
				      cap_fmt(w->d->pool, "bypass cpu %u", cpu));
}

/* ---- one per node ---- */

static unsigned nr_nodes(struct cap_guest *g)
{
	uint32_t nr = 1;
	gva_t at;

	if (!cap_guest_symbol(g, "nr_node_ids", &at) || cap_read_u32(g, at, &nr) < 0)
		return 1;
	return nr < NODES_MAX ? nr : NODES_MAX;
}

/* @at holds an array of pointers, one per node, to what has a DSQ at @offset. */
static void add_global(struct walk *w, gva_t at, uint32_t offset)
{
	unsigned nr = nr_nodes(w->d->g);
	gva_t array, node;

	if (cap_read_ptr(w->d->g, at, &array) < 0 || !cap_is_kernel(array))
		return;
	for (unsigned i = 0; i < nr && !cap_dump_late(w->d); i++) {
		if (cap_read_ptr(w->d->g, cap_at(array, i * sizeof(uint64_t)), &node) < 0)
			return;
		if (cap_is_kernel(node))
			(void)add_dsq(w, cap_at(node, offset),
				      cap_fmt(w->d->pool, "global node %u", i));
	}
}

/* ---- those that the scheduler made ---- */

struct hash {
	const struct rhashtable_fields *f;
	struct cap_set *seen;
	size_t nodes;
};

/*
 * From the head of a bucket to its end: a pointer with its lowest bit set, or NULL. In a bucket that bit is a lock
 * (lib/rhashtable.c, since 5.3).
 */
static bool walk_bucket(struct walk *w, struct hash *h, uint64_t bucket)
{
	gva_t node = { bucket & ~1ull };
	const char *why = NULL;

	for (unsigned n = 0; !why && node.v && !(node.v & 1); n++) {
		gva_t dsq = { node.v - w->f->hash_node.offset };

		if (n >= PER_BUCKET_MAX || h->nodes++ >= HASH_NODES_MAX)
			why = "has too many DSQs";
		else if (cap_is_kernel(node) && !cap_set_add(h->seen, node.v))
			why = "goes round";
		else if (!cap_is_kernel(node) || !add_dsq(w, dsq, "user") ||
			 cap_read_ptr(w->d->g, cap_at(node, h->f->next.offset), &node) < 0)
			why = "leads to memory that is not there";
		if (cap_dump_late(w->d))
			return false;
	}
	if (why)
		cap_scx_cut(w->d, "a bucket of the hash of user DSQs %s", why);
	return h->nodes < HASH_NODES_MAX && !cap_dump_late(w->d);
}

static void walk_buckets(struct walk *w, struct hash *h, gva_t table, uint32_t size)
{
	uint64_t bucket[512];
	uint32_t n;

	for (uint32_t i = 0; i < size; i += n) {
		gva_t at = cap_at(table, h->f->buckets.offset + i * sizeof(bucket[0]));

		n = size - i < 512 ? size - i : 512;
		if (cap_guest_read(w->d->g, at, bucket, n * sizeof(bucket[0])) < 0) {
			cap_scx_cut(w->d,
				    "buckets %u to %u of the hash of user DSQs are not to be read",
				    i, i + n - 1);
			continue;
		}
		for (uint32_t k = 0; k < n; k++)
			if (bucket[k] && !walk_bucket(w, h, bucket[k]))
				return;
	}
}

/* One bucket_table; *ret_next is the one that its entries are being moved to. */
static void walk_table(struct walk *w, struct hash *h, gva_t table, gva_t *ret_next)
{
	uint64_t size, nest;

	ret_next->v = 0;
	if (!cap_is_kernel(table) || cap_read_field(w->d->g, table, &h->f->size, &size) < 0 ||
	    cap_read_field(w->d->g, table, &h->f->nest, &nest) < 0) {
		cap_scx_cut(w->d, "the hash of user DSQs is not to be read");
		return;
	}
	if (nest) {
		cap_scx_cut(w->d, "the hash of user DSQs has nested tables, which are not walked");
		return;
	}
	if (size == 0 || size & (size - 1)) { /* lib/rhashtable.c: a power of two */
		cap_scx_cut(w->d, "the hash of user DSQs claims %llu buckets",
			    (unsigned long long)size);
		return;
	}
	if (size > BUCKETS_MAX)
		cap_scx_cut(w->d, "the hash of user DSQs claims %llu buckets",
			    (unsigned long long)size);
	walk_buckets(w, h, table, size < BUCKETS_MAX ? (uint32_t)size : BUCKETS_MAX);
	(void)cap_read_ptr(w->d->g, cap_at(table, h->f->future_tbl.offset), ret_next);
}

static void add_user(struct walk *w, gva_t rhashtable)
{
	kt_auto(cap_set) struct cap_set *seen = NULL;
	struct hash h = { .f = cap_scx_layout(w->d, &cap_layout_rhashtable) };
	gva_t table, next;

	if (!h.f || cap_set_create(HASH_NODES_MAX + 1, &seen) < 0)
		return;
	h.seen = seen;
	if (cap_read_ptr(w->d->g, cap_at(rhashtable, h.f->tbl.offset), &table) < 0) {
		cap_scx_cut(w->d, "the hash of user DSQs is not to be read");
		return;
	}
	for (unsigned n = 0; n < TABLES_MAX && table.v; n++, table = next)
		walk_table(w, &h, table, &next);
}

/* ---- all ---- */

/* Where 6.12 to 6.15 have them: variables of kernel/sched/ext.c. */
static void add_of_globals(struct walk *w)
{
	gva_t at;

	if (cap_guest_symbol(w->d->g, "scx_root", &at))
		return; /* what is in it is gone with the scheduler */
	if (cap_guest_symbol(w->d->g, "global_dsqs", &at))
		add_global(w, at, 0);
	if (cap_guest_symbol(w->d->g, "dsq_hash", &at))
		add_user(w, at);
}

static void add_of_sched(struct walk *w)
{
	const struct cap_sched_fields *f = cap_scx_layout(w->d, &cap_layout_sched);
	gva_t sched = w->d->scx->sched;

	if (!f)
		return;
	add_bypass(w, f);
	if (f->pnode.there && f->pnode_global_dsq.there)
		add_global(w, cap_at(sched, f->pnode.offset), f->pnode_global_dsq.offset);
	else if (f->global_dsqs.there)
		add_global(w, cap_at(sched, f->global_dsqs.offset), 0);
	if (f->dsq_hash.there)
		add_user(w, cap_at(sched, f->dsq_hash.offset));
}

void cap_dump_dsqs(struct cap_dump *d)
{
	struct walk w = {
		.d = d,
		.f = cap_scx_layout(d, &cap_layout_dsq),
		.links = cap_scx_layout(d, &cap_layout_scx_tasks),
	};
	const struct cap_rq_fields *rq = cap_scx_layout(d, &cap_layout_rq);

	if (!d->scx || !w.f || !w.links)
		return;
	add_local(&w, rq, rq ? &rq->local_dsq : NULL, "local");
	add_local(&w, rq, rq ? &rq->bypass_dsq : NULL, "bypass");
	if (d->scx->sched.v)
		add_of_sched(&w);
	else
		add_of_globals(&w);
	d->report->dsq = cap_keep(d->pool, w.rows.v, w.rows.nr, sizeof(*w.rows.v));
	d->report->nr_dsqs = d->report->dsq ? w.rows.nr : 0;
	free(w.rows.v);
}
