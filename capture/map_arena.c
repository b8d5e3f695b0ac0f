/* SPDX-License-Identifier: GPL-2.0-only */
/* Arenas: memory that a program and user space share, as the pages of it that are there. */
#include <errno.h>
#include <stdlib.h>

#include "capture/maps.h"

struct arena_layout {
	struct cap_field user_vm_start, kern_vm, addr, scratch_page;
};

static const struct cap_field_row rows[] = {
	CAP_FIELD(arena_layout, user_vm_start, "bpf_arena", "user_vm_start"),
	CAP_FIELD(arena_layout, kern_vm, "bpf_arena", "kern_vm"),
	CAP_FIELD(arena_layout, addr, "vm_struct", "addr"),
	CAP_FIELD_OPT(arena_layout, scratch_page, "bpf_arena", "scratch_page"), /* 7.3 */
};

const struct cap_layout_desc cap_layout_arena = {
	.group = "arena",
	.row = rows,
	.nr_rows = sizeof(rows) / sizeof(rows[0]),
	.bytes = sizeof(struct arena_layout),
};

enum {
	GUARD_HALF =
		32768, /* GUARD_SZ / 2 of kernel/bpf/arena.c with pages of 4 KiB, 6.12 and 7.3 */
	PAGES_MAX = 4096 + 256, /* that are there and shown */
	SPAN_PAGES = 1 << 20, /* 4 GiB: what an arena can address */
};

/* -EFAULT: the map, or the area of addresses that it has, is unreadable. */
static int read_arena(struct cap_guest *g, const struct arena_layout *l, const struct cap_map *m,
		      struct cap_arena *ret)
{
	struct cap_arena a = { .map_kva = m->kva, .nr_pages = m->max_entries };
	uint64_t vm = 0, addr = 0;
	int r = cap_read_field(g, m->kva, &l->user_vm_start, &a.user_vm_start);

	if (r == 0)
		r = cap_read_field(g, m->kva, &l->kern_vm, &vm);
	if (r == 0)
		r = vm ? cap_read_field(g, (gva_t){ vm }, &l->addr, &addr) : -EFAULT;
	if (r < 0)
		return r;
	a.kern_vm_start.v = addr + GUARD_HALF;
	*ret = a;
	return 0;
}

void cap_dump_find_arena(struct cap_dump *d)
{
	const struct cap_types *t = cap_guest_types(d->g);
	const struct arena_layout *l = t ? cap_layout(t, &cap_layout_arena, NULL) : NULL;

	for (size_t i = 0; l && i < d->nr_maps; i++) {
		if (d->map[i].framework || d->map[i].type != CAP_MAP_ARENA)
			continue;
		if (read_arena(d->g, l, &d->map[i], &d->arena) == 0)
			return;
	}
}

/* The kernel and the programs go by the low half of an arena's address; the kernel's page 0 is for low half 0. */
static gva_t kernel_address(const struct cap_arena *a, uint64_t user_addr)
{
	return cap_at(a->kern_vm_start, (uint32_t)user_addr);
}

int cap_arena_read(struct cap_guest *g, const struct cap_arena *a, uint64_t user_addr, void *buf,
		   size_t len)
{
	uint32_t low = (uint32_t)user_addr, from_start = low - (uint32_t)a->user_vm_start;
	uint64_t bytes = a->nr_pages < SPAN_PAGES ? a->nr_pages * CAP_PAGE
						  : (uint64_t)SPAN_PAGES * CAP_PAGE;

	if (!a->kern_vm_start.v || len > bytes || from_start > bytes - len ||
	    len > (UINT64_C(1) << 32) - low)
		return -EFAULT;
	return cap_guest_read(g, kernel_address(a, user_addr), buf, len);
}

/* ---- the pages ---- */

struct snapshot {
	struct cap_map_walk *w;
	const struct cap_arena *a;
	struct cap_arena_snapshot *out;
	bool has_scratch;
	uint64_t scratch_pa;
	KT_VEC(struct cap_arena_page) pages;
};

/*
 * 7.3 maps one page of garbage wherever a program touched memory that it had not allocated (arena->scratch_page): no page
 * of the arena's. Its struct page is at vmemmap_base + page frame number * its size.
 */
