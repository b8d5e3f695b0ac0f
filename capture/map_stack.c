/* SPDX-License-Identifier: GPL-2.0-only */
/* Stack traces: a table of buckets, each with one trace or none. */
#include <stdlib.h>
#include <string.h>

#include "capture/maps.h"

struct stack_layout {
	struct cap_field n_buckets, buckets, nr, data;
};

static const struct cap_field_row rows[] = {
	CAP_FIELD(stack_layout, n_buckets, "bpf_stack_map", "n_buckets"),
	CAP_FIELD(stack_layout, buckets, "bpf_stack_map", "buckets"),
	CAP_FIELD(stack_layout, nr, "stack_map_bucket", "nr"),
	CAP_FIELD(stack_layout, data, "stack_map_bucket", "data"),
};

const struct cap_layout_desc cap_layout_stack_map = {
	.group = "STACK_TRACE",
	.row = rows,
	.nr_rows = sizeof(rows) / sizeof(rows[0]),
	.bytes = sizeof(struct stack_layout),
};

enum {
	BUCKETS_MAX = 16384,
	PCS_MAX = 128,
	CHUNK = 512, /* pointers read at a time */
	BUILD_ID_FLAG = 1 << 5, /* BPF_F_STACK_BUILD_ID */
	BUILD_ID_BYTES = 32, /* struct bpf_stack_build_id (uapi/linux/bpf.h) */
};

struct stack_walk {
	struct cap_map_walk *w;
	const struct stack_layout *l;
	bool build_ids;
	uint32_t record_bytes, records_max;
	struct cap_stack_trace *out;
	KT_VEC(struct cap_stack_entry) entries;
};

static void take_bucket(struct stack_walk *s, uint32_t id, gva_t bucket)
{
	struct cap_map_walk *w = s->w;
	struct cap_stack_entry e = { .bucket_id = id };
	uint32_t nr, shown;
	uint8_t *data;

	if (cap_map_read(w, cap_at(bucket, s->l->nr.offset), &nr, sizeof(nr)) < 0) {
		s->out->buckets_unreadable++;
		return;
	}
	/* more than a value of the map has room for is a lie; what there is room for, is shown */
	shown = nr < s->records_max ? nr : s->records_max;
	s->out->truncated |= shown < nr;
	e.nr = nr;
	e.len = (size_t)shown * s->record_bytes;
	data = cap_alloc_raw(w->d->pool, e.len);
	if (!data)
		return;
	if (cap_map_read(w, cap_at(bucket, s->l->data.offset), data, e.len) < 0) {
		s->out->buckets_unreadable++;
		return;
	}
	e.data = data;
	if (!s->build_ids) {
		e.pc = (const uint64_t *)(const void *)data; /* the pool aligns to 8 */
		e.nr_pcs = shown;
	}
	(void)KT_VEC_PUSH(&s->entries, e); /* without memory the rest is left out */
}

static void walk_buckets(struct stack_walk *s, uint32_t nr)
{
	struct cap_map_walk *w = s->w;
	gva_t table = cap_at(w->m->kva, s->l->buckets.offset);
	uint64_t bucket[CHUNK];

	for (uint32_t at = 0; at < nr && !cap_map_stopped(w); at += CHUNK) {
		uint32_t n = nr - at < CHUNK ? nr - at : CHUNK;

		if (cap_map_read(w, cap_at(table, at * sizeof(uint64_t)), bucket,
				 n * sizeof(uint64_t)) < 0) {
			s->out->buckets_unreadable += n;
			continue;
		}
		for (uint32_t i = 0; i < n; i++)
			if (bucket[i])
				take_bucket(s, at + i, (gva_t){ bucket[i] });
	}
}

void cap_map_render_stack_trace(struct cap_map_walk *w)
{
	struct stack_walk s = { .w = w, .l = cap_map_layout(w, &cap_layout_stack_map) };
	uint64_t nr;

	if (!s.l)
		return;
	if (cap_read_field(w->d->g, w->m->kva, &s.l->n_buckets, &nr) < 0) {
		cap_map_error(w, "STACK_TRACE map unmapped at 0x%016llx",
			      (unsigned long long)w->m->kva.v);
		return;
	}
	s.out = cap_alloc(w->d->pool, sizeof(*s.out));
	if (!s.out)
		return;
	s.build_ids = w->m->flags & BUILD_ID_FLAG;
	s.record_bytes = s.build_ids ? BUILD_ID_BYTES : sizeof(uint64_t);
	s.records_max = w->m->value_size / s.record_bytes;
	if (s.records_max > PCS_MAX)
		s.records_max = PCS_MAX;
	s.out->n_buckets = (uint32_t)nr;
	s.out->truncated = nr > BUCKETS_MAX;
	walk_buckets(&s, nr < BUCKETS_MAX ? (uint32_t)nr : BUCKETS_MAX);
	s.out->entry = cap_keep(w->d->pool, s.entries.v, s.entries.nr, sizeof(*s.entries.v));
	s.out->nr = s.out->entry ? s.entries.nr : 0;
	w->out->stack_trace = s.out;
	free(s.entries.v);
}
