/* SPDX-License-Identifier: GPL-2.0-only */
/* Ring buffers: how much is in them, and not yet read. */
#include "capture/maps.h"

struct ringbuf_layout {
	struct cap_field rb, mask, consumer_pos, producer_pos, pending_pos;
};

static const struct cap_field_row rows[] = {
	CAP_FIELD(ringbuf_layout, rb, "bpf_ringbuf_map", "rb"),
	CAP_FIELD(ringbuf_layout, mask, "bpf_ringbuf", "mask"),
	CAP_FIELD(ringbuf_layout, consumer_pos, "bpf_ringbuf", "consumer_pos"),
	CAP_FIELD(ringbuf_layout, producer_pos, "bpf_ringbuf", "producer_pos"),
	/* since 6.10, and in the stable kernels of then */
	CAP_FIELD_OPT(ringbuf_layout, pending_pos, "bpf_ringbuf", "pending_pos"),
};

const struct cap_layout_desc cap_layout_ringbuf = {
	.group = "RINGBUF",
	.row = rows,
	.nr_rows = sizeof(rows) / sizeof(rows[0]),
	.bytes = sizeof(struct ringbuf_layout),
};

/* The positions are on pages of their own, since user space maps them: each may be unreadable for itself. */
static bool read_position(struct cap_map_walk *w, gva_t rb, const struct cap_field *f,
			  const char *name, uint64_t *ret)
{
	if (!f->there)
		return true;
	if (cap_read_field(w->d->g, rb, f, ret) == 0)
		return true;
	cap_map_error(w, "RINGBUF %s page unmapped", name);
	return false;
}

void cap_map_render_ringbuf(struct cap_map_walk *w)
{
	const struct ringbuf_layout *l = cap_map_layout(w, &cap_layout_ringbuf);
	struct cap_ringbuf *ring = cap_alloc(w->d->pool, sizeof(*ring));
	uint64_t mask = UINT64_MAX;
	gva_t rb;

	if (!l || !ring)
		return;
	if (cap_read_field(w->d->g, w->m->kva, &l->rb, &rb.v) < 0) {
		cap_map_error(w, "RINGBUF map unmapped at 0x%016llx",
			      (unsigned long long)w->m->kva.v);
		return;
	}
	if (!rb.v) {
		cap_map_error(w, "RINGBUF rb is NULL");
		return;
	}
	if (!read_position(w, rb, &l->mask, "mask", &mask) ||
	    !read_position(w, rb, &l->consumer_pos, "consumer_pos", &ring->consumer_pos) ||
	    !read_position(w, rb, &l->producer_pos, "producer_pos", &ring->producer_pos) ||
	    !read_position(w, rb, &l->pending_pos, "pending_pos", &ring->pending_pos))
		return;
	if (mask == UINT64_MAX) {
		cap_map_error(w, "RINGBUF mask is all ones: its capacity cannot be told");
		return;
	}
	ring->capacity = mask + 1;
	ring->pending_bytes = ring->producer_pos - ring->consumer_pos;
	w->out->ringbuf = ring;
}
