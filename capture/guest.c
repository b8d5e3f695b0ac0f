/* SPDX-License-Identifier: GPL-2.0-only */
/* One guest: kernel memory by address, with what was translated lately kept, and what is known of the guest besides. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "capture/memory.h"

enum { TRANSLATIONS_BITS = 10, TRANSLATIONS = 1 << TRANSLATIONS_BITS };

struct translation {
	uint64_t page; /* of the address; 0, which is no kernel's: none */
	uint64_t pa;
};
struct cap_guest {
	struct cap_guest_config c;
	struct cap_page_cache *pages;
	struct cap_kernel_space space;
	struct translation lately[TRANSLATIONS];
	unsigned nr_cpus; /* 0: not asked yet */
	struct cap_probe *probe;
};

int cap_guest_open(const struct cap_guest_config *c, struct cap_guest **ret, struct kt_err *e)
{
	kt_auto(cap_guest) struct cap_guest *g = calloc(1, sizeof(*g));
	int r;

	if (!g || cap_page_cache_create(&c->mem, &g->pages) < 0)
		return kt_fail(e, KT_E_HOST, ENOMEM, "look into a guest's memory");
	g->c = *c;
	r = cap_kernel_space_find(c, g->pages, &g->space, e);
	if (r < 0)
		return r;
	*ret = kt_take(g);
	return 0;
}

void cap_guest_free(struct cap_guest *g)
{
	if (!g)
		return;
	cap_page_cache_free(g->pages);
	cap_probe_free(g->probe);
	free(g);
}

void cap_guest_forget(struct cap_guest *g)
{
	cap_page_cache_forget(g->pages);
	memset(g->lately, 0, sizeof(g->lately));
	g->nr_cpus = 0;
}

/* ---- addresses ---- */

bool cap_is_kernel(gva_t va)
{
	return va.v >= UINT64_C(0xff00000000000000);
}

int cap_guest_translate(struct cap_guest *g, gva_t va, gpa_t *ret)
{
	uint64_t page = va.v >> CAP_PAGE_SHIFT;
	struct translation *t =
		&g->lately[(page * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - TRANSLATIONS_BITS)];
	gpa_t pa;
	int r;

	if (t->page != page || !page) {
		r = cap_kernel_space_translate(&g->space, g->pages,
					       (gva_t){ page << CAP_PAGE_SHIFT }, &pa);
		if (r < 0)
			return r;
		*t = (struct translation){ .page = page, .pa = pa.v };
	}
	*ret = (gpa_t){ t->pa + va.v % CAP_PAGE };
	return 0;
}

int cap_guest_next_mapped(struct cap_guest *g, gva_t from, gva_t end, gva_t *ret)
{
	return cap_pgt_next(g->pages, &g->space.pgt, from, end, ret);
}

int cap_guest_read(struct cap_guest *g, gva_t va, void *buf, size_t len)
{
	uint8_t *to = buf;

	if (va.v + len < va.v)
		return -EFAULT;
	while (len > 0) {
		size_t in_page = CAP_PAGE - va.v % CAP_PAGE;
		size_t n = len < in_page ? len : in_page;
		gpa_t pa;
		int r = cap_guest_translate(g, va, &pa);

		if (r == 0)
			r = cap_read_pa(g->pages, pa, to, n);
		if (r < 0)
			return r;
		to += n;
		va.v += n;
		len -= n;
	}
	return 0;
}

/* ---- numbers and texts ---- */

int cap_read_u64(struct cap_guest *g, gva_t va, uint64_t *ret)
{
	uint64_t v;
	int r = cap_guest_read(g, va, &v, sizeof(v));

	if (r == 0)
		*ret = v;
	return r;
}

int cap_read_u32(struct cap_guest *g, gva_t va, uint32_t *ret)
{
	uint32_t v;
	int r = cap_guest_read(g, va, &v, sizeof(v));

	if (r == 0)
		*ret = v;
	return r;
}

int cap_read_ptr(struct cap_guest *g, gva_t va, gva_t *ret)
{
	return cap_read_u64(g, va, &ret->v);
}

static bool is_number(const struct cap_field *f)
{
	return f->bytes == 1 || f->bytes == 2 || f->bytes == 4 || f->bytes == 8;
}

int cap_read_field(struct cap_guest *g, gva_t base, const struct cap_field *f, uint64_t *ret)
{
	uint64_t v = 0; /* guests are little-endian, as we are */
	int r;

	if (!f->there)
		return -ENOENT;
	if (!is_number(f))
		return -EINVAL;
	r = cap_guest_read(g, cap_at(base, f->offset), &v, f->bytes);
	if (r == 0)
		*ret = v;
	return r;
}

uint64_t cap_get_field(const void *data, size_t len, const struct cap_field *f)
{
	uint64_t v = 0;

	if (f->there && is_number(f) && f->bytes <= len && f->offset <= len - f->bytes)
		memcpy(&v, (const uint8_t *)data + f->offset, f->bytes);
	return v;
}

int cap_read_text(struct cap_guest *g, gva_t va, char *buf, size_t size)
{
	size_t len = 0;

	/* Page by page: what comes after the end need not be readable. */
	while (len + 1 < size) {
		size_t in_page = CAP_PAGE - va.v % CAP_PAGE;
		size_t n = size - 1 - len < in_page ? size - 1 - len : in_page;
		int r = cap_guest_read(g, va, buf + len, n);
		size_t used;

		if (r < 0) {
			buf[0] = '\0';
			return r;
		}
		used = strnlen(buf + len, n);
		len += used;
		if (used < n)
			break;
		va.v += n;
	}
	if (size)
		buf[len] = '\0';
	for (size_t k = 0; k < len; k++) {
		if (buf[k] < ' ' || buf[k] > '~')
			buf[k] = '?';
	}
	return 0;
}

/* ---- what is known besides ---- */

const struct cap_types *cap_guest_types(const struct cap_guest *g)
{
	return g->c.types;
}

const struct cap_objects *cap_guest_objects(const struct cap_guest *g)
{
	return g->c.objects;
}

const struct cap_vcpu_regs *cap_guest_vcpus(const struct cap_guest *g, size_t *ret_nr)
{
	*ret_nr = g->c.nr_vcpus;
	return g->c.vcpus;
}

bool cap_guest_symbol(const struct cap_guest *g, const char *name, gva_t *ret)
{
	return g->c.symbols && cap_symbols_find(g->c.symbols, name, &ret->v);
}

unsigned cap_guest_cpus(struct cap_guest *g)
{
	if (!g->nr_cpus)
		g->nr_cpus = cap_count_cpus(g);
	return g->nr_cpus;
}

struct cap_probe **cap_guest_probe(struct cap_guest *g)
{
	return &g->probe;
}
