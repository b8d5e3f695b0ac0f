/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which u64 members of a scheduler really hold pointers: by following the instructions of its object until no more is
 * learnt, and claiming only what has no evidence against it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/cast.h"

enum { PASSES_MAX = 8, ROWS_MAX = 1 << 14 };

static const char *name_of(const struct btf *btf, uint32_t type)
{
	const struct btf_type *t = btf__type_by_id(btf, type);
	const char *name = t ? btf__name_by_offset(btf, t->name_off) : NULL;

	return name && *name ? name : NULL;
}

/* A pointer of one kind, to one type at most, and never used as a number. */
static bool is_claim(const struct cast_node *n)
{
	return n->is_field && !n->conflict && (n->space == CAST_ARENA || n->space == CAST_KERNEL);
}

static int compare_rows(const void *a, const void *b)
{
	const struct cap_cast_row *x = a, *y = b;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

static int keep_rows(struct casts *c)
{
	struct cap_object *obj = c->obj;
	size_t cap = 0;

	for (size_t i = 1; i < c->node.nr && obj->nr_rows < ROWS_MAX; i++) {
		const struct cast_node *n = &c->node.v[i];

		if (!is_claim(n))
			continue;
		if (kt_vec_reserve((void **)&obj->row, &cap, obj->nr_rows + 1, sizeof(*obj->row)) <
		    0)
			return -ENOMEM;
		obj->row[obj->nr_rows++] = (struct cap_cast_row){
			.parent = n->parent,
			.offset = n->offset,
			.cast = { .arena = n->space == CAST_ARENA,
				  .target_type_id = n->type,
				  .target_name = n->space == CAST_KERNEL ? name_of(c->btf, n->type)
									 : NULL },
		};
	}
	if (obj->nr_rows > 0)
		qsort(obj->row, obj->nr_rows, sizeof(*obj->row), compare_rows);
	return 0;
}

static int keep_payloads(struct casts *c)
{
	struct cap_object *obj = c->obj;
	size_t cap = 0;

	for (size_t i = 1; i < c->node.nr; i++) {
		const struct cast_node *n = &c->node.v[i];
		size_t seen = 0;

		if (!n->payload || !n->type || n->conflict)
			continue;
		while (seen < obj->nr_payloads && obj->payload[seen] != n->type)
			seen++;
		if (seen < obj->nr_payloads || seen == 64)
			continue;
		if (kt_vec_reserve((void **)&obj->payload, &cap, obj->nr_payloads + 1,
				   sizeof(*obj->payload)) < 0)
			return -ENOMEM;
		obj->payload[obj->nr_payloads++] = n->type;
	}
	return 0;
}

static int run_passes(struct casts *c)
{
	c->changed = true;
	for (unsigned pass = 0; c->changed && c->work && pass < PASSES_MAX; pass++) {
		c->changed = false;
		c->edge.nr = 0;
		for (size_t i = 0; i < c->func.nr; i++) {
			int r = cast_follow(c, &c->func.v[i]);

			if (r < 0)
				return r;
		}
		cast_propagate(c);
		cast_infer_types(c);
	}
	return 0;
}

int cap_cast_analyse(struct cap_object *obj)
{
	struct casts c = { .obj = obj, .btf = obj->btf, .elf = &obj->elf };
	int r = cast_setup(&c);

	if (r == 0)
		r = run_passes(&c);
	if (r == 0)
		r = keep_rows(&c);
	if (r == 0)
		r = keep_payloads(&c);
	if (r == 0)
		obj->kernel_type = kt_take(c.kernel_type);
	cast_done(&c);
	/* what cannot be followed has no casts; its types are still of use */
	return r == -ENOMEM ? r : 0;
}

const struct cap_cast *cap_cast_lookup(const struct cap_object *obj, uint32_t parent_type_id,
				       uint32_t offset)
{
	struct cap_cast_row key = { .parent = parent_type_id, .offset = offset }, *found;

	if (obj->nr_rows == 0)
		return NULL;
	found = bsearch(&key, obj->row, obj->nr_rows, sizeof(key), compare_rows);
	return found ? &found->cast : NULL;
}

const struct cap_cast *cap_cast_find(const struct cap_dump *d, const struct cap_btf *btf,
				     uint32_t parent_type_id, uint32_t offset)
{
	const struct cap_object *obj = cap_dump_object(d, btf);

	return obj ? cap_cast_lookup(obj, parent_type_id, offset) : NULL;
}
