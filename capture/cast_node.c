/* SPDX-License-Identifier: GPL-2.0-only */
/* Nodes: what a value may point at, and the evidence for where and what that is. */
#include <stdlib.h>

#include "capture/cast.h"

enum { NODES_MAX = 1 << 17, EDGES_MAX = 1 << 19 };

static size_t slot_of(const struct casts *c, uint64_t key)
{
	size_t i = (size_t)((key * 0x9e3779b97f4a7c15ULL) >> 32) & (c->nr_slots - 1);

	while (c->slot_key[i] && c->slot_key[i] != key)
		i = (i + 1) & (c->nr_slots - 1);
	return i;
}

static bool grow_slots(struct casts *c)
{
	uint64_t *old_key = c->slot_key;
	uint32_t *old_node = c->slot_node;
	size_t old = c->nr_slots, nr = old ? old * 2 : 1024;
	uint64_t *key = calloc(nr, sizeof(*key));
	uint32_t *node = calloc(nr, sizeof(*node));

	if (!key || !node) {
		free(key);
		free(node);
		return false;
	}
	c->slot_key = key;
	c->slot_node = node;
	c->nr_slots = nr;
	for (size_t i = 0; i < old; i++) {
		if (old_key[i]) {
			size_t at = slot_of(c, old_key[i]);

			key[at] = old_key[i];
			node[at] = old_node[i];
		}
	}
	free(old_key);
	free(old_node);
	return true;
}

uint32_t cast_node(struct casts *c, unsigned kind, uint32_t a, uint32_t b)
{
	/* BTF ids and instruction numbers are below 2^28 */
	uint64_t key = 1ULL << 63 | (uint64_t)kind << 60 | (uint64_t)(a & 0xfffffff) << 32 | b;
	size_t at;

	if (c->node.nr >= c->nr_slots / 2 && !grow_slots(c)) {
		c->oom = true;
		return 0;
	}
	at = slot_of(c, key);
	if (c->slot_key[at])
		return c->slot_node[at];
	if (c->node.nr >= NODES_MAX)
		return 0;
	if (KT_VEC_PUSH(&c->node, (struct cast_node){ 0 }) < 0) {
		c->oom = true;
		return 0;
	}
	c->slot_key[at] = key;
	c->slot_node[at] = (uint32_t)c->node.nr - 1;
	return c->slot_node[at];
}

void cast_add_space(struct casts *c, uint32_t node, uint8_t space)
{
	if (node == 0 || (cast_at(c, node)->space & space) == space)
		return;
	cast_at(c, node)->space |= space;
	c->changed = true;
}

void cast_add_type(struct casts *c, uint32_t node, uint32_t type)
{
	struct cast_node *n = cast_at(c, node);

	if (node == 0 || type == 0 || n->type == type || n->conflict)
		return;
	if (n->type == 0)
		n->type = type;
	else
		n->conflict = true;
	c->changed = true;
}

void cast_add_hint(struct casts *c, uint32_t node, uint32_t type)
{
	struct cast_node *n = cast_at(c, node);

	if (node == 0 || type == 0 || n->hint == type)
		return;
	if (n->hint)
		n->hint_conflict = true;
	else
		n->hint = type;
}

void cast_add_access(struct casts *c, uint32_t node, int32_t off, uint32_t bytes)
{
	struct cast_node *n = cast_at(c, node);

	if (node == 0 || n->type || off < 0)
		return;
	for (unsigned i = 0; i < n->nr_accesses; i++) {
		if (n->access[i].offset == (uint32_t)off && n->access[i].bytes == bytes)
			return;
	}
	if (n->nr_accesses == CAST_ACCESSES)
		return;
	n->access[n->nr_accesses].offset = (uint32_t)off;
	n->access[n->nr_accesses++].bytes = bytes;
	c->changed = true;
}

void cast_store_field(struct casts *c, uint32_t field, struct cast_val v)
{
	if (field == 0)
		return;
	if (v.kind == CAST_NUM || (v.kind == CAST_CONST && v.off != 0)) {
		cast_add_space(c, field, CAST_NUMBER);
		return;
	}
	if (v.kind != CAST_PTR)
		return;
	v = cast_normal(c, v);
	if (v.ref == field) {
		/* its own value, changed: something is counted */
		if (v.off != 0)
			cast_add_space(c, field, CAST_NUMBER);
		return;
	}
	if (v.ref && c->edge.nr < EDGES_MAX &&
	    KT_VEC_PUSH(&c->edge, (struct cast_edge){ field, v.ref, v.off }) < 0)
		c->oom = true;
}

/* What a pointer to @from + @off points at. */
static uint32_t type_inside(struct casts *c, const struct cast_node *from, int32_t off)
{
	const struct btf_type *t;
	uint32_t type = from->type;

	for (unsigned depth = 0; off > 0 && depth < 16; depth++) {
		bool found = false;

		type = cap_peel(c->btf, type);
		t = btf__type_by_id(c->btf, type);
		if (!t || !btf_is_struct(t))
			return 0;
		for (unsigned i = 0; i < btf_vlen(t) && !found; i++) {
			uint32_t at = btf_member_bit_offset(t, i) / 8;
			int64_t bytes = btf__resolve_size(c->btf, btf_members(t)[i].type);

			if (at > (uint32_t)off || bytes <= (uint32_t)off - at)
				continue;
			found = true;
			off -= (int32_t)at;
			type = btf_members(t)[i].type;
		}
		if (!found)
			return 0;
	}
	type = cap_peel(c->btf, type);
	t = btf__type_by_id(c->btf, type);
	return t && off == 0 && (btf_is_struct(t) || btf_is_union(t)) ? type : 0;
}

void cast_propagate(struct casts *c)
{
	bool any = true;

	for (unsigned round = 0; any && round < 16; round++) {
		any = false;
		for (size_t i = 0; i < c->edge.nr; i++) {
			const struct cast_edge *e = &c->edge.v[i];
			const struct cast_node *from = cast_at(c, e->from);
			struct cast_node before = *cast_at(c, e->field);

			cast_add_space(c, e->field,
				       from->space & (CAST_ARENA | CAST_KERNEL | CAST_PROGRAM));
			if (from->conflict)
				cast_at(c, e->field)->conflict = true;
			else if (from->type)
				cast_add_type(c, e->field, type_inside(c, from, e->off));
			any |= before.space != cast_at(c, e->field)->space ||
			       before.type != cast_at(c, e->field)->type ||
			       before.conflict != cast_at(c, e->field)->conflict;
		}
	}
}

struct cast_val cast_normal(struct casts *c, struct cast_val v)
{
	for (unsigned depth = 0; depth < 4 && v.kind == CAST_PTR && v.off > 0; depth++) {
		uint32_t type = cast_at(c, v.ref)->type, at, child;
		uint8_t space = cast_at(c, v.ref)->space;

		at = type && !(space & (CAST_KERNEL | CAST_PROGRAM))
			     ? cast_flexible_at(c->btf, type)
			     : 0;
		if (at == 0 || (uint32_t)v.off < at)
			return v;
		child = cast_node(c, CAST_KEY_PAYLOAD, v.ref, 0);
		if (child == 0)
			return CAST_IS(CAST_UNKNOWN);
		cast_at(c, child)->payload = true;
		cast_add_space(c, child, space & CAST_ARENA);
		v.ref = child;
		v.off -= (int32_t)at;
	}
	return v;
}
