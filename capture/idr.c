/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's tables of ids: a struct idr, which is an xarray with a base. */
#include <errno.h>
#include <string.h>

#include "capture/internal.h"

struct idr_layout {
	struct cap_field head, base, shift, slots;
};

static const struct cap_field_row rows[] = {
	CAP_FIELD(idr_layout, head, "idr", "idr_rt.xa_head"),
	CAP_FIELD_OPT(idr_layout, base, "idr", "idr_base"),
	CAP_FIELD(idr_layout, shift, "xa_node", "shift"),
	CAP_FIELD(idr_layout, slots, "xa_node", "slots"),
};

const struct cap_layout_desc cap_layout_idr = {
	.group = "idr",
	.row = rows,
	.nr_rows = sizeof(rows) / sizeof(rows[0]),
	.bytes = sizeof(struct idr_layout),
};

enum { SLOTS_MAX = 64, NODE_MAX = 1024 };

struct walk {
	struct cap_guest *g;
	const struct idr_layout *l;
	size_t node_bytes, nr_slots;
	unsigned bits; /* of an index that one level takes */
	uint64_t base, end; /* ids: base + index; indices below end */
	bool (*fn)(void *ctx, uint32_t id, gva_t entry);
	void *ctx;
	bool ended; /* by fn */
	int r; /* the first thing that went wrong; the rest is walked all the same */
};

static void wrong(struct walk *w, int r)
{
	if (w->r == 0)
		w->r = r;
}

/*
 * What an entry is, from include/linux/xarray.h (the same in 6.12 and 7.3): the low bits 10 are internal: of those, above 4096
 * a node, below it siblings, retries and reserved slots, which hold nothing. The low bit 1 is a number that is no pointer.
 */
static bool is_node(uint64_t entry)
{
	return (entry & 3) == 2 && entry > 4096;
}

static bool is_something(uint64_t entry)
{
	return is_node(entry) || (entry && !(entry & 3));
}

static void give(struct walk *w, uint64_t index, uint64_t entry)
{
	if (!entry || (entry & 3))
		return;
	if (!w->fn(w->ctx, (uint32_t)(w->base + index), (gva_t){ entry }))
		w->ended = true;
}

/*
 * A node of @shift, whose first slot is for @index. Depth ends because each level's shift is exactly one step below its
 * parent's; breadth because no slot beyond the last index is followed, so that each index is reached once at most.
 */
static void walk_node(struct walk *w, uint64_t entry, int parent_shift, uint64_t index)
{
	uint8_t node[NODE_MAX];
	uint64_t slot;
	unsigned shift;
	int r = cap_guest_read(w->g, (gva_t){ entry - 2 }, node, w->node_bytes);

	if (r < 0) {
		wrong(w, r);
		return;
	}
	shift = (unsigned)cap_get_field(node, w->node_bytes, &w->l->shift);
	if (shift % w->bits || shift >= 64 ||
	    (parent_shift >= 0 && shift + w->bits != (unsigned)parent_shift)) {
		wrong(w, -ELOOP);
		return;
	}
	for (size_t i = 0; i < w->nr_slots && !w->ended; i++, index += UINT64_C(1) << shift) {
		memcpy(&slot, node + w->l->slots.offset + i * sizeof(slot), sizeof(slot));
		if (index >= w->end || (i && !index)) {
			if (is_something(slot))
				wrong(w, -E2BIG);
			continue;
		}
		if (!is_node(slot))
			give(w, index, slot);
		else if (shift)
			walk_node(w, slot, (int)shift, index);
		else
			wrong(w, -ELOOP);
	}
}

static int prepare(struct walk *w, const struct cap_types *t)
{
	w->l = cap_layout(t, &cap_layout_idr, NULL);
	if (!w->l)
		return -EOPNOTSUPP;
	w->nr_slots = w->l->slots.bytes / sizeof(uint64_t);
	w->node_bytes = w->l->slots.offset + (size_t)w->l->slots.bytes;
	if (w->nr_slots < 2 || w->nr_slots > SLOTS_MAX || (w->nr_slots & (w->nr_slots - 1)) ||
	    w->node_bytes > NODE_MAX || w->l->shift.offset >= w->node_bytes)
		return -EOPNOTSUPP;
	w->bits = (unsigned)__builtin_ctzl(w->nr_slots);
	return 0;
}

const char *cap_idr_error(int r)
{
	switch (r) {
	case 0:
		return NULL;
	case -ELOOP:
		return "has a node where none can be";
	case -E2BIG:
		return "goes on beyond the ids that are looked at";
	case -EFAULT:
	case -EINVAL:
		return "leads to memory that is not there";
	case -ENODATA:
		return "leads to memory that is not in this image";
	case -EOPNOTSUPP:
		return "is of types that this kernel does not tell";
	default:
		return strerror(-r);
	}
}

int cap_idr_each(struct cap_guest *g, gva_t idr, uint32_t max_ids,
		 bool (*fn)(void *ctx, uint32_t id, gva_t entry), void *ctx)
{
	struct walk w = { .g = g, .end = max_ids, .fn = fn, .ctx = ctx };
	uint64_t head;
	int r = prepare(&w, cap_guest_types(g));

	if (r == 0)
		r = cap_read_field(g, idr, &w.l->head, &head);
	if (r < 0)
		return r;
	if (w.l->base.there)
		(void)cap_read_field(g, idr, &w.l->base,
				     &w.base); /* 0 in all kernels that we know */
	if (is_node(head))
		walk_node(&w, head, -1, 0);
	else
		give(&w, 0, head);
	return w.r;
}
