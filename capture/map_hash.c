/* SPDX-License-Identifier: GPL-2.0-only */
/* Hash tables, also those with a value per CPU, that forget their oldest, or that hold maps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/maps.h"

struct htab_layout {
	struct cap_field buckets, n_buckets, next, key;
};

static const struct cap_field_row rows[] = {
	CAP_FIELD(htab_layout, buckets, "bpf_htab", "buckets"),
	CAP_FIELD(htab_layout, n_buckets, "bpf_htab", "n_buckets"),
	CAP_FIELD(htab_layout, next, "htab_elem", "hash_node.next"),
	CAP_FIELD(htab_layout, key, "htab_elem", "key"),
};

const struct cap_layout_desc cap_layout_htab = {
	.group = "htab",
	.row = rows,
	.nr_rows = sizeof(rows) / sizeof(rows[0]),
	.bytes = sizeof(struct htab_layout),
};

struct hash_walk {
	struct cap_map_walk *w;
	const struct htab_layout *l;
	struct cap_set *seen;
	uint32_t nr, loops, unreadable;
	bool full;
	size_t key_len, value_len; /* of what is read */
	size_t value_offset; /* of an element's start */
	size_t bytes; /* of an element, up to the end of its value */
	/* @elem is in the pool, @h->bytes of it, @read of them were read; false: no more memory */
	bool (*take)(struct hash_walk *h, const uint8_t *elem);
	KT_VEC(struct cap_entry) entries;
	KT_VEC(struct cap_percpu_entry) percpu;
	KT_VEC(uint32_t) indices;
};

/*
 * A chain ends with a marker, an odd number, instead of NULL (struct hlist_nulls_node, include/linux/list_nulls.h, all
 * releases). An element that was seen before ends it, too: a loop, or one that was being moved when the guest stopped.
 */
static bool walk_chain(void *ctx, uint64_t index, gva_t node)
{
	struct hash_walk *h = ctx;
	uint8_t *elem;
	uint64_t next;

	(void)index;
	for (; node.v && !(node.v & 1); node.v = next) {
		if (h->nr == CAP_MAP_ENTRIES_MAX) {
			h->full = true;
			return false;
		}
		if (!cap_set_add(h->seen, node.v)) {
			h->loops++;
			return true;
		}
		elem = cap_alloc_raw(h->w->d->pool, h->bytes);
		if (!elem)
			return false;
		if (cap_map_read(h->w, cap_at(node, -(uint64_t)h->l->next.offset), elem, h->bytes) <
		    0) {
			h->unreadable++;
			return !cap_map_stopped(h->w);
		}
		h->nr++;
		if (!h->take(h, elem))
			return false;
		memcpy(&next, elem + h->l->next.offset, sizeof(next));
	}
	return true;
}

/* Sizes of an element, as hashtab.c lays it out: key, then at the next multiple of 8 the value, or a pointer to it. */
static bool measure(struct hash_walk *h, size_t value_bytes)
{
	const struct cap_map *m = h->w->m;
	size_t key_room = ((size_t)m->key_size + 7) & ~(size_t)7;

	if (m->key_size > CAP_MAP_ELEM_MAX || h->l->key.offset > 4096 ||
	    h->l->next.offset + sizeof(uint64_t) > h->l->key.offset) {
		cap_map_error(h->w, "a key of %u bytes is too large to be one", m->key_size);
		return false;
	}
	h->key_len = m->key_size;
	h->value_len = value_bytes < CAP_MAP_ELEM_MAX ? value_bytes : CAP_MAP_ELEM_MAX;
	h->value_offset = h->l->key.offset + key_room;
	h->bytes = h->value_offset + h->value_len;
	return true;
}

static void tell_what_is_missing(struct hash_walk *h)
{
	struct cap_map_walk *w = h->w;

	if (h->full)
		cap_map_error(w, "%s truncated at %u entries", cap_map_type_name(w->m->type),
			      CAP_MAP_ENTRIES_MAX);
	if (h->loops)
		cap_map_error(w, "%u chains of buckets lead back to an element seen before",
			      h->loops);
	if (h->unreadable)
		cap_map_error(w, "%u chains of buckets end in unreadable memory", h->unreadable);
}

