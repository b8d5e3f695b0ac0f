/* SPDX-License-Identifier: GPL-2.0-only */
/* Storage that belongs to tasks, cgroups, inodes and sockets: the map has a hash table of all its elements. */
#include <stdlib.h>
#include <string.h>

#include "capture/maps.h"

struct storage_layout {
	struct cap_field buckets, bucket_log, next, local_storage, data, owner;
};

static const struct cap_field_row rows[] = {
	CAP_FIELD(storage_layout, buckets, "bpf_local_storage_map", "buckets"),
	CAP_FIELD(storage_layout, bucket_log, "bpf_local_storage_map", "bucket_log"),
	CAP_FIELD(storage_layout, next, "bpf_local_storage_elem", "map_node.next"),
	CAP_FIELD(storage_layout, local_storage, "bpf_local_storage_elem", "local_storage"),
	CAP_FIELD(storage_layout, data, "bpf_local_storage_elem", "sdata.data"),
	CAP_FIELD(storage_layout, owner, "bpf_local_storage", "owner"),
};

const struct cap_layout_desc cap_layout_storage = {
	.group = "local_storage",
	.row = rows,
	.nr_rows = sizeof(rows) / sizeof(rows[0]),
	.bytes = sizeof(struct storage_layout),
};

enum { BUCKET_LOG_MAX = 20, HEADER_MAX = 4096 };

struct storage_walk {
	struct cap_map_walk *w;
	const struct storage_layout *l;
	struct cap_set *seen;
	uint32_t loops, unreadable;
	bool full;
	size_t value_len, bytes; /* bytes: of an element, up to the end of its value */
	KT_VEC(struct cap_entry) entries;
};

static uint64_t word_at(const uint8_t *data, const struct cap_field *f)
{
	uint64_t v;

	memcpy(&v, data + f->offset, sizeof(v));
	return v;
}

/* The owner: a task_struct, cgroup, inode or sock, shown as the pointer that it is. */
static const struct cap_value *owner_value(struct cap_pool *pool, uint64_t owner)
{
	struct cap_value *v = cap_alloc(pool, sizeof(*v));

	if (v) {
		v->kind = CAP_PTR;
		v->p.value = owner;
	}
	return v;
}

static bool take_element(struct storage_walk *s, const uint8_t *elem)
{
	struct cap_map_walk *w = s->w;
	struct cap_entry e = {
		.value_data = elem + s->l->data.offset,
		.value_len = (uint32_t)s->value_len,
		.key_len = sizeof(uint64_t),
	};
	gva_t storage = { word_at(elem, &s->l->local_storage) };
	uint64_t owner = 0;

	/* an element whose owner is going away has none any more: NULL, then */
	if (storage.v)
		(void)cap_map_read(w, cap_at(storage, s->l->owner.offset), &owner, sizeof(owner));
	e.key_data = cap_keep(w->d->pool, &owner, 1, sizeof(owner));
	e.key = owner_value(w->d->pool, owner);
	if (!e.key_data || !e.key)
		return false;
	e.payload = cap_map_payload(w, e.value_data, e.value_len);
	e.value = cap_map_value_or_bytes(w, e.value_data, e.value_len);
	return KT_VEC_PUSH(&s->entries, e) == 0;
}

/* A plain hlist: its end is NULL. */
static bool walk_chain(void *ctx, uint64_t index, gva_t node)
{
	struct storage_walk *s = ctx;
	uint8_t *elem;

	(void)index;
	for (; node.v; node.v = word_at(elem, &s->l->next)) {
		if (s->entries.nr == CAP_MAP_ENTRIES_MAX) {
			s->full = true;
			return false;
		}
		if (!cap_set_add(s->seen, node.v)) {
			s->loops++;
			return true;
		}
		elem = cap_alloc_raw(s->w->d->pool, s->bytes);
		if (!elem)
			return false;
		if (cap_map_read(s->w, cap_at(node, -(uint64_t)s->l->next.offset), elem, s->bytes) <
		    0) {
			s->unreadable++;
			return !cap_map_stopped(s->w);
		}
		if (!take_element(s, elem))
			return false;
	}
	return true;
}

static void tell_what_is_missing(struct storage_walk *s)
{
	if (s->full)
		cap_map_error(s->w, "local_storage truncated at %u entries", CAP_MAP_ENTRIES_MAX);
	if (s->loops)
		cap_map_error(s->w, "%u chains of buckets lead back to an element seen before",
			      s->loops);
	if (s->unreadable)
		cap_map_error(s->w, "%u chains of buckets end in unreadable memory", s->unreadable);
}

static bool find_table(struct storage_walk *s, struct cap_map_buckets *b)
{
	struct cap_map_walk *w = s->w;
	uint64_t log;

	if (!cap_map_pointee(cap_guest_types(w->d->g), &s->l->buckets, "list", &b->bytes,
			     &b->offset)) {
		cap_map_error(
			w, "local_storage offsets unavailable: this kernel's types have no bucket");
		return false;
	}
	if (cap_read_field(w->d->g, w->m->kva, &s->l->buckets, &b->table.v) < 0 ||
	    cap_read_field(w->d->g, w->m->kva, &s->l->bucket_log, &log) < 0) {
		cap_map_error(w, "map unreadable at 0x%016llx", (unsigned long long)w->m->kva.v);
		return false;
	}
	if (log > BUCKET_LOG_MAX) {
		cap_map_error(w, "2^%llu buckets are too many to be true", (unsigned long long)log);
		return false;
	}
	b->nr = UINT64_C(1) << log;
	return true;
}

void cap_map_render_storage(struct cap_map_walk *w)
{
	kt_auto(cap_set) struct cap_set *seen = NULL;
	struct storage_walk s = { .w = w, .l = cap_map_layout(w, &cap_layout_storage) };
	struct cap_map_buckets b;

	if (!s.l || !find_table(&s, &b) || cap_set_create(CAP_MAP_ENTRIES_MAX + 1, &seen) < 0)
		return;
	s.seen = seen;
	s.value_len = w->m->value_size < CAP_MAP_ELEM_MAX ? w->m->value_size : CAP_MAP_ELEM_MAX;
	s.bytes = s.l->data.offset + s.value_len;
	if (s.l->data.offset > HEADER_MAX ||
	    s.l->next.offset + sizeof(uint64_t) > s.l->data.offset ||
	    s.l->local_storage.offset + sizeof(uint64_t) > s.l->data.offset)
		return;
	cap_map_buckets_each(w, &b, walk_chain, &s);
	tell_what_is_missing(&s);
	w->out->entry = cap_keep(w->d->pool, s.entries.v, s.entries.nr, sizeof(*s.entries.v));
	w->out->nr_entries = w->out->entry ? s.entries.nr : 0;
	free(s.entries.v);
}
