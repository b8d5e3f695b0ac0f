/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Allocators of slots in the arena: for each struct scx_allocator of .bss, from its root through the levels of its tree to
 * every slot in use. Where members are is asked of the scheduler's own BTF, since each scheduler brings its own copy.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "capture/alloc.h"

enum {
	LEVELS = 3, /* SDT_TASK_LEVELS of tools/sched_ext and scx (lib/sdt_alloc) */
	FANOUT_MAX = 512,
	ALLOCATORS_MAX = 256, /* a scheduler has a handful */
	NAME_BYTES_MAX = 512,
	ENTRIES_MAX = 4096, /* listed, of one allocator */
	NODES_MAX = 4096, /* of all allocators */
	SLOT_BYTES_MAX = 4096, /* of one that are shown */
	ELEM_BYTES_MAX = 1 << 20, /* larger: a lie */
};

struct layout {
	uint32_t allocator; /* type */
	uint32_t elem_size, root; /* in the allocator */
	uint32_t desc_bytes, bitmap, bitmap_bytes, chunk; /* in a desc */
	uint32_t children, fanout; /* in a chunk */
	uint32_t header_bytes, idx, genn; /* of a slot */
	bool guessed; /* BTF only declares chunks or slots: then each slot must bear its index */
};

struct alloc_walk {
	struct cap_dump *d;
	const struct cap_bss *b;
	const struct layout *l;
	struct cap_slots *slots;
	size_t nr_instances;
	size_t nr_nodes;
	KT_VEC(struct cap_sdt_report) report;
	/* of the allocator under way */
	struct cap_sdt_report *out;
	KT_VEC(struct cap_sdt_entry) entry;
	bool stopped; /* nothing more can be told of it */
};

static uint64_t number(const uint8_t *p, size_t bytes)
{
	uint64_t v = 0;

	memcpy(&v, p, bytes);
	return v;
}

/* ---- where members are ---- */

static bool find_allocator(const struct btf *btf, struct layout *l)
{
	const struct btf_type *t;
	uint32_t pool, type, elem;

	l->allocator = cap_own_struct(btf, "scx_allocator");
	t = btf__type_by_id(btf, l->allocator);
	if (!l->allocator || !cap_member(btf, l->allocator, "pool", &pool, &type) ||
	    !cap_member(btf, type, "elem_size", &elem, &type) ||
	    !cap_member(btf, l->allocator, "root", &l->root, &type))
		return false;
	l->elem_size = pool + elem;
	return l->elem_size + 8 <= t->size && l->root + 8 <= t->size;
}

/*
 * clang writes only a declaration of what is reached through pointers alone (scx_sdt of kernel 7.3): then a chunk is taken
 * for what its desc's bitmap says, as many pointers as that has bits.
 */
static int64_t find_children(const struct btf *btf, struct layout *l, int64_t bitmap_bytes)
{
	uint32_t chunk = cap_own_struct(btf, "sdt_chunk"), type;
	const struct btf_type *c = btf__type_by_id(btf, chunk);
	int64_t bytes;

	if (!chunk) {
		l->guessed = true;
		return bitmap_bytes * 8 * 8;
	}
	if (!cap_member(btf, chunk, "descs", &l->children, &type))
		return 0;
	bytes = btf__resolve_size(btf, type);
	return bytes > 0 && l->children + (uint64_t)bytes <= c->size ? bytes : 0;
}

static bool find_tree(const struct btf *btf, struct layout *l)
{
	uint32_t desc = cap_own_struct(btf, "sdt_desc"), type;
	const struct btf_type *d = btf__type_by_id(btf, desc);
	int64_t bitmap_bytes, children_bytes;

	if (!desc || !cap_member(btf, desc, "allocated|bitmap", &l->bitmap, &type))
		return false;
	bitmap_bytes = btf__resolve_size(btf, type);
	if (bitmap_bytes < 8 || bitmap_bytes > FANOUT_MAX / 8 || d->size > SLOT_BYTES_MAX ||
	    !cap_member(btf, desc, "chunk", &l->chunk, &type))
		return false;
	children_bytes = find_children(btf, l, bitmap_bytes);
	if (children_bytes < 8 || children_bytes > FANOUT_MAX * 8)
		return false;
	l->bitmap_bytes = (uint32_t)bitmap_bytes;
	l->fanout = (uint32_t)children_bytes / 8;
	l->desc_bytes = d->size;
	return l->fanout <= l->bitmap_bytes * 8 && l->bitmap + l->bitmap_bytes <= d->size &&
	       l->chunk + 8 <= d->size;
}