static void walk_table(struct hash_walk *h, size_t value_bytes)
{
	kt_auto(cap_set) struct cap_set *seen = NULL;
	struct cap_map_walk *w = h->w;
	struct cap_map_buckets b;
	uint64_t table;

	h->l = cap_map_layout(w, &cap_layout_htab);
	if (!h->l || !measure(h, value_bytes))
		return;
	if (!cap_map_pointee(cap_guest_types(w->d->g), &h->l->buckets, "head", &b.bytes,
			     &b.offset)) {
		cap_map_error(w, "htab offsets unavailable: this kernel's types have no bucket");
		return;
	}
	if (cap_read_field(w->d->g, w->m->kva, &h->l->buckets, &table) < 0 ||
	    cap_read_field(w->d->g, w->m->kva, &h->l->n_buckets, &b.nr) < 0) {
		cap_map_error(w, "map unreadable at 0x%016llx", (unsigned long long)w->m->kva.v);
		return;
	}
	if (cap_set_create(CAP_MAP_ENTRIES_MAX + 1, &seen) < 0)
		return;
	h->seen = seen;
	b.table.v = table;
	cap_map_buckets_each(w, &b, walk_chain, h);
	tell_what_is_missing(h);
}

/* ---- plain ---- */

static bool take_entry(struct hash_walk *h, const uint8_t *elem)
{
	struct cap_map_walk *w = h->w;
	struct cap_entry e = {
		.key_data = elem + h->l->key.offset,
		.key_len = (uint32_t)h->key_len,
		.value_data = elem + h->value_offset,
		.value_len = (uint32_t)h->value_len,
	};

	e.key = cap_map_value(w, w->m->btf_key_type_id, e.key_data, e.key_len);
	e.payload = cap_map_payload(w, e.value_data, e.value_len);
	e.value = cap_map_value(w, w->m->btf_value_type_id, e.value_data, e.value_len);
	return KT_VEC_PUSH(&h->entries, e) == 0;
}

void cap_map_render_hash(struct cap_map_walk *w)
{
	struct hash_walk h = { .w = w, .take = take_entry };

	walk_table(&h, w->m->value_size);
	w->out->entry = cap_keep(w->d->pool, h.entries.v, h.entries.nr, sizeof(*h.entries.v));
	w->out->nr_entries = w->out->entry ? h.entries.nr : 0;
	free(h.entries.v);
}

/* ---- per CPU: the element holds a pointer ---- */

static bool take_percpu(struct hash_walk *h, const uint8_t *elem)
{
	struct cap_map_walk *w = h->w;
	struct cap_percpu_entry e = {
		.key_data = elem + h->l->key.offset,
		.key_len = (uint32_t)h->key_len,
	};
	uint64_t pptr;

	memcpy(&pptr, elem + h->value_offset, sizeof(pptr));
	e.key_value = cap_map_value(w, w->m->btf_key_type_id, e.key_data, e.key_len);
	e.per_cpu = cap_map_per_cpu(w, (gva_t){ pptr }, &e.nr_cpus);
	return e.per_cpu && KT_VEC_PUSH(&h->percpu, e) == 0 && !cap_map_stopped(w);
}

void cap_map_render_percpu_hash(struct cap_map_walk *w)
{
	struct hash_walk h = { .w = w, .take = take_percpu };

	walk_table(&h, sizeof(uint64_t));
	w->out->percpu_hash_entry =
		cap_keep(w->d->pool, h.percpu.v, h.percpu.nr, sizeof(*h.percpu.v));
	w->out->nr_percpu_hash_entries = w->out->percpu_hash_entry ? h.percpu.nr : 0;
	free(h.percpu.v);
}

/* ---- of maps: what there is, is counted; keys of 4 bytes are its indices ---- */

enum { INDICES_MAX = 1024 };

static bool take_inner_map(struct hash_walk *h, const uint8_t *elem)
{
	uint32_t key;

	if (h->key_len != sizeof(key) || h->indices.nr == INDICES_MAX)
		return true;
	memcpy(&key, elem + h->l->key.offset, sizeof(key));
	return KT_VEC_PUSH(&h->indices, key) == 0;
}

void cap_map_render_hash_of_maps(struct cap_map_walk *w)
{
	struct hash_walk h = { .w = w, .take = take_inner_map };
	struct cap_fd_array *fd = cap_alloc(w->d->pool, sizeof(*fd));

	walk_table(&h, sizeof(uint64_t));
	if (fd) {
		fd->populated = fd->scanned = h.nr;
		fd->truncated = h.full;
		fd->unreadable = h.unreadable;
		fd->index = cap_keep(w->d->pool, h.indices.v, h.indices.nr, sizeof(*h.indices.v));
		fd->nr_indices = fd->index ? h.indices.nr : 0;
		fd->indices_truncated = h.key_len == sizeof(uint32_t) && h.nr > h.indices.nr;
		w->out->fd_array = fd;
	}
	free(h.indices.v);
}
