/* SPDX-License-Identifier: GPL-2.0-only */
/* Arrays: one value (also the sections of a program's variables), many, or many per CPU. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/maps.h"

static const struct cap_field_row rows[] = {
	CAP_FIELD(cap_array_layout, value, "bpf_array", "value"),
	CAP_FIELD_OPT(cap_array_layout, ptrs, "bpf_array", "ptrs"),
	CAP_FIELD_OPT(cap_array_layout, pptrs, "bpf_array", "pptrs"),
	CAP_FIELD_OPT(cap_array_layout, netdev_map, "bpf_dtab", "netdev_map"),
	CAP_FIELD_OPT(cap_array_layout, sks, "bpf_stab", "sks"),
	CAP_FIELD_OPT(cap_array_layout, cpu_map, "bpf_cpu_map", "cpu_map"),
	CAP_FIELD_OPT(cap_array_layout, xsk_map, "xsk_map", "xsk_map"),
	CAP_FIELD_OPT(cap_array_layout, reuseport, "reuseport_array", "ptrs"),
	CAP_FIELD_OPT(cap_array_layout, elements, "bpf_queue_stack", "elements"),
	CAP_FIELD_OPT(cap_array_layout, head, "bpf_queue_stack", "head"),
	CAP_FIELD_OPT(cap_array_layout, tail, "bpf_queue_stack", "tail"),
	CAP_FIELD_OPT(cap_array_layout, size, "bpf_queue_stack", "size"),
};

const struct cap_layout_desc cap_layout_array = {
	.group = "array",
	.row = rows,
	.nr_rows = sizeof(rows) / sizeof(rows[0]),
	.bytes = sizeof(struct cap_array_layout),
};

enum { CHUNK = 64 << 10 };

/*
 * Values lie behind the map's structure. A map that can be mmapped starts its values at a page, and its structure ends right
 * before them (array_map_alloc() in kernel/bpf/arraymap.c, 6.12 and 7.3): the distance is the same.
 */
int cap_array_value(struct cap_guest *g, gva_t map_kva, gva_t *ret)
{
	const struct cap_types *t = cap_guest_types(g);
	const struct cap_array_layout *l = t ? cap_layout(t, &cap_layout_array, NULL) : NULL;

	if (!l)
		return -EOPNOTSUPP;
	*ret = cap_at(map_kva, l->value.offset);
	return 0;
}

/* ---- one value ---- */

static void render_one(struct cap_map_walk *w, gva_t at)
{
	size_t size = w->m->value_size, len = size < CAP_MAP_VALUE_MAX ? size : CAP_MAP_VALUE_MAX;
	kt_auto(mem) uint8_t *data = malloc(len ? len : 1);
	struct cap_value *text;

	if (!data)
		return;
	len = cap_map_read_some(w, at, data, len);
	if (len < size)
		cap_map_error(w, "ARRAY region unreadable%s: %zu of %zu bytes at 0x%016llx",
			      len ? " in part" : "", len, size, (unsigned long long)at.v);
	if (!len && size)
		return;
	if (!cap_is_string_section(w->m->name)) {
		w->out->value = cap_map_value_or_bytes(w, data, len);
		return;
	}
	text = cap_alloc(w->d->pool, sizeof(*text));
	if (!text)
		return;
	cap_render_bytes(w->d->pool, data, len, text);
	text->bytes.text = true;
	w->out->value = text;
}

/* ---- many ---- */

struct elements {
	gva_t at;
	uint32_t nr;
	size_t stride, len; /* len: of what is read and shown of one */
	uint32_t unreadable;
};

static void take_element(struct cap_map_walk *w, struct elements *e, uint32_t key,
			 const uint8_t *data)
{
	struct cap_array_entry *entry = &w->out->array_entry[w->out->nr_array_entries++];

	entry->key = key;
	if (data)
		entry->value = cap_map_value_or_bytes(w, data, e->len);
	else
		e->unreadable++;
}

/* One chunk in which something could not be read. */
static void read_singly(struct cap_map_walk *w, struct elements *e, uint32_t key, uint32_t n,
			uint8_t *buf)
{
	for (uint32_t end = key + n; key < end && !cap_map_stopped(w); key++) {
		int r = cap_map_read(w, cap_at(e->at, key * (uint64_t)e->stride), buf, e->len);

		take_element(w, e, key, r < 0 ? NULL : buf);
	}
}