static bool find_slot(const struct btf *btf, struct layout *l)
{
	uint32_t data = cap_own_struct(btf, "sdt_data"), tid = 0, at;
	uint32_t type = cap_own_union(btf, "sdt_id");
	const struct btf_type *t = btf__type_by_id(btf, data ? data : type);

	if (!data)
		l->guessed = true;
	else if (!cap_member(btf, data, "tid", &tid, &type))
		return false;
	if (!type || !cap_member(btf, type, "idx", &l->idx, &at) ||
	    !cap_member(btf, type, "genn", &l->genn, &at))
		return false;
	l->idx += tid;
	l->genn += tid;
	if (!data || !cap_member(btf, data, "payload", &l->header_bytes, &at))
		l->header_bytes = t->size;
	return l->header_bytes >= 4 && l->header_bytes <= 64 && l->idx <= l->header_bytes - 4 &&
	       l->genn <= l->header_bytes - 4;
}

/* ---- the tree ---- */

/* So that pointers to it are known. False: it is of no use for them, or there are too many. */
static bool index_slot(struct alloc_walk *w, const struct cap_slot *slot)
{
	return slot->type_id && slot->elem_bytes > slot->header_bytes &&
	       slot->elem_bytes <= ELEM_BYTES_MAX && cap_slots_add(w->slots, slot);
}

/* One beyond those that are listed is shown by the maps that have a pointer to it: hence the index goes on without the list. */
static void take_slot(struct alloc_walk *w, uint64_t addr, int32_t idx)
{
	bool listed = w->entry.nr < ENTRIES_MAX;
	struct cap_sdt_entry e = { .idx = idx, .user_addr = (uint32_t)addr };
	struct cap_slot slot = {
		.user_addr = (uint32_t)addr,
		.header_bytes = w->l->header_bytes,
		.elem_bytes = w->out->elem_size,
		.type_id = w->out->target_type_id,
		.btf_kva = w->b->map->btf_kva,
	};
	uint8_t header[64];

	if ((listed || w->l->guessed) &&
	    cap_arena_read(w->d->g, &w->d->arena, addr, header, w->l->header_bytes) == 0) {
		e.idx = (int32_t)number(header + w->l->idx, 4);
		e.genn = (int32_t)number(header + w->l->genn, 4);
	}
	if (w->l->guessed && e.idx != idx) {
		w->out->skipped_subtrees++;
		return;
	}
	listed = listed && KT_VEC_PUSH(&w->entry, e) == 0;
	if (!listed)
		w->out->truncated = true;
	slot.rendered = listed;
	if (!index_slot(w, &slot) && !listed)
		w->stopped = true;
}

static bool may_go_on(struct alloc_walk *w)
{
	if (w->nr_nodes++ < NODES_MAX && !cap_dump_late(w->d) && !cap_pool_full(w->d->pool))
		return true;
	w->out->truncated = true;
	w->stopped = true;
	return false;
}

static void walk_node(struct alloc_walk *w, uint64_t desc_addr, unsigned level, uint32_t idx)
{
	uint8_t desc[SLOT_BYTES_MAX], child[FANOUT_MAX * 8];
	struct cap_guest *g = w->d->g;
	uint64_t chunk;

	if (!may_go_on(w))
		return;
	if (cap_arena_read(g, &w->d->arena, desc_addr, desc, w->l->desc_bytes) < 0) {
		w->out->skipped_subtrees++;
		return;
	}
	chunk = number(desc + w->l->chunk, 8);
	if (!chunk || cap_arena_read(g, &w->d->arena, chunk + w->l->children, child,
				     w->l->fanout * 8UL) < 0) {
		w->out->skipped_subtrees++;
		return;
	}
	for (uint32_t i = 0; i < w->l->fanout; i++) {
		uint64_t addr = number(child + i * 8UL, 8);
		bool used = desc[w->l->bitmap + i / 8] >> i % 8 & 1;

		if (!addr || w->stopped)
			continue;
		if (level + 1 < LEVELS)
			walk_node(w, addr, level + 1, (idx + i) * w->l->fanout);
		else if (used)
			take_slot(w, addr, (int32_t)(idx + i));
	}
}

/* ---- one allocator ---- */

static void choose_type(struct alloc_walk *w, const char *name)
{
	struct cap_sdt_report *out = w->out;

	if (out->elem_size <= w->l->header_bytes)
		out->payload_type_reason =
			cap_fmt(w->d->pool, "its slots have %llu bytes and a header of %u",
				(unsigned long long)out->elem_size, w->l->header_bytes);
	else
		out->target_type_id = cap_payload_type(w->d, w->b, name,
						       out->elem_size - w->l->header_bytes,
						       &out->payload_type_reason);
}

