/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Where a kernel of x86-64 is in the guest's memory: its image, its map of all memory, and the page tables for the rest
 * (Documentation/arch/x86/x86_64/mm.rst, 6.12). Symbols, phys_base and registers come from the guest and may be lies:
 * they are believed when the kernel's banner is where they say.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "capture/memory.h"

#define PAGE_OFFSET_4 \
	UINT64_C(0xffff888000000000) /* __PAGE_OFFSET_BASE_L4 (page_64_types.h, 6.12) */
#define LOWEST_4 UINT64_C(0xffff800000000000) /* of kernel addresses with four levels */
#define LOWEST_5 UINT64_C(0xff00000000000000)
#define KERNEL_MAP_BYTES UINT64_C(0x40000000) /* KERNEL_IMAGE_SIZE, with modules behind it */
#define DIRECT_BYTES_4 (UINT64_C(1) << 46) /* without vmalloc_base: up to where it is then */

static bool symbol(const struct cap_guest_config *c, const char *name, uint64_t *ret)
{
	return c->symbols && cap_symbols_find(c->symbols, name, ret);
}

static bool is_in_map(uint64_t va)
{
	return va >= CAP_KERNEL_MAP && va < CAP_KERNEL_MAP + KERNEL_MAP_BYTES;
}

/* ---- is the kernel there ---- */

/* Something that is in the image for sure: its banner, whose text is known, else what there is. False: no such symbol. */
static bool landmark(const struct cap_guest_config *c, uint64_t *ret, bool *ret_is_banner)
{
	static const char *const names[] = { "linux_banner", "init_top_pgt", "_text" };

	for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
		if (symbol(c, names[n], ret) && is_in_map(*ret)) {
			*ret_is_banner = n == 0;
			return true;
		}
	}
	return false;
}

static bool is_landmark(struct cap_page_cache *pages, gpa_t at, bool is_banner)
{
	static const char banner[] = "Linux version ";
	char text[sizeof(banner) - 1];

	if (cap_read_pa(pages, at, text, sizeof(text)) < 0)
		return false;
	return !is_banner || memcmp(text, banner, sizeof(text)) == 0;
}

/* ---- the image ---- */

/* phys_base says where, or page tables do. */
static void set_image(const struct cap_guest_config *c, struct cap_kernel_space *s, uint64_t to_pa)
{
	uint64_t from, to;

	s->image_to_pa = to_pa;
	s->image_from = CAP_KERNEL_MAP;
	s->image_to = CAP_KERNEL_MAP + KERNEL_MAP_BYTES;
	if (symbol(c, "_text", &from) && symbol(c, "_end", &to) && is_in_map(from) &&
	    is_in_map(to) && from < to) {
		s->image_from = from;
		s->image_to = to;
	}
}

static bool find_by_phys_base(const struct cap_guest_config *c, struct cap_page_cache *pages,
			      struct cap_kernel_space *s)
{
	uint64_t to_pa = c->phys_base - CAP_KERNEL_MAP, va;
	bool is_banner;

	if (!c->has_phys_base)
		return false;
	if (landmark(c, &va, &is_banner) && !is_landmark(pages, (gpa_t){ va + to_pa }, is_banner))
		return false;
	set_image(c, s, to_pa);
	return true;
}

/* Through the page tables at @root, with four or five levels. */
static bool find_by_root(const struct cap_guest_config *c, struct cap_page_cache *pages, gpa_t root,
			 struct cap_kernel_space *s)
{
	uint64_t va;
	bool is_banner;
	gpa_t pa;

	if (!landmark(c, &va, &is_banner))
		return false;
	for (unsigned levels = 4; levels <= 5; levels++) {
		const struct cap_pgt pgt = { .root = root, .levels = levels };

		if (cap_pgt_walk(pages, &pgt, (gva_t){ va }, &pa) < 0 ||
		    !is_landmark(pages, pa, is_banner))
			continue;
		set_image(c, s, pa.v - va);
		s->pgt = pgt;
		return true;
	}
	return false;
}

/*
 * With page-table isolation a CPU in user mode uses the second of two root pages, which has next to nothing of the kernel;
 * the first is the kernel's (PTI_USER_PGTABLE_BIT, arch/x86/include/asm/pgtable.h, 6.12).
 */