static void read_elements(struct cap_map_walk *w, struct elements *e)
{
	size_t size = e->stride > CHUNK ? e->len : CHUNK;
	kt_auto(mem) uint8_t *buf = malloc(size);
	uint32_t per_chunk = e->stride > CHUNK ? 0 : (uint32_t)(CHUNK / e->stride), n;

	for (uint32_t key = 0; buf && key < e->nr; key += n) {
		n = per_chunk ? per_chunk : 1;
		if (n > e->nr - key)
			n = e->nr - key;
		if (!per_chunk || cap_map_read(w, cap_at(e->at, key * (uint64_t)e->stride), buf,
					       n * e->stride) < 0) {
			read_singly(w, e, key, n, buf);
			if (cap_map_stopped(w))
				return;
			continue;
		}
		for (uint32_t i = 0; i < n; i++)
			take_element(w, e, key + i, buf + i * e->stride);
	}
}

static void render_many(struct cap_map_walk *w, gva_t at)
{
	uint32_t size = w->m->value_size, max = w->m->max_entries;
	struct elements e = {
		.at = at,
		.nr = max < CAP_MAP_ENTRIES_MAX ? max : CAP_MAP_ENTRIES_MAX,
		.stride = ((size_t)size + 7) & ~(size_t)7, /* as the kernel places them */
		.len = size < CAP_MAP_ELEM_MAX ? size : CAP_MAP_ELEM_MAX,
	};

	if (!size) {
		cap_map_error(w, "ARRAY of values without size");
		return;
	}
	w->out->array_entry = cap_alloc_array(w->d->pool, e.nr, sizeof(*w->out->array_entry));
	if (!w->out->array_entry)
		return;
	read_elements(w, &e);
	if (e.nr < max)
		cap_map_error(w, "ARRAY truncated at %u of %u keys", e.nr, max);
	if (e.unreadable)
		cap_map_error(w, "%u keys unreadable", e.unreadable);
}

void cap_map_render_array(struct cap_map_walk *w)
{
	const struct cap_array_layout *l = cap_map_layout(w, &cap_layout_array);

	if (!l)
		return;
	if (w->m->max_entries <= 1)
		render_one(w, cap_at(w->m->kva, l->value.offset));
	else
		render_many(w, cap_at(w->m->kva, l->value.offset));
}

/* ---- per CPU ---- */

const struct cap_value **cap_map_per_cpu(struct cap_map_walk *w, gva_t pptr, size_t *ret_nr_cpus)
{
	unsigned nr_cpus = cap_guest_cpus(w->d->g);
	uint32_t size = w->m->value_size;
	size_t len = size < CAP_MAP_ELEM_MAX ? size : CAP_MAP_ELEM_MAX;
	const struct cap_value **per_cpu = cap_alloc_array(w->d->pool, nr_cpus, sizeof(void *));
	kt_auto(mem) uint8_t *buf = malloc(len ? len : 1);
	gva_t at;

	if (!per_cpu || !buf)
		return NULL;
	for (unsigned cpu = 0; cpu < nr_cpus && pptr.v; cpu++) {
		if (cap_percpu(w->d->g, pptr, cpu, &at) == 0 && cap_map_read(w, at, buf, len) == 0)
			per_cpu[cpu] = cap_map_value_or_bytes(w, buf, len);
	}
	*ret_nr_cpus = nr_cpus;
	return per_cpu;
}

void cap_map_render_percpu_array(struct cap_map_walk *w)
{
	const struct cap_array_layout *l = cap_map_layout(w, &cap_layout_array);
	uint64_t pptr[CAP_MAP_PERCPU_KEYS_MAX];
	uint32_t max = w->m->max_entries, nr = max;
	size_t have;

	if (nr > CAP_MAP_PERCPU_KEYS_MAX)
		nr = CAP_MAP_PERCPU_KEYS_MAX;
	if (!l || !l->pptrs.there)
		return;
	if (!cap_guest_cpus(w->d->g)) {
		cap_map_error(w, "the number of CPUs is not known");
		return;
	}
	have = cap_map_read_some(w, cap_at(w->m->kva, l->pptrs.offset), pptr,
				 nr * sizeof(pptr[0])) /
	       sizeof(pptr[0]);
	w->out->percpu_entry = cap_alloc_array(w->d->pool, have, sizeof(*w->out->percpu_entry));
	for (uint32_t key = 0; w->out->percpu_entry && key < have && !cap_map_stopped(w); key++) {
		struct cap_percpu_entry *e = &w->out->percpu_entry[key];

		e->key = key;
		e->per_cpu = cap_map_per_cpu(w, (gva_t){ pptr[key] }, &e->nr_cpus);
		if (!e->per_cpu)
			break;
		w->out->nr_percpu_entries++;
	}
	if (nr < max)
		cap_map_error(w, "PERCPU_ARRAY truncated at %u of %u keys", nr, max);
	if (have < nr)
		cap_map_error(w, "%u keys unreadable", nr - (uint32_t)have);
}
