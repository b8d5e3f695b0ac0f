/* SPDX-License-Identifier: GPL-2.0-only */
/* Queues and stacks: a ring of values behind the map's structure, shown in the order in which they would be popped. */
#include <stdlib.h>

#include "capture/maps.h"

struct ring {
	gva_t at;
	uint64_t head, tail, size; /* size: slots, one more than elements fit */
	size_t len; /* of what is read and shown of one */
};

static bool read_ring(struct cap_map_walk *w, struct ring *ret)
{
	const struct cap_array_layout *l = cap_map_layout(w, &cap_layout_array);
	uint32_t value_size = w->m->value_size;

	if (!l)
		return false;
	if (!l->elements.there || !l->head.there || !l->tail.there || !l->size.there) {
		cap_map_error(
			w,
			"%s maps are not enumerable: this kernel's types have no bpf_queue_stack",
			cap_map_type_name(w->m->type));
		return false;
	}
	ret->at = cap_at(w->m->kva, l->elements.offset);
	if (cap_read_field(w->d->g, w->m->kva, &l->head, &ret->head) < 0 ||
	    cap_read_field(w->d->g, w->m->kva, &l->tail, &ret->tail) < 0 ||
	    cap_read_field(w->d->g, w->m->kva, &l->size, &ret->size) < 0) {
		cap_map_error(w, "map unreadable at 0x%016llx", (unsigned long long)w->m->kva.v);
		return false;
	}
	if (ret->head >= ret->size || ret->tail >= ret->size ||
	    ret->size != (uint64_t)w->m->max_entries + 1) {
		cap_map_error(w, "head %llu and tail %llu do not fit into %llu slots",
			      (unsigned long long)ret->head, (unsigned long long)ret->tail,
			      (unsigned long long)ret->size);
		return false;
	}
	ret->len = value_size < CAP_MAP_ELEM_MAX ? value_size : CAP_MAP_ELEM_MAX;
	return true;
}

/*
 * push() fills the slot at head and moves head on; a queue pops at tail, a stack right before head
 * (kernel/bpf/queue_stack_maps.c, 6.12 and 7.3).
 */
static uint64_t slot_of(const struct ring *r, bool stack, uint64_t nth)
{
	if (!stack)
		return (r->tail + nth) % r->size;
	return (r->head + r->size - 1 - nth) % r->size;
}

void cap_map_render_queue(struct cap_map_walk *w)
{
	kt_auto(mem) uint8_t *buf = NULL;
	uint32_t unreadable = 0;
	struct ring r;
	uint64_t live, nr;

	if (!read_ring(w, &r))
		return;
	live = (r.head + r.size - r.tail) % r.size;
	nr = live < CAP_MAP_ENTRIES_MAX ? live : CAP_MAP_ENTRIES_MAX;
	buf = malloc(r.len ? r.len : 1);
	w->out->array_entry = cap_alloc_array(w->d->pool, nr, sizeof(*w->out->array_entry));
	if (!buf || !w->out->array_entry)
		return;
	for (uint64_t i = 0; i < nr && !cap_map_stopped(w); i++) {
		struct cap_array_entry *e = &w->out->array_entry[w->out->nr_array_entries++];
		uint64_t slot = slot_of(&r, w->m->type == CAP_MAP_STACK, i);

		e->key = (uint32_t)i;
		if (cap_map_read(w, cap_at(r.at, slot * w->m->value_size), buf, r.len) < 0)
			unreadable++;
		else
			e->value = cap_map_value_or_bytes(w, buf, r.len);
	}
	if (nr < live)
		cap_map_error(w, "%s truncated at %llu of %llu elements",
			      cap_map_type_name(w->m->type), (unsigned long long)nr,
			      (unsigned long long)live);
	if (unreadable)
		cap_map_error(w, "%u elements unreadable", unreadable);
}
