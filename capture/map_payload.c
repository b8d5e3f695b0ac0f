/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a value's "struct sdt_data __arena *" points to: its payload is a flexible array of bytes, so that only the
 * allocator knows its type. Shown with every entry that has it, also when the allocator's list has it: there it is one of
 * many, here it is known whose it is. Only pointers are followed once.
 */
#include <stdlib.h>
#include <string.h>

#include "capture/maps.h"

enum { PAYLOAD_MAX = 64 << 10 };

static const struct btf_type *peeled(const struct btf *btf, uint32_t id)
{
	return btf__type_by_id(btf, cap_peel(btf, id));
}

static bool points_to_slot(const struct btf *btf, uint32_t id)
{
	const struct btf_type *t = peeled(btf, id);
	const char *name;

	if (!t || !btf_is_ptr(t))
		return false;
	t = peeled(btf, t->type);
	if (!t || !(btf_is_struct(t) || btf_is_fwd(t)))
		return false;
	name = btf__name_by_offset(btf, t->name_off);
	return name && kt_streq(name, "sdt_data");
}

/* Byte offset of the first such member; false: the value has none. */
static bool find_pointer(const struct btf *btf, uint32_t value_type_id, uint32_t *ret)
{
	const struct btf_type *t = peeled(btf, value_type_id);

	if (!t || !btf_is_struct(t))
		return false;
	for (uint16_t i = 0; i < btf_vlen(t); i++) {
		uint32_t bits = btf_member_bit_offset(t, i);

		if (bits % 8 || !points_to_slot(btf, btf_members(t)[i].type))
			continue;
		*ret = bits / 8;
		return true;
	}
	return false;
}

static const struct cap_value *render_payload(struct cap_map_walk *w, struct cap_slot *slot)
{
	struct cap_dump *d = w->d;
	const struct cap_btf *btf = cap_prog_btf(d, slot->btf_kva);
	struct cap_render render = cap_dump_render(d, btf);
	size_t len = slot->elem_bytes - slot->header_bytes;
	kt_auto(mem) uint8_t *data = malloc(len);
	struct cap_value *v;

	if (!data || !btf->btf || cap_pool_full(d->pool) ||
	    cap_arena_read(d->g, &d->arena, slot->user_addr + slot->header_bytes, data, len) < 0)
		return NULL;
	v = cap_alloc(d->pool, sizeof(*v));
	if (!v)
		return NULL;
	slot->rendered = true; /* before: it may point to itself */
	cap_render(&render, slot->type_id, data, len, v);
	return v;
}

const struct cap_value *cap_map_payload(struct cap_map_walk *w, const void *value, size_t len)
{
	const struct btf *btf = w->render.btf->btf;
	struct cap_slot *slot;
	uint32_t offset;
	uint64_t ptr;

	if (!btf || !w->d->arena.map_kva.v ||
	    !find_pointer(btf, w->m->btf_value_type_id, &offset) || offset + sizeof(ptr) > len)
		return NULL;
	memcpy(&ptr, (const uint8_t *)value + offset, sizeof(ptr));
	slot = ptr ? cap_slot_find(w->d, ptr) : NULL;
	if (!slot || !slot->type_id || slot->elem_bytes <= slot->header_bytes ||
	    slot->elem_bytes - slot->header_bytes > PAYLOAD_MAX)
		return NULL;
	return render_payload(w, slot);
}
