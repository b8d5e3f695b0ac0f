/* SPDX-License-Identifier: GPL-2.0-only */
/* A map of a report as text. */
#include <inttypes.h>
#include <string.h>

#include "capture/maps.h"
#include "capture/text.h"
#include "capture/text_entries.h"
#include "capture/value.h"

enum { PCS_SHOWN = 8, INDICES_SHOWN = 16 };

void cap_text_name(struct kt_buf *b, const char *s)
{
	cap_value_add_name(b, s ? s : "");
}

void cap_text_map_type(struct kt_buf *b, uint32_t type)
{
	const char *name = cap_map_type_name(type);

	if (name)
		kt_buf_adds(b, name);
	else
		kt_buf_addf(b, "unknown(%" PRIu32 ")", type);
}

static size_t pages_with_data(const struct cap_arena_snapshot *a)
{
	size_t nr = 0;

	for (size_t i = 0; i < a->nr_pages; i++) {
		const uint8_t *p = a->page[i].bytes;

		/* A page is all zero when its first byte is, and each is like the one before. */
		nr += p[0] || memcmp(p, p + 1, CAP_PAGE - 1) != 0;
	}
	return nr;
}

static void add_arena(struct kt_buf *b, const struct cap_arena_snapshot *a)
{
	kt_buf_addf(b, "%zu of %" PRIu64 " pages captured (%zu KiB), %zu not all zero%s%s",
		    a->nr_pages, a->declared_pages, a->nr_pages * (CAP_PAGE / 1024),
		    pages_with_data(a), a->truncated ? ", truncated" : "",
		    a->span_capped ? ", only the first 4 GiB" : "");
}

static void add_ringbuf(struct kt_buf *b, const struct cap_ringbuf *q)
{
	double percent = q->capacity ? 100.0 * (double)q->pending_bytes / (double)q->capacity : 0;

	kt_buf_addf(b,
		    "capacity %" PRIu64 ", pending %" PRIu64 " B (%.0f%%), consumer at %" PRIu64
		    ", producer at %" PRIu64,
		    q->capacity, q->pending_bytes, percent > 100 ? 100 : percent, q->consumer_pos,
		    q->producer_pos);
}

static void add_stacks(struct kt_buf *b, const struct cap_stack_trace *s)
{
	kt_buf_addf(b, "%zu of %" PRIu32 " buckets in use%s", s->nr, s->n_buckets,
		    s->truncated ? ", truncated" : "");
	if (s->buckets_unreadable)
		kt_buf_addf(b, ", %" PRIu32 " unreadable", s->buckets_unreadable);
}

static void add_stack_entry(struct kt_buf *b, const struct cap_stack_entry *s)
{
	kt_buf_addf(b, "  bucket %" PRIu32 " (%" PRIu32 "):", s->bucket_id, s->nr);
	for (size_t i = 0; i < s->nr_pcs && i < PCS_SHOWN; i++)
		kt_buf_addf(b, " 0x%" PRIx64, s->pc[i]);
	if (s->nr_pcs > PCS_SHOWN)
		kt_buf_addf(b, " +%zu more", s->nr_pcs - PCS_SHOWN);
	if (!s->nr_pcs)
		kt_buf_addf(b, " %zu bytes (raw)", s->len);
	kt_buf_addc(b, '\n');
}

static void add_fds(struct kt_buf *b, const struct cap_fd_array *f)
{
	kt_buf_addf(b, "%" PRIu32 " of %" PRIu32 " slots in use%s", f->populated, f->scanned,
		    f->truncated ? ", truncated" : "");
	if (f->nr_indices)
		kt_buf_adds(b, ":");
	for (size_t i = 0; i < f->nr_indices && i < INDICES_SHOWN; i++)
		kt_buf_addf(b, " %" PRIu32, f->index[i]);
	if (f->nr_indices > INDICES_SHOWN || f->indices_truncated)
		kt_buf_adds(b, " ...");
	if (f->unreadable)
		kt_buf_addf(b, ", %" PRIu32 " unreadable", f->unreadable);
}

void cap_text_map_summary(struct kt_buf *b, const struct cap_map_report *m)
{
	if (m->nr_entries || m->nr_percpu_hash_entries)
		kt_buf_addf(b, "%zu entries", m->nr_entries + m->nr_percpu_hash_entries);
	else if (m->nr_array_entries || m->nr_percpu_entries)
		kt_buf_addf(b, "%zu of %" PRIu32 " elements",
			    m->nr_array_entries + m->nr_percpu_entries, m->max_entries);
	else if (m->arena)
		add_arena(b, m->arena);
	else if (m->ringbuf)
		add_ringbuf(b, m->ringbuf);
	else if (m->stack_trace)
		add_stacks(b, m->stack_trace);
	else if (m->fd_array)
		add_fds(b, m->fd_array);
	else if (m->value)
		kt_buf_addf(b, "%" PRIu32 " bytes", m->value_size);
	else if (!m->error)
		kt_buf_adds(b, "empty");
	if (m->error) {
		kt_buf_adds(b, b->len && b->data[b->len - 1] != ' ' ? ", " : "");
		cap_text_name(b, m->error);
	}
}

void cap_text_map(struct cap_text *x, const struct cap_map_report *m)
{
	kt_buf_adds(x->out, "map ");
	cap_text_name(x->out, m->name);
	kt_buf_adds(x->out, " (type=");
	cap_text_map_type(x->out, m->map_type);
	kt_buf_addf(x->out, ", value_size=%" PRIu32 ", max_entries=%" PRIu32 ")", m->value_size,
		    m->max_entries);
	if (m->error) {
		kt_buf_adds(x->out, " [error: ");
		cap_text_name(x->out, m->error);
		kt_buf_addc(x->out, ']');
	}
	kt_buf_addc(x->out, '\n');
	if (m->value) {
		kt_buf_adds(x->out, "  ");
		cap_value_text(m->value, 2, x->width, x->out);
		kt_buf_addc(x->out, '\n');
	}
	cap_text_entries(x, m);
	if (m->arena || m->ringbuf || m->stack_trace || m->fd_array) {
		struct cap_map_report only = { .arena = m->arena,
					       .ringbuf = m->ringbuf,
					       .stack_trace = m->stack_trace,
					       .fd_array = m->fd_array };

		kt_buf_adds(x->out, "  ");
		cap_text_map_summary(x->out, &only);
		kt_buf_addc(x->out, '\n');
	}
	for (size_t i = 0; m->stack_trace && i < m->stack_trace->nr; i++)
		add_stack_entry(x->out, &m->stack_trace->entry[i]);
}