static bool find_by_cr3(const struct cap_guest_config *c, struct cap_page_cache *pages,
			struct cap_kernel_space *s)
{
	for (size_t n = 0; n < c->nr_vcpus; n++) {
		gpa_t root = cap_pgt_of_cr3(c->vcpus[n].page_table_root);
		gpa_t first = { root.v & ~(uint64_t)CAP_PAGE };

		if (!c->vcpus[n].valid || root.v == 0)
			continue;
		if (find_by_root(c, pages, root, s) ||
		    (first.v != root.v && find_by_root(c, pages, first, s)))
			return true;
	}
	return false;
}

/* ---- the rest ---- */

/*
 * The tables that all processes' share for the kernel's half, whatever was found before. Their levels are those with which
 * they show the image where it is.
 */
static void find_tables(const struct cap_guest_config *c, struct cap_page_cache *pages,
			struct cap_kernel_space *s)
{
	struct cap_kernel_space found = { 0 };
	uint64_t va;

	if (s->pgt.levels == 0)
		(void)find_by_cr3(c, pages, &found); /* then there are none, and 0 levels say so */
	if (found.pgt.levels)
		s->pgt = found.pgt;
	if (!symbol(c, "init_top_pgt", &va) || !is_in_map(va))
		return;
	memset(&found, 0, sizeof(found));
	if (find_by_root(c, pages, (gpa_t){ va + s->image_to_pa }, &found) &&
	    found.image_to_pa == s->image_to_pa)
		s->pgt = found.pgt;
}

static bool read_number(const struct cap_guest_config *c, struct cap_page_cache *pages,
			const struct cap_kernel_space *s, const char *name, uint64_t *ret)
{
	uint64_t va;

	return symbol(c, name, &va) && is_in_map(va) &&
	       cap_read_pa(pages, (gpa_t){ va + s->image_to_pa }, ret, sizeof(*ret)) == 0;
}

/* A kernel without the symbol has it at a constant; one whose symbol cannot be read has it nowhere that we know. */
static void find_direct_map(const struct cap_guest_config *c, struct cap_page_cache *pages,
			    struct cap_kernel_space *s)
{
	uint64_t from = PAGE_OFFSET_4, to, ignored;

	if (symbol(c, "page_offset_base", &ignored)) {
		if (!read_number(c, pages, s, "page_offset_base", &from))
			return;
	} else if (s->pgt.levels == 5) {
		return;
	}
	if (from < LOWEST_5 || from >= CAP_KERNEL_MAP || from % CAP_PAGE)
		return;
	if (!read_number(c, pages, s, "vmalloc_base", &to) || to <= from || to > CAP_KERNEL_MAP)
		to = from >= LOWEST_4 ? from + DIRECT_BYTES_4 : LOWEST_4;
	s->direct_from = from;
	s->direct_to = to > from && to <= CAP_KERNEL_MAP ? to : CAP_KERNEL_MAP;
}

int cap_kernel_space_find(const struct cap_guest_config *c, struct cap_page_cache *pages,
			  struct cap_kernel_space *ret, struct kt_err *e)
{
	struct cap_kernel_space s = { 0 };
	uint64_t va;
	bool is_banner;

	if (!find_by_phys_base(c, pages, &s) && !find_by_cr3(c, pages, &s)) {
		if (landmark(c, &va, &is_banner) && (c->has_phys_base || c->nr_vcpus))
			return kt_fail(
				e, KT_E_GUEST, ENOENT,
				"the guest's memory does not hold its kernel where its symbols say (%s at gva 0x%016" PRIx64
				", phys_base 0x%" PRIx64 "%s)",
				is_banner ? "the banner" : "the image", va, c->phys_base,
				c->has_phys_base ? "" : ", which is not known");
		*ret = s;
		return 0;
	}
	find_tables(c, pages, &s);
	find_direct_map(c, pages, &s);
	*ret = s;
	return 0;
}

int cap_kernel_space_translate(const struct cap_kernel_space *s, struct cap_page_cache *pages,
			       gva_t va, gpa_t *ret)
{
	if (!cap_is_kernel(va))
		return -EINVAL;
	/* Modules and programs' code are behind the image: where its end is not known, tables are to be asked first. */
	if (va.v >= s->image_from && va.v < s->image_to) {
		*ret = (gpa_t){ va.v + s->image_to_pa };
		if (s->image_from != CAP_KERNEL_MAP || !s->pgt.levels)
			return 0;
		return cap_pgt_walk(pages, &s->pgt, va, ret);
	}
	if (va.v >= s->direct_from && va.v < s->direct_to) {
		*ret = (gpa_t){ va.v - s->direct_from };
		return 0;
	}
	return cap_pgt_walk(pages, &s->pgt, va, ret);
}
