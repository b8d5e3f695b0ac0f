/* SPDX-License-Identifier: GPL-2.0-only */
/* What the renderers of maps share: reading within limits, reasons, values by type, chains of hash tables. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "capture/maps.h"

/* ---- reading ---- */

enum {
	READ_COST = 256, /* of one read, in bytes: many small ones take long, too */
	LOOK_AT_CLOCK = 64, /* reads */
	PAGE = 4096,
};

/* Counts a read of @len bytes. False: it may not be made. */
static bool spend(struct cap_map_walk *w, uint64_t len)
{
	struct cap_map_budget *b = w->budget;

	if (!b)
		return true;
	w->spent += len + READ_COST;
	b->bytes -= len + READ_COST < b->bytes ? len + READ_COST : b->bytes;
	if (++b->reads % LOOK_AT_CLOCK == 0 && cap_dump_late(w->d))
		b->late = true;
	return b->bytes && !b->late && w->spent < CAP_MAP_BUDGET_OF_ONE;
}

int cap_map_read(struct cap_map_walk *w, gva_t va, void *buf, size_t len)
{
	return spend(w, len) ? cap_guest_read(w->d->g, va, buf, len) : -EDQUOT;
}

size_t cap_map_read_some(struct cap_map_walk *w, gva_t va, void *buf, size_t len)
{
	size_t done = 0, n;

	if (cap_map_read(w, va, buf, len) == 0)
		return len;
	while (done < len) {
		n = PAGE - (va.v + done) % PAGE;
		if (n > len - done)
			n = len - done;
		if (cap_map_read(w, cap_at(va, done), (uint8_t *)buf + done, n) < 0)
			break;
		done += n;
	}
	return done;
}

bool cap_map_stopped(struct cap_map_walk *w)
{
	const struct cap_map_budget *b = w->budget;

	if (b->bytes && !b->late && w->spent < CAP_MAP_BUDGET_OF_ONE)
		return false;
	if (!w->stop_said)
		cap_map_error(w, "%s: the rest was not read",
			      b->late    ? "the time for the dump is over"
			      : b->bytes ? "more was read than any map needs"
					 : "more was read than all maps of a scheduler need");
	w->stop_said = true;
	return true;
}

void cap_map_error(struct cap_map_walk *w, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap); /* cut is as good */
	va_end(ap);
	w->out->error = w->out->error ? cap_fmt(w->d->pool, "%s; %s", w->out->error, text)
				      : cap_strdup(w->d->pool, text);
}

const void *cap_map_layout(struct cap_map_walk *w, const struct cap_layout_desc *desc)
{
	const char *missing = NULL;
	const void *l = cap_layout(cap_guest_types(w->d->g), desc, &missing);

	if (!l)
		cap_map_error(w, "%s offsets unavailable: this kernel's types have no %s",
			      desc->group, missing ? missing : "such structure");
	return l;
}

/* ---- values ---- */

const struct cap_value *cap_map_value(struct cap_map_walk *w, uint32_t type_id, const void *data,
				      size_t len)
{
	struct cap_value *v;

	if (!type_id || !w->render.btf->btf)
		return NULL;
	v = cap_alloc(w->d->pool, sizeof(*v));
	if (v)
		cap_render(&w->render, type_id, data, len, v);
	return v;
}

const struct cap_value *cap_map_value_or_bytes(struct cap_map_walk *w, const void *data, size_t len)
{
	const struct cap_value *typed = cap_map_value(w, w->m->btf_value_type_id, data, len);
	struct cap_value *v;

	if (typed)
		return typed;
	v = cap_alloc(w->d->pool, sizeof(*v));
	if (v)
		cap_render_bytes(w->d->pool, data, len, v);
	return v;
}

/* ---- chains ---- */

bool cap_map_pointee(const struct cap_types *t, const struct cap_field *pointer, const char *member,
		     uint32_t *ret_bytes, uint32_t *ret_offset)
{
	const struct btf *btf = cap_types_btf(t);
	const struct btf_type *p = pointer->there ? btf__type_by_id(btf, pointer->type_id) : NULL;
	const struct btf_type *s = p && btf_is_ptr(p) ? btf__type_by_id(btf, p->type) : NULL;
	const struct btf_member *m;

	if (!s || !btf_is_struct(s))
		return false;
	m = btf_members(s);
	for (uint16_t i = 0; i < btf_vlen(s); i++, m++) {
		const char *name = btf__name_by_offset(btf, m->name_off);
		uint32_t bits = btf_member_bit_offset(s, i);

		if (!name || !kt_streq(name, member) || bits % 8 ||
		    bits / 8 + sizeof(uint64_t) > s->size)
			continue;
		*ret_bytes = s->size;
		*ret_offset = bits / 8;
		return true;
	}
	return false;
}

enum { CHUNK = 16 << 10, UNREADABLE_MAX = 64 };

void cap_map_buckets_each(struct cap_map_walk *w, const struct cap_map_buckets *b,
			  bool (*fn)(void *ctx, uint64_t index, gva_t first), void *ctx)
{
	uint64_t nr = b->nr < CAP_MAP_BUCKETS_MAX ? b->nr : CAP_MAP_BUCKETS_MAX;
	uint64_t per_chunk = CHUNK / b->bytes, unreadable = 0, first;
	uint8_t chunk[CHUNK];

	if (nr < b->nr)
		cap_map_error(w, "%llu of its %llu buckets were looked at", (unsigned long long)nr,
			      (unsigned long long)b->nr);
	for (uint64_t at = 0; at < nr && per_chunk && unreadable < UNREADABLE_MAX;
	     at += per_chunk) {
		uint64_t n = nr - at < per_chunk ? nr - at : per_chunk;

		if (cap_map_read(w, cap_at(b->table, at * b->bytes), chunk, n * b->bytes) < 0) {
			if (cap_map_stopped(w))
				return;
			unreadable++;
			continue;
		}
		for (uint64_t i = 0; i < n; i++) {
			memcpy(&first, chunk + i * b->bytes + b->offset, sizeof(first));
			if (first && !fn(ctx, at + i, (gva_t){ first }))
				return;
		}
	}
	if (unreadable)
		cap_map_error(w, "%s of its table of buckets is unreadable",
			      unreadable == UNREADABLE_MAX ? "most" : "a part");
}