static bool walk_allocator(void *ctx, const char *name, const uint8_t *bytes)
{
	struct alloc_walk *w = ctx;
	struct cap_sdt_report out = { .elem_size = number(bytes + w->l->elem_size, 8) };
	uint64_t root = number(bytes + w->l->root, 8);

	w->nr_instances++;
	/* one that was never initialised */
	if (!root && !out.elem_size)
		return true;
	out.allocator_name = cap_strndup(w->d->pool, name, NAME_BYTES_MAX);
	w->out = &out;
	w->entry.nr = 0;
	w->stopped = false;
	choose_type(w, name);
	if (root)
		walk_node(w, root, 0, 0);
	out.entry = cap_keep(w->d->pool, w->entry.v, w->entry.nr, sizeof(*w->entry.v));
	out.nr = out.entry ? w->entry.nr : 0;
	if (KT_VEC_PUSH(&w->report, out) < 0)
		return false;
	return w->report.nr < ALLOCATORS_MAX && !cap_dump_late(w->d);
}

static void render_entry(struct alloc_walk *w, const struct cap_render *r,
			 const struct cap_sdt_report *a, struct cap_sdt_entry *e)
{
	uint64_t bytes = a->elem_size > w->l->header_bytes ? a->elem_size - w->l->header_bytes : 0;
	uint8_t data[SLOT_BYTES_MAX];

	if (bytes > sizeof(data))
		bytes = sizeof(data);
	if (cap_arena_read(w->d->g, &w->d->arena, e->user_addr + w->l->header_bytes, data, bytes) <
	    0)
		e->payload = (struct cap_value){ .kind = CAP_UNSUPPORTED,
						 .reason = "the slot's memory is not there" };
	else if (a->target_type_id)
		cap_render(r, a->target_type_id, data, bytes, &e->payload);
	else
		cap_render_bytes(w->d->pool, data, bytes, &e->payload);
}

/* When all slots of all allocators are known, so that a payload's pointers to others show where those are told. */
static void render_all(struct alloc_walk *w)
{
	struct cap_render r = cap_dump_render(w->d, w->b->btf);

	for (size_t i = 0; i < w->report.nr; i++) {
		struct cap_sdt_report *a = &w->report.v[i];
		size_t done = 0;

		while (done < a->nr && !cap_dump_late(w->d) && !cap_pool_full(w->d->pool))
			render_entry(w, &r, a, &a->entry[done++]);
		if (done < a->nr)
			a->truncated = true;
		a->nr = done;
	}
}

static const char *walk_all(struct cap_dump *d, const struct cap_bss *b)
{
	const struct btf *btf = b->btf->btf;
	struct layout l = { 0 };
	struct alloc_walk w = { .d = d, .b = b, .l = &l, .slots = d->slots };

	if (!find_allocator(btf, &l) || !find_tree(btf, &l) || !find_slot(btf, &l))
		return CAP_WHY_SDT_NO_TYPE;
	if (!w.slots)
		return "out of memory";
	cap_bss_each(b, l.allocator, walk_allocator, &w);
	cap_slots_ready(w.slots);
	render_all(&w);
	d->report->sdt = cap_keep(d->pool, w.report.v, w.report.nr, sizeof(*w.report.v));
	d->report->nr_sdt = d->report->sdt ? w.report.nr : 0;
	free(w.report.v);
	free(w.entry.v);
	return d->report->nr_sdt ? NULL : CAP_WHY_SDT_NO_INSTANCE;
}

/* In the order of wire-schema.md section 2.3: the first that is missing is the reason. */
static const char *dump_sdt(struct cap_dump *d)
{
	struct cap_bss b;
	int r;

	if (cap_dump_late(d))
		return CAP_WHY_SDT_LATE;
	if (!d->arena.map_kva.v || d->arena.user_vm_start & UINT32_MAX)
		return CAP_WHY_SDT_UNALIGNED;
	r = cap_find_bss(d, &b);
	if (r == -ENOENT)
		return CAP_WHY_SDT_NO_BSS;
	if (!d->arena.kern_vm_start.v)
		return CAP_WHY_SDT_NO_ARENA;
	if (r < 0)
		return CAP_WHY_SDT_NO_BSS;
	return walk_all(d, &b);
}

void cap_dump_sdt(struct cap_dump *d)
{
	(void)cap_slots_of(d); /* without it objects are looked for each time */
	d->report->sdt_alloc_unavailable = dump_sdt(d);
}
