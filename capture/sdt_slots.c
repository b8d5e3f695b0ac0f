/* SPDX-License-Identifier: GPL-2.0-only */
/* Slots of allocators by address, so that a pointer into one shows what is in it; and objects by the BTF that they gave. */
#include <errno.h>
#include <stdlib.h>

#include "capture/alloc.h"

enum { OBJECTS_KEPT = 256 }; /* as many as there are types of programs in a dump (prog_btf.c) */

struct cap_slots {
	KT_VEC(struct cap_slot) slot;
	bool ready;
	struct {
		const struct cap_btf *btf;
		const struct cap_object *object;
	} object[OBJECTS_KEPT];
	size_t nr_objects;
};

struct cap_slots *cap_slots_of(struct cap_dump *d)
{
	if (!d->slots)
		d->slots = calloc(1, sizeof(*d->slots));
	return d->slots;
}

void cap_slots_free(struct cap_slots *s)
{
	if (!s)
		return;
	free(s->slot.v);
	free(s);
}

bool cap_slots_add(struct cap_slots *s, const struct cap_slot *slot)
{
	return s->slot.nr < CAP_SLOTS_MAX && KT_VEC_PUSH(&s->slot, *slot) == 0;
}

static int compare_slots(const void *a, const void *b)
{
	const struct cap_slot *x = a, *y = b;

	return (x->user_addr > y->user_addr) - (x->user_addr < y->user_addr);
}

void cap_slots_ready(struct cap_slots *s)
{
	size_t kept = 0;

	if (s->slot.nr > 0)
		qsort(s->slot.v, s->slot.nr, sizeof(*s->slot.v), compare_slots);
	for (size_t i = 0; i < s->slot.nr; i++) {
		if (kept == 0 || s->slot.v[kept - 1].user_addr != s->slot.v[i].user_addr)
			s->slot.v[kept++] = s->slot.v[i];
	}
	s->slot.nr = kept;
	s->ready = true;
}

struct cap_slot *cap_slot_find(struct cap_dump *d, uint64_t user_addr)
{
	struct cap_slots *s = d->slots;
	uint64_t low = (uint32_t)user_addr, within;
	size_t lo = 0, hi = s && s->ready ? s->slot.nr : 0;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->slot.v[mid].user_addr <= low)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == 0)
		return NULL;
	within = low - s->slot.v[lo - 1].user_addr;
	if (within >= s->slot.v[lo - 1].elem_bytes ||
	    (within != 0 && within != s->slot.v[lo - 1].header_bytes))
		return NULL;
	return &s->slot.v[lo - 1];
}

const struct cap_object *cap_dump_object(const struct cap_dump *d, const struct cap_btf *btf)
{
	const struct cap_objects *o = cap_guest_objects(d->g);
	const struct cap_object *found;
	struct cap_slots *s = d->slots;

	if (!o || !btf || !btf->btf || !btf->kva.v)
		return NULL;
	for (size_t i = 0; s && i < s->nr_objects; i++) {
		if (s->object[i].btf == btf)
			return s->object[i].object;
	}
	found = cap_objects_match(o, btf->btf);
	if (s && s->nr_objects < OBJECTS_KEPT) {
		s->object[s->nr_objects].btf = btf;
		s->object[s->nr_objects++].object = found;
	}
	return found;
}
