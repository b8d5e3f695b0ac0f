/* SPDX-License-Identifier: GPL-2.0-only */
/* Types behind nodes: what is at an offset, and which struct a use looks like. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/cast.h"

enum { PEEL_MAX = 32, NAMES_MAX = 1 << 18 };

uint32_t cast_pointee(const struct btf *btf, uint32_t ptr_type)
{
	const struct btf_type *t = btf__type_by_id(btf, cap_peel(btf, ptr_type));
	uint32_t id;

	if (!t || !btf_is_ptr(t))
		return 0;
	id = cap_peel(btf, t->type);
	t = btf__type_by_id(btf, id);
	return id && t && (btf_is_struct(t) || btf_is_union(t) || btf_is_fwd(t)) ? id : 0;
}

uint32_t cast_flexible_at(const struct btf *btf, uint32_t type)
{
	const struct btf_type *t = btf__type_by_id(btf, type), *a;
	const struct btf_member *last;

	if (!t || !btf_is_struct(t) || btf_vlen(t) == 0)
		return 0;
	last = btf_members(t) + btf_vlen(t) - 1;
	a = btf__type_by_id(btf, cap_peel(btf, last->type));
	if (!a || !btf_is_array(a) || btf_array(a)->nelems != 0)
		return 0;
	a = btf__type_by_id(btf, cap_peel(btf, btf_array(a)->type));
	return a && btf_is_int(a) ? btf_member_bit_offset(t, btf_vlen(t) - 1) / 8 : 0;
}

static bool spend(struct casts *c, uint64_t steps)
{
	if (c->work < steps) {
		c->work = 0;
		return false;
	}
	c->work -= steps;
	return true;
}

static int64_t bytes_of(const struct btf *btf, uint32_t type)
{
	int64_t bytes = btf__resolve_size(btf, type);

	return bytes < 0 ? 0 : bytes;
}

/* The member around byte @offset; of a union the first whole pointer or number of 8 bytes, else the first. */
static const struct btf_member *member_at(struct casts *c, const struct btf_type *t, int64_t offset)
{
	const struct btf_member *m = btf_members(t), *found = NULL;

	if (!spend(c, btf_vlen(t)))
		return NULL;
	for (unsigned i = 0; i < btf_vlen(t); i++) {
		uint32_t at = btf_member_bit_offset(t, i) / 8;
		const struct btf_type *mt;

		if (at > offset || bytes_of(c->btf, m[i].type) <= offset - at)
			continue;
		if (btf_member_bitfield_size(t, i))
			return NULL;
		if (btf_is_struct(t))
			return &m[i];
		mt = btf__type_by_id(c->btf, cap_peel(c->btf, m[i].type));
		if (mt && (btf_is_ptr(mt) || (btf_is_int(mt) && mt->size == 8)))
			return &m[i];
		found = found ? found : &m[i];
	}
	return found;
}

static void read_tags(const struct btf *btf, uint32_t id, struct cast_leaf *leaf)
{
	for (unsigned i = 0; i < PEEL_MAX; i++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const char *name;

		if (!t || !(btf_is_mod(t) || btf_is_typedef(t) || btf_is_type_tag(t)))
			return;
		name = btf_is_type_tag(t) ? btf__name_by_offset(btf, t->name_off) : NULL;
		if (name && kt_streq(name, "arena"))
			leaf->arena_tag = true;
		else if (name && (strstr(name, "kptr") || kt_streq(name, "rcu")))
			leaf->kernel_tag = true;
		id = t->type;
	}
}

static void fill_scalar(struct casts *c, uint32_t id, const struct btf_type *t, bool element,
			struct cast_leaf *leaf)
{
	bool plain = btf_is_int(t) && t->size == 8 && btf_int_encoding(t) == 0;

	leaf->bytes = (uint32_t)bytes_of(c->btf, id);
	leaf->kind = CAST_LEAF_OTHER;
	if (btf_is_ptr(t)) {
		leaf->kind = CAST_LEAF_PTR;
		leaf->target = cast_pointee(c->btf, id);
		read_tags(c->btf, t->type, leaf);
	} else if (plain && !element && leaf->skew == 0) {
		leaf->kind = CAST_LEAF_U64;
	}
}

/* The variable of a section around a byte of it. */
static const struct cast_var *variable_at(const struct casts *c, uint32_t datasec, int64_t offset)
{
	for (size_t i = 0; i < c->var.nr; i++) {
		const struct cast_var *v = &c->var.v[i];

		if (v->datasec == datasec && offset >= v->offset && offset - v->offset < v->bytes)
			return v;
	}
	return NULL;
}

