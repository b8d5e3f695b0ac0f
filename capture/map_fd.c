/* SPDX-License-Identifier: GPL-2.0-only */
/* Maps whose values are objects of the kernel (programs, maps, events, devices): which slots are taken. */
#include "capture/maps.h"

enum { SLOTS_MAX = 4096, INDICES_MAX = 1024, CHUNK = 512 };

/* Where a type keeps its pointers: behind its structure, or in a table of their own. */
static const struct cap_field *find_slots(const struct cap_array_layout *l, uint32_t type)
{
	switch (type) {
	case CAP_MAP_DEVMAP:
		return &l->netdev_map;
	case CAP_MAP_SOCKMAP:
		return &l->sks;
	case CAP_MAP_CPUMAP:
		return &l->cpu_map;
	case CAP_MAP_XSKMAP:
		return &l->xsk_map;
	case CAP_MAP_REUSEPORT_SOCKARRAY:
		return &l->reuseport;
	default:
		return &l->ptrs;
	}
}

static bool in_table(uint32_t type)
{
	return type == CAP_MAP_DEVMAP || type == CAP_MAP_SOCKMAP || type == CAP_MAP_CPUMAP;
}

static bool locate(struct cap_map_walk *w, gva_t *ret)
{
	const struct cap_array_layout *l = cap_map_layout(w, &cap_layout_array);
	const struct cap_field *f = l ? find_slots(l, w->m->type) : NULL;

	if (!f)
		return false;
	if (!f->there) {
		cap_map_error(w, "%s offsets unavailable: this kernel's types do not have them",
			      cap_map_type_name(w->m->type));
		return false;
	}
	*ret = cap_at(w->m->kva, f->offset);
	if (in_table(w->m->type) && cap_read_ptr(w->d->g, *ret, ret) < 0) {
		cap_map_error(w, "map unreadable at 0x%016llx", (unsigned long long)w->m->kva.v);
		return false;
	}
	return true;
}

struct slots {
	struct cap_fd_array *fd;
	uint32_t index[INDICES_MAX];
};

static void take_slots(struct slots *s, uint32_t at, const uint64_t *slot, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		if (!slot[i])
			continue;
		s->fd->populated++;
		if (s->fd->nr_indices < INDICES_MAX)
			s->index[s->fd->nr_indices++] = at + i;
		else
			s->fd->indices_truncated = true;
	}
}

/* A chunk of which a part is unreadable: slot by slot. */
static void read_singly(struct cap_map_walk *w, struct slots *s, gva_t table, uint32_t at,
			uint32_t n)
{
	uint64_t slot;

	for (uint32_t end = at + n; at < end && !cap_map_stopped(w); at++) {
		if (cap_map_read(w, cap_at(table, at * sizeof(slot)), &slot, sizeof(slot)) < 0)
			s->fd->unreadable++;
		else
			take_slots(s, at, &slot, 1);
	}
}

void cap_map_render_fd_array(struct cap_map_walk *w)
{
	struct slots s = { .fd = cap_alloc(w->d->pool, sizeof(*s.fd)) };
	uint32_t nr = w->m->max_entries < SLOTS_MAX ? w->m->max_entries : SLOTS_MAX;
	uint64_t slot[CHUNK];
	gva_t table;

	if (!s.fd || !locate(w, &table))
		return;
	for (uint32_t at = 0; at < nr && !cap_map_stopped(w); at += CHUNK) {
		uint32_t n = nr - at < CHUNK ? nr - at : CHUNK;

		if (cap_map_read(w, cap_at(table, at * sizeof(slot[0])), slot,
				 n * sizeof(slot[0])) < 0)
			read_singly(w, &s, table, at, n);
		else
			take_slots(&s, at, slot, n);
		s.fd->scanned = at + n;
	}
	s.fd->truncated = s.fd->scanned < w->m->max_entries;
	s.fd->index = cap_keep(w->d->pool, s.index, s.fd->nr_indices, sizeof(s.index[0]));
	if (!s.fd->index)
		s.fd->nr_indices = 0;
	w->out->fd_array = s.fd;
}

void cap_map_render_fd_hash(struct cap_map_walk *w)
{
	w->out->fd_array = cap_alloc(w->d->pool, sizeof(*w->out->fd_array));
	cap_map_error(w,
		      "%s is hash-shaped and not walked: which of its slots are taken is not told",
		      cap_map_type_name(w->m->type));
}