static void find_scratch(struct snapshot *s, const struct arena_layout *l)
{
	struct cap_guest *g = s->w->d->g;
	uint32_t page_struct = cap_type_bytes(cap_guest_types(g), "page");
	uint64_t page, vmemmap;
	gva_t symbol;

	if (!l->scratch_page.there || !page_struct ||
	    !cap_guest_symbol(g, "vmemmap_base", &symbol) ||
	    cap_read_u64(g, symbol, &vmemmap) < 0 ||
	    cap_read_field(g, s->a->map_kva, &l->scratch_page, &page) < 0 || page < vmemmap)
		return;
	s->scratch_pa = (page - vmemmap) / page_struct * CAP_PAGE;
	s->has_scratch = true;
}

/* False: no more. */
static bool take_page(struct snapshot *s, gva_t va)
{
	/* the low half tells which page of the user's it is */
	uint32_t low = (uint32_t)(va.v - s->a->kern_vm_start.v);
	struct cap_arena_page page = {
		.user_addr = s->a->user_vm_start + (uint32_t)(low - (uint32_t)s->a->user_vm_start),
	};
	uint8_t *bytes;
	gpa_t pa;

	if (cap_guest_translate(s->w->d->g, va, &pa) < 0 ||
	    (s->has_scratch && pa.v == s->scratch_pa))
		return true;
	if (s->pages.nr == PAGES_MAX) {
		s->out->truncated = true;
		return false;
	}
	bytes = cap_alloc_raw(s->w->d->pool, CAP_PAGE);
	page.bytes = bytes;
	if (!bytes ||
	    (cap_map_read(s->w, va, bytes, CAP_PAGE) == 0 && KT_VEC_PUSH(&s->pages, page) < 0)) {
		s->out->truncated = true;
		return false;
	}
	return true;
}

/* The pages of [from, from + nr): low halves of user addresses, which the kernel's addresses follow. */
static bool take_range(struct snapshot *s, uint64_t from, uint64_t nr)
{
	gva_t va = cap_at(s->a->kern_vm_start, from), end = cap_at(va, nr * CAP_PAGE);

	for (; cap_guest_next_mapped(s->w->d->g, va, end, &va) == 0; va = cap_at(va, CAP_PAGE)) {
		/* also what is not a page of the arena's costs: there may be a million of such */
		if (cap_map_read(s->w, va, NULL, 0) < 0 && cap_map_stopped(s->w)) {
			s->out->truncated = true;
			return false;
		}
		if (!take_page(s, va))
			return false;
	}
	return true;
}

/*
 * An arena may begin anywhere in user space, so that its low halves may go over the end of 4 GiB and on at 0. In the order of
 * the user's addresses.
 */
static void take_pages(struct snapshot *s)
{
	uint64_t nr = s->a->nr_pages, from = (uint32_t)s->a->user_vm_start & ~(CAP_PAGE - 1u),
		 first;

	if (nr > SPAN_PAGES) {
		nr = SPAN_PAGES;
		s->out->span_capped = true;
	}
	first = SPAN_PAGES - from / CAP_PAGE;
	if (first > nr)
		first = nr;
	if (take_range(s, from, first))
		(void)take_range(s, 0, nr - first); /* what is missing is said by then */
}

void cap_map_render_arena(struct cap_map_walk *w)
{
	const struct arena_layout *l = cap_map_layout(w, &cap_layout_arena);
	struct snapshot s = { .w = w };
	struct cap_arena a;

	if (!l)
		return;
	if (read_arena(w->d->g, l, w->m, &a) < 0) {
		cap_map_error(w, "ARENA map unmapped at 0x%016llx",
			      (unsigned long long)w->m->kva.v);
		return;
	}
	s.a = &a;
	s.out = cap_alloc(w->d->pool, sizeof(*s.out));
	if (!s.out)
		return;
	s.out->declared_pages = a.nr_pages;
	s.out->kern_vm_start = a.kern_vm_start.v;
	s.out->user_vm_start = a.user_vm_start;
	find_scratch(&s, l);
	take_pages(&s);
	s.out->page = cap_keep(w->d->pool, s.pages.v, s.pages.nr, sizeof(*s.pages.v));
	s.out->nr_pages = s.out->page ? s.pages.nr : 0;
	w->out->arena = s.out;
	free(s.pages.v);
}