/* One step inwards. False: nothing is there. */
static bool descend(struct casts *c, const struct btf_type *t, uint32_t *id, int64_t *offset,
		    bool *element, struct cast_leaf *leaf)
{
	const struct btf_member *m;
	int64_t bytes;

	if (btf_is_array(t)) {
		bytes = bytes_of(c->btf, btf_array(t)->type);
		if (bytes == 0 || *offset >= bytes * btf_array(t)->nelems)
			return false;
		*offset %= bytes;
		*element = true;
		*id = btf_array(t)->type;
		return true;
	}
	m = member_at(c, t, *offset);
	if (!m)
		return false;
	leaf->parent = *id;
	leaf->offset = btf_member_bit_offset(t, m - btf_members(t)) / 8;
	*offset -= leaf->offset;
	*element = false;
	*id = m->type;
	return true;
}

struct cast_leaf cast_leaf_at(struct casts *c, uint32_t type, int64_t offset)
{
	struct cast_leaf leaf = { 0 };
	const struct btf_type *t = btf__type_by_id(c->btf, type);
	bool element = false;
	uint32_t id = type;

	if (offset < 0 || !t || !spend(c, 1))
		return leaf;
	if (btf_is_datasec(t)) {
		const struct cast_var *v = spend(c, c->var.nr) ? variable_at(c, type, offset)
							       : NULL;
		if (!v)
			return leaf;
		leaf.parent = type;
		leaf.offset = v->offset;
		offset -= v->offset;
		id = v->type;
	}
	for (unsigned depth = 0; depth < PEEL_MAX; depth++) {
		id = cap_peel(c->btf, id);
		t = btf__type_by_id(c->btf, id);
		if (id == 0 || !t)
			return (struct cast_leaf){ 0 };
		if (!btf_is_array(t) && !btf_is_struct(t) && !btf_is_union(t)) {
			leaf.skew = (uint32_t)offset;
			if (btf_is_int(t) || btf_is_ptr(t) || btf_is_any_enum(t) || btf_is_float(t))
				fill_scalar(c, id, t, element, &leaf);
			return leaf;
		}
		if (!descend(c, t, &id, &offset, &element, &leaf))
			return (struct cast_leaf){ 0 };
	}
	return (struct cast_leaf){ 0 };
}

bool cast_array_at(struct casts *c, uint32_t type, int64_t offset, uint32_t *ret_type,
		   uint32_t *ret_offset)
{
	const struct btf_type *t = btf__type_by_id(c->btf, type);
	struct cast_leaf leaf = { 0 };
	bool element = false, any = false;
	uint32_t id = type;

	if (offset < 0 || !t)
		return false;
	if (btf_is_datasec(t)) {
		const struct cast_var *v = spend(c, c->var.nr) ? variable_at(c, type, offset)
							       : NULL;
		if (!v)
			return false;
		offset -= v->offset;
		id = v->type;
	}
	for (unsigned depth = 0; depth < PEEL_MAX; depth++) {
		id = cap_peel(c->btf, id);
		t = btf__type_by_id(c->btf, id);
		if (id == 0 || !t || !(btf_is_array(t) || btf_is_struct(t) || btf_is_union(t)))
			break;
		if (!descend(c, t, &id, &offset, &element, &leaf))
			break;
		if (element) {
			*ret_type = cap_peel(c->btf, id);
			*ret_offset = (uint32_t)offset;
			any = true;
		}
	}
	return any;
}

static int compare_names(const void *a, const void *b)
{
	const struct cast_name *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : (x->id > y->id) - (x->id < y->id);
}

int cast_names_make(const struct btf *btf, uint32_t kinds, struct cast_names *ret)
{
	for (uint32_t id = 1; id < btf__type_cnt(btf) && ret->nr < NAMES_MAX; id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);
		const char *name = t ? btf__name_by_offset(btf, t->name_off) : NULL;

		if (!name || !*name || !(kinds & 1u << btf_kind(t)))
			continue;
		if (kt_vec_reserve((void **)&ret->v, &ret->cap, ret->nr + 1, sizeof(*ret->v)) < 0)
			return -ENOMEM;
		ret->v[ret->nr++] = (struct cast_name){ name, id };
	}
	if (ret->nr > 0)
		qsort(ret->v, ret->nr, sizeof(*ret->v), compare_names);
	return 0;
}

uint32_t cast_names_find(const struct cast_names *n, const char *name, size_t len)
{
	size_t lo = 0, hi = n->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int r = strncmp(n->v[mid].name, name, len);

		if (r == 0 && n->v[mid].name[len])
			r = 1;
		if (r < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == n->nr || strncmp(n->v[lo].name, name, len) != 0 || n->v[lo].name[len])
		return 0;
	return n->v[lo].id;
}
